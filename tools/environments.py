"""Run notebooks in environments drawn at random: what they print depends on none of it.

python -m tools.environments                   ten environments, each with two of the fast notebooks
python -m tools.environments 300 --seed 7      300 environments from another seed; an hour or more

Each environment is what some caller might have: a matplotlib backend, style and locale, a time
zone, a home that is missing or closed, a proxy, a terminal, a number of threads, a processor.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from saflab.course.lessons import notebooks

__all__ = ["CHOICES", "draw", "main", "run"]

ROOT = Path(__file__).resolve().parents[1]
FAST = ("00", "01", "02", "03", "04", "05", "06", "09", "10")
# Values that a caller may have; None: not set. {trap} is a folder whose settings spoil outputs.
CHOICES: dict[str, tuple[str | None, ...]] = {
    "MPLBACKEND": (None, "agg", "svg", "pdf", "module://no_such_backend"),
    "MPLCONFIGDIR": (None, "{trap}", "/dev/null/matplotlib"),
    "MATPLOTLIBRC": (None, "{trap}"),
    "IPYTHONDIR": (None, "{trap}", "/dev/null/ipython"),
    "JUPYTER_CONFIG_DIR": (None, "{trap}", "/dev/null/jupyter"),
    "JUPYTER_RUNTIME_DIR": (None, "/dev/null/runtime"),
    "PYTHONSTARTUP": (None, "{trap}/startup.py"),
    "HOME": (None, "", "/dev/null", "/nonexistent/home", "{trap}"),
    "LC_ALL": (None, "C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8", "no_SUCH"),
    "LANG": (None, "C", "ja_JP.UTF-8"),
    "TZ": (None, "UTC", "Asia/Kolkata", "Pacific/Kiritimati", "nonsense"),
    "HTTP_PROXY": (None, "http://127.0.0.1:9"),
    "https_proxy": (None, "http://127.0.0.1:9"),
    "ALL_PROXY": (None, "socks5://127.0.0.1:9"),
    "TERM": (None, "dumb", "xterm-256color", "no-such-terminal"),
    "COLUMNS": (None, "1", "20", "400"),
    "FORCE_COLOR": (None, "1"),
    "OMP_NUM_THREADS": (None, "1", "2", "5"),
    "SAFLAB_DATA": (None, "/nonexistent/data"),
    "SAFLAB_STATE": (None, "/dev/null/state"),
    "PYTHONHASHSEED": (None, "0", "1234"),
    "ATEN_CPU_CAPABILITY": (None, "default", "avx2"),
    "ONEDNN_MAX_CPU_ISA": (None, "SSE41", "AVX2"),
    "MKL_ENABLE_INSTRUCTIONS": (None, "SSE4_2", "AVX2"),
}


def draw(rng: random.Random) -> dict[str, str | None]:
    """Return one environment: a value for each variable of `CHOICES`, None if it is not set."""
    return {name: rng.choice(values) for name, values in CHOICES.items()}


def _trap(folder: Path) -> None:
    """Write settings that would change every output of a notebook that read them."""
    (folder / "matplotlibrc").write_text("figure.figsize: 1, 1\nfont.size: 30\n")
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    for path in (startup / "first.py", folder / "startup.py"):
        path.write_text("import builtins\nbuiltins.print = lambda *a, **k: None\n")
    (folder / "profile_default" / "ipython_config.py").write_text(
        "c = get_config()\nc.InteractiveShell.ast_node_interactivity = 'all'\n"
    )


def run(environment: dict[str, str | None], paths: Sequence[Path]) -> tuple[int, str]:
    """Validate notebooks in an environment; return pytest's exit status and what it said."""
    with tempfile.TemporaryDirectory(prefix="saflab-trap-") as name:
        _trap(Path(name))
        mine = {k: v for k, v in os.environ.items() if k not in CHOICES and k != "SAFLAB_ISOLATED"}
        theirs = {k: v.format(trap=name) for k, v in environment.items() if v is not None}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider",
             *map(str, paths)],
            cwd=name, env=mine | theirs, capture_output=True, text=True, errors="replace",
            check=False,
        )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if an output differed in some environment."""
    parser = argparse.ArgumentParser(prog="python -m tools.environments")
    parser.add_argument("count", type=int, nargs="?", default=10, help="environments")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=2, help="notebooks in each environment")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    fast = [path for path in notebooks(ROOT / "notebooks") if path.name.startswith(FAST)]
    bad = 0
    for index in range(options.count):
        environment, paths = draw(rng), rng.sample(fast, options.each)
        status, said = run(environment, paths)
        bad += status != 0
        shown = {k: v for k, v in environment.items() if v is not None} if status else ""
        print(index, "failed" if status else "passed", *(p.stem for p in paths), shown, flush=True)
        if status:
            print(said[-2000:], flush=True)
    print(f"{options.count * options.each} environments × notebooks, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
