"""Data folders as people have them: read exactly, or refused with the name of what is wrong."""

import os
import shutil
import unicodedata
from collections import Counter

import numpy as np
import odd_images
import pytest
from PIL import Image

from saflab import data
from saflab.data.image_files import read_image
from saflab.data.images import image_folder

FOLDERS = 600
# JPEG rounds; everything else is read exactly.
TOLERANCE = {odd_images.jpeg: 2, odd_images.jpeg_turned: 12, odd_images.cmyk: 4}


@pytest.mark.parametrize("kind", odd_images.READ, ids=lambda f: f.__name__)
def test_each_kind_of_image_is_read_as_it_is_seen(kind, tmp_path):
    for seed in range(5):
        expected = kind(np.random.default_rng(seed), tmp_path / "a.png")
        found = read_image(tmp_path / "a.png")
        assert found.dtype == np.uint8
        assert np.abs(found - np.asarray(expected)).max() <= TOLERANCE.get(kind, 0)


@pytest.mark.parametrize("kind", odd_images.REFUSED[:-1], ids=lambda f: f.__name__)
def test_each_image_that_has_no_one_meaning_is_refused_by_name(kind, tmp_path):
    for seed in range(5):
        assert kind(np.random.default_rng(seed), tmp_path / "victim.png") is None
        with pytest.raises(data.DataError, match=r"(?s)^Expected .*but found .*victim\.png"):
            read_image(tmp_path / "victim.png")


def test_a_warning_of_a_large_image_is_an_error_without_the_filter_of_this_test(tmp_path):
    """Pillow warns from 89 million pixels on; the limit here is lower and does not depend on it."""
    (tmp_path / "a.png").write_bytes(odd_images.png(np.zeros((1, 1, 3)), size=(10_000, 10_000)))
    too_large = pytest.raises(data.DataError, match=r"16,777,216 pixels.*10000×10000")
    with pytest.warns(Image.DecompressionBombWarning), too_large:
        read_image(tmp_path / "a.png")


def test_an_image_without_permission_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(data.DataError, match=r"can be read, but found .*a\.png closed .*Ask for"):
        read_image(tmp_path / "a.png")


# What a folder may hold beside its images, without effect.
def _hidden_files(rng, root, split, folder):
    for place in (root, split, folder):
        for name in (".DS_Store", "._1.png", "Thumbs.db", "desktop.ini", ".hidden.jpg"):
            (place / name).write_bytes(b"\0\5\x16\7")


def _hidden_folders(rng, root, split, folder):
    for place in (root, split, folder):
        for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
            (place / name).mkdir(exist_ok=True)
            odd_images.plain(rng, place / name / "1-checkpoint.png")


def _notes(rng, root, split, folder):
    for place in (root, split, folder):
        (place / "labels.csv").write_text("1,2")


def _odd_file_name(rng, root, split, folder):
    victim = sorted(p for p in folder.iterdir() if p.name[0].isdigit())[-1]
    os.rename(victim, os.path.join(os.fsencode(folder), b"z\xe9 \n.PNG"))


def _composed_in_two_ways(rng, root, split, folder):
    if folder.name == "ä":
        folder.rename(folder.with_name(unicodedata.normalize("NFD", "ä")))


HARMLESS = [_hidden_files, _hidden_folders, _notes, _odd_file_name, _composed_in_two_ways]


# What is refused; each returns what the message must name.
def _no_images(rng, root, split, folder):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / ".DS_Store").touch()
    return folder.name


def _no_such_class(rng, root, split, folder):
    shutil.rmtree(folder)
    return unicodedata.normalize("NFC", folder.name)


def _no_split(rng, root, split, folder):
    shutil.rmtree(split)
    return split.name


def _outside(rng, root, split, folder):
    odd_images.plain(rng, split / "lost.png")
    return "lost.png"


def _deeper(rng, root, split, folder):
    (folder / "more").mkdir()
    odd_images.plain(rng, folder / "more" / "0.png")
    return "more"


