"""What all checks share: the verdict, and how an answer is judged without ever raising.

Each common mistake is written down as code. An answer that agrees with a mistake on every case
gets that mistake's hint; other wrong answers get the first case on which they fail.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saflab.course.progress import record

__all__ = ["Function", "Mistake", "Verdict", "exercise", "judge", "normal", "spikes"]

Function = Callable[..., Any]
Mistake = tuple[str, Function]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Outcome of a check; shows itself as one line.

    Args:
        status: "unattempted", "wrong" or "correct".
        message: What to do next.
    """

    status: str
    message: str

    def __repr__(self) -> str:
        label = {"unattempted": "Not attempted yet.", "wrong": "Not yet.", "correct": "Correct."}
        return f"{label[self.status]} {self.message}"


class _Unattempted(Exception):
    pass


def _call(function: Function, case: tuple[Any, ...]) -> Any:
    copies = [x.clone() if isinstance(x, Tensor) else x for x in case]
    try:
        out = function(*copies)
    except NotImplementedError as error:
        raise _Unattempted from error
    if out is None or out is Ellipsis:
        raise _Unattempted
    return out


def _flat(out: Any) -> list[Tensor]:
    if isinstance(out, tuple | list) and any(isinstance(x, Tensor) for x in out):
        return [torch.as_tensor(x).detach().to(torch.float64) for x in out]
    return [torch.as_tensor(out).detach().to(torch.float64)]


def _same(x: Any, y: Any) -> bool:
    try:
        left, right = _flat(x), _flat(y)
    except (TypeError, ValueError, RuntimeError):
        return False
    return len(left) == len(right) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-12)
        for a, b in zip(left, right, strict=True)
    )


def _form(out: Any) -> str:
    try:
        parts = _flat(out)
    except (TypeError, ValueError, RuntimeError):
        return f"a {type(out).__name__}"
    return " and ".join(f"shape {tuple(p.shape)}" if p.dim() else "a number" for p in parts)


def _short(out: Any) -> str:
    first = _flat(out)[0].flatten()[:4]
    return "[" + ", ".join(f"{float(x):.4g}" for x in first) + (", …]" if len(first) == 4 else "]")


def judge(
    function: Any,
    truth: Function,
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    done: str,
) -> Verdict:
    """Run a student's function on copies of the cases and compare; never raises.

    Args:
        function: The student's answer; anything, since a beginner may pass anything.
        truth: The same function, right.
        cases: Arguments of each call. No mistake may agree with the truth on all of them.
        mistakes: Pairs of a hint and the function that makes the mistake; the first match wins.
        done: What to say if the answer is correct.
    """
    if not callable(function):
        return Verdict(status="wrong", message="Pass the function itself, without calling it.")
    try:
        answers = [_call(function, case) for case in cases]
    except _Unattempted:
        return Verdict(
            status="unattempted", message="Replace the `...` by your code and run the cell again."
        )
    except Exception as error:  # whatever the student's code raises is feedback, not a crash
        text = str(error).splitlines()[0][:160] if str(error) else "no message"
        return Verdict(
            status="wrong", message=f"Your function raised {type(error).__name__}: {text}"
        )
    wanted = [truth(*case) for case in cases]
    right = [_same(a, w) for a, w in zip(answers, wanted, strict=True)]
    if all(right):
        return Verdict(status="correct", message=done)
    for hint, wrong in mistakes:
        if all(_same(a, wrong(*case)) for a, case in zip(answers, cases, strict=True)):
            return Verdict(status="wrong", message=hint)
    index = right.index(False)
    got, want = answers[index], wanted[index]
    if _form(got) != _form(want):
        message = f"Expected {_form(want)}, but your function returned {_form(got)}."
    else:
        message = (
            f"Case {index + 1} of {len(cases)}: expected {_short(want)}, but your function "
            f"returned {_short(got)}. Check one step by hand."
        )
    return Verdict(status="wrong", message=message)


def exercise(check: Callable[[Any], Verdict]) -> Callable[[Any], Verdict]:
    """Keep progress: what the check judges correct is recorded under the check's name."""

    @functools.wraps(check)
    def judged(function: Any) -> Verdict:
        verdict = check(function)
        if verdict.status == "correct":
            record(check.__name__)
        return verdict

    return judged


def normal(seed: int, *shape: int) -> Tensor:
    """Return reproducible values from N(0, 1) in float64, of the given shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spikes(seed: int, *shape: int) -> Tensor:
    """Return reproducible spikes, 0 or 1 in float64, of the given shape."""
    return (normal(seed, *shape) > 0.2).double()
