"""`saflab lab`: the course in JupyterLab."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

__all__ = ["HELP", "configure", "run"]

HELP = "open the course in JupyterLab"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("options", nargs=argparse.REMAINDER, help="passed on to jupyter lab")


def run(options: argparse.Namespace) -> int:
    """Replace this process by JupyterLab."""
    folder = Path.cwd() / "notebooks"
    if not folder.is_dir():
        folder = Path(__file__).resolve().parents[2] / "notebooks"
    if not folder.is_dir():
        raise ValueError(
            "Expected the folder notebooks/, but found none. Run `saflab lab` in a clone of the "
            "repository, which holds the course."
        )
    command = [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}",
        "--ServerApp.jpserver_extensions=saflab_jupyter=True", *options.options,
    ]  # fmt: skip
    os.execv(sys.executable, command)
