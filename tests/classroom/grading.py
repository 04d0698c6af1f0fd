"""Grade a notebook in this process, as nbgrader does in a kernel. For trusted notebooks only."""

import contextlib
import io
import sys
from types import ModuleType
from typing import Any

import matplotlib
import torch
from matplotlib import pyplot as plt

from benchmarks.rehearsal import read

matplotlib.use("Agg")


def grade(
    notebook: Any, lab: str, *, demonstrations: bool = True
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the points of each test and, for each cell that failed, what it said.

    Test cells are taken from the source by grade id, as nbgrader restores them. Cells without
    a mark only show things; `demonstrations=False` leaves them out, to save time.
    """
    tests = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in read(lab).cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
    }
    module = ModuleType("lab")
    scope, earned, said = module.__dict__, dict.fromkeys(tests, 0.0), {}
    before = torch.get_default_dtype()
    sys.modules["lab"] = module
    try:
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if cell.cell_type != "code" or not (name or demonstrations):
                continue
            source = tests[name].source if name in tests else cell.source
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"<{lab} {name}>", "exec"), scope)
            except Exception as error:
                said[name or cell.id] = f"{type(error).__name__}: {error}"
            else:
                if name in tests:
                    earned[name] = tests[name].metadata.nbgrader.points
    finally:
        torch.set_default_dtype(before)
        plt.close("all")
        del sys.modules["lab"]
    return earned, said
