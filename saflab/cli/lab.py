"""`saflab lab`: the course in JupyterLab."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

__all__ = ["configure", "course", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--folder",
        default="saflab-course",
        help="where your copy of the course is put, or lies already (default ./saflab-course)",
    )
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, help="after --, passed on to jupyter lab"
    )


def course(folder: Path) -> Path:
    """Put a copy of the lessons and labs into `folder`, and return it.

    A notebook that is in `folder` already is left as it is, with the student's work in it, and labs
    come without solutions and hidden tests.

    Raises:
        ValueError: If there are no notebooks, or `folder` cannot be written to.
    """
    from saflab.course.lessons import course_folder, labs, notebooks
    from saflab.course.student_version import student_version
    from saflab.files import write

    found = course_folder()
    try:
        for path in (*notebooks(found), *labs(found / "labs")):
            target = folder / path.relative_to(found)
            if not target.exists():
                notebook = json.loads(path.read_text(encoding="utf-8"))
                if path.is_relative_to(found / "labs"):
                    notebook = student_version(notebook)
                write(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ValueError(
            f"Expected to put the course into {folder}, but it cannot be written ({error}). Name "
            "another folder with --folder."
        ) from error
    return folder


def run(options: argparse.Namespace) -> int:
    """Replace this process by JupyterLab."""
    from saflab.machine import optional

    with optional("course"):
        importlib.import_module("jupyterlab")
    folder = course(Path(options.folder).expanduser())
    print(f"The course is in {folder.resolve()}.", flush=True)
    passed = [option for option in options.options if option != "--"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container; Jupyter refuses it else
        print("You are root, and so is every cell that you run.", flush=True)
        passed.append("--allow-root")
    command = [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}",
        "--ServerApp.jpserver_extensions=saflab.course.jupyter_server=True", *passed,
    ]  # fmt: skip
    os.execv(sys.executable, command)
