"""The live trainer on real digits, without a browser."""

import gc
import itertools
import json
import math
import time
import weakref
from dataclasses import fields
from inspect import getsource
from pathlib import Path

import pytest

from saflab import data, training
from saflab.training.config import TrainConfig
from saflab.widgets import LiveTrainer, trainer_view
from saflab.widgets import threads as openmp
from saflab.widgets.background import Progress, Training
from tools.waiting import wait_until as until

SETTINGS = {"channels": (32, 32), "batch": 50}


@pytest.fixture
def trainer():
    trainer = LiveTrainer(**SETTINGS)
    trainer.data.value = "digits"
    trainer.images.value = 200
    yield trainer
    trainer.end()


def test_blocking_run_learns_and_equals_plain_fit(trainer):
    trainer.epochs.value = 4
    accuracy = trainer.run()
    assert accuracy is not None
    assert accuracy > 0.3
    assert trainer.state == "finished"
    config = TrainConfig(model="mlp", epochs=4, **SETTINGS)
    *_, end = training.fit(config, data.load("digits", limit=200))
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
    assert openmp.trainings() == 0
    assert trainer.error == ""


def test_it_says_which_data_it_learns(trainer):
    trainer.data.value = "auto"
    assert "auto: CIFAR-10 if it is found, else digits" in dict(trainer.data.options)
    trainer.data.value, trainer.epochs.value = "digits", 1
    trainer.run()
    digits = data.load("digits")
    said = f"Data: digits ({digits.source}), 200 training and {len(digits.test_images)} test images"
    assert trainer.sentence.startswith(said)


def test_progress_and_time_left_are_shown(trainer):
    assert trainer.status.value == ""
    trainer.epochs.value = 300
    trainer.start()
    until(lambda: trainer.training.progress[0].step > 5)
    trainer.pause()
    time.sleep(0.3)  # the batch that was going on ends
    trainer._watch(trainer.training)
    left = trainer.training.seconds_left
    now = trainer.training.progress[0]
    assert left == pytest.approx(trainer.training.seconds / now.step * (1200 - now.step))
    assert 0 < left < 3600
    text = trainer.status.value
    assert f'max="1200" value="{now.step}"' in text
    assert f"about {trainer_view.duration(left)} left" in text
    worked = trainer.training.seconds
    time.sleep(0.2)  # a pause is no work
    assert trainer.training.seconds == worked
    trainer.stop()
    assert "left" not in trainer.status.value


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (9000, "2.5 h")]
)
def test_durations_are_short(seconds, text):
    assert trainer_view.duration(seconds) == text


def test_what_a_training_is_made_of_cannot_change_while_it_runs(trainer):
    fixed = (trainer.rule, trainer.beside, trainer.model, trainer.data, trainer.images,
             trainer.epochs, trainer.steps)  # fmt: skip
    trainer.epochs.value = 300
    assert not any(control.disabled for control in fixed)
    trainer.start()
    until(lambda: trainer.training.progress[0].step > 1)
    assert all(control.disabled for control in fixed)
    assert not trainer.lr.disabled
    assert "press Stop to change them" in trainer.status.value
    trainer.pause()
    assert all(control.disabled for control in fixed)
    trainer.stop()
    assert not any(control.disabled for control in fixed)
    assert "press Stop" not in trainer.status.value
    # A stopped training goes on with the rule that it began with, or not at all.
    trainer.rule.value = "bptt"
    assert trainer.resume_button.disabled
    assert "press Start for a new one, or choose as before" in trainer.status.value
    trainer.rule.value = "saf_e"
    assert not trainer.resume_button.disabled
    assert "press Start" not in trainer.status.value


def test_the_loss_axis_survives_an_explosion(trainer):
    trainer.run()
    trainer.training.progress[0].loss.extend([1e12, 1e30, math.inf])
    trainer._watch(trainer.training)
    panel = trainer.panels[0]
    assert panel.log
    assert all(math.isfinite(limit) for limit in panel.limits())
    assert "loss inf" in trainer.sentence
    assert trainer.error == ""


def test_every_field_of_the_progress_is_read():
    text = "".join(map(getsource, (trainer_view, LiveTrainer, Training.state.fget)))
    text += getsource(Progress.test_accuracy.fget)
    for field in fields(Progress):
        assert f".{field.name}" in text, field.name


def test_a_running_training_is_counted(trainer):
    assert openmp.trainings() == 0
    trainer.epochs.value = 300
    trainer.start()
    until(lambda: trainer.training.progress[0].step > 1)
    assert openmp.trainings() == 1
    trainer.pause()
    assert openmp.trainings() == 1
    trainer.stop()
    assert openmp.trainings() == 0


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
    assert openmp.trainings() == 0
    assert network() is None
    assert images() is None
    second.end()


def test_curves_rasters_and_rates_are_drawn(trainer):
    trainer.run()
    titles = [panel.title for panel in trainer.panels]
    assert titles[0] == "Loss per batch"
    assert "Firing rate per layer" in titles
    assert any("test image" in title for title in titles)


def test_it_shows_what_the_network_makes_of_the_test_images(trainer):
    assert trainer.inside.pictures == []
    trainer.run()
    digits = data.load("digits")
    predicted = trainer.training.predicted
    right = int((predicted == digits.test_labels[: len(predicted)]).sum())
    assert len(predicted) == 200
    assert f"It classifies {right} of 200 test images correctly" in trainer.inside.sentence
    assert len(trainer.inside.pictures) == 4  # predictions, mistakes, confusion matrix, filters
    assert all('role="img"' in picture for picture in trainer.inside.pictures)
    assert trainer.error == ""


def test_a_convolutional_network_shows_its_spikes_over_the_image():
    trainer = LiveTrainer(model="convnet", channels=(4, 4, 4), batch=50)
    trainer.data.value, trainer.images.value, trainer.epochs.value = "digits", 50, 1
    trainer.run()
    assert "Spikes of the first layer over the image" in trainer.inside.pictures[-1]
    trainer.end()


def test_predicting_the_test_images_keeps_to_its_share(trainer, monkeypatch):
    calls = []

    def slow(self, data):
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass
        calls.append(time.monotonic())

    monkeypatch.setattr(Training, "_test", slow)
    trainer.epochs.value = 300
    trainer.start()
    until(lambda: trainer.training.frames > 5)
    trainer.stop()
    assert len(calls) <= 2  # 100 ms are 1 % of 10 s; the last at the stop


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
