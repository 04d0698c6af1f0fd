"""The live trainer on real digits, without a browser."""

import gc
import itertools
import json
import threading
import time
import weakref
from pathlib import Path

import pytest

from saflab import data, training
from saflab.training.config import TrainConfig
from saflab.widgets import LiveTrainer
from saflab.widgets import threads as openmp
from saflab.widgets.background import THREAD
from tools.waiting import wait_until as until

SETTINGS = {"channels": (32, 32), "batch": 50}


@pytest.fixture
def trainer():
    trainer = LiveTrainer(**SETTINGS)
    trainer.data.value = "digits"
    trainer.images.value = 200
    yield trainer
    trainer.end()


def threads():
    return [t for t in threading.enumerate() if t.name == THREAD]


def test_blocking_run_learns_and_equals_plain_fit(trainer):
    trainer.epochs.value = 4
    accuracy = trainer.run()
    assert accuracy is not None
    assert accuracy > 0.3
    assert trainer.state == "finished"
    config = TrainConfig(model="mlp", epochs=4, **SETTINGS)
    digits = data.load("digits")
    from dataclasses import replace

    part = replace(digits, train_images=digits.train_images[:200],
                   train_labels=digits.train_labels[:200])  # fmt: skip
    *_, end = training.fit(config, part)
    assert isinstance(end, training.RunEnd)
    assert end.test_accuracy == accuracy
    assert "SAF-E: finished at update 16 of 16" in trainer.sentence


def test_a_shared_seed_gives_what_the_command_line_gives(trainer, tmp_path, capsys):
    from saflab.cli import main

    trainer.images.value, trainer.epochs.value = 1500, 1  # more than there are: all of them
    accuracy = trainer.run()
    options = "--data digits --model mlp --channels 32 32 --batch 50 --epochs 1 --seed 0"
    assert main(["train", *options.split(), "--out", str(tmp_path)]) == 0
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in log if event["event"] == "StepEnd"]
    assert losses == trainer.training.progress[0].loss
    assert log[-1]["test_accuracy"] == accuracy
    capsys.readouterr()


def test_the_picture_and_the_state_stay_in_a_saved_notebook(trainer):
    before = trainer._repr_mimebundle_()[0]["text/html"]
    assert before.startswith("<svg")
    assert "Nothing trained yet." in before
    trainer.run()
    assert trainer.view.live == "polite"
    after = trainer._repr_mimebundle_()[0]["text/html"]
    assert after.count("<svg") == len(trainer.panels) > 1
    assert "finished at update" in after


def test_frames_and_angles_keep_to_their_shares_of_the_time(trainer, monkeypatch):
    """A picture, or an angle, that takes long must not slow the training much."""
    from saflab.widgets import background as module

    def busy(seconds):
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    angle, draw = module.gradient_angle, trainer._draw
    angles, frames = [], []
    monkeypatch.setattr(
        module, "gradient_angle", lambda *a, **k: (busy(0.1), angles.append(1), angle(*a, **k))[-1]
    )
    monkeypatch.setattr(
        trainer, "_draw", lambda *a: (busy(0.02), frames.append(time.monotonic()), draw(*a))[-1]
    )
    trainer.beside.value, trainer.epochs.value = "bptt", 300
    trainer.start()
    until(lambda: len(frames) > 5)
    trainer.stop()
    # The first was drawn by start() itself; 20 ms are 3 % of 0.67 s.
    assert min(b - a for a, b in itertools.pairwise(frames[1:5])) > 0.02 / module.FRAMES
    assert len(angles) <= 2  # 100 ms are 1 % of 10 s; the last was drawn at the stop


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_a_background_training_finds_no_idle_workers_of_the_notebook(trainer):
    """libgomp's workers wait awake only while there are no more of them than cores."""
    import torch

    def alive():
        return len(list(Path("/proc/self/task").iterdir()))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        openmp.release_threads()
        time.sleep(0.1)
        without = alive()
        torch.relu(torch.randn(10**6))
        assert alive() > without
        trainer.start()
        trainer.stop()
        until(lambda: alive() <= without)
    finally:
        torch.set_num_threads(before)


