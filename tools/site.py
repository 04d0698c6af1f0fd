"""Build the course as a static site.

python -m tools.site    write ./site from the stored outputs
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import nbformat

from saflab.course.lessons import notebooks
from tools import ROOT, api_reference
from tools.page import page

__all__ = ["build_site"]


def _title(notebook: Any, path: Path) -> str:
    first = notebook.cells[0].source.lstrip().splitlines()[0] if notebook.cells else ""
    return first.lstrip("# ").strip() or path.stem


def _navigation(previous: Path | None, following: Path | None) -> str:
    links = [("index.html", "All lessons")]
    if previous:
        links.insert(0, (f"{previous.stem}.html", f"← {previous.stem}"))
    if following:
        links.append((f"{following.stem}.html", f"{following.stem} →"))
    anchors = " · ".join(f'<a href="{href}">{html.escape(text)}</a>' for href, text in links)
    return f'<nav aria-label="Lessons">{anchors}</nav>'


def build_site(target: Path | None = None) -> Path:
    """Write each notebook as a page, with an index and links between neighbours.

    Nothing is fetched, neither while building nor when a page is read. Explorers show their stored
    picture.

    Raises:
        ValueError: If there is no notebook.
    """
    lessons = notebooks()
    target = target or ROOT / "site"
    target.mkdir(parents=True, exist_ok=True)
    items = []
    for index, path in enumerate(lessons):
        notebook = nbformat.read(path, as_version=4)
        title = _title(notebook, path)
        body = page(notebook, title)
        nav = _navigation(
            lessons[index - 1] if index else None,
            lessons[index + 1] if index + 1 < len(lessons) else None,
        )
        head, start, rest = body.partition("<main>")
        body = f"{head}{nav}{start}{rest}".replace("</body>", f"{nav}</body>")
        (target / f"{path.stem}.html").write_text(body, encoding="utf-8")
        items.append(f'<li><a href="{path.stem}.html">{html.escape(title)}</a></li>')
    items.append(api_reference.build(target))
    index_page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>saflab course</title>'
        '<meta name="viewport" content="width=device-width"><style>body{font-family:sans-serif;'
        "max-width:42rem;margin:2rem auto;line-height:1.8}</style></head><body>"
        "<h1>Training spiking networks by spike accumulation</h1><ul>"
        f"{''.join(items)}</ul></body></html>"
    )
    (target / "index.html").write_text(index_page, encoding="utf-8")
    return target


if __name__ == "__main__":
    print(build_site())
