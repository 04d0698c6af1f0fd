"""Write the tree of CONTRIBUTING.md from the folders, their docstrings and their floors.

python -m tools.tree
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tools import ROOT
from tools.markdown import put

__all__ = ["PAGE", "folders", "tree"]

PAGE = ROOT / "CONTRIBUTING.md"
WIDTH, INDENT = 99, "    "


def floors() -> list[tuple[str, ...]]:
    """Return the table of tests/test_architecture.py, from the top down."""
    source = (ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS":
            return ast.literal_eval(node.value)[::-1]
    raise ValueError("Expected FLOORS in tests/test_architecture.py, but found none. Put it back.")


def about(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split()).rstrip(".")


def folders(top: Path) -> Iterator[Path]:
    """Yield `top` and the packages within it, each before those that it contains."""
    yield top
    for path in sorted(top.iterdir()):
        if (path / "__init__.py").is_file():
            yield from folders(path)


def _room(path: Path) -> list[str]:
    """Return the lines of a module, or of a folder with its modules and folders."""
    if path.is_file():
        return [f"{path.relative_to(ROOT)}  {about(path)}"]
    lines = []
    for folder in folders(path):
        names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("__"))
        lines += [f"{folder.relative_to(ROOT)}/  {about(folder / '__init__.py')}"]
        lines += [INDENT + line for line in textwrap.wrap(" ".join(names), WIDTH - len(INDENT))]
    return lines


def tree() -> str:
    """Return the tree as a block of Markdown: rooms from the top floor down, then the workshop."""
    lines = []
    for rooms in floors():
        for room in rooms:
            path = ROOT / "saflab" / room
            lines += _room(path if path.is_dir() else path.with_suffix(".py"))
    lines.append("")
    for name in ("benchmarks", "tools"):
        lines += _room(ROOT / name)
    return "\n".join(["```text", *lines, "```"])


if __name__ == "__main__":
    put("tree", tree(), PAGE)
    print(PAGE)
