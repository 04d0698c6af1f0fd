"""Image datasets: handwritten digits, CIFAR, and any folder of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saflab.data.dataset import DataError, Dataset, search_folders, spread
from saflab.data.download import put_in_place, reading, unpacking

__all__ = ["DIGITS", "cifar", "digits", "image_folder"]

DIGITS = Path(__file__).with_name("digits.npz")

_SUFFIXES = (".jpg", ".jpeg", ".png")
_HELP = (
    "Unpack CIFAR-10 as train/<class>/*.jpg and test/<class>/*.jpg (or torchvision's "
    "cifar-10-batches-py), set SAFLAB_DATA to that folder, or pass --download."
)


def digits() -> Dataset:
    """Return the handwritten digits that come with saflab, 8×8 grey: 1,437 to train, 360 to test.

    Source: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
    Learning Repository, licence CC BY 4.0 (the part that scikit-learn's `load_digits` holds).

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
    return Dataset(
        name="digits",
        source="UCI handwritten digits, part of saflab",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        classes=tuple("0123456789"),
    )


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DataError(
            f"Expected a readable image, but found {path} damaged ({error}). "
            "Unpack the archive again or delete the file."
        ) from error


def _read_split(folder: Path, limit: int | None) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    files = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    if not files:
        raise DataError(
            f"Expected images as {folder}/<class>/*.jpg or *.png, but found none. {_HELP}"
        )
    chosen = [files[i] for i in spread(len(files), limit)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        arrays = list(pool.map(_read_image, (path for path, _ in chosen)))
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        raise DataError(
            f"Expected images of one size in {folder}, but found {sorted(shapes)}. Resize them."
        )
    images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor([label for _, label in chosen]), classes


@reading()
def image_folder(root: str | Path, *, limit: int | None = None, name: str = "folder") -> Dataset:
    """Return the images in root/train/<class>/ and root/test/<class>/ (jpg or png).

    Args:
        root: Folder with train/ and test/.
        limit: Number of training images, spread over the classes; None takes all.
        name: Name for logs.

    Raises:
        DataError: If a folder is missing or empty, an image is damaged, or sizes differ.
    """
    root = Path(root)
    for split in ("train", "test"):
        if not (root / split).is_dir():
            raise DataError(f"Expected the folder {root / split}, but found none. {_HELP}")
    train_images, train_labels, classes = _read_split(root / "train", limit)
    test_images, test_labels, test_classes = _read_split(root / "test", None)
    if classes != test_classes:
        raise DataError(
            f"Expected the same classes in train and test, but found {list(classes)} and "
            f"{list(test_classes)}. Give both folders one subfolder per class."
        )
    return Dataset(
        name=name,
        source=f"images in {root.resolve()}",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=classes,
    )


def _torchvision(name: str, root: Path, download: bool, limit: int | None) -> Dataset:
    from torchvision import datasets  # slow import, needed only here

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    try:
        if download:
            with unpacking(root) as temporary:
                if not (root / kind.base_folder).exists():  # else another process was faster
                    kind(str(temporary), download=True)
                    put_in_place(temporary / kind.base_folder, root / kind.base_folder)
        train, test = kind(str(root), train=True), kind(str(root), train=False)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"Expected {name} in {root}, but found it missing, damaged or unreachable ({error}). "
            "Delete the damaged folder and repeat with --download, or see the README for images."
        ) from error
    keep = spread(len(train.targets), limit)

    def tensors(split: Any, keep: Sequence[int]) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(split.data[list(keep)]).permute(0, 3, 1, 2).contiguous()
        return images, torch.tensor(split.targets)[list(keep)]

    train_images, train_labels = tensors(train, keep)
    test_images, test_labels = tensors(test, range(len(test.targets)))
    return Dataset(
        name=name,
        source=f"torchvision {name} in {root.resolve()}",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=tuple(train.classes),
    )


@reading()
def cifar(
    name: str = "cifar10",
    root: str | Path | None = None,
    *,
    download: bool = False,
    limit: int | None = None,
) -> Dataset:
    """Return CIFAR-10 or CIFAR-100 from torchvision's files or, for ten classes, an image folder.

    Args:
        name: "cifar10" or "cifar100".
        root: Folder to look in; None looks where `search_folders` says.
        download: Fetch it (checked against its checksum, with progress) if it is not there.
        limit: Number of training images; None takes all.

    Raises:
        DataError: If nothing usable is found; lists what was tried and how to proceed.
    """
    python_files = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}[name]
    tried = []
    for folder in search_folders(root):
        if (folder / python_files).is_dir():
            return _torchvision(name, folder, False, limit)
        tried.append(str(folder / python_files))
        if name == "cifar10" and (folder / "train").is_dir():
            return image_folder(folder, limit=limit, name=name)
        if name == "cifar10":
            tried.append(str(folder / "train"))
    if download:
        return _torchvision(name, search_folders(root)[0], True, limit)
    raise DataError(f"Expected {name}, but found none of {', '.join(tried)}. {_HELP}")
