"""Data arrive whole or not at all: in a temporary folder first, checked, then renamed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from saflab.data.dataset import DataError

__all__ = ["arriving", "fetch", "reading", "settle"]


@contextlib.contextmanager
def arriving(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder in `folder`, gone at the end whatever happens.

    Another process that asks for the same `folder` waits, so look again at what is there. What a
    killed process left is removed.

    Raises:
        DataError: If `folder` cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock").acquire()
    except OSError as error:
        raise _closed(folder, error) from error
    with lock:
        for half in folder.glob(".arriving-*"):
            shutil.rmtree(half, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".arriving-", dir=folder) as name:
            yield Path(name)


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Turn the system's refusal to read into one that says what to do; also a decorator."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Expected data that can be read, but found a refusal ({error}). Ask for permission, "
            "or name another folder with --root or SAFLAB_DATA."
        ) from error


def _closed(path: Path, error: OSError) -> DataError:
    return DataError(
        f"Expected to write {path}, but found it impossible ({error}). Free some space, ask for "
        "permission, or name another folder with --root or SAFLAB_DATA."
    )


def settle(arrived: Path, target: Path) -> None:
    """Rename `arrived` to `target`.

    Raises:
        DataError: If that cannot be.
    """
    try:
        arrived.rename(target)
    except OSError as error:
        raise _closed(target, error) from error


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
