"""The course's style for any matplotlib figure, and series over a common horizontal axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from saflab.figures.draw_matplotlib import DASHES, card, new_axes, pyplot
from saflab.figures.panel import COLOURS, INK, PAPER, coinciding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_groups", "plot_lines", "use_style"]

# Marker and dashes differ as well as the colour, for print and for any colour vision.
STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("d", "-."), ("v", "-"), ("x", "--"))


def use_style() -> None:
    """Give every later pyplot figure the course's card: light paper, dark ink, one palette."""
    parameters = pyplot().rcParams
    from cycler import cycler  # comes with matplotlib

    parameters.update(
        {
            "figure.figsize": (7.0, 2.8),
            "figure.constrained_layout.use": True,
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=COLOURS),
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
        }
    )


def plot_lines(
    series: Mapping[str, Sequence[float]],
    x: Sequence[float] | None = None,
    *,
    log: str = "",
    ax: Axes | None = None,
    **labels: str,
) -> Axes:
    """Plot one line per name, with its own colour, marker and dashes; return the axes.

    A line that lies on an earlier one is dashed, so that both are seen, and its name says so.

    Args:
        series: Name → values; a single empty name draws no legend.
        x: Common positions; None counts from 1.
        log: Logarithmic axes: "", "x", "y" or "xy".
        ax: Axes to draw on; None makes a new figure.
        **labels: `xlabel` and `ylabel` with their units, and `title`, as of `Axes.set`.

    Raises:
        ValueError: If a series has not as many values as `x`, or an axis has no label.

    >>> ax = plot_lines({"n": [1, 2, 3], "n²": [1, 4, 9]}, xlabel="n", ylabel="value (1)")
    >>> [line.get_label() for line in ax.lines]
    ['n', 'n²']
    """
    missing = [name for name in ("xlabel", "ylabel") if name not in labels]
    if missing:
        raise ValueError(f"Expected xlabel and ylabel, but found no {missing[0]}. Name the axis.")
    ax = ax or _axes()
    on = coinciding(series)
    for (name, values), (marker, dashes), colour in zip(
        series.items(), cycle(STYLES), cycle(COLOURS), strict=False
    ):
        where = np.arange(1, len(values) + 1) if x is None else x
        if len(where) != len(values):
            raise ValueError(
                f"Expected {len(where)} values for {name!r}, one per x, but found {len(values)}."
            )
        if name in on:  # dashed over solid, with no marker over the other's
            marker, dashes, name = ",", DASHES, f"{name}, on {on[name]}"
        elif name in on.values():
            dashes = "-"
        (line,) = ax.plot(where, values, marker, markersize=4, linewidth=1.6)
        line.set(color=colour, linestyle=dashes, label=name)
    _scale(ax, log)
    return _finish(ax, legend=any(series), **labels)


def _scale(ax: Axes, log: str) -> None:
    if "x" in log:
        ax.set_xscale("log", base=2)
        ax.set_xticks(np.unique(np.concatenate([np.asarray(a.get_xdata()) for a in ax.lines])))
        ax.xaxis.set_major_formatter("{x:g}")
    if "y" in log:
        ax.set_yscale("log")


def plot_groups(
    groups: Mapping[str, Mapping[str, float]],
    *,
    ylabel: str,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot bars side by side, one colour per group, one place per name; return the axes.

    Args:
        groups: Group → name → value; a group may lack a name.
        ylabel: Label of the vertical axis, with its unit.
        title: What is shown.
        ax: Axes to draw on; None makes a new figure.

    >>> ax = plot_groups({"paper": {"SAF-E": 0.7, "SAF-F": 0.4}}, ylabel="share (1)")
    >>> [float(bar.get_height()) for bar in ax.patches]
    [0.7, 0.4]
    """
    ax = ax or _axes()
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    width = 0.8 / len(groups)
    for index, ((group, values), colour) in enumerate(
        zip(groups.items(), cycle(COLOURS), strict=False)
    ):
        where = [names.index(name) + (index + 0.5) * width - 0.4 for name in values]
        bars = ax.bar(where, list(values.values()), width * 0.92, color=colour, label=group)
        ax.bar_label(bars, fmt="{:.3g}", fontsize=8, color=INK)
    ax.set_xticks(range(len(names)), names)
    ax.grid(False, axis="x")
    return _finish(ax, legend=len(groups) > 1, ylabel=ylabel, title=title)


def _axes() -> Axes:
    ax = new_axes(2.8)
    card(ax)
    return ax


def _finish(ax: Axes, *, legend: bool, **labels: str) -> Axes:
    ax.set(**labels)
    # Beside the axes, where no curve can be hidden.
    if legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
