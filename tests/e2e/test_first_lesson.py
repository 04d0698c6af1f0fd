"""`saflab lab` in a browser: the first lesson is open, and nothing is in its way."""

import os
import subprocess
import sys
import time

import pytest
from playwright.sync_api import sync_playwright

from tools.browser import chromium, free_port, wait

LINKS = ".jp-RenderedMarkdown a[href*='lab1.ipynb']"


@pytest.fixture
def page(tmp_path):
    """A browser at the address that `saflab lab` prints, on a machine where nobody was before."""
    port = free_port()
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "JUPYTER_CONFIG_DIR": f"{tmp_path}/config",
        "JUPYTERLAB_SETTINGS_DIR": f"{tmp_path}/settings",
        "JUPYTERLAB_WORKSPACES_DIR": f"{tmp_path}/workspaces",
    }
    command = [sys.executable, "-m", "saflab", "lab", "--folder", f"{tmp_path}/saflab-course", "--",
               "--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token="]  # fmt: skip
    with open(tmp_path / "server.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait(f"http://127.0.0.1:{port}/api", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(),
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"http://127.0.0.1:{port}/", wait_until="domcontentloaded")
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def test_lesson_00_is_open_without_news_and_without_the_graders_menus(page):
    page.locator(".jp-Notebook h1").first.wait_for(timeout=90_000)
    assert page.url.endswith("/lab/tree/00_start.ipynb")
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith("00 ·")
    time.sleep(5)  # the question about news comes some seconds later
    assert page.locator(".Toastify__toast").count() == 0
    menus = page.locator(".lm-MenuBar-itemLabel").all_inner_texts()
    assert "File" in menus
    assert "Nbgrader" not in menus
    page.get_by_text("View", exact=True).first.click()
    assert "Activate Command Palette" in page.locator(".lm-Menu").first.inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+C")
    search = page.locator(".lm-CommandPalette-input")
    search.fill("assignment")
    time.sleep(0.5)
    commands = page.locator(".lm-CommandPalette-itemLabel").all_inner_texts()
    assert not [label for label in commands if "ssignment" in label or "ormgrader" in label]


def test_the_link_to_a_lab_opens_the_students_version(page):
    page.locator(".jp-Notebook h1").first.wait_for(timeout=90_000)
    link = page.locator(LINKS).first
    link.scroll_into_view_if_needed()
    link.click()
    title = page.locator(".jp-Notebook h1", has_text="Lab 1").first
    title.wait_for(timeout=30_000)
    shown = page.locator(".jp-NotebookPanel:visible .jp-Notebook").inner_text()
    assert "YOUR CODE HERE" in shown
    assert "BEGIN SOLUTION" not in shown
