"""Data arrive whole or not at all: in a temporary folder first, checked, then renamed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["DataError", "arriving", "fetch", "settle"]


class DataError(ValueError):
    """Data that is missing or cannot be read; the message says what to do."""


@contextlib.contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder in `folder`, gone at the end whatever happens.

    Raises:
        DataError: If `folder` cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".arriving-", dir=folder)
    except OSError as error:
        raise DataError(
            f"Expected a folder to write to, but found {folder} closed ({error}). Name another "
            "with --root or SAFLAB_DATA, or ask for permission."
        ) from error
    with temporary as name:
        yield Path(name)


def settle(arrived: Path, target: Path) -> None:
    """Rename `arrived` to `target`; if another process was faster, its copy stays."""
    try:
        arrived.rename(target)
    except OSError as error:
        if not target.exists():
            raise DataError(
                f"Expected to write {target}, but found it impossible ({error}). Free some space "
                "or ask for permission."
            ) from error


def fetch(url: str, path: Path, md5: str) -> None:
    """Download to `path` and check the MD5 sum.

    Raises:
        DataError: If the server cannot be reached, breaks off, or sends something else.
    """
    from torchvision.datasets.utils import download_url  # slow import, needed only here

    try:
        download_url(url, path.parent, path.name, md5)
    except Exception as error:
        raise DataError(
            f"Expected to download {path.name} whole, but found it broken off or unreachable "
            f"({error}). Nothing was kept; try again, or put the archive in place by hand."
        ) from error
