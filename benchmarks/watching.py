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
from pathlib import Path
from typing import Any

import torch

from saflab.machine import describe_machine
from tools.browser import open_lab
from tools.markdown import machine_line, put, store

__all__ = ["measure", "run", "table"]

SETUP = """import json, time, torch
from dataclasses import replace
from saflab.widgets import LiveTrainer
from saflab.widgets.background import Training
t = LiveTrainer(root={root!r}, model="convnet", channels=(8, 16, 32))
t.data.value, t.images.value, t.epochs.value = {data!r}, {images}, {epochs}
t"""

# The test set is cut, since an evaluation is no part of what is compared.
ROUNDS = """t._prepare()
data = t.training.data
data = replace(data, test_images=data.test_images[:100], test_labels=data.test_labels[:100])
def once(view, threads):
    torch.set_num_threads(threads)
    t.training.close()
    t.training = Training(t.config, data, None, t._watch if view else None)
    began = time.perf_counter()
    t.training.start()
    while t.training.alive:
        time.sleep(0.02)
    return {"view": view, "seconds": time.perf_counter() - began, "frames": t.training.frames,
            "updates": t.training.progress[0].step, "error": str(t.training.error or "")}
found = {}
for threads in THREADS:
    once(True, threads), once(False, threads)
    found[threads] = [once(view, threads) for k in range(ROUNDS) for view in
                      ((False, True) if k % 2 else (True, False))]
print("RESULT", json.dumps(found), t.training.data.name)"""


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
    setup = SETUP.format(root=root, data=data, images=images, epochs=epochs)
    threads = sorted({cores, max(1, cores - 1)}, reverse=True)
    code = ROUNDS.replace("ROUNDS", str(rounds)).replace("THREADS", str(threads))
    with open_lab([setup, code]) as page:
        output = page.locator(".jp-OutputArea-output", has_text="RESULT")
        output.wait_for(timeout=1_200_000)
        text = output.inner_text()
    body, _, name = text.removeprefix("RESULT").strip().rpartition(" ")
    found = {int(threads): runs for threads, runs in json.loads(body).items()}
    errors = [r["error"] for runs in found.values() for r in runs if r["error"]]
    if errors:
        raise RuntimeError(f"Expected trainings to end, but found: {errors[0]}")
    return {"data": name, "threads": [_summary(n, runs) for n, runs in found.items()]}


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
    }  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of Markdown."""
    low, high = result["goal"]["frames_per_second"]
    rows = [
        f"| {row['threads']} | {row['seconds']:.1f} s | {row['seconds_watched']:.1f} s | "
        f"{row['cost_percent']:.1f} % | {row['frames_per_second']:.1f} |"
        for row in result["threads"]
    ]
    return "\n".join([
        f"{result['model']}, {result['data']}; goal: {low} to {high} pictures a second at "
        f"{result['goal']['cost_percent']:.0f} %.", "",
        "| threads that train | unwatched | watched | cost | pictures a second |",
        "|---|---|---|---|---|", *rows, "", machine_line(result["machine"]),
    ])  # fmt: skip


def run(
    out: str | Path = "assets/watch.json", *, root: str | None = None, data: str = "auto",
    images: int = 2000, epochs: int = 3, rounds: int = 6,
) -> dict[str, Any]:  # fmt: skip
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
