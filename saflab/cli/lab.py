"""`saflab lab`: the course in JupyterLab."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

__all__ = ["HELP", "configure", "course", "run"]

HELP = "open the course in JupyterLab"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--folder",
        default="saflab-course",
        help="where an installed saflab puts your copy of the course (default ./saflab-course); "
        "in a checkout that you can write to, its notebooks/ are opened as they are",
    )
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, help="after --, passed on to jupyter lab"
    )


def course(folder: Path) -> Path:
    """Return the folder of the notebooks: a checkout's own if it is yours, else a copy in `folder`.

    A notebook that is in `folder` already is left as it is, with the student's work in it.

    Raises:
        ValueError: If there are no notebooks, or `folder` cannot be written to.
    """
    from saflab.files import write
    from saflab.notebooks import PACKAGE, course_folder

    found = course_folder()
    if found != PACKAGE / "course" and os.access(found, os.W_OK):
        return found
    try:
        for path in sorted(found.rglob("*.ipynb")):
            target = folder / path.relative_to(found)
            if not target.exists():
                write(target, path.read_bytes())
    except OSError as error:
        raise ValueError(
            f"Expected to put the course into {folder}, but found it impossible ({error}). Name "
            "another folder with --folder."
        ) from error
    return folder


def run(options: argparse.Namespace) -> int:
    """Replace this process by JupyterLab."""
    folder = course(Path(options.folder).expanduser())
    print(f"The course is in {folder.resolve()}.", flush=True)
    passed = [option for option in options.options if option != "--"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container; Jupyter refuses it else
        print("You are root, and so is every cell that you run.", flush=True)
        passed.append("--allow-root")
    command = [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}",
        "--ServerApp.jpserver_extensions=saflab_jupyter=True", *passed,
    ]  # fmt: skip
    os.execv(sys.executable, command)
