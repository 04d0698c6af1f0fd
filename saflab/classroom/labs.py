"""One source per lab; the release and the solved notebook are made from it.

The sources, with solutions and hidden tests, are in `instructor/labs` of a checkout; an installed
saflab has none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

from saflab.course import lessons

__all__ = ["answers", "folder", "labs", "path", "points", "read", "release", "solved"]


def folder() -> Path:
    """Return the folder of the sources in a checkout: here, or around saflab.

    Raises:
        ValueError: If there is none, as where saflab was installed from a wheel.
    """
    for top in (Path.cwd(), lessons.ROOT):
        if (top / "instructor" / "labs").is_dir():
            return top / "instructor" / "labs"
    raise ValueError(
        "Expected the sources of the labs in instructor/labs, but found none: an installed saflab "
        "holds labs as students get them, without solutions and hidden tests. Run in a clone of "
        "the repository, or pass --labs FOLDER."
    )


def labs() -> tuple[str, ...]:
    """Return the names of the labs, in order."""
    return tuple(sorted(path.stem for path in folder().glob("lab[0-9]/lab[0-9].ipynb")))


def path(lab: str) -> Path:
    """Return where the source of a lab lies.

    Raises:
        ValueError: If there is no such lab.
    """
    if lab not in labs():
        raise ValueError(f"Expected a lab in {list(labs())}, but found {lab!r}.")
    return folder() / lab / f"{lab}.ipynb"


def read(lab: str) -> Any:
    """Return the source notebook, with solutions, hidden tests and outputs."""
    return nbformat.read(path(lab), as_version=4)


def _marked(notebook: Any, what: str) -> dict[str, Any]:
    return {
        cell.metadata.nbgrader.grade_id: cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get(what)
    }


def points(notebook: Any) -> dict[str, int]:
    """Return the points of each test; written answers, marked by a person, are not among them."""
    return {
        name: cell.metadata.nbgrader.points
        for name, cell in _marked(notebook, "grade").items()
        if cell.cell_type == "code"
    }


def answers(notebook: Any) -> dict[str, Any]:
    """Return the code cells that a student fills in, by grade id."""
    cells = _marked(notebook, "solution")
    return {name: cell for name, cell in cells.items() if cell.cell_type == "code"}


def release(lab: str) -> Any:
    """Return what students get, by nbgrader's own preprocessors: no solutions or hidden tests.

    Raises:
        ImportError: If the extra `classroom` (nbgrader) is not installed.
    """
    from nbconvert.exporters.exporter import ResourcesDict
    from nbgrader.preprocessors import (  # optional extra
        CheckCellMetadata,
        ClearHiddenTests,
        ClearMarkScheme,
        ClearOutput,
        ClearSolutions,
        ComputeChecksums,
        LockCells,
    )

    notebook = read(lab)
    resources: Any = ResourcesDict()
    clear = (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests, ClearMarkScheme)
    for step in (*clear, ComputeChecksums, CheckCellMetadata):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


def solved(lab: str) -> Any:
    """Return the release with every answer filled in from the source, marks removed."""
    notebook, source = release(lab), read(lab)
    for name, cell in _marked(notebook, "solution").items():
        cell.source = _without_marks(_marked(source, "solution")[name].source)
    return notebook


def _without_marks(text: str) -> str:
    return re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", text, flags=re.M).rstrip("\n")
