"""The folder of a course, in nbgrader's layout, so that nbgrader's own tools work on it, too.

nbgrader_config.py  students.csv  gradebook.db
source/LAB/LAB.ipynb              with solutions; never shown to a submission
release/LAB/LAB.ipynb             what students get
submitted/STUDENT/LAB/LAB.ipynb   what they hand in; never changed
autograded/  feedback/            made by `grade` and `feedback`
.saflab/                          one record per submission: what was graded, and how it ended
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saflab.files import BusyError, locked, write
from saflab.machine import optional

__all__ = [
    "Course",
    "check_name",
    "converted",
    "find",
    "gradebook",
    "init",
    "lock",
    "require_nbgrader",
    "students",
]

_CONFIG = '''"""nbgrader's settings for this course; `saflab class` reads them, too."""

from pathlib import Path

folder = Path(__file__).resolve().parent
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {name!r}
c.CourseDirectory.root = str(folder)
c.CourseDirectory.db_url = f"sqlite:///{{folder}}/gradebook.db"
# What a submission prints is shown to the teacher: no scripts in it.
c.HTMLExporter.sanitize_html = True
# nbgrader would run submissions as you. `saflab class grade` runs them in a sandbox.
c.Autograde.sanitize_preprocessors = ["saflab.classroom.nbgrader_guard.Refuse"]
'''
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")


@dataclass(frozen=True)
class Course:
    """A course's folder, absolute."""

    folder: Path

    def notebook(self, kind: str, lab: str, student: str = "") -> Path:
        """Return where nbgrader keeps a lab's notebook: kind is source, release, submitted, …"""
        return self.folder / kind / student / lab / f"{lab}.ipynb"


def require_nbgrader() -> None:
    """Raise if the classroom extra is missing; let nbgrader find alembic, which it calls."""
    if shutil.which("alembic") is None:
        scripts = str(Path(sys.executable).parent)
        os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with optional("classroom"):
        importlib.import_module("nbgrader")


def check_name(name: str, what: str) -> str:
    """Return a name that is safe in paths and in nbgrader's patterns.

    Raises:
        ValueError: If it is not.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"Expected a {what} of letters, digits and _ . @ -, but found {name!r}. Rename it."
        )
    return name


def find(folder: Path) -> Course:
    """Return the course in a folder.

    Raises:
        ValueError: If there is none.
    """
    require_nbgrader()
    folder = folder.resolve()
    if not (folder / "nbgrader_config.py").is_file():
        raise ValueError(
            f"Expected a course in {folder}, but found no nbgrader_config.py there. Run `saflab "
            "class init FOLDER` first, then go into the folder or pass --course FOLDER."
        )
    return Course(folder)


def init(folder: Path, labs: Path) -> tuple[Course, list[str]]:
    """Make a course's folder with the labs as sources; return it and the labs. Keeps what exists.

    Raises:
        ValueError: If `labs` holds no lab.
    """
    require_nbgrader()
    names = sorted(p.parent.name for p in labs.glob("*/*.ipynb") if p.stem == p.parent.name)
    if not names:
        raise ValueError(
            f"Expected LAB/LAB.ipynb in {labs}, but found none. Run in a clone of the repository, "
            "or pass --labs FOLDER."
        )
    folder = folder.resolve()
    for name in names:
        if "### BEGIN SOLUTION" not in (labs / name / f"{name}.ipynb").read_text(encoding="utf-8"):
            raise ValueError(
                f"Expected the source of {name}, but found it without solutions in {labs}. Pass "
                "the folder of the sources with --labs: instructor/labs in a clone of the "
                "repository."
            )
        target = folder / "source" / name
        if not (target / f"{name}.ipynb").exists():
            _copy_lab(labs / name, target)
    for path, text in (
        (folder / "students.csv", "id,first_name,last_name,email\n"),
        (folder / "nbgrader_config.py", _CONFIG.format(name=folder.name)),
    ):
        if not path.exists():
            write(path, text)
    (folder / "submitted").mkdir(exist_ok=True)
    folder.chmod(0o700)
    return Course(folder), names


def _copy_lab(source: Path, target: Path) -> None:
    """Copy the files of a lab, its notebook last: where that is, all are."""
    files = [p for p in source.rglob("*") if p.is_file()]
    for path in sorted(files, key=lambda p: p.name == f"{source.name}.ipynb"):
        inside = path.relative_to(source)
        if not any(part.startswith((".", "__")) for part in inside.parts):
            write(target / inside, path.read_bytes())


@contextlib.contextmanager
def lock(course: Course) -> Iterator[None]:
    """Let one command at a time change the course; the system frees it when the process ends."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(course.folder / ".saflab" / "lock", wait=False))
        except BusyError:
            raise ValueError(
                "Expected to work alone, but found another `saflab class` at work in this course. "
                "Wait until it has ended."
            ) from None
        yield


def _config(course: Course) -> Any:
    from traitlets.config.loader import PyFileConfigLoader

    return PyFileConfigLoader("nbgrader_config.py", path=str(course.folder)).load_config()


def converted(course: Course, converter: str, lab: str, student: str = "*", **folders: str) -> None:
    """Run one of nbgrader's converters for a lab, replacing what it had made before.

    Raises:
        ValueError: If it fails, with what nbgrader said.
    """
    from nbgrader import converters, preprocessors
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from sqlalchemy.exc import SAWarning

    config = _config(course)
    config.CourseDirectory.root = str(course.folder)
    config.CourseDirectory.update(folders)
    # Without nbgrader's Execute: what is entered was executed in the sandbox.
    config.Autograde.sanitize_preprocessors = [preprocessors.OverwriteCells]
    config.Autograde.autograde_preprocessors = [
        preprocessors.LimitOutput,
        preprocessors.SaveAutoGrades,
        preprocessors.AssignLatePenalties,
        preprocessors.CheckCellMetadata,
    ]
    log, errors = logging.getLogger("saflab.nbgrader"), _ErrorLines()
    log.handlers, log.propagate = [errors], False
    directory = CourseDirectory(config=config, log=log)
    directory.assignment_id, directory.student_id = lab, student
    tool = getattr(converters, converter)(coursedir=directory, config=config, log=log)
    tool.force = True
    try:
        with warnings.catch_warnings():
            # nbgrader's own use of SQLAlchemy, not something a teacher could mend.
            warnings.simplefilter("ignore", SAWarning)
            tool.start()
    except (NbGraderException, SystemExit) as error:
        reason = " ".join(errors.lines) or str(error)
        raise ValueError(f"Expected {lab} to pass nbgrader, but found: {reason}") from None


class _ErrorLines(logging.Handler):
    """Keeps what nbgrader reports as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().strip().splitlines()[-1])


def gradebook(course: Course) -> Any:
    """Open nbgrader's gradebook; use it in a `with` statement."""
    from nbgrader.api import Gradebook

    directory = _config(course).CourseDirectory
    return Gradebook(directory.db_url, directory.course_id)


def students(course: Course) -> dict[str, dict[str, str]]:
    """Return the rows of students.csv by id.

    Raises:
        ValueError: If the file lacks the column id, or an id cannot be a folder's name.
    """
    path = course.folder / "students.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and "id" not in rows[0]:
        raise ValueError(f"Expected a column id in {path}, but found {list(rows[0])}. Add it.")
    fields = ("first_name", "last_name", "email")
    return {
        check_name(row["id"].strip(), "student id"): {f: (row.get(f) or "").strip() for f in fields}
        for row in rows
        if (row["id"] or "").strip()
    }
