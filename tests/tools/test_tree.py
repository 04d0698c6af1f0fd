"""The tree of CONTRIBUTING.md names what exists, and nothing else."""

import re
from pathlib import Path

from tools.tree import PAGE, tree

ROOT = Path(__file__).resolve().parents[2]


def named(text: str) -> set[str]:
    """Return the modules and folders that a tree names, as paths."""
    found, folder = set(), ""
    for line in text.splitlines():
        if re.match(r"(saflab|benchmarks|tools)/", line):
            path = line.split("  ")[0]
            found.add(path)
            folder = path
        elif line.startswith("    "):
            found |= {f"{folder}{name}.py" for name in line.split()}
    return found


def existing() -> set[str]:
    found = set()
    for top in ("saflab", "benchmarks", "tools"):
        for path in (ROOT / top).rglob("*.py"):
            inside = path.relative_to(ROOT)
            if inside.name == "__init__.py":
                found.add(f"{inside.parent}/")
            elif inside.name != "__main__.py" or inside.parent.name == "saflab":
                found.add(str(inside))
    return found - {"saflab/"}


def test_the_tree_names_exactly_what_exists():
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition("<!-- tree:start -->")[2].partition("<!-- tree:end -->")[0]
    assert named(shown) == existing(), "Run python -m tools.tree."
    assert shown == f"\n{tree()}\n", "Run python -m tools.tree."
