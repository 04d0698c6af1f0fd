"""Folders of runs: a new name for each, `runs/latest` for the last, and none overwritten."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

from saflab.files import BusyError, locked, write
from saflab.training.content import CheckpointError

__all__ = ["LATEST", "at_work", "check_free", "located", "new_folder", "pointed", "set_latest"]

LATEST = Path("runs") / "latest"
_POINTER = "saflab run: "  # what LATEST holds where the system has no links


def _why(error: OSError | ValueError) -> str:
    """Return an error's text without the path, which may be long."""
    return str(getattr(error, "strerror", None) or error)


def pointed(path: Path) -> Path:
    """Return the folder to which `latest`, a link or a text, points; else `path`."""
    if path.is_symlink() and path.name == LATEST.name:
        return path.parent / path.readlink()
    if path.is_file() and path.stat().st_size < 4096:
        text = path.read_text(encoding="utf-8", errors="replace")
        if text.startswith(_POINTER):
            return path.parent / Path(text.removeprefix(_POINTER).strip()).name
    return path


def located(path: Path) -> Path:
    """Return the checkpoint's file for a folder, a file or `runs/latest`.

    Raises:
        CheckpointError: If there is none.
    """
    try:
        parent = pointed(path.parent) if path.parent != path else path
        found = pointed(path if parent == path.parent else parent / path.name)
        found = found / "checkpoint.pt" if found.is_dir() else found
        if found.is_file():
            return found
        seeds = sorted(p.parent.name for p in found.parent.glob("seed*/checkpoint.pt"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"Expected the path of a checkpoint, but found {str(path)[:200]!r} ({_why(error)}). "
            "Name the folder of a run."
        ) from error
    if seeds:
        raise CheckpointError(
            f"Expected one run, but found runs of several seeds in {found.parent}. Name one, e.g. "
            f"{found.parent / seeds[0]}."
        )
    raise CheckpointError(f"Expected a checkpoint at {found}, but found none. Train first.")


def check_free(folder: Path) -> None:
    """Refuse a folder that holds a run.

    Raises:
        CheckpointError: If it does, or cannot be looked into.
    """
    try:
        held = [p for p in ("checkpoint.pt", "log.jsonl") if (folder / p).exists()]
        held += sorted(p.name for p in folder.glob("seed*/checkpoint.pt"))
        there = next(p for p in (folder, *folder.parents) if p.exists())
        if not there.is_dir():
            raise NotADirectoryError(f"a file of this name is there: {there}")
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"Expected a folder for the run, but found {str(folder)[:200]!r} ({_why(error)}). "
            "Choose another folder with --out."
        ) from error
    if held:
        with contextlib.suppress(OSError):  # not writable: then no run is at work in it
            try:
                with locked(folder / ".lock", wait=False):
                    pass
            except BusyError as error:
                raise at_work(folder) from error
        raise CheckpointError(
            f"Expected a folder without a run, but found {held[0]} in {folder}. Go on with it "
            "(--resume), replace it (--overwrite), or choose another folder with --out."
        )


def at_work(folder: Path) -> CheckpointError:
    """Return the error for a folder that another run has claimed."""
    return CheckpointError(
        f"Expected {folder} for this run alone, but found another run at work in it. Wait for it, "
        "stop it, or choose another folder with --out."
    )


def new_folder(name: str, base: Path = LATEST.parent) -> Path:
    """Make and return a folder in `base` that did not exist, named by date, time and `name`.

    Raises:
        CheckpointError: If it cannot be made, or `base`/latest is a folder.
    """
    latest = base / LATEST.name
    stem = f"{datetime.now():%Y-%m-%d-%H-%M-%S}-{name}"
    try:
        if latest.is_dir() and not latest.is_symlink():
            raise CheckpointError(
                f"Expected {latest} to be a link to the last run, but found a folder, as version "
                f"0.1 made it. Rename it (mv {latest} {base / 'first'}), or name a folder with "
                "--out."
            )
        base.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            folder = base / (stem if number == 1 else f"{stem}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
        raise FileExistsError(f"{stem} and 9,998 more exist")
    except OSError as error:
        raise CheckpointError(
            f"Expected to make a folder for the run in {base}, but found that it cannot be made "
            f"({error}). Choose another folder with --out."
        ) from error


def set_latest(folder: Path) -> None:
    """Let `latest` beside `folder` point to it: a link, or a text where the system has no links."""
    latest = folder.with_name(LATEST.name)
    temporary = folder.with_name(f".{LATEST.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(folder.name, target_is_directory=True)
        temporary.replace(latest)
    except (OSError, NotImplementedError):
        write(latest, f"{_POINTER}{folder.name}\n")
