"""Every exercise, solved as its folded solution says, is judged correct; as it stands, unattempted.

A solution runs with the names of its setup cell alone, so that a missing import is found.
"""

import inspect
import re
import sys

import matplotlib
import nbformat
import pytest
import torch

from saflab.course import checks
from saflab.course.lessons import notebooks

matplotlib.use("Agg")

CHECK = re.compile(r"checks\.(check_\w+)\((\w+)\)")
FOLDED = re.compile(r"<details>.*?</details>", re.S)
CODE = re.compile(r"```python\n(.*?)```", re.S)


def exercises():
    """Yield setup, check, name of the function, stub and solution; every folded code is one."""
    for path in notebooks():
        cells = nbformat.read(path, as_version=4).cells
        setup = next(c.source for c in cells if c.cell_type == "code")
        for cell, following in zip(cells, [*cells[1:], None], strict=True):
            found = CHECK.search(cell.source) if cell.cell_type == "code" else None
            if found is None:
                continue
            assert following is not None
            assert following.cell_type == "markdown", f"{path.stem}: no solution below {found[0]}"
            folded = FOLDED.search(following.source)
            solutions = CODE.findall(folded[0]) if folded else []
            assert solutions, f"{path.stem}: no folded solution below {found[0]}"
            for index, solution in enumerate(solutions):
                name = f"{path.stem[:2]}-{found[1]}-{index}"
                yield pytest.param(setup, *found.groups(), cell.source, solution, id=name)


EXERCISES = list(exercises())


@pytest.fixture(autouse=True)
def _settings_come_back():
    """A setup cell sets torch's default type and figure style for its own kernel only."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    with matplotlib.rc_context(), torch.random.fork_rng(devices=[]):
        yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


def judged(setup, code):
    """Run the setup and an exercise; return the verdict of its last line."""
    *lines, last = code.strip().splitlines()
    names = {}
    exec(setup, names)
    exec("\n".join(lines), names)
    return eval(last, names)


def test_every_lesson_has_two_exercises():
    lessons = [p.id[:2] for p in EXERCISES]
    assert all(lessons.count(f"{i:02d}") >= 2 for i in range(11))


@pytest.mark.parametrize(("setup", "check", "name", "stub", "solution"), EXERCISES)
def test_exercise(setup, check, name, stub, solution):
    assert judged(setup, stub).status == "unattempted"
    verdict = judged(setup, f"{solution}\nchecks.{check}({name})")
    assert verdict.status == "correct", verdict
    assert repr(verdict).startswith("Correct.")


def test_a_closed_form_is_a_solution_too():
    """The text of lesson 01 gives one; it must hold for every case that the check tries."""
    assert sum("check_first_spike" in str(p.id) for p in EXERCISES) == 2


@pytest.mark.parametrize(("setup", "check", "name", "stub", "solution"), EXERCISES)
def test_a_stub_names_its_arguments_as_the_check_does(
    setup, check, name, stub, solution, monkeypatch
):
    judge, seen = getattr(checks, check), []
    monkeypatch.setattr(
        sys.modules[judge.__module__], "judge", lambda _, truth, *rest: seen.append(truth)
    )
    judge.__wrapped__(None)
    names = {}
    exec(stub.rpartition("checks.")[0], names)
    assert inspect.signature(names[name]).parameters.keys() == (
        inspect.signature(seen[0]).parameters.keys()
    )


def test_the_test_sees_a_wrong_solution():
    setup, check, name, _, solution = EXERCISES[0].values
    wrong = solution.replace("sum(0)", "mean(1)")
    assert wrong != solution
    assert judged(setup, f"{wrong}\nchecks.{check}({name})").status == "wrong"