def test_start_steer_pause_stop_resume(trainer):
    trainer.epochs.value = 300
    trainer.start_button.click()
    until(lambda: trainer.training.progress[0].step > 3)
    assert trainer.start_button.disabled
    trainer.lr.value = 0.01
    until(lambda: trainer.training.progress[0].lr == 0.01)
    trainer.pause_button.click()
    assert trainer.state == "paused"
    time.sleep(0.2)
    paused = trainer.training.progress[0].step
    time.sleep(0.2)
    assert trainer.training.progress[0].step == paused
    trainer.resume_button.click()
    until(lambda: trainer.training.progress[0].step > paused)
    trainer.stop_button.click()
    until(lambda: trainer.state == "stopped")
    stopped = trainer.training.progress[0].step
    trainer.resume_button.click()
    until(lambda: trainer.training.progress[0].step > stopped)
    assert trainer.training.progress[0].lr == 0.01
    trainer.stop()
    assert trainer.state == "stopped"
    assert not threads()
    assert trainer.error == ""


def test_stop_while_paused(trainer):
    trainer.epochs.value = 300
    trainer.start()
    until(lambda: trainer.training.progress[0].step > 1)
    trainer.pause()
    trainer.stop()
    assert trainer.state == "stopped"


def test_second_trainer_ends_the_first_and_frees_it(trainer):
    trainer.epochs.value = 300
    trainer.start()
    until(lambda: trainer.training.frames > 1)
    network = weakref.ref(trainer.training.models[0])
    images = weakref.ref(trainer.training.data.train_images)
    second = LiveTrainer(**SETTINGS)
    gc.collect()
    assert not threads()
    assert network() is None
    assert images() is None
    second.end()


def test_curves_rasters_and_rates_are_drawn(trainer):
    trainer.run()
    titles = [panel.title for panel in trainer.panels]
    assert titles[0] == "Loss per batch"
    assert "Firing rate per layer" in titles
    assert any("test image" in title for title in titles)


@pytest.mark.parametrize(("rule", "equal"), [("ottt_a", True), ("bptt", False)])
def test_side_by_side_shows_the_angle_of_the_gradients(trainer, rule, equal):
    trainer.beside.value = rule
    trainer.run()
    first, second = trainer.training.progress
    assert first.step == second.step
    assert first.angles
    assert all((a < 1e-5) == equal for a in first.angles)


def test_side_by_side_stops_and_goes_on_at_the_same_batch(trainer):
    trainer.beside.value = "bptt"
    trainer.epochs.value = 300
    trainer.start()
    first, second = trainer.training.progress
    for _ in range(6):
        before = first.step
        until(lambda before=before: first.step > before + 2)
        trainer.stop()
        assert trainer.state == "stopped"
        assert first.step == second.step
        trainer.resume()
    trainer.stop()


def test_errors_are_shown_with_their_remedy(trainer, monkeypatch):
    monkeypatch.delenv("SAFLAB_DATA", raising=False)
    trainer.data.value = "cifar10"
    trainer.root = "/nowhere"
    trainer.start_button.click()
    assert "Expected cifar10, but found none" in trainer.error
    with pytest.raises(ValueError, match="Expected cifar10"):
        trainer.run()
    trainer.data.value = "digits"
    trainer.run()
    assert trainer.error == ""


def test_an_exception_in_the_thread_reaches_the_widget(trainer, monkeypatch):
    def broken(*_, **__):
        raise MemoryError("too much")
        yield

    monkeypatch.setattr("saflab.widgets.background.fit", broken)
    trainer.start()
    until(lambda: trainer.error)
    assert "MemoryError: too much" in trainer.error
    assert "press Start" in trainer.error
    assert trainer.state == "failed"
    assert not trainer.start_button.disabled
