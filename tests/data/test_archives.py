"""Archives laid into a data folder by hand are checked and unpacked, without the network."""

import hashlib
import io
import pickle
import socket
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from saflab import cli, data
from saflab.data.archives import extract


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def cifar_files(kind, n, classes):
    """Return CIFAR's files with n images each; pixel 0 of image i is i, its label i modulo 10."""
    files = {}
    key = "labels" if kind is datasets.CIFAR10 else "fine_labels"
    for name, _ in (*kind.train_list, *kind.test_list):
        pixels = np.zeros((n, 3072), np.uint8)
        pixels[:, 0] = range(n)
        files[name] = pickle.dumps({"data": pixels, key: [i % 10 for i in range(n)]})
    files[kind.meta["filename"]] = pickle.dumps({kind.meta["key"]: classes})
    return files


@pytest.fixture(params=["cifar10", "cifar100"])
def made(request, tmp_path, monkeypatch):
    """A data folder that holds the published archive alone, with its checksums as published."""
    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[request.param]
    count = 10 if request.param == "cifar10" else 100
    files = cifar_files(kind, 20, [f"class {i}" for i in range(count)])
    archive = tmp_path / kind.filename
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(kind, "train_list", [[n, sums[n]] for n, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[n, sums[n]] for n, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": sums[kind.meta["filename"]]})
    return request.param, tmp_path, archive


def test_a_cifar_archive_is_unpacked_once(made):
    name, root, archive = made
    found = data.load(name, root)
    images = 100 if name == "cifar10" else 20
    assert (len(found.train_labels), len(found.test_labels)) == (images, 20)
    assert found.train_images[:20, 0, 0, 0].tolist() == list(range(20))
    archive.unlink()
    assert torch.equal(data.load(name, root).train_images, found.train_images)
    assert not list(root.glob(".unpacking*"))
    # As many of each class as of any other, though the files are in another order.
    assert data.load(name, root, limit=10).train_labels.bincount().tolist() == [1] * 10


def test_a_cifar_archive_that_is_damaged_is_named(made):
    name, root, archive = made
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(data.DataError, match=r"python\.tar\.gz.*MD5.*but found.*Delete it"):
        data.load(name, root)
    assert [p.name for p in root.iterdir() if p.name != ".lock"] == [archive.name]


def test_auto_does_not_pass_over_a_damaged_archive(made, monkeypatch):
    name, root, archive = made
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root / "home"))
    (root / "data").mkdir()
    archive.rename(root / "data" / archive.name).write_bytes(b"half")
    if name == "cifar10":
        with pytest.raises(data.DataError, match="MD5"):
            data.load()
    else:
        assert data.load().name == "digits"


def pictures(path, mode="w:xz"):
    with tarfile.open(path, mode) as tar:
        for split in ("train", "test"):
            for label, name in enumerate(("cat", "dog")):
                for i in range(3):
                    file = io.BytesIO()
                    Image.new("RGB", (8, 8), (100 * label, 10 * i, 0)).save(file, "JPEG")
                    member = tarfile.TarInfo(f"./{split}/{name}/{i:04}.jpg")
                    member.size = file.tell()
                    file.seek(0)
                    tar.addfile(member, file)


def test_an_archive_of_jpeg_images_is_unpacked(tmp_path):
    pictures(tmp_path / "cifar10-jpeg.tar.xz")
    found = data.load("cifar10", tmp_path, limit=4)
    assert found.classes == ("cat", "dog")
    assert found.train_labels.tolist() == [0, 0, 1, 1]
    assert int(found.test_images[3, 0].float().mean().round()) == 100
    (tmp_path / "cifar10-jpeg.tar.xz").unlink()
    assert len(data.load("cifar10", tmp_path).train_labels) == 6


def test_an_archive_half_downloaded_leaves_nothing(tmp_path):
    archive = tmp_path / "cifar10-jpeg.tar.xz"
    pictures(archive)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(data.DataError, match=r"cifar10-jpeg\.tar\.xz.*damaged.*fetch it again"):
        data.load("cifar10", tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == [archive.name]


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "..\\out", "C:\\out"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_member_is_written_elsewhere(name, kind, tmp_path):
    archive = tmp_path / f"a.{kind}"
    if kind == "tar":
        with tarfile.open(archive, "w") as tar:
            tar.addfile(tarfile.TarInfo(name))
    else:
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr(name, "x")
    (tmp_path / "in").mkdir()
    with pytest.raises(data.DataError, match=r"but found .*out, which leads out"):
        extract(archive, tmp_path / "in")
    assert not [*tmp_path.rglob("out")]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused_and_hidden_members_left_out(kind, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("a/1.png", "a/._1.png", "__MACOSX/a/1.png", ".DS_Store"):
            tar.addfile(tarfile.TarInfo(name))
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    (tmp_path / "in").mkdir()
    with pytest.raises(data.DataError, match="link or device"):
        extract(tmp_path / "a.tar", tmp_path / "in")
    assert [p.name for p in (tmp_path / "in").rglob("*")] == ["a", "1.png"]


def test_a_member_that_cannot_fit_is_refused_before_it_is_written(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(2**22))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 2**21}))
    with pytest.raises(data.DataError, match=r"4,194,304 bytes.*found 2,097,152\. Free some"):
        extract(tmp_path / "a.zip", tmp_path)


def test_errors_of_cifar_100_speak_of_cifar_100(tmp_path, capsys):
    with pytest.raises(data.DataError) as error:
        data.load("cifar100", tmp_path)
    text = str(error.value)
    assert "cifar-100-python.tar.gz" in text
    assert "the folder cifar-100-python" in text
    assert "cifar-10-" not in text
    assert "<class>" not in text  # images in folders are read for ten classes alone
    assert cli.main(["train", "--data", "cifar100", "--root", str(tmp_path)]) == 2
    assert "cifar-100-python" in capsys.readouterr().err
    (tmp_path / "cifar-100-python").mkdir()
    with pytest.raises(data.DataError, match=r"cifar100 in .*cifar-100-python.*cifar-100-python"):
        data.load("cifar100", tmp_path)
    with pytest.raises(data.DataError, match=r"cifar-10-python\.tar\.gz.*train/<class>"):
        data.load("cifar10", tmp_path)
