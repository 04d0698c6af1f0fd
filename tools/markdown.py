"""Put what a benchmark measured into a page of Markdown, between two markers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["machine_line", "put", "store"]


def put(name: str, text: str, page: Path = Path("README.md")) -> None:
    """Replace what stands between `<!-- name:start -->` and `<!-- name:end -->` in `page`.

    Raises:
        ValueError: If the markers are not there.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if start not in old or end not in old:
        raise ValueError(
            f"Expected {page} with the markers {start} and {end}, but found none. Run this in "
            "the root of a clone."
        )
    head, tail = old.split(start)[0], old.split(end)[1]
    page.write_text(f"{head}{start}\n{text}\n{end}{tail}", encoding="utf-8")


def store(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def machine_line(machine: dict[str, Any]) -> str:
    """Return the sentence that says what a result was measured on."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, torch {machine['torch']}, Python "
        f"{machine['python']}, {machine['date']}."
    )
