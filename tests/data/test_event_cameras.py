"""Recordings of event cameras become frames over time, in every rule and on the command line."""

import builtins
import dataclasses
import json
import shutil

import numpy as np
import pytest
import recordings
import torch

from saflab import cli, data
from saflab.data import event_cameras as events
from saflab.data.augment import augment
from saflab.data.dataset import DataError
from saflab.data.encoders import over_time
from saflab.rules import RULES
from saflab.training.config import TrainConfig
from saflab.training.events import EpochEnd
from saflab.training.fit import fit

pytest.importorskip("tonic", reason="needs saflab[events]")
SIZES = {"nmnist": (2, 34, 34), "dvsgesture": (2, 32, 32), "cifar10dvs": (2, 32, 32)}


@pytest.fixture(params=list(SIZES))
def made(request, tmp_path):
    if request.param == "cifar10dvs":
        pytest.importorskip("aedat")
        pytest.importorskip("dv_processing")
    return request.param, recordings.MAKE[request.param](tmp_path)


def left_behind(root):
    return [p for p in root.rglob("*") if p.name.startswith(".unpacking") or p.suffix == ".tmp"]


def test_frames_count_every_event_once():
    rng = np.random.default_rng(1)
    found = np.zeros(500, [("t", np.uint64), ("x", np.uint16), ("y", np.uint16), ("p", bool)])
    for axis, high in (("t", 10_000), ("x", 12), ("y", 8), ("p", 2)):
        found[axis] = rng.integers(0, high, 500)
    got = events.frames(found, 5, (12, 8, 2), pool=4)
    expected = np.zeros((5, 2, 2, 3), int)
    first, last = int(found["t"].min()), int(found["t"].max())
    for t, x, y, p in found.tolist():
        expected[(t - first) * 5 // (last - first + 1), int(p), y // 4, x // 4] += 1
    assert got.dtype == torch.uint8
    assert got.tolist() == expected.tolist()
    assert int(events.frames(np.repeat(found[:1], 300), 2, (12, 8, 2)).max()) == 255


def test_a_recording_is_read_as_it_was_written(made):
    name, root = made
    found = data.load(name, root, steps=3)
    assert found.shape == SIZES[name]
    assert found.train_images.shape[1] == 3
    assert found.train_images.dtype == torch.uint8
    assert torch.all(found.train_images.sum((1, 2, 3, 4), dtype=torch.int64) == 200)
    # The place of the blob is the class; a swap of axes or of labels would show.
    picture = found.test_images.sum((1, 2), dtype=torch.float32)
    side, total = picture.shape[-1], picture.sum((1, 2))
    x = (picture.sum(1) * torch.arange(side)).sum(1) / total
    y = (picture.sum(2) * torch.arange(side)).sum(1) / total
    places = torch.tensor([recordings.place(label, side) for label in range(10)])
    nearest = torch.cdist(torch.stack([x, y], 1), places).argmin(1)
    assert torch.equal(nearest, found.test_labels)
    train, test = len(found.train_labels), len(found.test_labels)
    expected = {"nmnist": (48, 24), "dvsgesture": (24, 8), "cifar10dvs": (40, 10)}
    assert (train, test) == expected[name]
    assert len(set(data.load(name, root, limit=4).train_labels.tolist())) == 4


def test_archives_are_unpacked_once_and_leave_nothing(made):
    name, root = made
    whole = data.load(name, root)
    recordings.pack(name, root)
    found = data.load(name, root)
    assert torch.equal(found.train_images, whole.train_images)
    assert torch.equal(found.test_labels, whole.test_labels)
    assert not left_behind(root)
    for archive in [*root.rglob("*.zip"), *root.rglob("*.gz")]:
        archive.unlink()
    assert torch.equal(data.load(name, root).train_images, whole.train_images)


def test_a_damaged_archive_leaves_no_half_of_itself(made):
    name, root = made
    recordings.pack(name, root)
    archive = next(p for p in root.rglob("*") if p.suffix in (".zip", ".gz"))
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(DataError, match=r"unpack.*fetch it again"):
        data.load(name, root)
    assert not left_behind(root)
    kept = [p for p in (root / events.EVENTS[name].kind).iterdir() if p.is_dir()]
    assert len(kept) < (2 if name != "cifar10dvs" else 1)


def test_an_archive_of_something_else_is_named_and_leaves_nothing(made):
    name, root = made
    recordings.pack(name, root)
    archive = next(p for p in root.rglob("*") if p.suffix in (".zip", ".gz"))
    (root / "other").mkdir()
    (root / "other" / "readme.txt").write_text("hello")
    archive.unlink()
    kind = "zip" if archive.suffix == ".zip" else "gztar"
    shutil.move(shutil.make_archive(str(root / "other"), kind, root / "other"), archive)
    with pytest.raises(DataError, match=r"Expected \w+/ in .*Fetch the archive again"):
        data.load(name, root)
    assert not left_behind(root)


def test_hidden_files_and_folders_beside_recordings_are_passed_over(made):
    name, root = made
    whole = data.load(name, root, steps=2)
    for path in [p for p in root.rglob("*") if p.suffix in (".bin", ".npy", ".aedat4")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
        for folder in (path.parent, path.parent.parent):
            for hidden in (".ipynb_checkpoints", "__MACOSX"):
                (folder / hidden).mkdir(exist_ok=True)
                shutil.copy(path, folder / hidden)
    (root / events.EVENTS[name].kind / "Thumbs.db").touch()
    found = data.load(name, root, steps=2)
    assert torch.equal(found.train_images, whole.train_images)
    assert torch.equal(found.test_labels, whole.test_labels)


def test_a_recording_of_no_class_is_named(made):
    name, root = made
    victim = next(p for p in sorted(root.rglob("*")) if p.suffix in (".bin", ".npy", ".aedat4"))
    victim.parent.with_name("99").mkdir()
    moved = shutil.copy(victim, victim.parent.with_name("99") / f"99{victim.suffix}")
    with pytest.raises(DataError, match=f"Expected recordings.*found {moved}.*named after a class"):
        data.load(name, root)


def test_the_limit_holds_for_recordings(made):
    name, root = made
    with pytest.raises(ValueError, match="at least 1"):
        data.load(name, root, limit=0)
    assert len(data.load(name, root, limit=3).train_labels) == 3


def test_a_damaged_recording_is_named(made):
    name, root = made
    victim = next(p for p in sorted(root.rglob("*")) if p.suffix in (".bin", ".npy", ".aedat4"))
    victim.write_bytes(victim.read_bytes()[:103])
    with pytest.raises(DataError, match=rf"(?s){victim.name}.*damaged"):
        data.load(name, root)


def test_missing_sets_are_named_with_the_way_to_get_them(made, tmp_path):
    name, _ = made
    with pytest.raises(DataError, match=rf"none of .*{events.EVENTS[name].kind}.*--download"):
        data.load(name, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_missing_tonic_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(module, *args, **kwargs):
        if module == "tonic":
            raise ModuleNotFoundError("No module named 'tonic'")
        return real(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r"pip install 'saflab\[events\]'"):
        data.load("nmnist", tmp_path)


def test_numbers_and_names_out_of_range_are_named(tmp_path):
    with pytest.raises(ValueError, match="nmnist"):
        data.load("mnist")
    with pytest.raises(ValueError, match="at least 1"):
        data.load("nmnist", tmp_path, steps=0)
    with pytest.raises(ValueError, match="found 3"):
        over_time(torch.zeros(2, 3, 4), 5)
    assert data.load("digits").name == "digits"
    found = np.zeros(1, [("x", int), ("y", int), ("t", int), ("p", int)])
    found["x"] = 40
    with pytest.raises(ValueError, match=r"x in 0…33"):
        events.frames(found, 2, (34, 34, 2))


def test_augmentation_moves_all_frames_of_a_recording_alike():
    frames = torch.arange(1, 1 + 2 * 3 * 2 * 20 * 20).remainder(200).to(torch.uint8)
    frames = frames.view(2, 3, 2, 20, 20)
    frames[:, 1] = frames[:, 0]
    moved = augment(frames, torch.Generator().manual_seed(0))
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert not torch.equal(moved, frames)


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_learns_from_frames(rule, tmp_path):
    found = data.load("nmnist", recordings.nmnist(tmp_path), steps=3)
    config = TrainConfig(
        rule=rule, model="mlp", channels=(24,), epochs=4, batch=12, steps=3, lr=0.05, device="cpu",
        augmentation=False,
    )  # fmt: skip
    ends = [e for e in fit(config, found) if isinstance(e, EpochEnd)]
    assert ends[-1].test_accuracy > 0.5  # chance is 0.25
    with pytest.raises(ValueError, match="encoder 'constant'"):
        list(fit(dataclasses.replace(config, encoder="poisson"), found))
    with pytest.raises(ValueError, match="T = 5"):
        list(fit(dataclasses.replace(config, steps=5), found))


def test_time_reaches_the_network(tmp_path):
    """The same events in reverse order of time give another readout."""
    from saflab.data.inputs import Inputs
    from saflab.models import mlp

    found = data.load("nmnist", recordings.nmnist(tmp_path), steps=4)
    x = Inputs.of(found, steps=4)(found.test_images[:4])
    network = mlp(found.shape, 10, (16,))
    forward, _ = network(x)
    backward, _ = network(x.flip(0))
    assert not torch.allclose(forward.sum(0), backward.sum(0))


@pytest.mark.parametrize("name", list(SIZES))
def test_the_command_line_trains_and_evaluates(name, tmp_path, capsys):
    if name == "cifar10dvs":
        pytest.importorskip("aedat")
        pytest.importorskip("dv_processing")
    root = recordings.MAKE[name](tmp_path / "data")
    out = str(tmp_path / "run")
    arguments = ["--data", name, "--root", str(root), "--rule", "saf_e", "--steps", "3",
                 "--model", "mlp", "--channels", "24", "--epochs", "6", "--lr", "0.05",
                 "--batch", "8", "--device", "cpu", "--out", out, "--eval-last"]  # fmt: skip
    assert cli.main(["train", *arguments]) == 0
    assert "3 frames of each recording" in capsys.readouterr().out
    assert cli.main(["eval", out, "--root", str(root), "--compare", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["accuracy"] > 0.5  # chance is 0.25, or 0.1 with all classes of CIFAR10-DVS
    assert result["flips"] <= 0.01 * result["spikes"]
