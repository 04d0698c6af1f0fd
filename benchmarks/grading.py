"""Grade a synthetic class of 100 from an empty folder: minutes, and every score as expected."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from benchmarks.rehearsal import Kind, mixed, write_class
from saflab.classroom.course import init
from saflab.classroom.grading import Record, grade
from saflab.classroom.labs import folder as sources
from saflab.classroom.release import release
from saflab.classroom.reports import feedback
from saflab.classroom.sandbox.walls import Limits, Sandbox
from saflab.machine import describe_machine
from tools.markdown import machine_line, put, store

__all__ = ["run", "table"]

RESULT, GUIDE = Path("assets/classroom.json"), Path("docs/instructor.md")


def run(lab: str = "lab1", count: int = 100, jobs: int = 2) -> int:
    """Measure, write assets/classroom.json and the guide's line; 1 if a score is unexpected."""
    with tempfile.TemporaryDirectory() as folder:
        course, _ = init(Path(folder) / "course", sources())
        release(course, lab)
        expected = write_class(course.folder / "submitted", lab, mixed(lab, count))
        limits, times, found = Limits(cell_seconds=20), {}, []
        for name in ("first", "again"):
            start = time.monotonic()
            found = []
            for record in grade(course, lab, Sandbox(limits=limits), jobs=jobs):
                found.append(record)
                if record.fresh:
                    kind = expected[record.student].name
                    words = (record.student, kind, record.status, record.score)
                    print(f"{len(found)}/{count}", *words, flush=True)
            times[name] = time.monotonic() - start
        start = time.monotonic()
        pages = sum(1 for _ in feedback(course, lab))
        times["feedback"] = time.monotonic() - start
    wrong = [_difference(r, expected[r.student]) for r in found if _differs(r, expected[r.student])]
    result: dict[str, Any] = {
        "machine": describe_machine(torch.device("cpu")),
        "lab": lab,
        "submissions": len(found),
        "jobs": jobs,
        "limits": vars(limits),
        "cores": os.cpu_count(),
        "minutes": round(times["first"] / 60, 2),
        "minutes_when_nothing_changed": round(times["again"] / 60, 2),
        "minutes_feedback": round(times["feedback"] / 60, 2),
        "feedback_pages": pages,
        "sandbox_seconds_median": sorted(r.seconds for r in found)[len(found) // 2],
        "peak_mb_median": sorted(r.peak_mb for r in found)[len(found) // 2],
        "statuses": dict(Counter(r.status for r in found)),
        "unexpected": wrong,
    }
    store(result, RESULT)
    put("class", table(result), GUIDE)
    print(json.dumps(result, indent=1, ensure_ascii=False))
    return 1 if wrong else 0


def table(result: dict[str, Any]) -> str:
    """Return what was measured as sentences of Markdown."""
    count, wrong = result["submissions"], len(result["unexpected"])
    again, feedback = 60 * result["minutes_when_nothing_changed"], result["minutes_feedback"]
    seconds, memory = result["sandbox_seconds_median"], result["peak_mb_median"]
    return (
        f"{count} submissions of {result['lab']}, {result['jobs']} at once: "
        f"{result['minutes']:.1f} minutes, {count - wrong} of {count} scores as expected. Again "
        f"with nothing changed: {again:.0f} s; feedback for all: {feedback:.1f} minutes. One "
        f"sandbox: {seconds:.1f} s and {memory:.0f} MB (medians).\n"
        f"{machine_line(result['machine'])}"
    )


def _differs(record: Record, kind: Kind) -> bool:
    """Return whether the score differs; a written answer waits for a person and counts 0 here."""
    return (record.score or 0.0) != kind.score


def _difference(record: Record, kind: Kind) -> dict[str, Any]:
    expected = {"student": record.student, "kind": kind.name, "expected": kind.score}
    return {**expected, "found": record.score, "status": record.status}
