"""Re-execute the notebooks in place, or build them into a static site.

python -m saflab.notebooks            re-execute all (SAFLAB_FAST=1 unless set)
python -m saflab.notebooks 01 lab2    re-execute those whose name starts so
python -m saflab.notebooks site       write ./site from the stored outputs
"""

from __future__ import annotations

import hashlib
import html
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from saflab import reference
from saflab.files import write
from saflab.pages import page

__all__ = ["ROOT", "build_site", "code_hash", "course_folder", "execute", "labs", "main",
           "notebooks"]  # fmt: skip

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent


def course_folder() -> Path:
    """Return the folder of the course: that of a checkout, here or around saflab, else installed.

    Raises:
        ValueError: If there is none.
    """
    for folder in (Path.cwd() / "notebooks", ROOT / "notebooks", PACKAGE / "course"):
        if (folder / "00_start.ipynb").is_file():
            return folder
    raise ValueError(
        f"Expected the notebooks in {PACKAGE / 'course'}, but found none. Install saflab again, "
        "or work in a clone of the repository."
    )


def notebooks(folder: Path | None = None) -> list[Path]:
    """Return the lessons in order."""
    return sorted((folder or course_folder()).glob("[0-9][0-9]_*.ipynb"))


def labs(folder: Path | None = None) -> list[Path]:
    """Return the sources of the graded labs, with their solutions, in order."""
    return sorted((folder or course_folder() / "labs").glob("lab[0-9]/lab[0-9].ipynb"))


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
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "saflab": {"code_sha256": code_hash(notebook)},
        }
    )
    write(path, nbformat.writes(notebook) + "\n")


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
    items.append(reference.build(target))
    index_page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>saflab course</title>'
        '<meta name="viewport" content="width=device-width"><style>body{font-family:sans-serif;'
        "max-width:42rem;margin:2rem auto;line-height:1.8}</style></head><body>"
        "<h1>Training spiking networks by spike accumulation</h1><ul>"
        f"{''.join(items)}</ul></body></html>"
    )
    (target / "index.html").write_text(index_page, encoding="utf-8")
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["site"]:
        print(build_site())
        return 0
    os.environ.setdefault("SAFLAB_FAST", "1")
    os.environ.setdefault("SAFLAB_STATE", "")  # solutions that are run here are nobody's progress
    every = notebooks() + labs()
    chosen = [p for p in every if not arguments or any(p.name.startswith(a) for a in arguments)]
    if not chosen:
        print(f"Expected the start of a notebook's name, but found {arguments}.", file=sys.stderr)
        return 2
    for path in chosen:
        execute(path)
        print(path.name, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
