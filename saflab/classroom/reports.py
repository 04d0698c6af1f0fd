"""What goes out: HTML feedback for each student, and the grades of all as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saflab.classroom.course import Course, converted, gradebook, lock, students
from saflab.classroom.grading import records
from saflab.files import write

__all__ = ["COLUMNS", "export", "feedback"]

COLUMNS: tuple[str, ...] = (
    *("student", "last_name", "first_name", "lab", "status", "score", "max_score"),
    *("to_grade_by_hand", "look_at", "remedy"),
)


def feedback(course: Course, lab: str) -> Iterator[tuple[str, Path]]:
    """Write the feedback of each graded submission; yield student and page.

    Raises:
        ValueError: If nothing was graded.
    """
    folder = course.folder / "autograded"
    graded = sorted(path.parent.parent.name for path in folder.glob(f"*/{lab}/{lab}.ipynb"))
    if not graded:
        raise ValueError(
            f"Expected graded submissions of {lab}, but found none. Run `saflab class grade {lab}` "
            "first."
        )
    with lock(course):
        for student in graded:
            converted(course, "GenerateFeedback", lab, student)
            yield student, course.notebook("feedback", lab, student).with_suffix(".html")


def _rows(course: Course, book: Any, lab: str) -> Iterator[dict[str, Any]]:
    from nbgrader.api import MissingEntry

    known, ended = students(course), records(course, lab)
    most = float(book.find_assignment(lab).max_score)
    for student in sorted(known.keys() | ended.keys()):
        record = ended.get(student)
        try:
            entry = book.find_submission(lab, student)
            score, by_hand = float(entry.score), bool(entry.needs_manual_grade)
        except MissingEntry:
            score, by_hand = 0.0, False
        row = known.get(student, {})
        yield {
            "student": student,
            "last_name": row.get("last_name", ""),
            "first_name": row.get("first_name", ""),
            "lab": lab,
            "status": record.status if record else "not handed in",
            "score": f"{score:g}",
            "max_score": f"{most:g}",
            "to_grade_by_hand": "yes" if by_hand else "",
            "look_at": "; ".join(record.review) if record else "",
            "remedy": record.remedy if record else "",
        }


def export(course: Course, path: Path, labs: list[str] | None = None) -> int:
    """Write grades as CSV, a row per student and lab; return the number of rows.

    Raises:
        ValueError: If no such lab was released.
    """
    with gradebook(course) as book:
        have = sorted(assignment.name for assignment in book.assignments)
        if not have or set(labs or []) - set(have):
            raise ValueError(
                f"Expected labs in {have}, but found {labs or 'none'}. Run `saflab class release "
                "LAB` first."
            )
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        rows = [row for lab in labs or have for row in _rows(course, book, lab)]
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    write(path, text.getvalue())
    return len(rows)


def _harmless(value: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value
