"""Locks, whole lines and atomic writes: files that are complete or absent after a crash."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = [
    "BusyError",
    "append_line",
    "leftovers",
    "locked",
    "replacing",
    "temporary_folder",
    "write",
]


class BusyError(RuntimeError):
    """Another process, or another part of this one, holds a lock."""


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`; the system releases it when the process ends, however it ends.

    Missing folders are made. Errors are the system's own.

    Args:
        path: The lock file; it stays.
        wait: Wait for the lock; without it a lock that is held is an error.

    Raises:
        BusyError: If the lock is held elsewhere and `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path).acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise BusyError(f"{path} is locked by another process") from error
    except NotImplementedError as error:  # a file system without locks
        raise OSError(f"{path.parent} is on a file system without file locks") from error
    with lock:
        yield


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; at the end it replaces `path`, on an error it goes.

    Missing folders are made. Errors are the system's own.

    Raises:
        OSError: If `path` is a device, a pipe or a folder, which must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it is no regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path: Path, content: str | bytes) -> None:
    """Write `content` to `path`; text as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def leftovers(path: Path) -> list[Path]:
    """Return the temporary files that killed processes left when they wrote `path`."""
    return list(path.parent.glob(f".{path.name}.*.tmp"))


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder in `folder`, removed at the end; `folder` is locked meanwhile.

    What killed processes left is removed. Missing folders are made. Errors are the system's own.
    """
    with locked(folder / ".lock"):
        for left in folder.glob(".unpacking-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as name:
            yield Path(name)


def append_line(path: Path, line: str, *, restart: bool = False) -> None:
    """Append a line of JSON as a whole or not at all.

    A last line that a crash cut off is removed first, so that every line can be read.

    Args:
        path: The file; made if it is missing.
        line: Without the line break.
        restart: Empty the file first.

    Raises:
        OSError: If it cannot be written; no part of `line` is then in the file.
    """
    with path.open("w+b" if restart else "a+b", buffering=0) as file:
        data = _repair(file) + f"{line}\n".encode()
        size = file.seek(0, os.SEEK_END)
        try:
            written = file.write(data)
        except OSError:
            file.truncate(size)
            raise
        if written != len(data):
            file.truncate(size)
            raise OSError(f"{written} of {len(data)} bytes written; is the disk full?")


def _repair(file: FileIO) -> bytes:
    """Remove a last line that was cut off; return the line break that a complete one lacks."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    if file.read(1) == b"\n":
        return b""
    file.seek(0)
    content = file.read()
    end = content.rfind(b"\n") + 1
    try:
        json.loads(content[end:])
    except ValueError:
        file.truncate(end)
        return b""
    return b"\n"
