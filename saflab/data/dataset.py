"""A classification task as tensors: loaded once, kept as uint8."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["DataError", "Dataset", "check", "choose", "search_folders", "spread"]


class DataError(ValueError):
    """Data that is missing or cannot be read; the message says what to do."""


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
                f"{tuple(self.train_images.shape[1:])} and {tuple(self.test_images.shape[1:])}. "
                "Resize them."
            )

    @classmethod
    def of(
        cls,
        name: str,
        source: str,
        classes: tuple[str, ...],
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
    ) -> Dataset:
        """Return a dataset from the images and labels of each split."""
        return cls(
            name=name,
            source=source,
            train_images=train[0],
            train_labels=train[1],
            test_images=test[0],
            test_labels=test[1],
            classes=classes,
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
        return replace(self, **tensors)


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


def search_folders(root: str | Path | None = None) -> list[Path]:
    """Return the folders searched for data: `root` alone if given, else the usual places."""
    if root is not None:
        return [Path(root).expanduser()]
    named = os.environ.get("SAFLAB_DATA")
    if named:
        return [Path(named).expanduser()]
    try:
        return [Path("data"), Path.home() / ".cache" / "saflab"]
    except RuntimeError:  # a user without an entry in the system's list, and without HOME
        return [Path("data")]


def spread(n: int, limit: int | None) -> Sequence[int]:
    """Return `limit` indices spread evenly over 0…n−1 (all if None).

    Raises:
        ValueError: If the limit is no whole number of at least 1.
    """
    if limit is not None and not (isinstance(limit, int) and limit >= 1):
        raise ValueError(
            f"Expected a limit of at least 1 image, but found {limit!r}. Leave it out to take all."
        )
    if limit is None or limit >= n:
        return range(n)
    return [i * n // limit for i in range(limit)]


def choose(labels: Sequence[int], limit: int | None) -> Sequence[int]:
    """Return the indices of `limit` samples, spread evenly over the classes (all if None).

    >>> choose([0, 1, 0, 1, 0, 1], 2)
    [0, 1]
    """
    by_class = sorted(range(len(labels)), key=labels.__getitem__)
    return sorted(by_class[i] for i in spread(len(labels), limit))
