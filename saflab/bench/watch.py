"""`saflab bench watch`: what it costs to watch a training, in JupyterLab in Chromium.

Trains one configuration with the live view and without it, by turns, in the background thread of
a real kernel with the browser connected, and writes assets/watch.json. The view's cost is the
median over rounds of the ratio of two neighbouring runs: of the wall time (kernel, server and
browser on the same cores) and of the kernel's own processor time.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import torch

from saflab.bench.browser import open_lab
from saflab.bench.pages import machine_line, put, store
from saflab.machine import describe_machine

__all__ = ["measure", "run", "sentence"]

SETUP = """import json, time
from dataclasses import replace
from saflab.widgets import LiveTrainer
from saflab.widgets.training import Training
t = LiveTrainer(root={root!r}, model="convnet", channels=(8, 16, 32))
t.data.value, t.images.value, t.epochs.value = {data!r}, {images}, {epochs}
t"""

# The test set is cut, since an evaluation is no part of what is compared.
ROUNDS = """t._prepare()
data = t.training.data
data = replace(data, test_images=data.test_images[:100], test_labels=data.test_labels[:100])
def once(view):
    t.training.close()
    t.training = Training(t.config, data, None, t._watch if view else None)
    wall, cpu = time.perf_counter(), time.process_time()
    t.training.start()
    while t.training.alive:
        time.sleep(0.02)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"view": view, "seconds": wall, "processor_seconds": cpu, "frames": t.training.frames,
            "updates": t.training.progress[0].step, "error": str(t.training.error or "")}
once(True), once(False)
print("RESULT", json.dumps([once(view) for k in range(ROUNDS) for view in
                            ((False, True) if k % 2 else (True, False))]), t.training.data.name)"""


def measure(
    root: str | None, *, data: str, images: int, epochs: int, rounds: int
) -> dict[str, Any]:
    """Return the runs and the two costs.

    Args:
        root: Folder with the data, None for the usual places.
        data: Dataset's name.
        images: Training images.
        epochs: Passes per run.
        rounds: Pairs of runs, one with and one without the view.

    Raises:
        RuntimeError: If Chromium or JupyterLab is missing, or a training failed.
    """
    setup = SETUP.format(root=root, data=data, images=images, epochs=epochs)
    with open_lab([setup, ROUNDS.replace("ROUNDS", str(rounds))]) as page:
        output = page.locator(".jp-OutputArea-output", has_text="RESULT")
        output.wait_for(timeout=1_200_000)
        text = output.inner_text()
    body, _, name = text.removeprefix("RESULT").strip().rpartition(" ")
    runs = json.loads(body)
    errors = [r["error"] for r in runs if r["error"]]
    if errors:
        raise RuntimeError(f"Expected trainings to end, but found: {errors[0]}")
    pairs = [sorted(runs[k : k + 2], key=lambda r: r["view"]) for k in range(0, len(runs), 2)]

    def cost(field: str) -> float:
        return round(100.0 * (statistics.median(b[field] / a[field] for a, b in pairs) - 1.0), 2)

    frames = statistics.median(b["frames"] / b["seconds"] for _, b in pairs)
    return {
        "data": name,
        "cost_percent": cost("seconds"),
        "kernel_cost_percent": cost("processor_seconds"),
        "frames_per_second": round(frames, 2),
        "runs": runs,
    }  # fmt: skip


def sentence(result: dict[str, Any]) -> str:
    """Return what the README says of a result."""
    low, high = result["goal"]["frames_per_second"]
    return (
        f"{result['model']}, {result['data']}: {result['frames_per_second']:.1f} updates a second "
        f"(goal {low} to {high}) make the training {result['cost_percent']:.1f} % longer where the "
        f"browser draws on the training's own cores (goal {result['goal']['cost_percent']:.0f} %); "
        f"the kernel's own work is {result['kernel_cost_percent']:.1f} %, which is left where the "
        f"browser has a core to itself.\n{machine_line(result['machine'])}"
    )


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
    put("watch", sentence(result))
    shown = {k: v for k, v in result.items() if k not in ("runs", "machine")}
    print(json.dumps(shown, ensure_ascii=False))
    return result
