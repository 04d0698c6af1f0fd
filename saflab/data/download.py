"""Data are downloaded and unpacked in a temporary folder, checked, then renamed as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from saflab.data.dataset import DataError
from saflab.files import temporary_folder

__all__ = ["fetch", "put_in_place", "reading", "unpacking"]


@contextlib.contextmanager
def unpacking(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder in `folder`, removed at the end.

    Another process that asks for the same `folder` waits, so look again at what is there. What a
    killed process left is removed.

    Raises:
        DataError: If `folder` cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            temporary = stack.enter_context(temporary_folder(folder))
        except OSError as error:
            raise _closed(folder, error) from error
        yield temporary


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
        f"Expected to write {path}, but found that it cannot be written ({error}). Free some "
        "space, ask for permission, or name another folder with --root or SAFLAB_DATA."
    )


def put_in_place(unpacked: Path, target: Path) -> None:
    """Rename `unpacked` to `target`.

    Raises:
        DataError: If that cannot be.
    """
    try:
        unpacked.rename(target)
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
