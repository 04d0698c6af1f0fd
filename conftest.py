"""Make plain `pytest --nbval notebooks/` strict and complete, from any folder and with `-n 2`."""

from __future__ import annotations

import os
import time

import pytest

from tools.isolation import isolate

pytest_plugins = ["tools.nbval_tolerance"]
# Students' labs have no answers, so they cannot run to the end; nbval compares their sources.
collect_ignore = ["notebooks/labs"]


def pytest_configure(config: pytest.Config) -> None:
    """Set what the notebooks need, so that no flags are needed."""
    folder = isolate()
    config.add_cleanup(folder.cleanup)
    time.tzset()
    os.environ.setdefault("SAFLAB_FAST", "1")
    os.environ["SAFLAB_STATE"] = ""  # a test run solves exercises, not a student
    option = config.option
    if hasattr(option, "nbval_current_env"):
        option.nbval_current_env = True
        option.nbval_cell_timeout = 300  # seconds; an emulated processor is slow
    if getattr(option, "nbval", False):
        option.randomly_reorganize = False  # the cells of a notebook have an order
    if getattr(option, "dist", "no") == "load":
        # One worker per notebook: its cells share a kernel.
        option.dist = "loadfile"
