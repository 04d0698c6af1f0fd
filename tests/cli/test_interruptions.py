"""Signals: a training saves and says how to go on; at start-up a command ends without a trace."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest

from saflab import cli, training
from saflab.training import checkpoints
from saflab.training.events import StepEnd

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
TRAIN = ["train", "--data", "digits", "--model", "mlp", "--channels", "4", "--epochs", "2",
         "--steps", "2", "--device", "cpu", "--batch", "100", "--save-every", "1000"]  # fmt: skip


def sending(monkeypatch, number, event_number, times=1):
    """Let the process send itself a signal when the training yields an event."""
    real = training.fit

    def fit(*args, **kwargs):
        for count, event in enumerate(real(*args, **kwargs)):
            if count == event_number:
                for _ in range(times):
                    os.kill(os.getpid(), number)
            yield event

    monkeypatch.setattr(training, "fit", fit)
    return real


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("event_number", [1, 2, 7, 15, 16, 17, 30])
def test_a_signal_saves_the_step_it_comes_in(name, event_number, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    number = getattr(signal, name)
    real = sending(monkeypatch, number, event_number)
    assert cli.main(TRAIN) == 128 + number
    told = capfd.readouterr().err
    assert "Traceback" not in told
    folder = (tmp_path / "runs" / "latest").resolve()
    log = [json.loads(x) for x in (folder / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in log if line["event"] == StepEnd.__name__]
    assert checkpoints.load(folder)["step"] == max(steps)
    command = re.search(r"^  saflab (.*--resume)$", told, re.MULTILINE)
    monkeypatch.setattr(training, "fit", real)
    assert cli.main(shlex.split(command[1])) == 0
    assert checkpoints.load("runs/latest")["step"] == 30


@pytest.mark.parametrize("name", SIGNALS)
def test_a_second_signal_ends_at_once_and_keeps_the_work(name, tmp_path, monkeypatch, capfd):
    number = getattr(signal, name)
    sending(monkeypatch, number, 5, times=2)
    assert cli.main([*TRAIN, "--out", str(tmp_path)]) == 128 + number
    assert "Traceback" not in capfd.readouterr().err
    assert checkpoints.load(tmp_path)["step"] == 5


START = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
from saflab.cli import main
sys.exit(main({arguments!r}))
"""


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("module", ["saflab.cli.train", "torch", "saflab.data.catalogue"])
def test_at_start_up_a_signal_ends_without_a_trace(name, module, tmp_path):
    number = int(getattr(signal, name))
    code = START.format(module=module, number=number, arguments=TRAIN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          cwd=tmp_path, timeout=120,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip() == f"saflab: ended by {name}."
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        sending(monkeypatch, signal.SIGHUP, 3)
        assert cli.main([*TRAIN, "--out", str(tmp_path)]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_leaving_fit_early_saves(few, small, tmp_path):
    for event in training.fit(small, few, out=tmp_path):
        if isinstance(event, StepEnd) and event.step == 3:
            break
    del event
    assert checkpoints.load(tmp_path)["step"] == 3


def test_a_broken_last_line_of_the_log_is_repaired(tmp_path, monkeypatch):
    sending(monkeypatch, signal.SIGTERM, 4)
    assert cli.main([*TRAIN, "--out", str(tmp_path)]) == 143
    log = tmp_path / "log.jsonl"
    whole = log.read_text()
    log.write_text(whole + '{"event": "Step')
    monkeypatch.undo()
    assert cli.main([*TRAIN, "--out", str(tmp_path), "--resume"]) == 0
    text = log.read_text()
    assert text.startswith(whole)
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[-1]["finished"]
