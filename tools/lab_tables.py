"""Write the tables of docs/labs.md from the labs and the known wrong answers.

python -m tools.lab_tables
"""

from __future__ import annotations

from benchmarks.rehearsal.mistakes import MISTAKES
from saflab.classroom.labs import LABS, answers, points, read
from saflab.course.lessons import ROOT
from tools.markdown import replaced

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
    lines = ["| task | test | points | hidden part |", "|---|---|---|---|"]
    for number, answer in enumerate(answers(source), 1):
        for test, worth in marks.items():
            if test.startswith(f"{answer}_"):
                seen = "yes" if test in hidden else "no"
                lines.append(f"| {number} | `{test}` | {worth} | {seen} |")
    lines.append(f"| | **autograded** | **{sum(marks.values())}** | |")
    return "\n".join(lines)


def _mistakes(lab: str) -> str:
    source = read(lab)
    marks, number = points(source), {name: i for i, name in enumerate(answers(source), 1)}
    lines = ["| task | wrong answer | what happened | caught by | loses |", "|---|---|---|---|---|"]
    for mistake in MISTAKES[lab]:
        tests = ", ".join(f"`{test}`" for test in mistake.caught)
        lost = sum(marks[test] for test in mistake.caught)
        why = mistake.why.replace("|", "\\|")
        lines.append(f"| {number[mistake.answer]} | {mistake.name} | {why} | {tests} | {lost} |")
    return "\n".join(lines)


def updated(page: str) -> str:
    """Return the page with every table between its markers written anew.

    Raises:
        ValueError: If a marker is missing.
    """
    for lab in LABS:
        page = replaced(page, f"{lab} points", _points(lab))
        page = replaced(page, f"{lab} mistakes", _mistakes(lab))
    return page


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(DOCUMENT)
