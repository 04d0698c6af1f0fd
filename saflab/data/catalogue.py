"""Every dataset by its name, through one `load`."""

from __future__ import annotations

import os
from pathlib import Path

from saflab.data.cifar import cifar, is_present
from saflab.data.dataset import DataError, Dataset, search_folders
from saflab.data.event_cameras import EVENTS, event_frames
from saflab.data.images import digits

__all__ = ["DATASETS", "load"]

DATASETS = ("auto", "cifar10", "cifar100", "digits", *EVENTS)


def load(
    name: str = "auto",
    root: str | Path | None = None,
    *,
    steps: int = 4,
    download: bool = False,
    limit: int | None = None,
) -> Dataset:
    """Return a dataset by name; "auto" is CIFAR-10 where it is found, else digits.

    The caller announces `Dataset.name` and `Dataset.source`, so that the choice is seen.

    Args:
        name: One of `DATASETS`.
        root: Folder to look in; None looks where `search_folders` says.
        steps: T ≥ 1, frames per recording of an event camera; images have no time.
        download: Fetch it (checked against its checksum) if it is not there.
        limit: Number of training images, spread over the classes; None takes all.

    Raises:
        DataError: As `cifar` and `event_frames`; with "auto" only if `root` or SAFLAB_DATA names
            a folder.
        ValueError: If a number is below 1 or there is no such dataset.

    >>> load("digits").shape
    (1, 8, 8)
    """
    if name not in DATASETS:
        raise ValueError(f"Expected a dataset in {list(DATASETS)}, but found {name!r}.")
    if name in EVENTS:
        return event_frames(name, root, steps=steps, download=download, limit=limit)
    if name == "digits":
        return digits(limit=limit)
    if name != "auto":
        return cifar(name, root, download=download, limit=limit)
    try:
        return cifar("cifar10", root, download=download, limit=limit)
    except DataError:
        # A folder that was named must work; only an unnamed search may end in digits.
        named = root is not None or os.environ.get("SAFLAB_DATA") or download
        if named or any(is_present("cifar10", folder) for folder in search_folders()):
            raise
        return digits(limit=limit)
