"""The tables of the instructor notes, made from the labs themselves."""

from __future__ import annotations

from benchmarks.rehearsal.mistakes import MISTAKES
from saflab.classroom.labs import LABS, answers, points, read
from tools.execute import ROOT

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


def updated(text: str) -> str:
    """Return the document with every table between its marks written anew.

    Raises:
        ValueError: If a mark is missing.
    """
    for lab in LABS:
        for name, make in (("points", _points), ("mistakes", _mistakes)):
            start, end = f"<!-- {lab} {name}: start -->", f"<!-- {lab} {name}: end -->"
            if text.count(start) != 1 or text.count(end) != 1:
                raise ValueError(
                    f"Expected {start} and {end} once each in {DOCUMENT}, but did not find them. "
                    "Put them back."
                )
            head, _, rest = text.partition(start)
            tail = rest.partition(end)[2]
            text = f"{head}{start}\n{make(lab)}\n{end}{tail}"
    return text
