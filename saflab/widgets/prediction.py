"""What a student predicts of a neuron, drawn or stated, and how far it was off."""

from __future__ import annotations

from collections.abc import Sequence

import anywidget
import traitlets

from saflab.figures.traces import count
from saflab.widgets.controls import source

__all__ = ["Strip", "compare_drawn", "compare_first", "compare_number"]


class Strip(anywidget.AnyWidget):
    """A time axis on which spikes are drawn, by mouse or by keyboard.

    `predicted` and `actual` hold steps, counted from 1; `actual` is shown once `revealed`.
    """

    _esm = source("strip.js")
    steps = traitlets.Int(50).tag(sync=True)
    predicted = traitlets.List(traitlets.Int()).tag(sync=True)
    actual = traitlets.List(traitlets.Int()).tag(sync=True)
    revealed = traitlets.Bool(False).tag(sync=True)

    def clear(self, steps: int) -> None:
        """Take away all spikes; the axis then has `steps` steps."""
        with self.hold_sync():
            self.predicted, self.actual, self.revealed, self.steps = [], [], False, steps

    def reveal(self, actual: Sequence[int]) -> None:
        """Show the spikes that really came."""
        with self.hold_sync():
            self.actual, self.revealed = list(actual), True

    def __repr__(self) -> str:
        return f"Strip({len(self.predicted)} of {self.steps})"


def compare_drawn(predicted: Sequence[int], actual: Sequence[int]) -> str:
    """Say how many drawn spikes hit, how many are missing or too many, and how far off in time.

    The first drawn spike is compared with the first real one, the second with the second, ….
    """
    hits = len(set(predicted) & set(actual))
    misses, alarms = len(actual) - hits, len(predicted) - hits
    text = f"Drawn: {count(hits, 'hit')}, {misses} missed, {count(alarms, 'false alarm')}"
    pairs = list(zip(sorted(predicted), sorted(actual), strict=False))
    if pairs:
        off = sum(abs(a - b) for a, b in pairs) / len(pairs)
        text += f"; spikes taken in order lie {off:.1f} steps from yours on average"
    return text + "."


def compare_first(guessed: int, first: int) -> str:
    """Compare the step of the first spike; 0 is never."""
    if guessed == first:
        return f"First spike: right, {f'step {first}' if first else 'never'}."
    if not guessed or not first:
        said, found = (f"step {n}" if n else "never" for n in (guessed, first))
        return f"First spike: you said {said}, it is {found}."
    late = "late" if guessed > first else "early"
    off = count(abs(guessed - first), "step")
    return f"First spike: step {first}; your {guessed} is {off} too {late}."


def compare_number(guessed: int, number: int) -> str:
    """Compare the number of spikes."""
    if guessed == number:
        return f"Count: right, {number}."
    more = "many" if guessed > number else "few"
    return f"Count: {number}; your {guessed} is {abs(guessed - number)} too {more}."
