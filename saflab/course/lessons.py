"""Where the course lies, and what each of its lessons holds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["KERNEL", "Lesson", "course_folder", "labs", "lessons", "notebooks"]

INSTALLED = Path(__file__).resolve().parent / "notebooks"  # only in an installed wheel
ROOT = Path(__file__).resolve().parents[2]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""The kernelspec of every notebook."""
_CHECK = re.compile(r"checks\.(check_\w+)\(")
_MINUTES = re.compile(r"(\d+)\s*(?:min\b|minutes)")


def course_folder() -> Path:
    """Return the folder of the course: that of a checkout, here or around saflab, else installed.

    Raises:
        ValueError: If there is none.
    """
    for folder in (Path.cwd() / "notebooks", ROOT / "notebooks", INSTALLED):
        if (folder / "00_start.ipynb").is_file():
            return folder
    raise ValueError(
        f"Expected the notebooks in {INSTALLED}, but found none. Install saflab again, "
        "or work in a clone of the repository."
    )


def notebooks(folder: Path | None = None) -> list[Path]:
    """Return the lessons in order."""
    return sorted((folder or course_folder()).glob("[0-9][0-9]_*.ipynb"))


def labs(folder: Path | None = None) -> list[Path]:
    """Return the graded labs in order, as students get them."""
    return sorted((folder or course_folder() / "labs").glob("lab[0-9]/lab[0-9].ipynb"))


@dataclass(frozen=True)
class Lesson:
    """A lesson: its title, the exercises that it checks, and how long it takes.

    Args:
        name: File name without suffix.
        title: First heading.
        minutes: As its first cell states them; None if it does not.
        exercises: Names of the checks that it calls, in order.
    """

    name: str
    title: str
    minutes: int | None
    exercises: tuple[str, ...]


def lessons(folder: Path) -> list[Lesson]:
    """Return the lessons and labs in a folder of notebooks, in order."""
    paths = [*sorted(folder.glob("[0-9][0-9]_*.ipynb")), *sorted(folder.glob("labs/*/*.ipynb"))]
    return [_lesson(path) for path in paths]


def _lesson(path: Path) -> Lesson:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    words = [s for s, cell in zip(sources, cells, strict=True) if cell["cell_type"] == "markdown"]
    code = [s for s, cell in zip(sources, cells, strict=True) if cell["cell_type"] == "code"]
    minutes = _MINUTES.search(words[0]) if words else None
    title = words[0].splitlines()[0].lstrip("# ") if words else path.stem
    names = (name for source in code for name in _CHECK.findall(source))
    return Lesson(
        path.stem, title, int(minutes[1]) if minutes else None, tuple(dict.fromkeys(names))
    )
