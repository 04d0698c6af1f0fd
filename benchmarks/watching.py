"""`python -m benchmarks watching`: what it costs to watch a training, in JupyterLab in Chromium.

Trains one configuration with the live view and without it, by turns, in the background thread of
a real kernel with the browser connected, and writes assets/watch.json. The view's cost is the
median over rounds of the ratio of the wall times of two neighbouring runs. Measured with every core
at work for the training, so that server and browser take theirs from it, and with one core left to
them.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from saflab.data.dataset import Dataset
from saflab.machine import describe_machine
from saflab.widgets import LiveTrainer
from saflab.widgets.background import Training
from tools.browser import open_lab
from tools.markdown import machine_line, put, rows, store

__all__ = ["measure", "print_runs", "run", "table", "trainer"]


def trainer(root: str | None, data: str, images: int, epochs: int) -> LiveTrainer:
    """Return the trainer of which one run is measured; called in the notebook's kernel."""
    made = LiveTrainer(root=root, model="convnet", channels=(8, 16, 32))
    made.data.value, made.images.value, made.epochs.value = data, images, epochs
    return made


def _one(live: LiveTrainer, data: Dataset, *, view: bool, threads: int) -> dict[str, Any]:
    """Train once, with the view or without it."""
    torch.set_num_threads(threads)
    if live.training is not None:
        live.training.close()
    training = live.training = Training(live.config, data, None, live._watch if view else None)
    start = time.perf_counter()
    training.start()
    while training.alive:
        time.sleep(0.02)
    return {
        "view": view,
        "seconds": time.perf_counter() - start,
        "frames": training.frames,
        "updates": training.progress[0].step,
        "error": str(training.error or ""),
    }


def print_runs(live: LiveTrainer, threads: Sequence[int], rounds: int) -> None:
    """Train `rounds` pairs for each number of threads; print all runs as one line of JSON."""
    live._prepare()
    assert live.training is not None
    data = live.training.data
    assert data is not None
    # The test set is cut: an evaluation is no part of what is compared.
    few = replace(data, test_images=data.test_images[:100], test_labels=data.test_labels[:100])
    found = {}
    for count in threads:
        for view in (True, False):
            _one(live, few, view=view, threads=count)  # warms up
        views = [v for k in range(rounds) for v in ((False, True) if k % 2 else (True, False))]
        found[count] = [_one(live, few, view=view, threads=count) for view in views]
    print("RESULT", json.dumps({"data": data.name, "runs": found}))


def measure(
    root: str | None, *, data: str, images: int, epochs: int, rounds: int
) -> dict[str, Any]:
    """Return the runs and the cost, for each number of threads.

    Args:
        root: Folder with the data, None for the usual places.
        data: Dataset's name.
        images: Training images.
        epochs: Passes per run.
        rounds: Pairs of runs, one with and one without the view.

    Raises:
        RuntimeError: If Chromium or JupyterLab is missing, or a training failed.
    """
    cores = os.cpu_count() or 1
    threads = sorted({cores, max(1, cores - 1)}, reverse=True)
    options = {"root": root, "data": data, "images": images, "epochs": epochs}
    setup = f"from benchmarks import watching\nlive = watching.trainer(**{options!r})\nlive"
    code = f"watching.print_runs(live, {threads}, {rounds})"
    with open_lab([setup, code]) as page:
        output = page.locator(".jp-OutputArea-output", has_text="RESULT")
        output.wait_for(timeout=1_200_000)
        text = output.inner_text()
    result = json.loads(text.removeprefix("RESULT"))
    found = {int(threads): runs for threads, runs in result["runs"].items()}
    errors = [r["error"] for runs in found.values() for r in runs if r["error"]]
    if errors:
        raise RuntimeError(f"Expected trainings to end, but found: {errors[0]}")
    return {"data": result["data"], "threads": [_summary(n, runs) for n, runs in found.items()]}


def _summary(threads: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    pairs = [sorted(runs[k : k + 2], key=lambda r: r["view"]) for k in range(0, len(runs), 2)]
    ratio = statistics.median(seen["seconds"] / alone["seconds"] for alone, seen in pairs)
    return {
        "threads": threads,
        "seconds": round(statistics.median(alone["seconds"] for alone, _ in pairs), 2),
        "seconds_watched": round(statistics.median(seen["seconds"] for _, seen in pairs), 2),
        "cost_percent": round(100.0 * (ratio - 1.0), 2),
        "frames_per_second": round(
            statistics.median(seen["frames"] / seen["seconds"] for _, seen in pairs), 2
        ),
        "runs": runs,
    }


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of Markdown."""
    low, high = result["goal"]["frames_per_second"]
    cells = [
        [
            row["threads"],
            f"{row['seconds']:.1f} s",
            f"{row['seconds_watched']:.1f} s",
            f"{row['cost_percent']:.1f} %",
            f"{row['frames_per_second']:.1f}",
        ]
        for row in result["threads"]
    ]
    goal = f"{low} to {high} pictures a second at {result['goal']['cost_percent']:.0f} %"
    head = f"{result['model']}, {result['data']}; goal: {goal}."
    header = ["threads that train", "unwatched", "watched", "cost", "pictures a second"]
    return "\n".join([head, "", *rows(header, cells), "", machine_line(result["machine"])])


def run(
    out: str | Path = "assets/watch.json",
    *,
    root: str | None = None,
    data: str = "auto",
    images: int = 2000,
    epochs: int = 3,
    rounds: int = 6,
) -> dict[str, Any]:
    """Measure and write the result with machine, versions and date to `out`."""
    result = {
        "machine": describe_machine(torch.device("cpu")),
        "goal": {"cost_percent": 5.0, "frames_per_second": [5, 10]},
        "model": "convnet 8-16-32, SAF-E, T = 4, batch 50",
        **measure(root, data=data, images=images, epochs=epochs, rounds=rounds),
    }
    store(result, Path(out))
    shown = table(result)
    put("watch", shown)
    print(shown)
    return result
