"""How an answer is judged: run, compared, and if it is wrong, told what it does instead.

Each common mistake is written down as code. An answer that agrees with a mistake on every case
gets that mistake's hint; other wrong answers get the first case on which they fail.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.running import Case, Problem, Untouched, run
from saflab.course.checks.values import difference, largest, parts, same, shown
from saflab.course.checks.verdict import Verdict

__all__ = ["Function", "Mistake", "judge", "normal", "spikes"]

Function = Callable[..., Any]
Mistake = tuple[str, Function]


def judge(
    function: Any,
    truth: Function,
    cases: Sequence[Case],
    mistakes: Sequence[Mistake],
    done: str,
) -> Verdict:
    """Run a student's function on copies of the cases and compare; never raises.

    Args:
        function: The student's answer; anything, since a beginner may pass anything.
        truth: The same function, right, with parameters named as in the exercise.
        cases: Arguments of each call. No mistake may agree with the truth on all of them.
        mistakes: Pairs of a hint and the function that makes the mistake; the first match wins.
        done: What to say if the answer is correct.
    """
    if not callable(function):
        return Verdict(status="wrong", message="Pass the function itself, without calling it.")
    names = list(inspect.signature(truth).parameters)
    try:
        answers = run(function, names, cases)
    except Untouched:
        return Verdict(
            status="unattempted", message="Replace the `...` by your code and run the cell again."
        )
    except Problem as problem:
        return Verdict(status="wrong", message=str(problem))
    wanted = [truth(*case) for case in cases]
    scale = largest(wanted)
    right = [same(a, w, scale) for a, w in zip(answers, wanted, strict=True)]
    if all(right):
        return Verdict(status="correct", message=done)
    for hint, wrong in mistakes:
        if all(same(a, wrong(*case), scale) for a, case in zip(answers, cases, strict=True)):
            return Verdict(status="wrong", message=hint)
    index = right.index(False)
    given = ", ".join(f"{name} = {shown(x)}" for name, x in zip(names, cases[index], strict=True))
    first = f"For {given}: {difference(answers[index], wanted[index], scale)}"
    hint = _slip(answers, wanted) or f"{first} Work out one step by hand."
    return Verdict(status="wrong", message=hint)


def _slip(answers: Sequence[Any], wanted: Sequence[Any]) -> str | None:
    """Return the hint for a slip that any exercise may see, or None."""
    if callable(answers[0]) and not isinstance(answers[0], Tensor):
        name = getattr(answers[0], "__name__", "it")
        return f"You returned the function `{name}` itself. Call it: `{name}()`."
    if type(answers[0]).__module__ == "torch.return_types":
        return (
            "That is torch's pair of values and indices, as `max` with a dimension returns it. "
            "Take the one that is asked for: `.values` or `.indices`."
        )
    if isinstance(wanted[0], tuple):
        return None
    try:
        found = [parts(a, pair=False)[0] for a in answers]
    except TypeError:
        return None
    if any(not x.isfinite().all() for x in found):
        return "Your result holds NaN or infinity. Look for a division by 0, or a log of 0."
    exact = [parts(w, pair=False)[0] for w in wanted]
    if all(_rounded(a, b) for a, b in zip(found, exact, strict=True)):
        return "That is rounded. Return the number with all its digits."
    return None


def _rounded(a: Tensor, exact: Tensor) -> bool:
    return a.shape == exact.shape and any(
        torch.allclose(a, exact.round(decimals=digits), rtol=0, atol=1e-7) for digits in range(5)
    )


def normal(seed: int, *shape: int) -> Tensor:
    """Return reproducible values from N(0, 1) in float64, of the given shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spikes(seed: int, *shape: int) -> Tensor:
    """Return reproducible spikes, 0 or 1 in float64, of the given shape."""
    return (normal(seed, *shape) > 0.2).double()
