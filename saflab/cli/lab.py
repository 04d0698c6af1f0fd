"""`saflab lab`: the course in JupyterLab."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["configure", "course", "run"]

FIRST = "00_start.ipynb"
# Without JupyterLab's news, and without nbgrader's menus where a teacher has installed it.
SETTINGS = Path(__file__).resolve().parents[1] / "course" / "jupyter"


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


def course(folder: Path) -> list[str]:
    """Put a copy of the lessons and labs into `folder`; return which of them are older there.

    A notebook that is in `folder` already is left as it is, with the student's work in it. A copy
    keeps the hash of what it was copied from in its metadata, so that a later version of the lesson
    is noticed.

    Raises:
        ValueError: If there are no notebooks, or `folder` cannot be written to.
    """
    from saflab.course.lessons import course_folder, labs, notebooks
    from saflab.files import write

    found, older = course_folder(), []
    try:
        for path in (*notebooks(found), *labs(found / "labs")):
            target = folder / path.relative_to(found)
            notebook = json.loads(path.read_text(encoding="utf-8"))
            now = _content(notebook)
            if not target.exists():
                notebook.setdefault("metadata", {}).setdefault("saflab", {})["copied"] = now
                write(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
            elif _copied(target) not in (None, now):
                older.append(path.stem)
    except OSError as error:
        raise ValueError(
            f"Expected to put the course into {folder}, but it cannot be written ({error}). Name "
            "another folder with --folder."
        ) from error
    return older


def _content(notebook: dict[str, Any]) -> str:
    """Return the SHA-256 of a notebook's text and code, whatever its outputs."""
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _copied(target: Path) -> str | None:
    """Return the hash of what a student's notebook was copied from, or None if it has none."""
    try:
        return json.loads(target.read_text(encoding="utf-8"))["metadata"]["saflab"].get("copied")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # made by hand, or not a notebook: it is the student's own


def run(options: argparse.Namespace) -> int:
    """Replace this process by JupyterLab, at the first lesson."""
    from saflab.machine import optional

    with optional("course"):
        importlib.import_module("jupyterlab")
    folder = Path(options.folder).expanduser()
    older = course(folder)
    print(f"The course is in {folder.resolve()}.", flush=True)
    if older:
        print(
            f"This saflab has a newer version of {', '.join(older)}; yours is kept. To get the new "
            "one, rename your file and run `saflab lab` again.",
            flush=True,
        )
    passed = [option for option in options.options if option != "--"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container; Jupyter refuses it else
        print("You are root, and so is every cell that you run.", flush=True)
        passed.append("--allow-root")
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--notebook-dir={folder}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        "--ServerApp.jpserver_extensions=saflab.course.jupyter_server=True",
        *passed,
    ]
    os.execv(sys.executable, command)
