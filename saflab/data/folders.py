"""Folders as people have them: hidden files are passed over, and every name can be printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_hidden", "printable", "visible", "visible_files"]

# What systems, browsers of files and notebooks leave beside data, without a dot in front.
_LEFT_BY_SYSTEMS = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "icon\r", "@eadir",
     "lost+found", "system volume information")
)  # fmt: skip


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is no data.

    >>> [is_hidden(name) for name in (".DS_Store", "._cat.png", "Thumbs.db", "cat.png")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _LEFT_BY_SYSTEMS


def visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name, without hidden files and folders."""
    return sorted(path for path in folder.iterdir() if not is_hidden(path.name))


def visible_files(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files below a folder whose names end in `suffix`, without hidden ones."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if name.endswith(suffix) and not is_hidden(name):
                yield Path(path, name)


def printable(path: Path | str) -> str:
    r"""Return a path as text that can be printed, also if its bytes are not UTF-8.

    >>> printable("caf\udce9.png")
    'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
