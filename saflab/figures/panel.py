"""A picture before it is drawn: marks on a pair of axes, and one sentence that says what it shows.

Matplotlib (`draw_matplotlib`) and SVG (`draw_svg`) draw the same `Panel`, so a notebook's
figure and an explorer's picture cannot differ in content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["COLOURS", "INK", "KINDS", "PAPER", "Mark", "Panel", "coinciding", "mark"]

# An opaque light card with dark ink reads the same on a light and on a dark page.
PAPER, INK = "#FCFCFA", "#222222"

# Okabe and Ito's palette: told apart with any colour vision.
BLUE, RED, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#6B6B6B"
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)

KINDS = ("line", "steps", "ticks", "dots", "bars", "level", "at", "grid", "image")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One series on a panel.

    Args:
        kind: "line", "steps" (held until the next x), "ticks" (spikes: short vertical strokes),
            "dots", "bars", "level" (horizontal line at y[0]), "at" (vertical line at x[0]), "grid"
            (cells shaded by values in [0, 1]) or "image" (a bitmap of such values, grey or RGB).
        x: Positions, shape (n,).
        y: Values, shape (n,); (rows, columns) for "grid", and also (rows, columns, 3) for "image".
        colour: Hexadecimal colour.
        label: Name in the legend; empty leaves it out.
        dashed: Draw the line dashed.
    """

    kind: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: str = BLUE
    label: str = ""
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A pair of axes with marks on it.

    Args:
        title: What is shown.
        x: Label of the horizontal axis, with its unit.
        y: Label of the vertical axis, with its unit.
        marks: What is drawn, in order.
        says: One sentence computed from the data: what the picture shows.
        xlim: Range of x; None fits the data.
        ylim: Range of y; None fits the data.
        names: Names along the x axis, at equal distances, in place of numbers.
        rows: Names along the y axis of a grid, from its top, in place of numbers.
        square: Draw it as wide as it is high (an image).
        log: Logarithmic y axis; values ≤ 0 are left out.
    """

    title: str
    x: str
    y: str
    marks: tuple[Mark, ...]
    says: str
    xlim: tuple[float, float] | None = None
    ylim: tuple[float, float] | None = None
    names: tuple[str, ...] = field(default=())
    rows: tuple[str, ...] = field(default=())
    square: bool = False
    log: bool = False

    @property
    def plane(self) -> bool:
        """Whether the panel shows a grid or an image, row 1 at the top."""
        return any(m.kind in ("grid", "image") for m in self.marks)

    @property
    def picture(self) -> tuple[int, int] | None:
        """Rows and columns of its image, if it shows one: its pixels are square."""
        shapes = [m.y.shape for m in self.marks if m.kind == "image"]
        return (shapes[0][0], shapes[0][1]) if shapes else None

    def limits(self) -> tuple[float, float, float, float]:
        """Return x low, x high, y low, y high, with finite width."""
        curves = [m for m in self.marks if m.kind not in ("grid", "image")]
        xs = [m.x for m in curves if m.kind != "level" and m.x.size]
        ys = [m.y for m in curves if m.kind != "at" and m.y.size]
        grids = [m.y.shape for m in self.marks if m.kind in ("grid", "image")]
        if grids:
            rows, columns = max(g[0] for g in grids), max(g[1] for g in grids)
            fitted = (0.5, columns + 0.5, 0.5, rows + 0.5)
        else:
            fitted = (*_span(xs, 0.0), *_span(ys, 0.06, self.log))
        left, right = self.xlim or fitted[:2]
        low, high = self.ylim or fitted[2:]
        return left, right, low, high


def _span(
    parts: Iterable[NDArray[np.float64]], margin: float, log: bool = False
) -> tuple[float, float]:
    """Return the range of finite values, widened by a share `margin` on both sides."""
    values = np.concatenate([*parts, np.empty(0)])
    values = values[np.isfinite(values)]
    if log:
        low, high = _span([np.log10(values[values > 0])], margin)
        return 10.0**low, 10.0**high
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    pad = (high - low) * margin if high > low else 0.5
    return low - pad, high + pad


def coinciding(series: Mapping[str, ArrayLike], share: float = 0.01) -> dict[str, str]:
    """Return, for each series that lies on an earlier one, the name of the earlier one.

    Args:
        series: Name → values.
        share: Of the range of all values: two series whose distance nowhere exceeds it are one
            line to the eye.

    >>> coinciding({"a": [0, 1, 2], "b": [2, 1, 0], "c": [0, 1, 2]})
    {'c': 'a'}
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in series.items()}
    low, high = _span(arrays.values(), 0.0)
    found: dict[str, str] = {}
    for name, values in arrays.items():
        earlier = [n for n in arrays if n not in found]
        for other in earlier[: earlier.index(name)]:
            same = len(values) and values.shape == arrays[other].shape
            if same and np.allclose(
                values, arrays[other], rtol=0.0, atol=share * (high - low), equal_nan=True
            ):
                found[name] = other
                break
    return found


def mark(
    kind: str,
    y: object,
    x: object = None,
    colour: str = BLUE,
    label: str = "",
    dashed: bool = False,
) -> Mark:
    """Return a `Mark` from arrays, lists, numbers or tensors; `x` counts from 1 if left out.

    Raises:
        ValueError: If there is no such kind, or x and y differ in length.
    """
    if kind not in KINDS:
        raise ValueError(f"Expected a mark in {list(KINDS)}, but found {kind!r}.")
    values = np.asarray(y, dtype=np.float64)
    if kind in ("grid", "image"):
        _, count, *_ = values.shape
    else:
        values = np.atleast_1d(values).ravel()
        count = len(values)
    where = np.arange(1.0, count + 1) if x is None else np.asarray(x, dtype=np.float64)
    where = np.atleast_1d(where).ravel()
    if where.shape[0] != count:
        raise ValueError(
            f"Expected as many x as y, but found {where.shape[0]} and {count}. "
            "Give one position per value."
        )
    return Mark(kind=kind, x=where, y=values, colour=colour, label=label, dashed=dashed)
