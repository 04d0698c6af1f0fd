"""What is installed is whole, and gives a student the course."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

import saflab
from saflab import cli
from saflab.cli import lab
from saflab.course import lessons


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A saflab as a wheel installs it: no checkout around it, the course inside."""
    package = tmp_path / "site-packages" / "saflab"
    for name in ("00_start.ipynb", "labs/lab1/lab1.ipynb"):
        path = package / "course" / "notebooks" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"cells": [], "name": name}))
    monkeypatch.setattr(lessons, "INSTALLED", package / "course" / "notebooks")
    monkeypatch.setattr(lessons, "ROOT", package.parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_course_is_copied_and_the_students_work_is_kept(installed):
    folder = installed / "mine"
    assert lab.course(folder) == []
    assert json.loads((folder / "00_start.ipynb").read_text())["name"] == "00_start.ipynb"
    (folder / "00_start.ipynb").write_text("my notes")
    (folder / "labs/lab1/lab1.ipynb").unlink()
    assert lab.course(folder) == []
    assert (folder / "00_start.ipynb").read_text() == "my notes"
    assert (folder / "labs/lab1/lab1.ipynb").exists()
    assert not [p for p in folder.rglob("*") if p.suffix == ".tmp"]


def test_a_newer_lesson_is_named_and_the_students_is_kept(installed, monkeypatch, capsys):
    monkeypatch.setattr("os.execv", lambda *command: None)
    course, folder = installed / "site-packages/saflab/course/notebooks", installed / "mine"
    cell = nbformat.v4.new_code_cell("x = 1")
    for path in course.rglob("*.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert lab.course(folder) == []
    mine = json.loads((folder / "00_start.ipynb").read_text())
    mine["cells"][0]["source"] = "x = 2  # my answer"
    (folder / "00_start.ipynb").write_text(json.dumps(mine))
    assert lab.course(folder) == []  # the student's change is not a newer version
    cell["outputs"] = [nbformat.v4.new_output("stream", text="run again")]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), course / "00_start.ipynb")
    assert lab.course(folder) == []  # nor are new outputs
    cell["source"] = "x = 1.0"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), course / "00_start.ipynb")
    cli.main(["lab", "--folder", str(folder)])
    said = capsys.readouterr().out
    assert "newer version of 00_start; yours is kept" in said
    assert json.loads((folder / "00_start.ipynb").read_text()) == mine
    (folder / "00_start.ipynb").rename(folder / "00_mine.ipynb")
    assert lab.course(folder) == []
    assert "x = 1.0" in (folder / "00_start.ipynb").read_text()


def test_a_checkout_is_copied_too_without_the_sources_of_its_labs(tmp_path):
    """Here, in the repository itself."""
    lab.course(tmp_path / "mine")
    copied = {path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").rglob("*.ipynb")}
    course = lessons.course_folder()
    assert copied == {p.relative_to(course) for p in (*lessons.notebooks(), *lessons.labs())}
    assert len([path for path in copied if path.parts[0] == "labs"]) == 4
    for path in (tmp_path / "mine").rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in text
        assert "BEGIN HIDDEN" not in text


def test_every_command_finds_the_installed_course(installed, capsys):
    course = installed / "site-packages" / "saflab" / "course" / "notebooks"
    cell = nbformat.v4.new_markdown_cell("# Start\n\n**10 minutes.**")
    for path in course.rglob("*.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    path = course / "labs" / "lab1" / "lab1.ipynb"
    assert lessons.course_folder() == course
    assert lessons.labs() == [path]
    assert lessons.notebooks() == [course / "00_start.ipynb"]
    assert cli.main(["progress"]) == 0
    assert "00_start" in capsys.readouterr().out
    pytest.importorskip("nbgrader")
    # An installed course holds labs as students get them: there is nothing to grade by.
    init = ["class", "init", str(installed / "class")]
    assert cli.main(init) == 2
    assert "Run in a clone of the repository" in capsys.readouterr().err
    assert cli.main([*init, "--labs", str(course / "labs")]) == 2
    assert "without solutions" in capsys.readouterr().err
    assert not (installed / "class").exists()
    source = installed / "instructor" / "labs" / "lab1" / "lab1.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(path.read_text().replace("# Start", "### BEGIN SOLUTION"))
    assert cli.main(init) == 0
    assert (installed / "class/source/lab1/lab1.ipynb").is_file()


def test_the_command_names_the_folder_and_starts_jupyter(installed, monkeypatch, capsys):
    started = []
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    monkeypatch.setattr("os.execv", lambda program, command: started.append((program, command)))
    cli.main(["lab", "--folder", str(installed / "mine"), "--", "--no-browser"])
    assert str(installed / "mine") in capsys.readouterr().out
    program, command = started[0]
    assert program == sys.executable
    assert f"--notebook-dir={installed / 'mine'}" in command
    assert "--LabApp.default_url=/lab/tree/00_start.ipynb" in command
    first, _, others = os.environ["JUPYTER_CONFIG_PATH"].partition(os.pathsep)
    assert others == "/mine"
    off = json.loads(Path(first, "labconfig", "page_config.json").read_text())["disabledExtensions"]
    assert off["@jupyter/nbgrader"]
    assert off["@jupyterlab/apputils-extension:announcements"]
    assert "--no-browser" in command
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    assert ("--allow-root" in command) == root


def test_no_course_and_no_place_are_named(installed, monkeypatch, capsys):
    (installed / "file").write_text("")
    assert cli.main(["lab", "--folder", str(installed / "file" / "x")]) == 2
    assert "--folder" in capsys.readouterr().err
    monkeypatch.setattr(lessons, "INSTALLED", installed / "nothing")
    assert cli.main(["lab"]) == 2
    assert "Install saflab again" in capsys.readouterr().err


def test_scripts_and_styles_travel_with_the_package():
    package = Path(saflab.__file__).parent
    assert list((package / "widgets" / "js").glob("*.js"))
