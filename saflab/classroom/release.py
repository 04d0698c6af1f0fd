"""A lab as students get it, and the version that says with what their work is compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from saflab.classroom.course import Course, check_name, converted, gradebook, lock, students
from saflab.files import write

__all__ = ["Release", "release", "released"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """A released lab: source and release notebook, and the version that identifies both."""

    source: Any
    notebook: Any
    version: str


def _version(course: Course, lab: str) -> str:
    digest = hashlib.sha256()
    for kind in ("source", "release"):
        digest.update(course.notebook(kind, lab).read_bytes())
    return digest.hexdigest()


def release(course: Course, lab: str) -> Path:
    """Make what students get: no solution, no hidden test, tests locked. Return its path.

    Raises:
        ValueError: If the lab has no source, or nbgrader refuses it.
    """
    source = course.notebook("source", check_name(lab, "lab"))
    if not source.is_file():
        have = sorted(p.name for p in (course.folder / "source").glob("[!.]*"))
        raise ValueError(f"Expected a lab in {have}, but found {lab!r}.")
    with lock(course):
        converted(course, "GenerateAssignment", lab)
        with gradebook(course) as book:
            for student, row in students(course).items():
                book.update_or_create_student(student, **row)
        made = course.notebook("release", lab)
        text = "\n".join(c.source for c in nbformat.read(made, as_version=4).cells)
        for word in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS", "BEGIN MARK SCHEME"):
            if word in text:
                made.unlink()
                raise ValueError(
                    f"Expected no {word!r} in the release, but found one. Mark it so that nbgrader "
                    "removes it: ### BEGIN …, ### END …"
                )
        mark = {"version": _version(course, lab)}
        write(course.folder / ".saflab" / lab / "release.json", json.dumps(mark))
    return made


def released(course: Course, lab: str) -> Release:
    """Return a released lab.

    Raises:
        ValueError: If it was not released, or its source was changed since.
    """
    mark = course.folder / ".saflab" / check_name(lab, "lab") / "release.json"
    if not mark.is_file() or not course.notebook("release", lab).is_file():
        raise ValueError(
            f"Expected {lab} to be released, but found no release. Run `saflab class release "
            f"{lab}` first."
        )
    version = json.loads(mark.read_text())["version"]
    if version != _version(course, lab):
        raise ValueError(
            f"Expected {lab} as it was released, but found a change in source/ or release/. Run "
            f"`saflab class release {lab}` again."
        )
    return Release(
        source=nbformat.read(course.notebook("source", lab), as_version=4),
        notebook=nbformat.read(course.notebook("release", lab), as_version=4),
        version=version,
    )
