"""`saflab class`: release labs, grade what comes back, give feedback, export grades."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path

from saflab.classroom.sandbox.walls import Limits, Sandbox
from saflab.cli.arguments import at_least, path

__all__ = ["configure", "run"]

_LIMITS = {
    "seconds": "wall time of a whole notebook",
    "cell_seconds": "wall time of a cell",
    "memory_mb": "memory of a submission",
    "files_mb": "size of its files",
    "processes": "its processes and threads",
    "output_mb": "size of its outputs",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, lab: str | None) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text)
        if lab:
            added.add_argument("lab", nargs=lab, metavar="LAB", help="for example lab1")
        if name != "init":
            added.add_argument(
                "--course", default=".", type=path, help="folder of the course (default: .)"
            )
        return added

    init = action("init", "make the folder of a course", None)
    init.add_argument("folder", type=path, help="folder to make")
    init.add_argument("--labs", type=path, help="folder of the sources (default: instructor/labs)")
    action("release", "make what students get: release/LAB/", "+")
    grade = action("grade", "grade submitted/STUDENT/LAB/, each in a sandbox of its own", "?")
    grade.add_argument(
        "--from", dest="source", type=path, help="take over submissions from this folder first"
    )
    grade.add_argument("--jobs", type=at_least(1, 1024), default=os.cpu_count() or 1, metavar="N",
                       help="sandboxes at once")  # fmt: skip
    grade.add_argument(
        "--data", type=path, help="folder with CIFAR-10 for the labs (default: digits)"
    )
    grade.add_argument("--again", action="store_true", help="also what has not changed")
    unsafe = "without isolation: only for submissions that you would run yourself"
    grade.add_argument("--unsafe", action="store_true", help=unsafe)
    grade.add_argument("--check", action="store_true", help="only say whether isolation works here")
    usual = Limits()
    for name, text in _LIMITS.items():
        grade.add_argument(
            f"--{name.replace('_', '-')}",
            type=at_least(1),
            default=getattr(usual, name),
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    action("feedback", "write feedback/STUDENT/LAB/LAB.html", "+")
    export = action("export", "write grades as CSV", "*")
    export.add_argument("--to", type=path, default="grades.csv", help="file (default: grades.csv)")


def run(options: argparse.Namespace) -> int:
    """Do one action; return the exit status."""
    from saflab.classroom import course as courses

    courses.require_nbgrader()
    if options.action == "init":
        return _init(options)
    if options.action == "grade" and options.check:
        return _check()
    course = courses.find(Path(options.course))
    if options.action == "release":
        from saflab.classroom.release import release

        for lab in options.lab:
            print(f"{release(course, lab)}: give this file to the students.")
        return 0
    if options.action == "grade":
        return _grade(course, options)
    from saflab.classroom.reports import export, feedback

    if options.action == "feedback":
        for lab in options.lab:
            for _, page in feedback(course, lab):
                print(page, flush=True)
        return 0
    rows = export(course, Path(options.to), options.lab or None)
    print(f"{options.to}: {rows} rows.")
    return 0


def _init(options: argparse.Namespace) -> int:
    from saflab.classroom.course import init
    from saflab.classroom.labs import folder as sources

    labs = Path(options.labs) if options.labs else sources()
    _check_folder(options.folder)
    course, names = init(Path(options.folder), labs)
    print(f"{course.folder}: {', '.join(names)}. Next:")
    print(f"  cd {options.folder}\n  fill in students.csv\n  saflab class release {names[0]}")
    return 0


def _check_folder(name: str) -> None:
    folder = Path(name)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"Expected a folder, but found the file {name}. Choose another name.")


def _check() -> int:
    from saflab.classroom.sandbox.walls import problem

    reason = problem()
    print(f"Submissions cannot be isolated: {reason}." if reason else "Isolation works here.")
    return 1 if reason else 0


def _grade(course: object, options: argparse.Namespace) -> int:
    from saflab.classroom.collect import collect, submitted
    from saflab.classroom.course import Course
    from saflab.classroom.grading import grade

    assert isinstance(course, Course)
    if options.lab is None:
        raise ValueError("Expected a lab, but found none. Run `saflab class grade lab1`.")
    if options.source:
        for student, what in collect(course, options.lab, Path(options.source)).items():
            if what != "as before":
                print(f"{student}: {what}")
    if options.unsafe:
        print(
            "UNSAFE: submissions run as you. They can read and change the gradebook, each other "
            "and your files, and use the network. Only time, memory and output are limited.",
            file=sys.stderr,
        )
    limits = Limits(**{f.name: getattr(options, f.name) for f in fields(Limits)})
    data = Path(options.data).resolve() if options.data else None
    if data and not data.is_dir():
        raise ValueError(f"Expected a folder with data, but found none at {data}. Check --data.")
    total, fresh, troubled = len(submitted(course, options.lab)), 0, 0
    width = max((len(name) for name in submitted(course, options.lab)), default=0)
    setup = Sandbox(limits=limits, data=data, unsafe=options.unsafe)
    found = grade(course, options.lab, setup, jobs=options.jobs, again=options.again)
    for number, record in enumerate(found, 1):
        fresh += record.fresh
        troubled += record.status != "graded"
        score = "–" if record.score is None else f"{record.score:g}"
        seconds = f"{record.seconds:6.1f} s" if record.fresh else "unchanged"
        print(
            f"[{number:{len(str(total))}}/{total}] {record.student:{width}}  {record.status:10}  "
            f"{score:>4} of {record.max_score:g}  {seconds}  {record.remedy}".rstrip(),
            flush=True,
        )
        for what in record.review:
            print(f"{'':{2 * len(str(total)) + 4}}look at it: {what}", flush=True)
    print(f"{total} submissions: {fresh} graded now, {total - fresh} unchanged, {troubled} to see.")
    return 0
