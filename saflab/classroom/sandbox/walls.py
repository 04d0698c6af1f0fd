"""The walls of the sandbox: namespaces by bubblewrap, limits by setrlimit.

Inside there is the Python environment, read-only, an empty home in memory, and loopback; no
network, no other process, no file of the course. Nothing outside is writable. Run by root, the
code runs as a user that exists nowhere else, so that its limits and signals concern it alone.

Source: bubblewrap(1); namespaces(7); setrlimit(2).
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "INSIDE",
    "MB",
    "Limits",
    "Sandbox",
    "bubblewrap",
    "environment",
    "problem",
    "restrict",
]

INSIDE = Path(__file__).with_name("inside.py")
MB = 2**20
_PACKAGE = Path(__file__).resolve().parents[2]
_HOME = "/home/student"
_FIRST_UID = 1_900_000_000  # above every range that distributions hand out


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one submission may use.

    Args:
        seconds: Wall time of the whole notebook.
        cell_seconds: Wall time of one cell; an endless cell is interrupted, the rest still runs.
        memory_mb: Memory of each process, and of all together, without files.
        files_mb: Size of one file, of the home, and of shared memory.
        processes: Processes and threads at once.
        output_mb: Outputs of the whole notebook; one cell may fill a tenth.
    """

    seconds: int = 600
    cell_seconds: int = 60
    memory_mb: int = 2048
    files_mb: int = 128
    processes: int = 128
    output_mb: int = 10

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"Expected {name} of at least 1, but found {value}.")


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """How submissions run.

    Args:
        limits: What each may use.
        data: Folder with CIFAR-10, readable inside; digits are used without.
        unsafe: Run with the limits alone, as this user, without isolation.
    """

    limits: Limits = Limits()
    data: Path | None = None
    unsafe: bool = False


def _system() -> list[str]:
    """Mount what a Python process needs from the system, read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        arguments += ["--ro-bind-try", name, name]
    return arguments


def _python() -> list[Path]:
    """Return the folders of this Python and of the package, without what lies in another."""
    found = {Path(sys.prefix), Path(sys.base_prefix), _PACKAGE}
    return sorted(p for p in found if not any(p != q and p.is_relative_to(q) for q in found))


def _fonts() -> list[Path]:
    """Return matplotlib's list of fonts, which takes seconds to make anew."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    import matplotlib

    return sorted(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))


def bubblewrap(limits: Limits, slot: int, data: Path | None, forbidden: Path) -> list[str]:
    """Return the command that runs what follows it behind walls.

    Args:
        limits: Sizes of home, temporary folder and shared memory.
        slot: Number among the sandboxes that run at once; gives root's user id.
        data: Folder to show as /data.
        forbidden: Folder of the course, which must not be shown.

    Raises:
        ValueError: If the course lies in a folder that the sandbox must show.
    """
    size = str(limits.files_mb * MB)
    command = ["bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    command += [f"--unshare-{name}" for name in ("pid", "net", "ipc", "uts", "cgroup-try")]
    root = os.geteuid() == 0
    if not root:
        command += ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    command += _system()
    command += ["--perms", "0755", "--dir", "/home", "--proc", "/proc", "--dev", "/dev"]
    for folder in ("/dev/shm", "/tmp", _HOME):
        command += ["--size", size, "--perms", "1777", "--tmpfs", folder]
    # After /tmp, where a checkout may lie.
    for folder in _python():
        if forbidden.is_relative_to(folder):
            raise ValueError(
                f"Expected a course outside {folder}, which every submission can read, but found "
                f"{forbidden}. Move the course elsewhere."
            )
        if not folder.is_relative_to("/usr"):
            # bubblewrap makes missing parents for their owner alone, and the owner is root.
            for parent in reversed(folder.parents[:-1]):
                if parent not in (Path("/tmp"), Path(_HOME)):
                    command += ["--perms", "0755", "--dir", str(parent)]
            command += ["--ro-bind", str(folder), str(folder)]
    cache = f"{_HOME}/.cache/matplotlib"
    for folder in (f"{_HOME}/.cache", cache):
        command += ["--perms", "0777", "--dir", folder]
    for path in _fonts():
        command += ["--ro-bind", str(path), f"{cache}/{path.name}"]
    if data is not None:
        command += ["--ro-bind", str(data), "/data"]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", _HOME]
    for name, value in environment("/data" if data else "", _HOME).items():
        command += ["--setenv", name, value]
    command.append("--")
    if root:
        uid = str(_FIRST_UID + slot)
        command += ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"]
    return command


def environment(data: str, home: str) -> dict[str, str]:
    """Return all environment variables that a submission sees."""
    system = {"HOME": home, "USER": "student", "LOGNAME": "student", "TMPDIR": "/tmp"}
    system |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    python = {"PYTHONPATH": str(_PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    course = {"SAFLAB_FAST": "1", "SAFLAB_STATE": "", "SAFLAB_DATA": data, "MPLBACKEND": "agg"}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    return system | python | course | threads


def restrict(limits: Limits, nproc: bool) -> list[str]:
    """Return a prefix that sets the limits after the namespaces exist, so that they count apart."""
    command = ["prlimit", "--core=0", f"--cpu={limits.seconds}", "--nofile=512:512"]
    command += [f"--data={limits.memory_mb * MB}", f"--fsize={limits.files_mb * MB}"]
    return [*command, f"--nproc={limits.processes}"] if nproc else command


@functools.cache
def problem() -> str | None:
    """Return why this machine cannot isolate a submission, or None when it can."""
    if sys.platform != "linux":
        return f"isolation needs Linux namespaces, and this is {sys.platform}"
    for program in ("bwrap", "prlimit", "setpriv"):
        if shutil.which(program) is None:
            package = "bubblewrap" if program == "bwrap" else "util-linux"
            return f"{program} is missing: install the system's package {package}"
    walls = [*bubblewrap(Limits(), 0, None, Path("/nowhere")), *restrict(Limits(), True)]
    trial = [sys.executable, "-I", "-S", "-c", "import threading as t; t.Thread().start()"]
    done = subprocess.run([*walls, *trial], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"bubblewrap does not work here ({done.stderr.strip() or done.returncode})"
