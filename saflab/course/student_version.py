"""The student's version of a graded lab: no solutions, no hidden tests, no outputs.

A lab is written once, with its solutions and hidden tests marked for nbgrader. `saflab class
release` makes the release with nbgrader itself; this module makes the same text from plain JSON,
for the wheel (which is built without nbgrader) and for students who work by themselves.
"""

from __future__ import annotations

import copy
import re
from typing import Any

__all__ = ["student_version"]

_STUB = {
    "code": ["# YOUR CODE HERE", "raise NotImplementedError()"],
    "markdown": ["YOUR ANSWER HERE"],
}
_REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN (?P<kind>SOLUTION|HIDDEN TESTS|MARK SCHEME)\n.*?"
    r"^[ \t]*### END (?P=kind)\n?",
    flags=re.M | re.S,
)


def student_version(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook as students get it.

    Args:
        notebook: A lab as JSON, cells marked for nbgrader.

    Raises:
        ValueError: If a region begins and does not end.

    >>> source = "def f():\\n    ### BEGIN SOLUTION\\n    return 1\\n    ### END SOLUTION\\n"
    >>> lab = {"cells": [{"cell_type": "code", "source": source}]}
    >>> print(student_version(lab)["cells"][0]["source"])
    def f():
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        cell["source"] = _source(cell)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return made


def _source(cell: dict[str, Any]) -> str:
    text, kind = "".join(cell["source"]), cell["cell_type"]
    marks = cell.get("metadata", {}).get("nbgrader", {})

    def replaced(region: re.Match[str]) -> str:
        if region["kind"] != "SOLUTION":
            return ""
        return "".join(f"{region['indent']}{line}\n" for line in _STUB[kind])

    found, regions = _REGION.subn(replaced, f"{text}\n")
    if re.search(r"### (BEGIN|END) ", found):
        raise ValueError(
            "Expected every ### BEGIN … to have its ### END …, but found one alone in the cell "
            f"{marks.get('grade_id', text[:40])!r}. Put the other mark in."
        )
    if marks.get("solution") and not regions:  # as nbgrader: the whole answer is the solution
        return "\n".join(_STUB[kind])
    return found.rstrip("\n") if regions else text
