"""Write the labs as students get them from their sources: python -m tools.student_labs.

Lessons, GitHub, Binder, `saflab lab` and the wheel all lead to `notebooks/labs`. The sources, with
solutions and hidden tests, are in `instructor/labs`.
"""

from __future__ import annotations

from pathlib import Path

import nbformat

from saflab.classroom.labs import labs, release
from saflab.course.lessons import ROOT
from saflab.files import write

__all__ = ["student_lab", "target"]


def target(lab: str) -> Path:
    """Return where the student's version of a lab lies."""
    return ROOT / "notebooks" / "labs" / lab / f"{lab}.ipynb"


def student_lab(lab: str) -> str:
    """Return the text of the student's version: nbgrader's release of the source.

    Raises:
        ValueError: If there is no such lab.
    """
    notebook = release(lab)
    notebook.metadata.pop("saflab", None)  # the hash of the source's code
    return nbformat.writes(notebook) + "\n"


if __name__ == "__main__":
    for name in labs():
        write(target(name), student_lab(name))
        print(target(name))
