"""Standard output that is ASCII, closed, full or no terminal: nothing is lost but the output."""

import os
import subprocess
import sys

import pytest

from saflab.cli.output import Output
from saflab.training import checkpoints

TRAIN = ["train", "--data", "digits", "--model", "mlp", "--channels", "4", "--epochs", "1",
         "--steps", "2", "--device", "cpu", "--out", "run", "--seeds", "2"]  # fmt: skip


def saflab(arguments, folder, redirection="", **variables):
    """Run in a shell, whose redirections are those of people."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = f'{sys.executable} -m saflab "$@" {redirection}'
    return subprocess.run(["bash", "-c", command, "-", *arguments], cwd=folder, timeout=200,
                          env=env | variables, capture_output=True)  # fmt: skip


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"},
                                       {"LC_ALL": "C", "PYTHONUTF8": "0",
                                        "PYTHONCOERCECLOCALE": "0"}])  # fmt: skip
def test_ascii_shows_the_summary_and_no_progress(variables, tmp_path):
    done = saflab(TRAIN, tmp_path, TERM="dumb", **variables)
    assert done.returncode == 0, done.stderr
    assert b"(mean +- sd)" in done.stdout.splitlines()[-1]
    assert done.stderr == b""  # no terminal, no progress
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true", ">/dev/full 2>&1"])
def test_lost_output_is_an_exit_status_and_the_training_is_kept(redirection, tmp_path):
    piped = "|" in redirection
    end = "; exit ${PIPESTATUS[0]}" if piped else ""
    done = saflab(TRAIN, tmp_path, redirection + end)
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    said = b"saflab: Expected to print, but found that standard output cannot be written"
    assert (said in done.stderr) == (not piped and "2>&1" not in redirection)
    for name in ("seed0", "seed1"):
        assert checkpoints.load(tmp_path / "run" / name)["step"] == 29


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_that_is_lost_is_said(arguments, tmp_path):
    done = saflab(arguments, tmp_path, ">/dev/full")
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr


def test_a_stream_without_a_terminal_is_none():
    assert not Output(None).isatty()
    assert Output(None).write("text") == 4
