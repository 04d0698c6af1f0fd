"""Break each feature on purpose, one at a time, and see its tests fail.

`python tests/breakages.py` copies the repository, makes one change of breakages.toml, runs the
tests named beside it, and writes assets/breakages.json; exit status 1 if any test did not notice.
Words on the command line choose the breakages whose feature or file contains one.
`test_breakages.py` sees to it that the list keeps up with the code.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import torch

from saflab.machine import describe_machine
from tools.markdown import store

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("saflab", "benchmarks", "tools", "tests", "notebooks", "instructor", "docs", "assets",
          "pyproject.toml", "conftest.py", "constraints.txt", "environment.yml", "LICENSE",
          "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")  # fmt: skip


class Breakage(NamedTuple):
    """A change of one place, and the tests (arguments of pytest) that must then fail."""

    feature: str
    file: str
    old: str
    new: str
    tests: str


BREAKAGES = tuple(
    Breakage(**entry)
    for entry in tomllib.loads((ROOT / "tests" / "breakages.toml").read_text())["breakage"]
)


def missing() -> list[Breakage]:
    """Return the breakages whose place is no longer in the code, or that change nothing."""
    texts = {b.file: (ROOT / b.file).read_text(encoding="utf-8") for b in BREAKAGES}
    return [b for b in BREAKAGES if b.old not in texts[b.file] or b.old == b.new]


def broken(breakage: Breakage, folder: Path) -> dict[str, object]:
    """Run the tests of a breakage in a broken copy of the repository."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".hypothesis")
        if source.is_dir():
            shutil.copytree(source, target, ignore=skip)
        elif source.is_file():
            shutil.copy2(source, target)
    path = folder / breakage.file
    path.write_text(
        path.read_text(encoding="utf-8").replace(breakage.old, breakage.new), encoding="utf-8"
    )
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               *shlex.split(breakage.tests)]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return {
        **breakage._asdict(), "noticed": done.returncode == 1, "status": done.returncode,
        "failed": failed[:1], "seconds": round(time.monotonic() - start, 1),
        "end": "" if done.returncode == 1 else done.stdout[-400:] + done.stderr[-400:],
    }  # fmt: skip


def main(words: list[str]) -> int:
    """Try the chosen breakages, print a line for each, and write assets/breakages.json."""
    if gone := missing():
        raise SystemExit(f"Expected every place in the code, but found none of {gone}.")
    rows = []
    for breakage in BREAKAGES:
        if words and not any(w in breakage.feature or w in breakage.file for w in words):
            continue
        with tempfile.TemporaryDirectory(prefix="saflab-broken-") as folder:
            rows.append(broken(breakage, Path(folder)))
        row = rows[-1]
        word = "noticed" if row["noticed"] else "NOT NOTICED"
        print(f"{word}: {row['feature']}, {row['file']}, {row['old']!r} {row['end']}", flush=True)
    if not words:
        machine = describe_machine(torch.device("cpu"))
        store({"machine": machine, "rows": rows}, ROOT / "assets" / "breakages.json")
    unnoticed = sum(not row["noticed"] for row in rows)
    print(f"{len(rows)} breakages, {unnoticed} not noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
