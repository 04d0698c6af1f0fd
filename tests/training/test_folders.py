"""A run is never overwritten, and `runs/latest` is the last one, with links and without."""

import os
import re

import pytest

from saflab import cli
from saflab.training import checkpoints, fit
from saflab.training.checkpoints import CheckpointError, load
from saflab.training.events import Controls
from saflab.training.folders import new_folder, set_latest

TRAIN = ["train", "--data", "digits", "--model", "mlp", "--channels", "4", "--epochs", "1",
         "--steps", "2", "--device", "cpu", "--batch", "500"]  # fmt: skip


@pytest.fixture(params=["links", "text"])
def system(request, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if request.param == "text":

        def refuse(*args, **kwargs):
            raise OSError("a privilege is not held")

        monkeypatch.setattr(os, "symlink", refuse)
    return tmp_path


def test_each_run_has_a_folder_and_latest_is_the_last(system, capsys):
    for count in (1, 2, 3):
        assert cli.main([*TRAIN, "--rule", "ottt_a"]) == 0
        folders = sorted(p for p in (system / "runs").iterdir() if p.name != "latest")
        assert len(folders) == count
    shown = re.findall(r"in (runs/\S+)", capsys.readouterr().out)
    assert len(set(shown)) == 3
    assert all(re.fullmatch(r"runs/\d{4}(-\d\d){5}-ottt_a(-\d)?", name) for name in shown)
    assert load("runs/latest")["history"] == load(shown[-1])["history"]
    assert load("runs/latest/checkpoint.pt")["step"] == 3
    assert cli.main(["eval", "runs/latest"]) == 0
    assert cli.main([*TRAIN, "--rule", "ottt_a", "--resume"]) == 0
    assert f"in {shown[-1]}, resumed at step 3" in capsys.readouterr().out


@pytest.mark.parametrize("bad", [["--rule", "hebb"], ["--data", "cifar10", "--root", "no"],
                                 ["--channels", "0"], ["--device", "cuda:99"],
                                 ["--lr", "x"]])  # fmt: skip
def test_a_refused_command_changes_nothing(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for options in ([], ["--out", "run"], ["--out", "run", "--overwrite"]):
        if bad == ["--lr", "x"]:
            with pytest.raises(SystemExit, match="2"):
                cli.main([*TRAIN, *options, *bad])
        else:
            assert cli.main([*TRAIN, *options, *bad]) == 2
        assert list(tmp_path.iterdir()) == []


def test_a_run_is_overwritten_only_when_asked(few, small, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = [*TRAIN, "--out", str(run)]
    assert cli.main(arguments) == 0
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    capsys.readouterr()
    for again in (arguments, [*arguments, "--lr", "0.2", "--resume"],
                  [*arguments, "--seeds", "2"], [*arguments, "--overwrite", "--data", "cifar10",
                                                 "--root", str(tmp_path / "no")]):  # fmt: skip
        assert cli.main(again) == 2
        assert {p.name: p.read_bytes() for p in run.iterdir()} == before
    assert "--overwrite" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="without a run, but found checkpoint"):
        fit(small, few, out=run)
    list(fit(small, few, out=run, controls=Controls(overwrite=True)))
    assert checkpoints.load(run)["config"]["lr"] == small.lr
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert checkpoints.load(run)["config"]["lr"] == 0.1


def test_an_import_overwrites_nothing(tmp_path, capsys):
    pytest.importorskip("nir")
    assert cli.main([*TRAIN, "--out", str(tmp_path / "run")]) == 0
    assert cli.main(["export", "--nir", str(tmp_path / "run"), str(tmp_path / "net.nir")]) == 0
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    capsys.readouterr()
    arguments = ["import", "--nir", str(tmp_path / "net.nir"), "--out", str(tmp_path / "run")]
    assert cli.main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert "wiring" in load(tmp_path / "run")


def test_folders_of_one_second_differ_and_an_old_latest_is_named(tmp_path):
    assert len({new_folder("saf_e", tmp_path) for _ in range(20)}) == 20
    (tmp_path / "latest").mkdir()
    with pytest.raises(CheckpointError, match="Rename it"):
        new_folder("saf_e", tmp_path)


def test_seeds_are_named_when_one_is_wanted(tmp_path, capsys):
    assert cli.main([*TRAIN, "--out", str(tmp_path), "--seeds", "2"]) == 0
    assert cli.main(["eval", str(tmp_path)]) == 2
    assert "several seeds" in capsys.readouterr().err
    assert cli.main([*TRAIN, "--out", str(tmp_path), "--seeds", "2", "--resume"]) == 0


def test_latest_is_replaced_at_once(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        set_latest(tmp_path / name)
        assert (tmp_path / "latest").resolve().name == name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "latest"]
