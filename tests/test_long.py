"""Nothing grows: start and stop a live trainer again and again, and train step after step.

A short form runs always; `SAFLAB_LONG=1 pytest -s tests/test_long.py` runs 500 starts and 10,000
steps and prints the curves.
"""

import gc
import os
import threading
from dataclasses import replace

import ipywidgets
import psutil
import torch

from saflab.data import images as data
from saflab.training.config import TrainConfig
from saflab.training.events import Controls, EpochEnd, RunEnd, StepEnd
from saflab.training.fit import fit
from saflab.widgets import LiveTrainer
from tools.waiting import wait_until as until

LONG = bool(os.environ.get("SAFLAB_LONG"))
CYCLES, STEPS = (500, 10_000) if LONG else (20, 300)


def census():
    """Return what could grow: threads, open files, tensors, widgets, and memory in MiB."""
    gc.collect()
    process = psutil.Process()
    living = gc.get_objects()
    return {
        "threads": threading.active_count(),
        "files": process.num_fds(),
        "tensors": sum(issubclass(type(x), torch.Tensor) for x in living),
        "widgets": sum(issubclass(type(x), ipywidgets.Widget) for x in living),
        "MiB": process.memory_info().rss / 2**20,
    }


def steady(name, curve):
    """Check a curve of censuses from its second point on (the first is warm-up), and print it."""
    if LONG:
        for at, now in curve:
            print(f"\n{name} {at:>6}: " + ", ".join(f"{k} {v:.0f}" for k, v in now.items()), end="")
    (_, warm), (_, end) = curve[1], curve[-1]
    for what in ("threads", "files", "tensors", "widgets"):
        assert end[what] <= warm[what], f"{what} grew from {warm[what]} to {end[what]}"
    assert end["MiB"] < warm["MiB"] + 16, f"memory grew from {warm['MiB']:.0f} to {end['MiB']:.0f}"


def test_a_live_trainer_starts_and_stops_without_growth():
    trainer = LiveTrainer(channels=(8,), batch=50)
    trainer.data.value, trainer.images.value, trainer.epochs.value = "digits", 50, 300
    curve = []
    for cycle in range(CYCLES):
        trainer.start()
        until(lambda: trainer.error or trainer.training.progress[0].step > 0)
        trainer.stop()
        assert trainer.state == "stopped", trainer.error
        if cycle % 5 == 0:
            step = trainer.training.progress[0].step
            trainer.resume()
            until(lambda step=step: trainer.training.progress[0].step > step)
            trainer.stop()
        if cycle % (CYCLES // 10) == CYCLES // 10 - 1:
            curve.append((cycle + 1, census()))
    trainer.end()
    steady("cycles", curve)


def test_step_after_step_without_growth(tmp_path):
    digits = data.digits()
    few = replace(digits, train_images=digits.train_images[:120],
                  train_labels=digits.train_labels[:120], test_images=digits.test_images[:20],
                  test_labels=digits.test_labels[:20])  # fmt: skip
    config = TrainConfig(model="mlp", channels=(16,), batch=4, epochs=-(-STEPS // 30), steps=3,
                         lr=0.01, device="cpu")  # fmt: skip
    curve, last = [], None
    for event in fit(config, few, out=tmp_path, controls=Controls(save_every=1.0)):
        if isinstance(event, StepEnd) and event.step % (STEPS // 10) == 0:
            curve.append((event.step, census()))
        last = event if isinstance(event, EpochEnd | RunEnd) else last
    assert isinstance(last, RunEnd)
    assert last.step == -(-STEPS // 30) * 30
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != ".lock") == ["checkpoint.pt"]
    steady("steps", curve)
