"""What a student has solved, kept on the student's machine alone.

Each first "correct" of an exercise's check adds one line of JSON to `progress.jsonl` in the folder
SAFLAB_STATE, by default the system's folder for state. Nothing is sent anywhere. An empty
SAFLAB_STATE turns it off, and so do CI and pytest: a test run solves exercises, not a student. It
is also off for a user who has no home folder.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from pathlib import Path

from saflab.files import append_line, locked

__all__ = ["record", "solved", "state_file"]


def state_file() -> Path | None:
    """Return where progress is kept, or None where it is off."""
    folder = os.environ.get("SAFLAB_STATE")
    if folder is None:
        if os.environ.get("CI") or "PYTEST_CURRENT_TEST" in os.environ:
            return None
        from platformdirs import user_state_path

        try:
            path = user_state_path("saflab") / "progress.jsonl"
        except RuntimeError:  # a user without a home: nowhere to keep it
            return None
        return path if path.is_absolute() else None  # older platformdirs: "~/…"
    try:
        return Path(folder).expanduser() / "progress.jsonl" if folder else None
    except RuntimeError as error:  # "~name" of a user who is not there
        raise ValueError(
            f"Expected a folder in SAFLAB_STATE, but found {folder!r} ({error}). Name an existing "
            "one, or leave it out."
        ) from error


def record(exercise: str) -> None:
    """Note that an exercise is solved. Never raises and never prints: a notebook calls it.

    Under a lock, so that two notebooks at once lose nothing.
    """
    with contextlib.suppress(Exception):
        path = state_file()
        if path is None:
            return
        with locked(path.with_name(".progress.lock")):
            if exercise in solved(path):
                return
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            path.touch(mode=0o600)
            append_line(path, json.dumps({"exercise": exercise, "solved": now}))


def solved(path: Path | None = None) -> dict[str, str]:
    """Return the exercises solved, and when (UTC, ISO 8601); broken lines are skipped."""
    path = path or state_file()
    found: dict[str, str] = {}
    if path is None or not path.exists():
        return found
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            entry = json.loads(line)
            found.setdefault(entry["exercise"], entry["solved"])
    return found
