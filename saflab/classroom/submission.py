"""The notebook that is executed: the student's answers among the teacher's cells, and its proof.

A test cell scores when no error came out of it *and* a token, drawn anew for each cell and printed
by its last line, did. So a kernel that swallows exceptions scores nothing.
"""

from __future__ import annotations

import ast
import json
import secrets
from typing import Any

import nbformat

from saflab.course.lessons import KERNEL

__all__ = ["assemble", "is_test", "parse", "seal", "suspicious", "unseal"]


def parse(text: bytes) -> Any:
    """Return a notebook of format 4 from the bytes of a file.

    Raises:
        ValueError: If it is not one; the message says why.
    """
    try:
        content = json.loads(text)
        notebook: Any = nbformat.from_dict(content)
        if not isinstance(content, dict) or content.get("nbformat") != 4:
            raise ValueError("it is not a notebook of format 4")
        for cell in notebook.cells:
            if not isinstance(cell.source, str):
                cell.source = "".join(cell.source)
            if cell.cell_type not in ("code", "markdown", "raw"):
                raise ValueError(f"it has a cell of type {cell.cell_type!r}")
            if not isinstance(cell.setdefault("metadata", nbformat.NotebookNode()), dict):
                raise ValueError("the metadata of a cell are not an object")
    except (TypeError, AttributeError, KeyError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not a notebook ({type(error).__name__}: {error})") from None
    return notebook


def _mark(cell: Any) -> Any:
    mark = cell.metadata.get("nbgrader", {})
    return mark if isinstance(mark, dict) else {}


def _name(cell: Any) -> Any:
    """Return a cell's grade id, which a submission may have replaced by any JSON value."""
    name = _mark(cell).get("grade_id")
    return name if isinstance(name, str) else None


def is_test(cell: Any) -> bool:
    """Return whether a cell of the source is graded by running it."""
    mark = _mark(cell)
    return bool(cell.cell_type == "code" and mark.get("grade") and not mark.get("solution"))


def assemble(source: Any, release: Any, submission: Any) -> tuple[Any, list[str]]:
    """Return the notebook to execute, and the locked cells that the student had changed.

    The student's order and own cells are kept. A locked cell is the source's; an answer has the
    student's text and the source's marks; what is missing comes back behind its predecessor.
    """
    known = {_name(cell): cell for cell in source.cells if _name(cell)}
    given = {_name(cell): cell for cell in release.cells if _name(cell)}
    cells, where, changed = [], {}, []
    for cell in submission.cells:
        name = _name(cell)
        if name not in known or name in where:
            cells.append(_plain(cell.cell_type, cell))
            continue
        mine = _copy(known[name])
        if _mark(mine).get("solution"):
            mine.source = cell.source
            if mine.cell_type == "markdown" and isinstance(cell.get("attachments"), dict):
                mine.attachments = cell.attachments
        elif cell.source.rstrip() != given[name].source.rstrip():
            changed.append(name)
        where[name] = len(cells)
        cells.append(mine)
    previous = None
    for name in known:
        if name not in where:
            changed.append(name)
            place = where[previous] + 1 if previous else 0
            where = {key: at + (at >= place) for key, at in where.items()} | {name: place}
            mine = _copy(known[name])
            if _mark(mine).get("solution"):
                mine.source = given[name].source
            cells.insert(place, mine)
        previous = name
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), changed


def _copy(node: Any) -> Any:
    return nbformat.from_dict(json.loads(json.dumps(node)))


def _plain(kind: str, cell: Any) -> Any:
    make = {"code": nbformat.v4.new_code_cell, "raw": nbformat.v4.new_raw_cell}
    return make.get(kind, nbformat.v4.new_markdown_cell)(cell.source)


def seal(notebook: Any) -> tuple[Any, dict[int, str]]:
    """Return a copy whose tests print a token at their end, and the tokens by cell index."""
    sealed, tokens = _copy(notebook), {}
    for index, cell in enumerate(sealed.cells):
        if is_test(cell):
            tokens[index] = secrets.token_hex(16)
            cell.source += f"\nprint({tokens[index]!r})"
    return sealed, tokens


def unseal(notebook: Any, outputs: dict[int, list[Any]], tokens: dict[int, str]) -> list[str]:
    """Put outputs into a notebook in place; return the tests without error and without token.

    nbgrader gives a test all points unless an error is among its outputs, so an error is added
    where the proof is missing. Warnings cost nothing, and no output is taken for a score.
    """
    unproved = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        cell.outputs = [good for out in outputs.get(index, []) if (good := _valid(out))]
        if index not in tokens:
            continue
        token, proved = tokens[index], False
        for out in cell.outputs:
            if out.output_type == "stream":
                proved = proved or token in out.text
                out.text = out.text.replace(f"{token}\n", "").replace(token, "")
                out.name = "stdout"
        cell.outputs = [
            out
            for out in cell.outputs
            if out.output_type != "execute_result" and (out.output_type != "stream" or out.text)
        ]
        failed = any(out.output_type == "error" for out in cell.outputs)
        if not proved and not failed:
            ran = index in outputs
            why = "the test did not reach its end, and no error came out" if ran else "not run"
            trace = [f"NotPassed: {why}"]
            cell.outputs.append(
                nbformat.v4.new_output("error", ename="NotPassed", evalue=why, traceback=trace)
            )
            if ran:
                unproved.append(_name(cell))
    return unproved


def _valid(output: Any) -> Any:
    try:
        node: Any = nbformat.from_dict(output)
        nbformat.validate(node, ref="output", version=4)
    except (nbformat.ValidationError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    if node.output_type == "stream" and not isinstance(node.text, str):
        node.text = "".join(node.text)
    return node


_MODULES = {
    *("builtins", "ctypes", "gc", "inspect", "IPython", "multiprocessing", "os", "pty"),
    *("signal", "socket", "subprocess", "sys"),
}


def suspicious(notebook: Any) -> list[str]:
    """Return what a person should look at: no proof of anything, and not complete.

    Code of a submission shares a process with the tests, so it can replace what they call.
    """
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or (_mark(cell) and not _mark(cell).get("solution")):
            continue
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        modules = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                modules |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
                found += [f"imports {name}" for name in names & _MODULES]
            elif isinstance(node, ast.ImportFrom) and node.module:
                if node.module.split(".")[0] in _MODULES:
                    found.append(f"imports {node.module}")
            elif isinstance(node, ast.Name) and node.id in ("get_ipython", "__builtins__"):
                found.append(f"uses {node.id}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("setattr", "exec", "eval", "__import__"):
                    found.append(f"calls {node.func.id}")
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                root = node.value
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and root.id in modules | {"torch", "checks", "plt"}:
                    found.append(f"assigns {ast.unparse(node)}")
    return sorted(set(found))
