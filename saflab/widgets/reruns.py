"""A cell that is run again leaves one live widget: what its earlier run made is closed.

ipywidgets keeps every widget until it is closed, and IPython every output, so that without this a
notebook grows with each run of a cell.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from IPython.core.getipython import get_ipython

__all__ = ["Run", "close_all", "replace", "this_run"]


class Run(NamedTuple):
    """One run of a cell: which cell, and the number of the execution."""

    cell: str
    number: int


_made: dict[str, tuple[int, list[weakref.ref[Any]]]] = {}


def this_run() -> Run | None:
    """Return the cell that is running, None outside a notebook.

    A cell is known by the identifier that JupyterLab sends with it, elsewhere by its text.
    """
    shell = get_ipython()
    if shell is None:
        return None
    parent = getattr(shell, "get_parent", dict)()
    text = shell.user_ns.get("In", [""])[-1]
    return Run(str(parent.get("metadata", {}).get("cellId") or text), shell.execution_count)


def replace(widget: Any) -> None:
    """Close what an earlier run of the present cell made, and remember `widget` as made by it."""
    run = this_run()
    if run is None:
        return
    number, widgets = _made.get(run.cell, (run.number, []))
    if number != run.number:
        for made in widgets:
            old = made()
            if old is not None:
                close_all(old)
        widgets = []
    _made[run.cell] = run.number, [*widgets, weakref.ref(widget)]


def close_all(widget: Any) -> None:
    """Close a widget with all that it contains, its layout and its style."""
    for child in getattr(widget, "children", ()):
        close_all(child)
    for part in ("layout", "style"):
        found = getattr(widget, part, None)
        if found is not None and hasattr(found, "close"):
            found.close()
    widget.close()
