"""Every right answer of the corpus passes its check; every wrong one gets a hint that names it."""

import inspect
import re

import answers
import pytest
import torch
from answers import accumulation, cost, gradients, network, neuron, surrogates  # noqa: F401

from saflab import checks

EVERY = answers.EVERY
RIGHT = [(a.check, f) for a in EVERY for f in a.rights]
WRONG = [(a.check, word, f) for a in EVERY for word, f in a.wrongs]


def name(value):
    """Name a test by its exercise and by the line of the answer."""
    if not callable(value):
        return None
    line = getattr(value, "__code__", None)
    return f"{value.__name__.strip('<>')}-{line.co_firstlineno}" if line else type(value).__name__


def test_every_exercise_has_ten_right_and_ten_wrong_answers():
    every = {name for name in checks.__all__ if name.startswith("check_")}
    assert {a.check.__name__ for a in EVERY} == every
    for a in EVERY:
        assert len(a.rights) >= 10, a.check.__name__
        assert len(a.wrongs) >= 10, a.check.__name__
        assert len({word for word, _ in a.wrongs}) >= 9, a.check.__name__


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def _default_type(request):
    """A lesson's default type, which `torch.zeros` takes."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("_default_type")
@pytest.mark.parametrize(("check", "answer"), RIGHT, ids=name)
def test_a_right_answer_passes(check, answer):
    verdict = check(answer)
    assert verdict.status == "correct", verdict


@pytest.mark.usefixtures("_default_type")
@pytest.mark.parametrize(("check", "word", "answer"), WRONG, ids=name)
def test_a_wrong_answer_gets_the_hint_that_names_it(check, word, answer):
    verdict = check(answer)
    assert verdict.status == "wrong", f"accepted: {inspect.getsource(answer)}"
    assert word in verdict.message
    numbers = re.search(r"expected (\S+?)(?: at index .*?)?, but found (\S+?)\. ", verdict.message)
    assert not numbers or numbers[1] != numbers[2], verdict
