"""Archives laid into a data folder by hand: checked, then unpacked without leaving the folder."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import IO

from saflab.data.dataset import DataError
from saflab.data.download import put_in_place
from saflab.data.folders import is_hidden, printable

__all__ = ["check_md5", "extract", "unpack"]


def check_md5(archive: Path, md5: str) -> None:
    """Compare a file with its published MD5 sum.

    Raises:
        DataError: If they differ.
    """
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise DataError(
            f"Expected {archive} with the published MD5 sum {md5}, but found {found}: it is "
            "damaged or of another kind. Delete it and fetch it again."
        )


def unpack(archive: Path, names: Sequence[str], temporary: Path) -> None:
    """Unpack an archive (and zip archives in it) and move its folders `names` beside `temporary`.

    Args:
        archive: A tar archive of any compression, or .zip.
        names: The folders to keep; those that are already there stay. The last marks the end.
        temporary: An empty folder.

    Raises:
        DataError: If the archive is damaged, unsafe or lacks a folder, or the disk is full.
    """
    try:
        extract(archive, temporary)
        for inner in temporary.glob("*.zip"):
            extract(inner, temporary)
    except DataError:
        raise
    except Exception as error:  # zipfile, tarfile, zlib and lzma have errors of their own
        raise DataError(
            f"Expected to unpack {archive}, but found it damaged, or no space ({error}). Free some "
            "space; if the archive is damaged, delete it and fetch it again."
        ) from error
    for name in names:
        if not (temporary / name).is_dir():
            raise DataError(
                f"Expected {name}/ in {archive}, but found none. Fetch the archive again."
            )
    for name in names:
        if not (temporary.parent / name).exists():
            put_in_place(temporary / name, temporary.parent / name)


def extract(archive: Path, folder: Path) -> None:
    """Write the files of a tar or zip archive below `folder`; hidden files are left out.

    Raises:
        DataError: If a member would be written elsewhere, is no plain file, or does not fit.
    """
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for item in packed.infolist():
                if not item.is_dir() and (target := _target(archive, folder, item.filename)):
                    with packed.open(item) as source:
                        _write(source, target, item.file_size)
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isdir() or not (target := _target(archive, folder, member.name)):
                continue
            source = packed.extractfile(member) if member.isreg() else None
            if source is None:
                raise DataError(
                    f"Expected plain files in {archive}, but found {printable(member.name)}, a "
                    "link or device. Fetch the archive from its publisher."
                )
            with source:
                _write(source, target, member.size)


def _target(archive: Path, folder: Path, name: str) -> Path | None:
    """Return where a member is written, None if it is hidden."""
    path = PureWindowsPath(name)  # which takes / and \\ for separators, and knows drives
    if path.anchor or ".." in path.parts:
        raise DataError(
            f"Expected files inside {archive}, but found {printable(name)}, which leads out of the "
            "folder. Fetch the archive from its publisher."
        )
    return None if any(map(is_hidden, path.parts)) else folder / name


def _write(source: IO[bytes], target: Path, size: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if size > 2**20 and size > (free := shutil.disk_usage(target.parent).free):
        raise DataError(
            f"Expected {size:,} bytes of free space for {printable(target.name)}, but found "
            f"{free:,}. Free some space."
        )
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)