def _other_suffix(rng, root, split, folder):
    Image.new("RGB", (6, 4)).save(folder / "b.webp")
    return "b.webp"


def _broken_link(rng, root, split, folder):
    place = folder if rng.random() < 0.5 else split
    (place / "gone.png").symlink_to(root / "nowhere")
    return "gone.png"


def _folder_for_image(rng, root, split, folder):
    (folder / "b.png").mkdir()
    return "b.png"


def _class_not_utf8(rng, root, split, folder):
    os.rename(folder, os.path.join(os.fsencode(split), b"caf\xe9"))
    return "caf\\xe9"


REFUSALS = [_no_images, _no_such_class, _no_split, _outside, _deeper, _other_suffix, _broken_link,
            _folder_for_image, _class_not_utf8]  # fmt: skip
CLASSES = ("10", "9", "B c", "a", "ä", "猫")


def _fill(rng, root):
    """Write a data folder; return classes, and per split each class's (pixels, tolerance)."""
    classes = sorted(rng.choice(CLASSES, int(rng.integers(1, 4)), replace=False).tolist())
    wanted = {}
    for split in ("train", "test"):
        wanted[split] = []
        for label, name in enumerate(classes):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(int(rng.integers(1, 4))):
                kind = odd_images.READ[rng.integers(len(odd_images.READ))]
                pixels = kind(rng, folder / f"{i}{rng.choice(['.png', '.jpg', '.JPEG'])}")
                wanted[split].append((label, pixels, TOLERANCE.get(kind, 0)))
    return classes, wanted


def _same(images, labels, wanted):
    assert labels.tolist() == [label for label, _, _ in wanted]
    for image, (_, pixels, tolerance) in zip(images, wanted, strict=True):
        found = image.permute(1, 2, 0).numpy().astype(int)
        assert np.abs(found - np.asarray(pixels)).max() <= tolerance


def _one_folder(seed, root):
    """Make one folder and read it; return "read" or what was refused."""
    rng = np.random.default_rng(seed)
    classes, wanted = _fill(rng, root)
    folders = sorted(p for p in root.rglob("*/*") if p.is_dir())
    folder = folders[rng.integers(len(folders))]
    what, named = "read", None
    limit = [None, 1, 2, 3, 100][rng.integers(5)]
    draw = rng.random()
    if draw < 0.25:
        refuse = REFUSALS[rng.integers(len(REFUSALS))]
        what, named = refuse.__name__, refuse(rng, root, folder.parent, folder)
    elif draw < 0.5:
        kind = odd_images.REFUSED[rng.integers(len(odd_images.REFUSED))]
        test = root / "test" / classes[0]  # test images are read whatever the limit is
        victim = sorted(test.iterdir())[0]
        kind(rng, victim)
        what, named = kind.__name__, victim.name
    elif draw < 0.9:
        change = HARMLESS[rng.integers(len(HARMLESS))]
        change(rng, root, folder.parent, folder)
    if named is None:
        found = image_folder(root, limit=limit)
        n = len(wanted["train"])
        kept = range(n) if limit is None or limit >= n else [i * n // limit for i in range(limit)]
        assert found.classes == tuple(classes)
        _same(found.train_images, found.train_labels, [wanted["train"][i] for i in kept])
        _same(found.test_images, found.test_labels, wanted["test"])
        return what
    with pytest.raises(data.DataError, match=r"(?s)^Expected .*but found ") as error:
        image_folder(root, limit=limit)
    assert named in str(error.value), what
    str(error.value).encode()  # can be printed
    return what


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_600_random_folders_are_read_exactly_or_refused_by_name(tmp_path):
    seen = Counter()
    for seed in range(FOLDERS):
        root = tmp_path / str(seed)
        seen[_one_folder(seed, root)] += 1
        shutil.rmtree(root)
    assert sum(seen.values()) >= 500
    assert seen["read"] > FOLDERS / 3
    assert len(seen) == 1 + len(REFUSALS) + len(odd_images.REFUSED)  # every kind came up
