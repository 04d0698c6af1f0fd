"""Students get the same text from the wheel as from nbgrader's own release."""

import json

import pytest

from saflab.course.lessons import labs, lessons, notebooks
from saflab.course.student_version import student_version

LABS = labs()


def cells(notebook):
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_it_is_nbgraders_release(path):
    pytest.importorskip("nbgrader")
    from saflab.classroom.labs import release

    made = student_version(json.loads(path.read_text(encoding="utf-8")))
    assert cells(made) == cells(release(path.stem))


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_it_holds_no_solution_no_hidden_test_and_no_output(path):
    source = json.loads(path.read_text(encoding="utf-8"))
    made = json.dumps(student_version(source), ensure_ascii=False)
    assert "BEGIN SOLUTION" in json.dumps(source)
    assert "BEGIN HIDDEN" in json.dumps(source)
    assert "### BEGIN" not in made
    assert all(not cell.get("outputs") for cell in json.loads(made)["cells"])


@pytest.mark.parametrize(("kind", "stub"), [("code", "YOUR CODE"), ("markdown", "YOUR ANSWER")])
def test_an_answer_without_marks_is_a_solution_as_a_whole(kind, stub):
    """As nbgrader takes it; no lab has one today."""
    cell = {"cell_type": kind, "source": "x = 42", "metadata": {"nbgrader": {"solution": True}}}
    made = student_version({"cells": [cell]})["cells"][0]["source"]
    assert stub in made
    assert "42" not in made


def test_a_region_that_does_not_end_is_an_error():
    lab = {"cells": [{"cell_type": "code", "source": "### BEGIN SOLUTION\nx = 1"}]}
    with pytest.raises(ValueError, match="found one alone"):
        student_version(lab)


def test_every_lab_is_linked_by_a_lesson():
    """`saflab lab` puts the student's version where these links point to."""
    texts = "".join(path.read_text(encoding="utf-8") for path in notebooks())
    for path in LABS:
        assert f"(labs/{path.stem}/{path.stem}.ipynb)" in texts
    assert len(lessons(LABS[0].parents[2])) == len(notebooks()) + len(LABS)
