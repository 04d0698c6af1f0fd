"""Run one notebook behind the walls of `walls`; outputs leave through a bounded pipe."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from saflab.classroom.sandbox.walls import (
    INSIDE,
    MB,
    Limits,
    Sandbox,
    bubblewrap,
    environment,
    restrict,
)

__all__ = ["Outcome", "kill", "run"]


@dataclass(kw_only=True)
class Outcome:
    """What came out: outputs by cell index, whether the end was reached, and what stopped it."""

    outputs: dict[int, list[Any]] = field(default_factory=dict)
    ready: bool = False
    ended: bool = False
    stopped: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0
    stderr: str = ""


def _tree_memory(pid: int) -> float:
    """Return the memory of a process and its descendants in MB, shared pages counted once."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return total / MB


def _watch(process: subprocess.Popen[bytes], limits: Limits, outcome: Outcome) -> None:
    """Stop the process when its time is over or its descendants hold too much memory together."""
    start = time.monotonic()
    while process.poll() is None:
        outcome.peak_mb = max(outcome.peak_mb, _tree_memory(process.pid))
        if time.monotonic() - start > limits.seconds:
            outcome.stopped = outcome.stopped or "timed out"
        elif outcome.peak_mb > limits.memory_mb:
            outcome.stopped = outcome.stopped or "memory"
        if outcome.stopped:
            kill(process)
            return
        time.sleep(0.2)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group; the end of bubblewrap ends its process namespace and all within."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def _read(process: subprocess.Popen[bytes], limits: Limits, outcome: Outcome) -> None:
    """Take lines until the pipe closes or too much has come; what does not parse is dropped."""
    assert process.stdout is not None
    left = limits.output_mb * MB
    while line := process.stdout.readline(left + 1):
        left -= len(line)
        if left < 0:
            outcome.stopped = outcome.stopped or "output"
            kill(process)
            return
        try:
            message = json.loads(line)
            if message.get("ready"):
                outcome.ready = True
            elif message.get("end"):
                outcome.ended = True
            else:
                outcome.outputs[int(message["cell"])] = list(message["outputs"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue


def _drain(process: subprocess.Popen[bytes], outcome: Outcome) -> None:
    assert process.stderr is not None
    while chunk := os.read(process.stderr.fileno(), 65536):
        outcome.stderr = (outcome.stderr + chunk.decode(errors="replace"))[-4000:]


@contextlib.contextmanager
def _process(setup: Sandbox, slot: int, course: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process of a sandbox; afterwards close its pipes and remove its home."""
    home = tempfile.mkdtemp(prefix="saflab-unsafe-") if setup.unsafe else None
    if home:
        command, variables = [], environment(str(setup.data or ""), home)
    else:
        command = bubblewrap(setup.limits, slot, setup.data, course)
        variables = {"PATH": os.environ["PATH"]}
    # Without a namespace RLIMIT_NPROC would count the teacher's own processes.
    command += [*restrict(setup.limits, not setup.unsafe), sys.executable, "-P", str(INSIDE)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables,
        cwd=home or "/",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if home:
            shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes], limits: Limits, outcome: Outcome) -> Iterator[None]:
    """Watch a process in threads; kill it at the end."""
    threads = [
        threading.Thread(target=_watch, args=(process, limits, outcome), daemon=True),
        threading.Thread(target=_drain, args=(process, outcome), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        kill(process)
        process.wait()
        for thread in threads:
            thread.join(5)


def _send(process: subprocess.Popen[bytes], task: dict[str, Any], outcome: Outcome) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(task).encode())
        process.stdin.close()
    except BrokenPipeError:
        outcome.stopped = outcome.stopped or "crashed"


def run(
    notebook: dict[str, Any],
    setup: Sandbox,
    *,
    course: Path,
    slot: int = 0,
    started: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
) -> Outcome:
    """Execute a notebook in a sandbox of its own and return its outputs.

    Args:
        notebook: nbformat 4 as plain JSON values.
        setup: Limits, data and isolation.
        course: The course's folder; must not be readable inside.
        slot: Number of the sandbox among those that run at once; gives root's user id.
        started: Called with the process, so that the caller can end it.

    Raises:
        ValueError: If the course lies in a folder that the sandbox must show, or no kernel starts
            in it, which is no fault of the submission.
    """
    outcome, start, limits = Outcome(), time.monotonic(), setup.limits
    task = {
        "notebook": notebook,
        "cell_timeout": limits.cell_seconds,
        "cell_output": limits.output_mb * MB // 10,
    }
    with _process(setup, slot, course) as process, _watched(process, limits, outcome):
        started(process)
        _send(process, task, outcome)
        _read(process, limits, outcome)
    outcome.seconds = time.monotonic() - start
    if not outcome.ready and outcome.stopped in ("", "crashed"):
        raise ValueError(
            "Expected a kernel in the sandbox, but found that none started, before any code of the "
            f"submission ran: {outcome.stderr.strip()[-400:]} Mend this first; nothing was graded."
        )
    return outcome
