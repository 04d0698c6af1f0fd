"""Grade a lab: each submission runs in a sandbox of its own; scores are entered one by one.

A submission is graded again only if it, the lab or a limit that stopped it has changed. Its record
is written last, after the gradebook, so that whatever ends this process costs one submission's work
and no result. Manual scores and comments live in the gradebook and survive.
"""

from __future__ import annotations

import hashlib
import json
import queue
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat

from saflab.classroom.collect import read, submitted
from saflab.classroom.course import Course, converted, gradebook, lock
from saflab.classroom.release import Release, released
from saflab.classroom.sandbox import run as sandbox
from saflab.classroom.sandbox.walls import Limits, Sandbox, problem
from saflab.classroom.submission import assemble, parse, seal, suspicious, unseal
from saflab.files import write

__all__ = ["STATUSES", "Record", "grade", "records"]

# What ended a submission → what the teacher may do. The first that applies is reported.
STATUSES = {
    "unreadable": "Ask for a new upload; an earlier grade stands.",
    "crashed": "It ended its own kernel. Tests after that point count 0; look at the notebook.",
    "output": "It printed too much. Ask for it without the prints, or raise --output-mb.",
    "memory": "It asked for too much memory. Raise --memory-mb if the lab needs it.",
    "timed out": "A cell did not end in time. Raise --cell-seconds or --seconds if it is honest.",
    "tampered": "Tests were restored from the source; the score is for the restored ones.",
    "graded": "",
}
# Name of the error in a cell → what ended it.
_CELLS = {
    "KernelDied": "crashed",
    "OutputLimit": "output",
    "MemoryError": "memory",
    "CellTimeoutError": "timed out",
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """How one submission ended.

    Args:
        student: Its folder's name.
        status: A key of `STATUSES`.
        score: Points in the gradebook, manual ones included; None if nothing was entered.
        max_score: Points of the lab.
        remedy: What to do, empty if nothing.
        review: What a person should look at in the code.
        seconds: Wall time in the sandbox.
        peak_mb: Memory of all its processes together, at most.
        key: Hash of submission and lab.
        limits: What it might use.
        fresh: Whether it was graded now.
    """

    student: str
    status: str
    score: float | None
    max_score: float
    remedy: str
    review: list[str]
    seconds: float
    peak_mb: float
    key: str
    limits: dict[str, int]
    fresh: bool = True


@dataclass(frozen=True, kw_only=True)
class _Executed:
    key: str
    status: str
    remedy: str
    review: list[str]
    notebook: Any = None
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What the submissions of one call of `grade` have in common.

    Args:
        course: The course.
        lab: The lab.
        lesson: Its release.
        setup: How submissions run.
        again: Grade also what has not changed.
        slots: Numbers of the sandboxes that are free.
        running: Processes to end when the call ends.
    """

    course: Course
    lab: str
    lesson: Release
    setup: Sandbox
    again: bool
    slots: queue.SimpleQueue[int]
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)


def _record_path(course: Course, lab: str, student: str) -> Path:
    return course.folder / ".saflab" / lab / "records" / f"{student}.json"


def records(course: Course, lab: str) -> dict[str, Record]:
    """Return what is recorded for a lab, by student."""
    folder = course.folder / ".saflab" / lab / "records"
    found = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))
    return {content["student"]: Record(**content | {"fresh": False}) for content in found}


def _holds(course: Course, lab: str, record: Record, limits: Limits) -> bool:
    """Return whether the same submission would end as it did."""
    if record.status == "unreadable":
        return True
    # Formgrader's autograde button refuses to grade, but removes nbgrader's copy first.
    entered = course.notebook("autograded", lab, record.student).is_file()
    return entered and (record.status in ("graded", "tampered") or record.limits == asdict(limits))


def _execute(job: _Job, student: str, before: Record | None) -> _Executed | None:
    """Run one submission, in a thread; None if nothing has changed since its record."""
    text, why = b"", ""
    try:
        text = read(job.course.notebook("submitted", job.lab, student))
    except ValueError as error:
        why = str(error)
    key = hashlib.sha256(job.lesson.version.encode() + text + why.encode()).hexdigest()
    same = before if before and before.key == key and not job.again else None
    if same and _holds(job.course, job.lab, same, job.setup.limits):
        return None
    try:
        if why:
            raise ValueError(why)
        notebook, changed = assemble(job.lesson.source, job.lesson.notebook, parse(text))
    except ValueError as error:
        remedy = f"It cannot be read: {error}. {STATUSES['unreadable']}"
        return _Executed(key=key, status="unreadable", remedy=remedy, review=[])
    sealed, tokens = seal(notebook)
    outcome = _in_sandbox(job, sealed)
    unproved = unseal(notebook, outcome.outputs, tokens)
    status = _status(notebook, outcome, changed + unproved)
    remedy = STATUSES[status]
    if status == "tampered":
        kinds = {"changed or deleted": changed, "no error, but not passed": unproved}
        parts = (f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
        remedy = f"{remedy} {'; '.join(parts)}."
    return _Executed(
        key=key,
        status=status,
        remedy=remedy,
        review=suspicious(notebook),
        notebook=notebook,
        seconds=outcome.seconds,
        peak_mb=outcome.peak_mb,
    )


def _in_sandbox(job: _Job, notebook: Any) -> sandbox.Outcome:
    """Run a notebook in a sandbox that is free."""
    slot = job.slots.get()
    try:
        return sandbox.run(
            notebook, job.setup, course=job.course.folder, slot=slot, started=job.running.add
        )
    finally:
        job.slots.put(slot)


def _status(notebook: Any, outcome: sandbox.Outcome, tampered: Sequence[str]) -> str:
    found = {outcome.stopped, "" if outcome.ended or outcome.stopped else "crashed"}
    found |= {"tampered"} if tampered else set()
    for cell in notebook.cells:
        for out in cell.get("outputs", []):
            if out.output_type == "error":
                found.add(_CELLS.get(out.ename, ""))
    return next((name for name in STATUSES if name in found), "graded")


def _enter(course: Course, lab: str, student: str, notebook: Any) -> None:
    """Put an executed notebook's scores into the gradebook, by nbgrader's own autograder."""
    stage = course.folder / ".saflab" / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    # nbgrader sees this clean copy alone, never the student's files.
    write(stage / student / lab / f"{lab}.ipynb", nbformat.writes(notebook))
    converted(course, "Autograde", lab, student, submitted_directory=".saflab/stage")
    shutil.rmtree(stage, ignore_errors=True)


def _score(course: Course, lab: str, student: str) -> tuple[float | None, float]:
    from nbgrader.api import MissingEntry

    with gradebook(course) as book:
        most = float(book.find_assignment(lab).max_score)
        try:
            return float(book.find_submission(lab, student).score), most
        except MissingEntry:
            return None, most


def grade(
    course: Course,
    lab: str,
    setup: Sandbox | None = None,
    *,
    jobs: int = 2,
    again: bool = False,
) -> Iterator[Record]:
    """Grade every submission of a lab, and yield each record as it is there.

    Args:
        course: The course.
        lab: A released lab.
        setup: How submissions run; None takes `Sandbox()`.
        jobs: Sandboxes at once.
        again: Grade also what has not changed.

    Raises:
        ValueError: If the lab is not released, the machine cannot isolate, or another command is
            at work in this course.
    """
    setup = setup or Sandbox()
    if not setup.unsafe and (reason := problem()):
        raise ValueError(
            f"Expected to isolate submissions, but found that {reason}. Grade on a Linux machine "
            "with bubblewrap. With --unsafe, submissions run as you: they can read and change all "
            "that you can, also the gradebook and each other."
        )
    with lock(course):
        slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(jobs):
            slots.put(slot)
        lesson = released(course, lab)
        yield from _graded(
            _Job(course=course, lab=lab, lesson=lesson, setup=setup, again=again, slots=slots), jobs
        )


def _graded(job: _Job, jobs: int) -> Iterator[Record]:
    """Execute in `jobs` threads, and enter each result in this one as it comes."""
    before = records(job.course, job.lab)
    pool = ThreadPoolExecutor(jobs)
    try:
        waiting: dict[Future[_Executed | None], str] = {
            pool.submit(_execute, job, student, before.get(student)): student
            for student in submitted(job.course, job.lab)
        }
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                student = waiting.pop(future)
                executed = future.result()
                if executed is None:
                    score, _ = _score(job.course, job.lab, student)
                    yield replace(before[student], score=score)
                else:
                    yield _finish(job, student, executed)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in job.running:
            if process.poll() is None:
                sandbox.kill(process)
        pool.shutdown()


def _finish(job: _Job, student: str, executed: _Executed) -> Record:
    """Enter a result into the gradebook, then write its record."""
    if executed.notebook is not None:
        _enter(job.course, job.lab, student, executed.notebook)
    score, most = _score(job.course, job.lab, student)
    record = Record(
        student=student,
        status=executed.status,
        score=score,
        max_score=most,
        remedy=executed.remedy,
        review=executed.review,
        seconds=round(executed.seconds, 2),
        peak_mb=round(executed.peak_mb),
        key=executed.key,
        limits=asdict(job.setup.limits),
    )
    write(_record_path(job.course, job.lab, student), json.dumps(asdict(record)))
    return record
