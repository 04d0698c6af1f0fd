"""Write the tables of docs/labs.md anew from the labs: python -m tools.lab_tables."""

from __future__ import annotations

from benchmarks.rehearsal.mistakes import MISTAKES
from saflab.classroom.labs import answers, labs, points, read
from saflab.files import write
from tools import ROOT
from tools.markdown import replaced, rows

__all__ = ["DOCUMENT", "updated"]

DOCUMENT = ROOT / "docs" / "labs.md"


def _points(lab: str) -> str:
    source = read(lab)
    marks = points(source)
    hidden = {
        cell.metadata.nbgrader.grade_id
        for cell in source.cells
        if "BEGIN HIDDEN" in cell.source and "nbgrader" in cell.metadata
    }
    cells = [
        [number, f"`{test}`", worth, "yes" if test in hidden else "no"]
        for number, answer in enumerate(answers(source), 1)
        for test, worth in marks.items()
        if test.startswith(f"{answer}_")
    ]
    lines = rows(["task", "test", "points", "hidden part"], cells)
    return "\n".join([*lines, f"| | **autograded** | **{sum(marks.values())}** | |"])


def _mistakes(lab: str) -> str:
    source = read(lab)
    marks, number = points(source), {name: i for i, name in enumerate(answers(source), 1)}
    cells = []
    for mistake in MISTAKES[lab]:
        tests = ", ".join(f"`{test}`" for test in mistake.caught)
        lost = sum(marks[test] for test in mistake.caught)
        why = mistake.why.replace("|", "\\|")
        cells.append([number[mistake.answer], mistake.name, why, tests, lost])
    return "\n".join(rows(["task", "wrong answer", "what happened", "caught by", "loses"], cells))


def updated(page: str) -> str:
    """Return the page with every table between its markers written anew.

    Raises:
        ValueError: If a marker is missing.
    """
    for lab in labs():
        page = replaced(page, f"{lab} points", _points(lab))
        page = replaced(page, f"{lab} mistakes", _mistakes(lab))
    return page


if __name__ == "__main__":
    write(DOCUMENT, updated(DOCUMENT.read_text(encoding="utf-8")))
    print(DOCUMENT)
