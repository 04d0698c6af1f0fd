"""Compare stored and new outputs of notebooks: words exactly, numbers within a tolerance.

A pytest plugin, loaded by the root conftest.py. Text, HTML and SVG are read as words and numbers:

- what is not a number must be equal: words, labels, True and False, colours, embedded files;
- a number without decimals is a count and must be equal;
- a number with decimals may differ by 1e-6 of its size, or by one unit of its last digit where that
  is at most a hundredth of it (0.363 and 0.364 agree, 0.3 and 0.4 do not: three digits or more can
  round to either side of a tie, fewer hardly ever do).

A PNG must have the same size within a few pixels and look the same after blurring, so that a stale
figure is seen, and another version of the font renderer is not. A cell may state its own tolerance
for every number in its output, counts included, in its metadata, out of the reader's sight:

    {"saflab": {"rtol": 0.05, "atol": 0.0, "grey": 60}}

`grey` is how far the grey levels (0…255) of a blurred picture may lie apart.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = ["agree", "alike", "pytest_collection_modifyitems"]

# Colours and embedded files are words, whatever digits they hold.
_WORD = r"\#[0-9A-Fa-f]{3,8}\b|base64,[A-Za-z0-9+/=\s]+"
_TOKEN = re.compile(
    rf"(?P<word>{_WORD})|(?P<number>[-+−]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
)
_PNG = "iVBORw0KGgo"
_BLOCK, _SLACK, GREY = 12, 4, 24.0  # pixels to blur over, that sizes may differ by; grey levels


def _tokens(text: str) -> tuple[list[str], list[str]]:
    """Return what is not a number, in order, and the numbers."""
    words, numbers, end = [], [], 0
    for match in _TOKEN.finditer(text):
        if match["number"] is None:
            continue
        words.append(text[end : match.start()])
        numbers.append(match["number"])
        end = match.end()
    return [*words, text[end:]], numbers


def _unit(number: str) -> float:
    """Return one unit of the last printed digit."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def _close(stored: str, new: str, rtol: float | None, atol: float) -> bool:
    if stored == new:
        return True
    a, b = (float(n.replace("−", "-")) for n in (stored, new))
    if rtol is not None or atol:
        return abs(a - b) <= (rtol or 0.0) * abs(a) + atol
    if not all(any(c in n for c in ".eE") for n in (stored, new)):
        return False  # a count whose text differs
    printed = min(_unit(stored) * 1.001, _unit(new) * 1.001, 0.01 * abs(a))
    return abs(a - b) <= max(1e-6 * abs(a), printed)


def agree(
    stored: str, new: str, rtol: float | None = None, atol: float = 0.0, grey: float = GREY
) -> bool:
    """Return whether two outputs say the same (see the top of this file).

    Args:
        stored: Output in the notebook.
        new: Output of this run.
        rtol: Tolerance relative to the stored number, in place of the default; counts included.
        atol: Absolute tolerance, likewise.
        grey: Tolerance of blurred pictures, in grey levels.

    >>> agree("u = 0.363, 5 spikes", "u = 0.364, 5 spikes"), agree("0.363", "-0.363")
    (True, False)
    """
    if stored.startswith(_PNG) and new.startswith(_PNG):
        return alike(_pixels(stored), _pixels(new), grey)
    (words, numbers), (new_words, new_numbers) = _tokens(stored), _tokens(new)
    return words == new_words and all(
        _close(a, b, rtol, atol) for a, b in zip(numbers, new_numbers, strict=True)
    )


def _pixels(png: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        return np.asarray(page.convert("RGB"), dtype=float)


def alike(stored: np.ndarray, new: np.ndarray, grey: float = GREY) -> bool:
    """Return whether two pictures (rows, columns, 3) of 0…255 show the same after blurring."""
    if max(abs(a - b) for a, b in zip(stored.shape, new.shape, strict=True)) > _SLACK:
        return False
    rows, columns = (
        min(a, b) // _BLOCK * _BLOCK for a, b in zip(stored.shape[:2], new.shape[:2], strict=True)
    )
    shape = (rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK, 3)
    blurred = [x[:rows, :columns].reshape(shape).mean((1, 3)) for x in (stored, new)]
    return float(np.abs(blurred[0] - blurred[1]).max()) <= grey


class _Output(str):
    """A text of an output, equal to every text that agrees with it."""

    __slots__ = ("same",)
    same: Callable[[str, str], bool]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.same(str(self), str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _read(sanitize: Callable[[Any], Any], same: Callable[[str, str], bool], text: Any) -> Any:
    text = sanitize(text)
    if not isinstance(text, str):
        return text
    output = _Output(text)
    output.same = same
    return output


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let nbval compare the outputs of every cell as `agree` does, pictures included."""
    for item in items:
        if type(item).__name__ != "IPyNbCell":
            continue
        cell: Any = item
        same = partial(agree, **cell.cell.metadata.get("saflab", {}))
        cell.sanitize = partial(_read, cell.sanitize, same)
        cell.parent.skip_compare = tuple(k for k in cell.parent.skip_compare if k != "image/png")
