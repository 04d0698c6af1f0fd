"""What students handed in: found, taken over without losing anything, read without trust."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from saflab.classroom.course import Course, check_name, lock
from saflab.files import write

__all__ = ["LARGEST", "collect", "read", "submitted"]

LARGEST = 20 * 2**20
"""Bytes of the largest notebook that is read."""


def read(path: Path) -> bytes:
    """Return the bytes of a submitted notebook.

    Raises:
        ValueError: If it is missing, a link, no regular file, or too large.
    """
    try:
        # A link could lead to another submission; a pipe would never end.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ValueError(f"there is no {path.name} in the folder") from None
    except OSError as error:
        raise ValueError(f"{path.name} cannot be opened ({error.strerror})") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path.name} is not a file")
        if status.st_size > LARGEST:
            size = status.st_size / 2**20
            raise ValueError(f"{path.name} has {size:.0f} MB; at most {LARGEST // 2**20} are read")
        return file.read(LARGEST)


def submitted(course: Course, lab: str) -> list[str]:
    """Return who handed in a folder for this lab, in order.

    Raises:
        ValueError: If a folder's name cannot be a student's id.
    """
    folder = course.folder / "submitted"
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    links = {path for path in found if path.is_symlink() or (path / lab).is_symlink()}
    return sorted(
        check_name(path.name, "student's folder")
        for path in found
        if path not in links and (path / lab).is_dir()
    )


def collect(course: Course, lab: str, folder: Path) -> dict[str, str]:
    """Take over a folder of submissions; return what was done by student.

    Understood are STUDENT.ipynb, STUDENT/LAB.ipynb, STUDENT/LAB/LAB.ipynb and a folder STUDENT
    with one notebook of any name. An earlier submission is moved to replaced/, never deleted.

    Raises:
        ValueError: If there is no such folder, a name cannot be a student's id, or another command
            is at work in this course.
    """
    if not folder.is_dir():
        raise ValueError(f"Expected a folder of submissions, but found no {folder}.")
    with lock(course):
        return dict(_taken(course, lab, folder))


def _taken(course: Course, lab: str, folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not (path.is_dir() or path.suffix == ".ipynb"):
            continue
        student = check_name(path.stem if path.suffix == ".ipynb" else path.name, "student id")
        target = course.notebook("submitted", lab, student)
        target.parent.mkdir(parents=True, exist_ok=True)  # handed in, whatever is in it
        try:
            content = read(_choose(path, lab))
        except ValueError as error:
            yield student, f"not taken: {error}"
            continue
        if target.exists():
            before = target.read_bytes()
            if before == content:
                yield student, "as before"
                continue
            name = hashlib.sha256(before).hexdigest()[:12]
            kept = course.folder / "replaced" / student / lab / f"{name}.ipynb"
            write(kept, before)
        what = "replaced" if target.exists() else "new"
        write(target, content)
        yield student, what


def _choose(path: Path, lab: str) -> Path:
    if path.suffix == ".ipynb":
        return path
    for candidate in (path / lab / f"{lab}.ipynb", path / f"{lab}.ipynb"):
        if candidate.exists():
            return candidate
    found = [p for p in path.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    if len(found) != 1:
        raise ValueError(f"{len(found)} notebooks in the folder, none of them {lab}.ipynb")
    return found[0]
