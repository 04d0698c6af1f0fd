"""What is installed is whole, and gives a student the course."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

import saflab
from saflab import cli, notebooks
from saflab.cli import lab


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A saflab as a wheel installs it: no checkout around it, the course inside."""
    package = tmp_path / "site-packages" / "saflab"
    for name in ("00_start.ipynb", "labs/one/one.ipynb"):
        path = package / "course" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    monkeypatch.setattr(notebooks, "PACKAGE", package)
    monkeypatch.setattr(notebooks, "ROOT", package.parent)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_installed_saflab_copies_the_course_and_keeps_the_students_work(installed):
    folder = lab.course(installed / "mine")
    assert (folder / "labs/one/one.ipynb").read_text() == "labs/one/one.ipynb"
    (folder / "00_start.ipynb").write_text("my notes")
    (folder / "labs/one/one.ipynb").unlink()
    assert lab.course(folder) == folder
    assert (folder / "00_start.ipynb").read_text() == "my notes"
    assert (folder / "labs/one/one.ipynb").exists()
    assert not [p for p in folder.rglob("*") if p.suffix == ".tmp"]


def test_a_checkout_is_opened_as_it_is(installed):
    here = installed / "notebooks"
    here.mkdir()
    assert lab.course(installed / "mine") == installed / "mine"  # somebody else's notebooks
    (here / "00_start.ipynb").write_text("")
    assert lab.course(installed / "mine").resolve() == here


def test_the_checkout_of_somebody_else_is_copied(installed, monkeypatch):
    here = installed / "notebooks"
    here.mkdir()
    (here / "00_start.ipynb").write_text("the course")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    folder = lab.course(installed / "mine")
    assert folder == installed / "mine"
    assert (folder / "00_start.ipynb").read_text() == "the course"


def test_every_command_finds_the_installed_course(installed, capsys):
    course = installed / "site-packages" / "saflab" / "course"
    cell = nbformat.v4.new_markdown_cell("# Start\n\n**10 minutes.**")
    for path in course.rglob("*.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    path = course / "labs" / "lab1" / "lab1.ipynb"
    path.parent.mkdir()
    path.write_text("")
    assert notebooks.course_folder() == course
    assert notebooks.labs() == [path]
    assert notebooks.notebooks() == [course / "00_start.ipynb"]
    path.unlink()
    assert cli.main(["progress"]) == 0
    assert "00_start" in capsys.readouterr().out
    pytest.importorskip("nbgrader")
    assert cli.main(["class", "init", str(installed / "class")]) == 0
    assert (installed / "class/source/one/one.ipynb").is_file()


def test_the_command_names_the_folder_and_starts_jupyter(installed, monkeypatch, capsys):
    started = []
    monkeypatch.setattr("os.execv", lambda program, command: started.append((program, command)))
    cli.main(["lab", "--folder", str(installed / "mine"), "--", "--no-browser"])
    assert str(installed / "mine") in capsys.readouterr().out
    program, command = started[0]
    assert program == sys.executable
    assert f"--notebook-dir={installed / 'mine'}" in command
    assert "--no-browser" in command
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    assert ("--allow-root" in command) == root


def test_no_course_and_no_place_are_named(installed, monkeypatch, capsys):
    (installed / "file").write_text("")
    assert cli.main(["lab", "--folder", str(installed / "file" / "x")]) == 2
    assert "--folder" in capsys.readouterr().err
    monkeypatch.setattr(notebooks, "PACKAGE", installed / "nothing")
    assert cli.main(["lab"]) == 2
    assert "Install saflab again" in capsys.readouterr().err


def test_scripts_and_styles_travel_with_the_package():
    package = Path(saflab.__file__).parent
    assert list((package / "widgets").glob("*.js"))
