"""What lessons link to is the student's version of a lab: no solutions, hidden tests or outputs."""

import re
import subprocess
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader")

from saflab.classroom.labs import labs, read
from saflab.course import lessons
from tools.student_labs import student_lab, target

LABS = labs()
COURSE = lessons.course_folder()
MARKS = ("BEGIN SOLUTION", "BEGIN HIDDEN", "BEGIN MARK", "### END")


def stored(lab):
    return (COURSE / "labs" / lab / f"{lab}.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize("lab", LABS)
def test_it_is_what_the_command_writes(lab):
    """Write it anew with `python -m tools.student_labs` after a change of the source."""
    assert stored(lab) == student_lab(lab)


@pytest.mark.parametrize("lab", LABS)
def test_it_holds_no_solution_no_hidden_test_and_no_output(lab):
    notebook = nbformat.reads(stored(lab), as_version=4)
    assert not [mark for mark in MARKS if mark in stored(lab)]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    shown = "\n".join(cell.source for cell in notebook.cells)
    assert "# YOUR CODE HERE\n" in shown
    assert "YOUR ANSWER HERE" in shown
    regions = re.compile(r"### BEGIN [A-Z ]+\n(.*?)### END", re.S)
    secret = [text.strip() for cell in read(lab).cells for text in regions.findall(cell.source)]
    assert len(secret) >= 10
    assert not [text for text in secret if text in shown]


def test_a_mark_scheme_is_no_part_of_it(monkeypatch):
    source = read("lab1")
    answer = next(c for c in source.cells if c.cell_type == "markdown" and "nbgrader" in c.metadata)
    answer.source = "Why?\n### BEGIN MARK SCHEME\n5 points: all\n### END MARK SCHEME"
    answer.metadata.nbgrader |= {"task": True, "solution": False}
    monkeypatch.setattr("saflab.classroom.labs.read", lambda lab: source)
    made = student_lab("lab1")
    assert "Why?" in made
    assert "5 points: all" not in made


def test_lessons_link_to_every_lab_and_nothing_else_is_there():
    texts = "".join(path.read_text(encoding="utf-8") for path in lessons.notebooks())
    for lab in LABS:
        assert f"(labs/{lab}/{lab}.ipynb)" in texts
    assert lessons.labs() == [COURSE / "labs" / lab / f"{lab}.ipynb" for lab in LABS]
    assert len(lessons.lessons(COURSE)) == len(lessons.notebooks()) + len(LABS)
    assert target("lab1").relative_to(lessons.ROOT).as_posix() == "notebooks/labs/lab1/lab1.ipynb"


@pytest.mark.skipif(not target("lab1").exists(), reason="needs a checkout, which this is not")
def test_nbval_runs_the_sources_in_their_place():
    """Without answers they cannot run to the end."""
    command = [sys.executable, "-m", "pytest", "--nbval", "--collect-only", "-q"]
    done = subprocess.run(
        [*command, "notebooks", "instructor"], cwd=lessons.ROOT, capture_output=True, text=True
    )
    found = dict.fromkeys(re.findall(r"^(\S+\.ipynb)::", done.stdout, re.M))
    sources = [f"instructor/labs/{lab}/{lab}.ipynb" for lab in LABS]
    assert list(found) == [*(f"notebooks/{p.name}" for p in lessons.notebooks()), *sources]
