"""Each check tells unattempted, each named mistake, and correct apart, and never raises."""

import inspect
import linecache
import pkgutil
import re
import signal
import sys

import pytest

from saflab.course import checks
from saflab.course.checks import running

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


UNTOUCHED = (
    "def f(s): ...",
    'def f(s):\n    """Return the rate."""\n    ...',
    "def f(s):\n    return ...",
    "def f(s):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
)
FORGOTTEN = (
    "def f(s):\n    s.mean()",
    "def f(s):\n    rate = s.mean()\n    ...",
    "def f(s):\n    print(s.mean())",
    "def f(s):\n    return print(s.mean())",
    "def f(s):\n    return None",
    "def f(s):\n    return",
    "def f(s):\n    pass",
)


def defined(source):
    """Return the function `f` of a cell, as a notebook's kernel defines it."""
    file, names = f"<cell {hash(source)}>", {}
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    return names["f"]


@pytest.mark.parametrize("source", UNTOUCHED)
def test_an_untouched_body_is_not_attempted(source):
    assert checks.check_firing_rate(defined(source)).status == "unattempted"


@pytest.mark.parametrize("source", FORGOTTEN)
def test_a_forgotten_return_is_not_an_untouched_body(source):
    verdict = checks.check_firing_rate(defined(source))
    assert verdict.status == "wrong"
    assert "`return` is missing" in verdict.message


def test_an_exception_is_shown_with_type_message_and_line():
    source = "def f(s):\n    total = s.sum()\n    return total.divide_by(3)"
    said = checks.check_firing_rate(defined(source)).message
    assert "AttributeError in line 3, `return total.divide_by(3)`" in said
    assert "no attribute 'divide_by'" in said
    inside = "import torch\ndef f(s):\n    return torch.stack(\n        [s[99]])"
    assert "IndexError in line 4" in checks.check_firing_rate(defined(inside)).message
    unsupported = "def f(s):\n    return s << s"  # torch raises NotImplementedError for it
    assert "NotImplementedError in line 2" in checks.check_firing_rate(defined(unsupported)).message
    assert "SystemExit" in checks.check_firing_rate(defined("def f(s):\n    exit()")).message


def test_a_loop_that_never_ends_is_interrupted(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.2)
    source = "def f(i, k, v):\n    t, u = 1, i\n    while u < v:\n        t += 1\n    return t"
    said = checks.check_first_spike(defined(source)).message
    assert "still ran after 0.2 seconds" in said
    assert re.search(r"in line [34], ", said)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_numbers_that_differ_are_printed_apart():
    said = checks.check_firing_rate(lambda s: s.mean() * (1 + 2e-5)).message
    expected, found = re.search(r"expected ([\d.]+), but found ([\d.]+)\. ", said).groups()
    assert expected != found
    assert "s = a tensor of shape" in said
    assert (
        "expected a number, but found the text" in checks.check_firing_rate(lambda s: "4").message
    )
    said = checks.check_lif_step(lambda *a: [x + 1e-3 for x in lif_step(*a)]).message
    assert "in part 1 of the pair" in said
    assert "decay = 0.5" in said


def lif_step(u, s, current, decay, threshold):
    u = decay * (u - threshold * s) + current
    return u, (u >= threshold).to(u.dtype)


@pytest.mark.parametrize("size", [1e-7, 1e-6, 3e-6])
def test_what_float32_may_have_rounded_passes(size):
    assert checks.check_firing_rate(lambda s: s.mean() * (1 + size)).status == "correct"
    assert checks.check_firing_rate(lambda s: s.mean() * (1 + 30 * size)).status == (
        "correct" if 30 * size < 1e-5 else "wrong"
    )


def test_the_verdict_is_a_card_and_a_line():
    right = checks.check_firing_rate(lambda s: s.mean())
    html = right._repr_html_()
    assert 'role="status"' in html
    assert "<strong>Correct.</strong>" in html
    assert "At a rate of 0.1" in html
    assert repr(right).startswith("Correct. At a rate")
    wrong = checks.check_firing_rate(lambda s: 1 / 0 if "<b>" else 0)
    assert "<b>" not in wrong._repr_html_()
    assert "&lt;b&gt;" in wrong._repr_html_()
    assert "<code>return" in checks.Verdict(status="wrong", message="`return` it")._repr_html_()
    looks = {checks.Verdict(status=s, message="")._repr_html_()[:120] for s in
             ("unattempted", "wrong", "correct")}  # fmt: skip
    assert len(looks) == 3


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


def test_numpy_is_known_in_whatever_form_it_is_used():
    import functools

    import numpy as np
    from numpy import mean

    def local(s):
        import numpy

        return numpy.mean(s)

    def helper(s):
        return np.mean(s)

    @functools.wraps(helper)
    def wrapped(*args, **options):
        return helper(*args, **options)

    answers = [local, lambda s: mean(s), functools.partial(helper), wrapped, np.mean]
    for answer in answers:
        assert checks.check_firing_rate(answer).status == "correct", answer


def test_an_answer_that_yields_for_ever_is_ended():
    import itertools

    verdict = checks.check_firing_rate(lambda s: itertools.count())
    assert verdict.status == "wrong"
    assert "yields more than" in str(verdict)
