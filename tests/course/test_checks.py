"""Each check tells unattempted, each named mistake, and correct apart, and never raises."""

import inspect
import pkgutil
import re
import sys

import pytest

from saflab.course import checks

CHECKS = [getattr(checks, name) for name in checks.__all__ if name.startswith("check_")]


@pytest.fixture
def judged(monkeypatch):
    """Return what a check passes to `judge`."""

    def look(check):
        seen = []
        monkeypatch.setattr(sys.modules[check.__module__], "judge", lambda *a: seen.append(a))
        check.__wrapped__(None)
        monkeypatch.undo()
        return seen[0]

    return look


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_truth_is_correct(check, judged):
    _, truth, *_ = judged(check)
    assert check(truth).status == "correct"
    assert repr(check(truth)).startswith("Correct. ")


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_each_mistake_gets_its_own_hint(check, judged):
    _, _, _, mistakes, _ = judged(check)
    assert len(mistakes) >= 2
    assert len({hint for hint, _ in mistakes}) == len(mistakes)
    for hint, wrong in mistakes:
        verdict = check(wrong)
        assert verdict.status == "wrong"
        assert verdict.message == hint


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    "answer", [None, ..., "text", float("nan"), [], {"a": 1}, (1, "x")], ids=repr
)
def test_never_raises_on_odd_answers(check, answer):
    expected = "unattempted" if answer is ... else "wrong"
    assert check(lambda *a: answer).status == expected


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_never_raises_on_failing_functions(check):
    def unattempted(*a):
        raise NotImplementedError

    assert check(unattempted).status == "unattempted"
    assert "ZeroDivisionError" in check(lambda *a: 1 / 0).message
    assert check(lambda: 0).status == "wrong"
    assert check(3).status == "wrong"


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_answers_do_not_change_the_cases(check, judged):
    """A student's in-place operation must not alter what is compared."""
    _, truth, *_ = judged(check)

    def in_place(*case):
        out = truth(*case)
        for x in case:
            if hasattr(x, "zero_"):
                x.zero_()
        return out

    assert check(in_place).status == "correct"


def test_every_check_of_the_package_is_exported():
    """A check left out of the list would be tested by nothing above."""
    found = [
        name
        for part in pkgutil.iter_modules(checks.__path__, "saflab.course.checks.")
        for name in vars(sys.modules[part.name])
        if name.startswith("check_")
    ]
    assert sorted(found) == [name for name in checks.__all__ if name.startswith("check_")]


def test_every_check_names_its_lesson():
    for check in CHECKS:
        assert re.search(r"\(lesson \d\d\)", inspect.getdoc(check)), check.__name__
