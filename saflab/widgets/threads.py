"""Processor threads shared by a notebook and a training in its background."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["release_threads", "training", "trainings"]

_running: set[int] = set()


@contextmanager
def training() -> Iterator[None]:
    """Count the calling thread among the trainings until the block ends."""
    _running.add(threading.get_ident())
    try:
        yield
    finally:
        _running.discard(threading.get_ident())


def trainings() -> int:
    """Return how many threads of this process are training, paused ones included."""
    return len(_running)


def release_threads() -> None:
    """Give back the calling thread's idle OpenMP workers; they return with its next operation.

    libgomp, PyTorch's OpenMP on Linux, lets workers wait awake only while a process has no more
    of them than cores. A notebook's main thread keeps its own, idle, and a training in another
    thread then pays a sleep and a wake-up for every operation: 10.1 s instead of 6.1 s here.
    Does nothing where OpenMP cannot be told.
    """
    if os.name == "posix":
        pause = getattr(ctypes.CDLL(None), "omp_pause_resource_all", None)
        if pause is not None:
            pause(1)  # omp_pause_soft
