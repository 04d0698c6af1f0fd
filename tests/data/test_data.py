"""Datasets are found, read and refused as they should be."""

import pickle

import numpy as np
import pytest
import torch

from saflab import cli, data
from saflab.data.augment import augment, crop, cutout, flip
from saflab.data.inputs import normalise


def test_digits_are_bundled():
    found = data.digits()
    assert found.shape == (1, 8, 8)
    assert (len(found.train_labels), len(found.test_labels)) == (1437, 360)
    assert found.train_images.dtype == torch.uint8
    assert found.train_images.max() == 255


def test_image_folder_keeps_pixels_and_labels(images):
    found = data.load("cifar10", images)
    assert found.shape == (3, 32, 32)
    assert found.classes == ("cat", "dog")
    assert found.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.load("cifar10", images, limit=2).train_labels.tolist() == [0, 1]


def test_auto_takes_named_images_and_else_digits(images, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.load().name == "digits"
    monkeypatch.setenv("SAFLAB_DATA", str(images))
    assert data.load().name == "cifar10"
    monkeypatch.setenv("SAFLAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match="nowhere"):
        data.load()


def test_torchvision_files_are_found_and_a_damaged_set_is_named(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({"data": np.zeros((1, 3072))}))
    with pytest.raises(data.DataError, match="damaged"):
        data.load("cifar10", tmp_path)


def test_download_that_fails_says_so(tmp_path, monkeypatch):
    from torchvision.datasets import utils

    def fail(*args):
        raise OSError("network unreachable")

    monkeypatch.setattr(utils, "download_url", fail)
    with pytest.raises(data.DataError, match="network unreachable"):
        data.load("cifar10", tmp_path, download=True)


def test_missing_empty_and_truncated_are_named(images, tmp_path):
    with pytest.raises(data.DataError, match=r"none of .*empty.*cifar-10-batches-py.*SAFLAB_DATA"):
        data.load("cifar10", tmp_path / "empty")
    victim = images / "train" / "cat" / "1.png"
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(data.DataError, match=r"1\.png damaged"):
        data.load("cifar10", images)
    for split in ("train", "test"):
        for path in (images / split).rglob("*.png"):
            path.unlink()
    with pytest.raises(data.DataError, match="found none"):
        data.load("cifar10", images)
    with pytest.raises(ValueError, match="dataset in"):
        data.load("mnist")
    with pytest.raises(ValueError, match="at least 1 image"):
        data.load("digits", limit=0)


def generator():
    return torch.Generator().manual_seed(0)


def test_augmentation_moves_flips_and_covers():
    x = torch.arange(1, 1 + 3 * 32 * 32).float().view(1, 3, 32, 32).repeat(200, 1, 1, 1)
    moved = crop(x, 4, generator())
    assert len({float(m[0, 10, 10]) for m in moved}) > 40
    centre = {float(m[0, 16, 16]) for m in moved}
    expected = {float(v) for v in x[0, 0, 12:21, 12:21].flatten()}
    assert centre <= expected
    flipped = flip(x, generator())
    same = (flipped == x).flatten(1).all(1)
    mirrored = (flipped == x.flip(3)).flatten(1).all(1)
    assert torch.equal(same, ~mirrored)
    assert 60 < int(same.sum()) < 140
    white = torch.zeros(2000, 3, 32, 32) - 1
    covered = (cutout(white, generator()) != white).float().mean((1, 2, 3))
    assert 0.45 < float((covered > 0).float().mean()) < 0.55
    assert float(covered[covered > 0].min()) > 0.01
    assert float(covered.max()) < 0.45
    assert torch.equal(augment(x, generator()), augment(x, generator()))


def test_normalise_gives_zero_mean_and_unit_deviation():
    found = data.digits()
    mean, std = found.moments()
    x = normalise(found.train_images, mean, std)
    assert abs(float(x.mean())) < 1e-5
    assert abs(float(x.std()) - 1) < 1e-4


@pytest.mark.parametrize("limit", [1, 10, 99, 1437, 5000])
def test_the_limit_holds_for_digits_and_spreads_over_the_classes(limit):
    found = data.load("digits", limit=limit)
    whole = data.digits()
    n = min(limit, 1437)
    assert len(found.train_labels) == n
    counts = found.train_labels.bincount(minlength=10)
    share = whole.train_labels.bincount(minlength=10) * n / 1437
    assert float((counts - share).abs().max()) <= 1
    assert torch.equal(found.test_images, whole.test_images)
    assert data.load("auto", limit=limit).name == "digits"


@pytest.mark.parametrize("limit", [0, -1, 2.5, "3"])
def test_a_limit_that_is_no_number_of_images_is_refused(limit, images):
    for load in (lambda: data.load("digits", limit=limit),
                 lambda: data.load("cifar10", images, limit=limit)):  # fmt: skip
        with pytest.raises(ValueError, match="at least 1 image, but found"):
            load()


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_a_run_is_not_resumed_on_another_number_of_images(name, images, tmp_path, capsys):
    common = ["train", "--data", name, "--root", str(images), "--model", "mlp", "--channels", "4",
              "--device", "cpu", "--epochs", "1", "--out", str(tmp_path / "run")]  # fmt: skip
    assert cli.main([*common, "--limit", "4"]) == 0
    assert "4 training" in capsys.readouterr().out
    assert cli.main([*common, "--limit", "3", "--resume"]) == 2
    assert f"data 4 images of {name} → 3 of {name}" in capsys.readouterr().err
