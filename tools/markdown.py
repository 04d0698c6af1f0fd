"""Put what a benchmark measured into a page of Markdown, between two markers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from saflab.files import write

__all__ = ["between", "machine_line", "put", "rows", "store"]


def between(name: str, text: str, page: str) -> str:
    """Return `page` with `text` between `<!-- name:start -->` and `<!-- name:end -->`.

    Raises:
        ValueError: If the markers are not there once each.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(
            f"Expected a page with the markers {start} and {end}, once each, but found another. "
            "Put them back, or run this in the root of a clone."
        )
    head, tail = page.split(start)[0], page.split(end)[1]
    return f"{head}{start}\n{text}\n{end}{tail}"


def put(name: str, text: str, page: Path = Path("README.md")) -> None:
    """Replace what stands between the markers of `name` in the file `page`.

    Raises:
        ValueError: If the markers are not there.
    """
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    write(page, between(name, text, old))


def rows(header: Sequence[str], cells: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table.

    >>> print("\\n".join(rows(["rule", "T"], [["SAF-E", 6]])))
    | rule | T |
    |---|---|
    | SAF-E | 6 |
    """
    lines = [f"| {' | '.join(map(str, row))} |" for row in (header, *cells)]
    return [lines[0], "|---" * len(header) + "|", *lines[1:]]


def store(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON."""
    write(path, json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def machine_line(machine: dict[str, Any]) -> str:
    """Return the sentence that says what a result was measured on."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, torch {machine['torch']}, Python "
        f"{machine['python']}, {machine['date']}."
    )
