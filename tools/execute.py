"""Execute the notebooks again, in place.

python -m tools.execute            execute all (SAFLAB_FAST=1 unless set)
python -m tools.execute 01 lab2    execute those whose names begin with 01 or lab2
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from saflab.classroom.labs import labs
from saflab.classroom.labs import path as source
from saflab.course.lessons import KERNEL, notebooks
from saflab.files import write
from tools.isolation import isolate

__all__ = ["code_hash", "execute", "main"]


def code_hash(notebook: Any) -> str:
    """Return the SHA-256 of a notebook's code cells, whatever their outputs."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def execute(path: Path) -> None:
    """Run a notebook from top to bottom in a fresh kernel; store outputs and the code's hash.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails; the file then stays as it was.
    """
    from nbclient import NotebookClient  # heavy, needed only here

    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # else it is a matter of time how printed lines are grouped
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": KERNEL,
            "language_info": {"name": "python"},
            "saflab": {"code_sha256": code_hash(notebook)},
        }
    )
    write(path, nbformat.writes(notebook) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("SAFLAB_FAST", "1")
    os.environ.setdefault("SAFLAB_STATE", "")  # running the solutions is not a student's progress
    every = [*notebooks(), *map(source, labs())]
    chosen = [p for p in every if not arguments or any(p.name.startswith(a) for a in arguments)]
    if not chosen:
        print(f"Expected the start of a notebook's name, but found {arguments}.", file=sys.stderr)
        return 2
    with isolate():
        for path in chosen:
            execute(path)
            print(path.name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
