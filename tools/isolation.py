"""An environment of its own for tests and kernels, whatever the caller's is.

The caller's matplotlib backend and style, IPython profile and startup file, Jupyter settings,
locale, time zone, width of the terminal, proxies and data have no part in a stored output. The
processor, the number of threads and the kind of terminal stay: outputs do not depend on them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

__all__ = ["isolate", "isolated"]

_PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "ftp", "all", "no")]
_GONE = frozenset({
    *_PROXIES, *map(str.upper, _PROXIES),
    # ipykernel then sets its inline backend, and a test process takes "agg" from the file below.
    "MPLBACKEND",
    "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE",
    "LANG", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES", "LC_COLLATE",
    "JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONIOENCODING",
    "PYTHONHASHSEED", "PYDEVD_DISABLE_FILE_VALIDATION", "SAFLAB_DATA",
})  # fmt: skip
_FOLDERS = ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR")  # fmt: skip
_MARK = "SAFLAB_ISOLATED"


def isolated(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return `environment` with settings of the caller replaced by those in `folder`.

    Args:
        environment: Names and values, as `os.environ`.
        folder: A writable folder for settings, caches and, if the caller has none, for HOME.
    """
    kept = {name: value for name, value in environment.items() if name not in _GONE}
    own = {name: str(folder / name.lower()) for name in _FOLDERS}
    style = folder / "matplotlibrc"
    home = {} if _writable(kept.get("HOME")) else {"HOME": str(folder / "home")}
    for path in (*own.values(), *home.values()):
        Path(path).mkdir(parents=True, exist_ok=True)
    style.write_text("backend: agg\n", encoding="utf-8")
    fixed = {"MATPLOTLIBRC": str(style), "LC_ALL": "C.UTF-8", "TZ": "UTC", _MARK: str(folder)}
    return kept | own | home | fixed


def _writable(home: str | None) -> bool:
    return bool(home) and Path(str(home)).is_dir() and os.access(str(home), os.W_OK)


def isolate(environment: MutableMapping[str, str] = os.environ) -> tempfile.TemporaryDirectory[str]:
    """Isolate this process and its children, once; return the folder, to be kept until the end.

    A child that finds itself isolated shares its parent's folder, and what is cached there.
    """
    folder = tempfile.TemporaryDirectory(prefix="saflab-isolated-")
    shared = environment.get(_MARK)
    chosen = Path(shared if shared and Path(shared).is_dir() else folder.name)
    new = isolated(environment, chosen)
    for name in set(environment) - set(new):
        del environment[name]
    environment.update(new)
    return folder
