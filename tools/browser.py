"""A real JupyterLab in a real browser, for benchmarks and browser tests."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saflab.course.lessons import KERNEL
from tools import ROOT
from tools.waiting import wait_until

__all__ = ["chromium", "free_port", "missing", "open_lab", "wait"]


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def missing() -> str | None:
    """Return what this machine lacks to run a browser, or None."""
    if importlib.util.find_spec("playwright") is None:  # a development dependency
        return "playwright is not installed"
    return None if chromium() else "no Chromium on PATH"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _notebook(cells: Sequence[str]) -> str:
    empty = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    code = [{**empty, "id": f"cell{i}", "source": source} for i, source in enumerate(cells)]
    metadata = {"kernelspec": KERNEL}
    return json.dumps({"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _settings(folder: Path, *, dark: bool) -> dict[str, str]:
    """Write JupyterLab's settings into `folder`; return the environment of the server."""
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    values = {
        "notification": {"fetchNews": "false", "checkForUpdates": False},
        "themes": {"theme": f"JupyterLab {'Dark' if dark else 'Light'}"},
    }
    for name, value in values.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.write_text(json.dumps(value), encoding="utf-8")
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / ".config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
        # Cells may import what a checkout holds beside the package.
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def wait(url: str, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Wait until a server answers.

    Raises:
        RuntimeError: If it ends, or does not answer in `seconds`.
    """
    failed = f"Expected JupyterLab at {url}, but found no answer. Run `jupyter lab` to see why."
    wait_until(lambda: process.poll() is not None or _answers(url), seconds, otherwise=failed)
    if process.poll() is not None:
        raise RuntimeError(failed)


@contextmanager
def _server(folder: Path, app: str, environment: dict[str, str]) -> Iterator[str]:
    """Serve `folder` on 127.0.0.1; yield the address, and end the server with the block."""
    port = free_port()
    command = [sys.executable, "-m", app, "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--IdentityProvider.token="]
    command += ["--ServerApp.jpserver_extensions=saflab.course.jupyter_server=True"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        wait(f"{base}/api", server)
        yield base
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _run_all(page: Any, cells: int, tries: int = 20) -> None:
    """Run the cells one by one; Lab ignores the key until the kernel is connected, so repeat it."""
    idle = ".jp-Notebook-ExecutionIndicator[data-status=idle], .jp-NotebookKernelStatus"
    page.locator(idle).first.wait_for(timeout=60_000, state="attached")
    prompts = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
    for index in range(cells):
        for _ in range(tries):
            page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(index).click()
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(300)
            if prompts.nth(index).inner_text().strip("[]: \u200b"):
                break
        else:
            raise RuntimeError(
                "Expected the kernel to run a cell, but found no answer. Try `jupyter lab` by hand."
            )


@contextmanager
def open_lab(
    cells: Sequence[str],
    width: int = 1280,
    height: int = 1000,
    *,
    dark: bool = False,
    app: str = "jupyterlab",
) -> Iterator[Any]:
    """Serve a notebook of `cells` on 127.0.0.1, run all of it in Chromium, and yield the page.

    Server, kernel and browser end with the block.

    Args:
        cells: Source of the code cells.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        dark: Use JupyterLab's dark theme.
        app: "jupyterlab", or "notebook" for Notebook 7.

    Raises:
        RuntimeError: If there is no Chromium, or the server does not answer.
    """
    if reason := missing():
        raise RuntimeError(f"Expected a browser, but found that {reason}. Install it.")
    from playwright.sync_api import sync_playwright

    route = "notebooks" if app == "notebook" else "doc/tree"
    with tempfile.TemporaryDirectory(prefix="saflab-lab-") as name:
        folder = Path(name)
        (folder / "page.ipynb").write_text(_notebook(cells), encoding="utf-8")
        with _server(folder, app, _settings(folder, dark=dark)) as base, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(f"{base}/{route}/page.ipynb", wait_until="domcontentloaded")
            _run_all(page, len(cells))
            yield page
            browser.close()
