"""`saflab progress`: the lessons, the exercises solved, the minutes left."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--notebooks", help="folder of the course (default: its own)")


def run(options: argparse.Namespace) -> int:
    """Print a line per lesson; return the exit status."""
    from saflab.course.lessons import course_folder, lessons
    from saflab.course.progress import solved, state_file

    folder = Path(options.notebooks) if options.notebooks else course_folder()
    found = lessons(folder)
    if not found:
        raise ValueError(
            f"Expected lessons in {folder}, but found none. Run in a clone of the repository, or "
            "pass --notebooks FOLDER."
        )
    done, total, right, minutes, left = solved(), 0, 0, 0, 0
    for lesson in found:
        mine = [name for name in lesson.exercises if name in done]
        total, right = total + len(lesson.exercises), right + len(mine)
        complete = len(mine) == len(lesson.exercises) and mine
        if lesson.exercises:  # a lab is marked by a teacher, so nobody knows here what is left
            minutes += lesson.minutes or 0
            left += 0 if complete else lesson.minutes or 0
        shown = "–" if lesson.minutes is None else f"{lesson.minutes} min"
        count = (
            f"{len(mine)} of {len(lesson.exercises)} solved" if lesson.exercises else "by a teacher"
        )
        print(f"{lesson.name:24} {count:13}  {shown:>7}"
              f"  {'done' if complete else ''}".rstrip())  # fmt: skip
    print(f"{right} of {total} exercises solved; {left} of {minutes} minutes left.")
    path = state_file()
    off = "Not kept: SAFLAB_STATE is empty, this is a test run, or you have no home folder."
    print(f"Kept in {path}." if path else off)
    return 0
