"""What this machine has: processor, versions, memory, and the packages of an extra."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["MissingPackage", "describe_machine", "on_gpu", "optional", "peak_memory"]


class MissingPackage(ImportError, ValueError):
    """A package of an extra is not installed; the message names the extra."""


@contextlib.contextmanager
def optional(extra: str) -> Iterator[None]:
    """Import packages of an extra inside `with optional(extra)`.

    Raises:
        MissingPackage: If one of them is not installed.

    >>> with optional("course"):
    ...     import matplotlib
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or str(error)).partition(".")[0]
        if package == "saflab":
            raise
        raise MissingPackage(
            f"Expected the package {package}, but found none. Run `pip install 'saflab[{extra}]'`.",
            name=package,
        ) from error


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_machine(device: torch.device | None = None) -> dict[str, Any]:
    """Return machine, versions and date (UTC), as stored with every log and result."""
    import torch

    import saflab  # here, because the package imports this module

    gpu = device is not None and device.type == "cuda"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if gpu else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "saflab": saflab.__version__,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def peak_memory(device: torch.device) -> int:
    """Return the peak memory in bytes: allocated on a GPU, resident of this process on a CPU."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource  # POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def on_gpu(device: torch.device) -> bool:
    """Return whether `device` runs asynchronously, so that reading a value synchronises with it."""
    return device.type == "cuda"
