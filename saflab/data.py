"""Image datasets as tensors: loaded once, kept as uint8, augmented elsewhere (`augment`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from saflab.download import DataError, arriving, reading, settle

__all__ = [
    "DataError",
    "Dataset",
    "check",
    "cifar",
    "digits",
    "image_folder",
    "load",
    "search_folders",
]

DATASETS = ("auto", "cifar10", "cifar100", "digits")
_SUFFIXES = (".jpg", ".jpeg", ".png")
_HELP = (
    "Unpack CIFAR-10 as train/<class>/*.jpg and test/<class>/*.jpg (or torchvision's "
    "cifar-10-batches-py), set SAFLAB_DATA to that folder, or pass --download."
)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images and labels of a classification task.

    Args:
        name: Name for logs.
        source: Where it came from.
        train_images: uint8, shape (N, C, H, W), 0…255; or (N, T, C, H, W), frames over time.
        train_labels: int64, shape (N,).
        test_images: As `train_images`.
        test_labels: As `train_labels`.
        classes: Class names.
    """

    name: str
    source: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            check(images, labels, len(self.classes))
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"Expected images of one shape to train and test, but found "
                f"{tuple(self.train_images.shape[1:])} and {tuple(self.test_images.shape[1:])}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return tuple(self.train_images.shape[-3:])

    def moments(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation per channel of the training images, in [0, 1]."""
        # Channel by channel, so that the float copy stays small.
        channels = [self.train_images.select(-3, c).float() / 255.0 for c in range(self.shape[0])]
        return [float(c.mean()) for c in channels], [float(c.std()) for c in channels]

    def to(self, device: torch.device) -> Dataset:
        """Return the dataset with its tensors on `device`."""
        tensors = {
            field: getattr(self, field).to(device)
            for field in ("train_images", "train_labels", "test_images", "test_labels")
        }
        return Dataset(name=self.name, source=self.source, classes=self.classes, **tensors)


def check(images: Tensor, labels: Tensor, classes: int | None = None) -> None:
    """Refuse images or labels that are not as `Dataset` says.

    Raises:
        DataError: If a shape, dtype or label is not.
    """
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) not in (4, 5) or 0 in shape[1:]:
        raise DataError(
            f"Expected uint8 images (N, C, H, W) or (N, T, C, H, W), but found {images.dtype} of "
            f"shape {shape}. Convert to 0…255 and put channels before rows."
        )
    if labels.dtype != torch.int64 or labels.shape != shape[:1]:
        raise DataError(
            f"Expected {shape[0]} int64 labels, one per image, but found {labels.dtype} of shape "
            f"{tuple(labels.shape)}."
        )
    low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    if classes is not None and not 0 <= low <= high < classes:
        raise DataError(
            f"Expected labels in 0…{classes - 1}, but found {low} to {high}. Name every class, "
            "and number them from 0."
        )


def digits() -> Dataset:
    """Return scikit-learn's bundled handwritten digits, 8×8 grey: 1,437 to train, 360 to test.

    >>> found = digits()
    >>> found.shape, len(found.train_labels), len(found.test_labels)
    ((1, 8, 8), 1437, 360)
    """
    from sklearn.datasets import load_digits  # slow import, needed only here

    raw: Any = load_digits()
    images = torch.from_numpy((raw.images * (255.0 / 16.0)).round().astype(np.uint8))[:, None]
    labels = torch.from_numpy(raw.target.astype(np.int64))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return Dataset(
        name="digits",
        source="scikit-learn load_digits (bundled)",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        classes=tuple("0123456789"),
    )


def search_folders(root: str | Path | None = None) -> list[Path]:
    """Return the folders searched for data: `root` alone if given, else the usual places."""
    if root is not None:
        return [Path(root).expanduser()]
    named = os.environ.get("SAFLAB_DATA")
    if named:
        return [Path(named).expanduser()]
    return [Path("data"), Path.home() / ".cache" / "saflab"]


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise DataError(
            f"Expected a readable image, but found {path} damaged ({error}). "
            "Unpack the archive again or delete the file."
        ) from error


def spread(n: int, limit: int | None) -> Sequence[int]:
    """Return `limit` indices spread evenly over 0…n−1 (all if None)."""
    if limit is None or limit >= n:
        return range(n)
    return [i * n // limit for i in range(limit)]


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
            with arriving(root) as temporary:
                if not (root / kind.base_folder).exists():  # else another process was faster
                    kind(str(temporary), download=True)
                    settle(temporary / kind.base_folder, root / kind.base_folder)
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


def load(
    name: str = "auto",
    root: str | Path | None = None,
    *,
    download: bool = False,
    limit: int | None = None,
) -> Dataset:
    """Return a dataset by name; "auto" is CIFAR-10 where it is found, else digits.

    The caller announces `Dataset.name` and `Dataset.source`, so that the choice is seen.

    Raises:
        DataError: As `cifar`; with "auto" only if `root` or SAFLAB_DATA names a folder.
        ValueError: If `limit` is below 1 or there is no such dataset.
    """
    if name not in DATASETS:
        raise ValueError(f"Expected a dataset in {list(DATASETS)}, but found {name!r}.")
    if limit is not None and limit < 1:
        raise ValueError(f"Expected a limit of at least 1 image, but found {limit}.")
    if name == "digits":
        return digits()
    if name != "auto":
        return cifar(name, root, download=download, limit=limit)
    try:
        return cifar("cifar10", root, download=download, limit=limit)
    except DataError:
        # A folder that was named must work; only an unnamed search may end in digits.
        if root is not None or os.environ.get("SAFLAB_DATA") or download or _present():
            raise
        return digits()


def _present() -> bool:
    names = ("cifar-10-batches-py", "train")
    return any((folder / name).exists() for folder in search_folders() for name in names)
