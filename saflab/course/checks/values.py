"""The numbers in an answer, whatever holds them, and how two answers differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["difference", "largest", "parts", "same", "shown"]

# An answer may have passed through float32 unseen: `s.float().mean().item()` is a Python float, and
# float64 times `torch.tensor([0.8])` is float64. So every comparison allows for float32's rounding;
# no mistake that people make is that small.
_RELATIVE = 1e-5
_ABSOLUTE = 1e-6  # times the largest value: what cancels keeps the rounding of what it came from


def _numbers(out: Any) -> Tensor:
    """Return an answer as one tensor in float64.

    Raises:
        TypeError: If it holds anything but real numbers, or rows of different lengths.
    """
    if isinstance(out, Tensor):
        if out.is_complex():
            raise TypeError("complex")
        return out.detach().cpu().to_dense().to(torch.float64)
    if isinstance(out, np.ndarray | np.generic | int | float):
        if np.asarray(out).dtype.kind in "cSU":
            raise TypeError("complex numbers or text")
        return torch.from_numpy(np.array(out, dtype=np.float64))
    if isinstance(out, str | bytes | dict | set | frozenset | None):
        raise TypeError(type(out).__name__)
    if isinstance(out, Iterable):
        rows = [_numbers(x) for x in out]
        if len({row.shape for row in rows}) != 1:
            raise TypeError("rows of different lengths")
        return torch.stack(rows)
    return torch.tensor(float(out), dtype=torch.float64)


def parts(out: Any, *, pair: bool) -> list[Tensor]:
    """Return the tensors of an answer: one, or where a pair is meant the two of any sequence.

    Raises:
        TypeError: If they are no numbers.
    """
    try:
        if pair and isinstance(out, Iterable) and not isinstance(out, str | bytes | dict | set):
            return [_numbers(x) for x in out]
        return [_numbers(out)]
    except (ValueError, RuntimeError, OverflowError) as error:
        raise TypeError(str(error)) from error


def _fits(a: Tensor, b: Tensor) -> bool:
    """Say whether two shapes mean the same: equal, or one number either way."""
    return a.shape == b.shape or a.numel() == b.numel() == 1


def largest(wanted: Sequence[Any]) -> float:
    """Return the largest magnitude in what is wanted of all cases."""
    tensors = [x for w in wanted for x in parts(w, pair=isinstance(w, tuple))]
    return max(float(x.abs().max()) for x in tensors)


def _close(a: Tensor, b: Tensor, scale: float) -> Tensor:
    return torch.isclose(a.reshape(b.shape), b, rtol=_RELATIVE, atol=_ABSOLUTE * scale)


def same(answer: Any, wanted: Any, scale: float) -> bool:
    """Say whether an answer holds the numbers that are wanted, to the rounding of float32.

    Args:
        answer: A student's, of any kind.
        wanted: A number, a tensor, or a tuple of tensors where a pair is meant.
        scale: The `largest` of all cases.
    """
    pair = isinstance(wanted, tuple)
    try:
        left, right = parts(answer, pair=pair), parts(wanted, pair=pair)
    except TypeError:
        return False
    return len(left) == len(right) and all(
        _fits(a, b) and bool(_close(a, b, scale).all()) for a, b in zip(left, right, strict=True)
    )


def _form(tensors: list[Tensor]) -> str:
    forms = [f"shape {tuple(x.shape)}" if x.numel() != 1 else "a number" for x in tensors]
    return ("a pair of " if len(forms) == 2 else "") + " and ".join(forms)


def _kind(out: Any) -> str:
    if isinstance(out, str):
        return f"the text {out[:20]!r}"
    return f"a {type(out).__name__}" + (" that holds more than numbers" if out else "")


def _apart(a: float, b: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart."""
    for digits in range(4, 17):
        if f"{a:.{digits}g}" != f"{b:.{digits}g}":
            return f"{a:.{digits}g}", f"{b:.{digits}g}"
    return repr(a), repr(b)


def difference(answer: Any, wanted: Any, scale: float) -> str:
    """Return what tells an answer from what is wanted: type, shape, or the first wrong number."""
    pair = isinstance(wanted, tuple)
    right = parts(wanted, pair=pair)
    try:
        left = parts(answer, pair=pair)
    except TypeError:
        return f"expected {_form(right)}, but found {_kind(answer)}."
    if len(left) != len(right) or not all(map(_fits, left, right)):
        return f"expected {_form(right)}, but found {_form(left)}."
    for index, (a, b) in enumerate(zip(left, right, strict=True)):
        wrong = ~_close(a, b, scale)
        if wrong.any():
            place = wrong.nonzero()[0].tolist()
            found, expected = _apart(float(a.reshape(b.shape)[*place]), float(b[*place]))
            where = f" at index {place}" if place else ""
            which = f" in part {index + 1} of the pair" if pair else ""
            return f"expected {expected}{where}{which}, but found {found}."
    raise ValueError("Expected answers that differ, but found equal ones. Ask `same` first.")


def shown(x: Any) -> str:
    """Return an argument of a case as a student reads it: a short one in full."""
    if isinstance(x, Tensor):
        if x.numel() > 6 or x.dim() > 1:
            return f"a tensor of shape {tuple(x.shape)}"
        return "[" + ", ".join(f"{float(v):.4g}" for v in x) + "]"
    return repr(x)
