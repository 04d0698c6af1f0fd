"""A real JupyterLab in a real browser, for the widget benchmark and the browser tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["chromium", "free_port", "open_lab", "wait"]


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    return None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _notebook(cells: Sequence[str]) -> str:
    code = [
        {"cell_type": "code", "execution_count": None, "id": f"cell{i}", "metadata": {},
         "outputs": [], "source": source}
        for i, source in enumerate(cells)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


def wait(url: str, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Wait until a server answers.

    Raises:
        RuntimeError: If it ends, or does not answer in `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(
        f"Expected JupyterLab at {url}, but found no answer. Run `jupyter lab` by hand to see why."
    )


def _run_all(page: Any, cells: int, tries: int = 20) -> None:
    """Run the cells one by one; Lab ignores the key until the kernel is connected, so ask again."""
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
    from playwright.sync_api import sync_playwright  # a development dependency

    browser_path = chromium()
    if browser_path is None:
        raise RuntimeError("Expected Chromium, but found none on PATH. Install `chromium`.")
    with tempfile.TemporaryDirectory(prefix="saflab-lab-") as folder:
        Path(folder, "page.ipynb").write_text(_notebook(cells), encoding="utf-8")
        settings = Path(folder, ".settings", "@jupyterlab", "apputils-extension")
        settings.mkdir(parents=True)
        quiet = '{"fetchNews": "false", "checkForUpdates": false}'
        (settings / "notification.jupyterlab-settings").write_text(quiet, encoding="utf-8")
        theme = json.dumps({"theme": f"JupyterLab {'Dark' if dark else 'Light'}"})
        (settings / "themes.jupyterlab-settings").write_text(theme, encoding="utf-8")
        port = free_port()
        environment = {**os.environ, "JUPYTER_CONFIG_DIR": f"{folder}/.config",
                       "JUPYTERLAB_SETTINGS_DIR": f"{folder}/.settings",
                       "JUPYTERLAB_WORKSPACES_DIR": f"{folder}/.workspaces"}  # fmt: skip
        command = [
            sys.executable, "-m", app, "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--IdentityProvider.token=",
            "--ServerApp.jpserver_extensions=saflab.course.jupyter_server=True",
            f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        with open(f"{folder}/server.log", "wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            base = f"http://127.0.0.1:{port}"
            wait(f"{base}/api", server)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=browser_path, args=["--no-sandbox"]
                )
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(
                    f"{base}/{'notebooks' if app == 'notebook' else 'doc/tree'}/page.ipynb",
                    wait_until="domcontentloaded",
                )
                _run_all(page, len(cells))
                yield page
                browser.close()
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
