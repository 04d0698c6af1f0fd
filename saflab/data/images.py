"""Image datasets: handwritten digits, and any folder of images."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saflab.data.dataset import DataError, Dataset, choose
from saflab.data.download import explain_read_errors
from saflab.data.folders import printable, visible
from saflab.data.image_files import SUFFIXES, read_image

__all__ = ["DIGITS", "digits", "image_folder"]

DIGITS = Path(__file__).with_name("digits.npz")


def digits(*, limit: int | None = None) -> Dataset:
    """Return the handwritten digits that come with saflab, 8×8 grey: 1,437 to train, 360 to test.

    Source: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
    Learning Repository, licence CC BY 4.0 (the part that scikit-learn's `load_digits` holds).

    Args:
        limit: Number of training images, spread over the classes; None takes all.

    Raises:
        ValueError: If the limit is below 1.

    >>> found = digits()
    >>> found.shape, len(found.train_labels), len(found.test_labels)
    ((1, 8, 8), 1437, 360)
    """
    with np.load(DIGITS) as raw:
        images = torch.from_numpy((raw["images"] * (255.0 / 16.0)).round().astype(np.uint8))[
            :, None
        ]
        labels = torch.from_numpy(raw["labels"].astype(np.int64))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    train = train[list(choose(labels[train].tolist(), limit))]
    return Dataset.of(
        "digits",
        "UCI handwritten digits, part of saflab",
        tuple("0123456789"),
        train=(images[train], labels[train]),
        test=(images[test], labels[test]),
    )


def _classes(split: Path) -> dict[str, list[Path]]:
    """Return the image files of each class of a split; refuse what would be left out."""
    found: dict[str, list[Path]] = {}
    for entry in visible(split):
        if not entry.exists():
            raise DataError(
                f"Expected a folder per class in {printable(split)}, but found the link "
                f"{printable(entry.name)}, which leads nowhere. Mend or delete it."
            )
        if not entry.is_dir():
            if _is_image(entry):
                raise DataError(
                    f"Expected images in folders of their classes, {printable(split)}/<class>/, "
                    f"but found {printable(entry)} outside. Move or delete it."
                )
            continue
        try:
            name = unicodedata.normalize("NFC", entry.name)
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"Expected a class folder whose name is UTF-8, but found {printable(entry)}. "
                "Rename it."
            ) from error
        if name in found:
            raise DataError(
                f"Expected one folder per class in {printable(split)}, but found two named "
                f"{name!r} (their letters are composed in two ways). Rename or merge them."
            )
        found[name] = _images(entry)
    return dict(sorted(found.items()))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in Image.registered_extensions()


def _images(folder: Path) -> list[Path]:
    """Return the images of a class."""
    files = []
    for path in visible(folder):
        supported = path.suffix.lower() in SUFFIXES
        if path.is_dir() or (_is_image(path) and not (supported and path.is_file())):
            raise DataError(
                f"Expected image files ({', '.join(SUFFIXES)}) in {printable(folder)}, but found "
                f"{printable(path.name)}, a folder, a link that leads nowhere or an image of "
                "another format. Move, convert or delete it."
            )
        if supported:
            files.append(path)
    if not files:
        raise DataError(
            f"Expected images ({', '.join(SUFFIXES)}) of the class {folder.name!r} in "
            f"{printable(folder)}, but found none. Add some, or remove the class from train and "
            "test."
        )
    return files


def _pixels(paths: Sequence[Path]) -> Tensor:
    """Return images of one size as uint8, shape (N, 3, H, W)."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        arrays = list(pool.map(read_image, paths))
    for path, array in zip(paths, arrays, strict=True):
        if array.shape != arrays[0].shape:
            sizes = [f"{a.shape[1]}×{a.shape[0]}" for a in (arrays[0], array)]
            raise DataError(
                f"Expected images of one size, but found {sizes[0]} in {printable(paths[0])} and "
                f"{sizes[1]} in {printable(path)}. Resize them."
            )
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


@explain_read_errors()
def image_folder(root: str | Path, *, limit: int | None = None, name: str = "folder") -> Dataset:
    """Return the images in root/train/<class>/ and root/test/<class>/ (jpg or png) as RGB.

    Hidden files and folders are passed over; `read_image` says how each kind of image is read.

    Args:
        root: Folder with train/ and test/.
        limit: Number of training images, spread over the classes; None takes all.
        name: Name for logs.

    Raises:
        DataError: If a folder is missing or empty, an image is damaged, or sizes differ.
        ValueError: If the limit is below 1.
    """
    root = Path(root)
    for split in ("train", "test"):
        if not (root / split).is_dir():
            raise DataError(
                f"Expected the folder {printable(root / split)}, but found none. Give each split "
                "one folder per class: train/<class>/*.jpg and test/<class>/*.jpg (or *.png)."
            )
    train, test = _classes(root / "train"), _classes(root / "test")
    if alone := sorted(train.keys() ^ test.keys()):
        raise DataError(
            f"Expected the same classes in train and test, but found {alone} in one alone. Give "
            "both folders one subfolder per class."
        )
    if not train:
        raise DataError(
            f"Expected images as {printable(root)}/train/<class>/*.jpg or *.png, but found none. "
            "Give each split one folder per class."
        )
    train_files, test_files = (
        [(path, label) for label, paths in enumerate(split.values()) for path in paths]
        for split in (train, test)
    )
    chosen = [train_files[i] for i in choose([label for _, label in train_files], limit)]
    images = _pixels([path for path, _ in (*chosen, *test_files)])
    labels = torch.tensor([label for _, label in (*chosen, *test_files)])
    n = len(chosen)
    return Dataset.of(
        name,
        f"images in {printable(root.resolve())}",
        tuple(train),
        train=(images[:n], labels[:n]),
        test=(images[n:], labels[n:]),
    )
