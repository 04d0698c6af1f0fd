"""What crosses a synapse, and the sum of the currents that it causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

__all__ = ["InputState", "Signal", "release", "total_current"]


class Signal(NamedTuple):
    """What crosses a synapse, each of shape (C, B, *features).

    Args:
        value: What the next population receives.
        path: Where the gradient is taken instead, or None if it is taken at the value.
        constant: The same at all C steps; `value` then holds it once, as (1, B, *features).
    """

    value: Tensor
    path: Tensor | None = None
    constant: bool = False

    def detach(self) -> Signal:
        """Return the signal without its graph."""
        path = None if self.path is None else self.path.detach()
        return Signal(self.value.detach(), path, self.constant)


class InputState(NamedTuple):
    """What a network has received: x̂[t], or the image of an input that was constant so far."""

    accumulated: Tensor | None = None
    image: Tensor | None = None

    def continues(self, x: Tensor) -> bool:
        """Whether `x` repeats the image, as another part of the same expanded view."""
        image = self.image
        return image is not None and (image.data_ptr(), image.shape) == (
            x.data_ptr(),
            x[:1].shape,
        )


def total_current(parts: Sequence[Tensor], target: int) -> Tensor:
    """Return the sum of the currents into a population.

    Raises:
        ValueError: If there is none, or shapes differ.
    """
    if not parts:
        raise ValueError(
            f"Expected population {target} to receive input at the first step, but found "
            "feedback only. Add a connection from an earlier population."
        )
    total = parts[0]
    for part in parts[1:]:
        if part.shape != total.shape:
            raise ValueError(
                f"Expected connections to one population to give one shape, but found "
                f"{tuple(total.shape)} and {tuple(part.shape)}. Pool or pad one of them."
            )
        total = total + part
    return total


def release(signals: list[Signal | None], ends: list[tuple[int, int]], target: int) -> None:
    """Drop the signals that neither a later population nor the next step needs."""
    needed = {source for source, end in ends if end > target or source >= end}
    for source in range(target):
        if source not in needed:
            signals[source] = None
