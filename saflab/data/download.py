"""Data are complete or absent: written to a temporary folder, checked, then renamed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from saflab.data.dataset import DataError
from saflab.files import temporary_folder

__all__ = ["explain_read_errors", "fetch", "put_in_place", "unpacking"]


@contextlib.contextmanager
def unpacking(folder: Path) -> Iterator[Path]:
    """Yield a new folder in `folder`, removed at the end; `folder` is locked meanwhile.

    Another process that asks for the same `folder` waits, so look again at what is there. What a
    killed process left is removed.

    Raises:
        DataError: If `folder` cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            temporary = stack.enter_context(temporary_folder(folder))
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield temporary


@contextlib.contextmanager
def explain_read_errors() -> Iterator[None]:
    """Turn the system's errors of reading into a `DataError` with a remedy; also a decorator."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Expected data that can be read, but found an error ({error}). Ask for permission, "
            "or name another folder with --root or SAFLAB_DATA."
        ) from error


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"Expected to write {path}, but found an error ({error}). Free some space, ask for "
        "permission, or name another folder with --root or SAFLAB_DATA."
    )


def put_in_place(source: Path, target: Path) -> None:
    """Rename `source` to `target`.

    Raises:
        DataError: If the system refuses.
    """
    try:
        source.rename(target)
    except OSError as error:
        raise _unwritable(target, error) from error


def fetch(url: str, path: Path, md5: str) -> None:
    """Download to `path` and check the MD5 sum.

    Raises:
        DataError: If the server cannot be reached, the connection ends early, or the sum differs.
    """
    from torchvision.datasets.utils import download_url  # slow import, needed only here

    try:
        download_url(url, path.parent, path.name, md5)
    except Exception as error:
        raise DataError(
            f"Expected to download {path.name} whole, but found the server unreachable or the "
            f"file incomplete ({error}). Nothing was kept; try again with --download, or put the "
            "archive in place by hand."
        ) from error
