"""The API reference of the site, written by pdoc from the docstrings; nothing is fetched."""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from pathlib import Path

import saflab

__all__ = ["build", "modules"]

# Commands and benchmarks, as any __main__, are used from the command line, which describes them.
LEFT_OUT = ("benchmarks", "saflab.cli", "saflab.course")


def modules() -> list[str]:
    """Return the names of all modules of the reference, in order."""
    found = ["saflab"]
    for module in pkgutil.walk_packages(saflab.__path__, "saflab."):
        name = module.name
        out = any(f"{name}.".startswith(f"{part}.") for part in LEFT_OUT)
        if not out and not name.endswith(".__main__"):
            found.append(name)
    return sorted(found)


def build(site: Path) -> str:
    """Write site/api/, a page for each module, and return the line that links to it.

    Raises:
        ValueError: If pdoc is missing.
    """
    try:
        from pdoc import doc, render
    except ImportError as error:
        raise ValueError(
            f"Expected pdoc for the API reference, but found it missing ({error}). "
            "Run `pip install 'saflab[dev]'`."
        ) from error

    render.configure(
        docformat="google", show_source=False, footer_text=f"saflab {saflab.__version__}"
    )
    pages = {name: doc.Module(importlib.import_module(name)) for name in modules()}
    with warnings.catch_warnings():
        # pdoc cannot resolve the annotations of a NamedTuple's __init__, and shows them as text.
        warnings.filterwarnings("ignore", "Error parsing type annotation", UserWarning)
        for name, module in pages.items():
            path = site / "api" / f"{name.replace('.', '/')}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            page = render.html_module(module=module, all_modules=pages)
            path.write_text(_linked(page, "../" * (name.count(".") + 1)), encoding="utf-8")
    (site / "api" / "index.html").write_text(
        _linked(render.html_index(pages), "../"), encoding="utf-8"
    )
    (site / "api" / "search.js").write_text(render.search_index(pages), encoding="utf-8")
    return '<li><a href="api/saflab.html">API reference</a></li>'


def _linked(page: str, up: str) -> str:
    """Return a page with a link back to the lessons, in the folder `up`, at its top."""
    link = f'<a class="pdoc-button" href="{up}index.html">All lessons</a> '
    # In the menu of a module; the first page has none.
    place = r'(<nav class="pdoc">.*?<div>)' if '<nav class="pdoc">' in page else r"(<body[^>]*>)"
    return re.sub(place, lambda found: found.group(1) + link, page, count=1, flags=re.DOTALL)
