"""The training loop: events, steering, checkpoints, and resuming without loss."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from saflab import cli
from saflab.rules import RULES
from saflab.training import checkpoints, fit
from saflab.training.config import TrainConfig, build_model
from saflab.training.events import Controls, EpochEnd, RunEnd, RunStart, StepEnd
from saflab.training.run import Run

IMPORTED = ("config", "shape", "classes", "data", "mean", "std", "model")


def weights(folder):
    return checkpoints.load(folder)["model"]


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_learns_digits(rule, few):
    config = TrainConfig(
        rule=rule, model="mlp", channels=(64,), epochs=8, batch=20, steps=4, lr=0.1, device="cpu",
        augmentation=False,
    )  # fmt: skip
    ends = [e for e in fit(config, few) if isinstance(e, EpochEnd)]
    assert ends[-1].train_accuracy > 0.6
    assert ends[-1].loss < ends[0].loss
    assert 0 < ends[-1].firing_rates[0] < 1


def test_saf_e_and_ottt_a_train_alike(few, small):
    losses = {}
    for rule in ("saf_e", "ottt_a"):
        config = dataclasses.replace(small, rule=rule)
        losses[rule] = [e.loss for e in fit(config, few) if isinstance(e, StepEnd)]
    assert losses["saf_e"] == pytest.approx(losses["ottt_a"], abs=1e-4)


def test_events_come_in_order(few, small):
    events = list(fit(small, few))
    assert isinstance(events[0], RunStart)
    assert events[0].config == dataclasses.asdict(small)
    assert isinstance(events[-1], RunEnd)
    assert events[-1].finished
    assert [e.step for e in events if isinstance(e, StepEnd)] == list(range(1, 11))
    assert [e.epoch for e in events if isinstance(e, EpochEnd)] == [1, 2]


def test_stopped_and_resumed_equals_uninterrupted(few, small, tmp_path):
    list(fit(small, few, out=tmp_path / "whole"))
    controls = Controls()
    for event in fit(small, few, out=tmp_path / "parts", controls=controls):
        if isinstance(event, StepEnd) and event.step == 3:
            controls.stop()
    assert checkpoints.load(tmp_path / "parts")["step"] == 3
    last = list(fit(small, few, out=tmp_path / "parts", resume=True))
    assert last[0].resumed_at == 3
    assert last[-1].finished
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    a, b = (checkpoints.load(tmp_path / name)["history"] for name in ("whole", "parts"))
    for x, y in zip(a, b, strict=True):
        assert x["test_accuracy"] == y["test_accuracy"]
        assert x["loss"] == y["loss"]


def test_learning_rate_changes_while_running(few, small):
    controls, rates = Controls(), []
    for event in fit(small, few, controls=controls):
        if isinstance(event, StepEnd):
            rates.append(event.lr)
            controls.lr = 0.0 if event.step == 2 else controls.lr
    assert rates[:2] == [0.05, 0.05]
    assert rates[2:] == [0.0] * 8


def test_killed_run_resumes_without_loss(tmp_path):
    """kill −9 in the middle; the resumed run ends with the weights of an uninterrupted one."""
    command = [sys.executable, "-m", "saflab", "train", "--data", "digits", "--model", "mlp",
               "--channels", "32", "--epochs", "6", "--batch", "20", "--device", "cpu",
               "--save-every", "0", "--eval-last"]  # fmt: skip
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path / "killed")], env=env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    path, deadline = tmp_path / "killed" / "checkpoint.pt", time.monotonic() + 90
    while time.monotonic() < deadline:
        if path.exists() and checkpoints.load(path)["step"] >= 5:
            break
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    step = checkpoints.load(path)["step"]
    assert 5 <= step < 6 * 72
    subprocess.run([*command, "--out", str(tmp_path / "killed"), "--resume"], env=env, check=True,
                   capture_output=True)  # fmt: skip
    subprocess.run([*command, "--out", str(tmp_path / "whole")], env=env, check=True,
                   capture_output=True)  # fmt: skip
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    log = [json.loads(x) for x in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()]
    assert [e["event"] for e in log].count("RunStart") == 2
    assert log[0]["config"]["model"] == "mlp"
    assert log[0]["machine"]["torch"] == str(torch.__version__)


def test_a_checkpoint_that_cannot_be_used_is_named(few, small, tmp_path):
    list(fit(small, few, out=tmp_path))
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    with pytest.raises(checkpoints.CheckpointError, match=r"lr 0\.05 → 0\.2"):
        list(fit(dataclasses.replace(small, lr=0.2), few, out=tmp_path, resume=True))
    other = build_model(dataclasses.replace(small, channels=(7,)), few.shape, 10)
    content = checkpoints.load(path)
    checkpoints.save(path, {k: v for k, v in content.items() if k in IMPORTED})
    with pytest.raises(checkpoints.CheckpointError, match=r"saflab import.*start anew"):
        list(fit(small, few, out=tmp_path, resume=True))
    path.write_bytes(whole)
    with pytest.raises(checkpoints.CheckpointError, match="another network"):
        checkpoints.restore(other, weights(tmp_path))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(checkpoints.CheckpointError, match="damaged"):
        list(fit(small, few, out=tmp_path, resume=True))
    torch.save({"format": 0}, path)
    with pytest.raises(checkpoints.CheckpointError, match="another program"):
        checkpoints.load(path)
    with pytest.raises(checkpoints.CheckpointError, match="found none"):
        checkpoints.load(tmp_path / "nowhere")


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("evil",))


def test_a_checkpoint_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "model": Evil()}, "checkpoint.pt")
    with pytest.raises(checkpoints.CheckpointError, match="damaged"):
        checkpoints.load("checkpoint.pt")
    assert not Path("evil").exists()


def test_a_failed_write_keeps_the_earlier_checkpoint(few, small, tmp_path, monkeypatch):
    path, content = tmp_path / "checkpoint.pt", Run(small, few, None).content()
    checkpoints.save(path, content)

    def full(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(checkpoints.CheckpointError, match="No space left"):
        checkpoints.save(path, content | {"step": 2})
    monkeypatch.undo()
    assert checkpoints.load(path)["step"] == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_fails_at_once(few, small, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(checkpoints.CheckpointError, match="--out"):
        next(fit(small, few, out=blocked / "run"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "steps ≥ 1"),
        ({"rule": "hebb"}, "rule in"),
        ({"model": "lstm"}, "model in"),
        ({"lr": float("nan")}, "finite learning rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"batch": 0}, "batch ≥ 1"),
        ({"precision": "int8"}, "precision in"),
        ({"mse": 2.0}, "mse in"),
    ],
)
def test_configuration_out_of_range_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**values)


def test_a_gpu_that_is_not_there_is_named():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="found none"):
        TrainConfig(device="cuda").torch_device()
    with pytest.raises(ValueError, match="'tpu9'"):
        TrainConfig(device="tpu9").torch_device()


def test_train_over_seeds_then_eval_and_compare(tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "--data", "digits", "--model", "mlp", "--channels", "32", "--epochs", "2",
                 "--device", "cpu", "--out", str(out), "--eval-last"]  # fmt: skip
    assert cli.main([*arguments, "--seeds", "2"]) == 0
    assert "mean ± sd" in capsys.readouterr().out
    assert cli.main(["eval", str(out / "seed1"), "--compare", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["images"] == 360
    assert (
        abs(result["saf_accuracy"] - result["lif_accuracy"]) <= 0.0005 + 1 / 360
    )  # at most one image
    assert result["flips"] <= 0.001 * result["spikes"]
    assert cli.main(["eval", str(out / "seed0"), "--compare"]) == 0
    assert "spikes differ" in capsys.readouterr().out


def test_the_command_line_names_its_errors(tmp_path, capsys):
    assert cli.main(["train", "--rule", "hebb", "--data", "digits"]) == 2
    assert "Expected a rule in" in capsys.readouterr().err
    assert cli.main(["eval", str(tmp_path)]) == 2
    assert "Train first" in capsys.readouterr().err
    assert cli.main(["doctor"]) == 0
    assert "torch" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
