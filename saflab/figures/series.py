"""The course's style for any matplotlib figure, and series over a common horizontal axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cycler import cycler
from matplotlib.axes import Axes

from saflab.figures.draw_matplotlib import INK, PAPER, card
from saflab.figures.panel import COLOURS

__all__ = ["plot_groups", "plot_lines", "use_style"]

# Marker and dashes differ as well as the colour, for print and for any colour vision.
MARKERS = ("o-", "s--", "^:", "d-.", "v-", "x--")


def use_style() -> None:
    """Give every later pyplot figure the course's card: light paper, dark ink, one palette."""
    from matplotlib import pyplot

    pyplot.rcParams.update(
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
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per name, with its own colour, marker and dashes; return the axes.

    Args:
        series: Name → values; a single empty name draws no legend.
        x: Common positions; None counts from 1.
        xlabel: Label of the horizontal axis, with its unit.
        ylabel: Label of the vertical axis, with its unit.
        title: What is shown.
        log: Logarithmic axes: "", "x", "y" or "xy".
        ax: Where to draw; None makes a new figure.

    Raises:
        ValueError: If a series has not as many values as `x`.
    """
    ax = ax or _axes()
    for (name, values), style, colour in zip(series.items(), MARKERS, COLOURS, strict=False):
        where = np.arange(1, len(values) + 1) if x is None else x
        if len(where) != len(values):
            raise ValueError(
                f"Expected {len(where)} values for {name!r}, one per x, but found {len(values)}."
            )
        ax.plot(where, values, style, color=colour, markersize=4, linewidth=1.6, label=name)
    if "x" in log:
        ax.set_xscale("log", base=2)
        ax.set_xticks(np.unique(np.concatenate([np.asarray(a.get_xdata()) for a in ax.lines])))
        ax.xaxis.set_major_formatter("{x:g}")
    if "y" in log:
        ax.set_yscale("log")
    return _finish(ax, xlabel, ylabel, title, legend=any(series))


def plot_groups(
    groups: Mapping[str, Mapping[str, float]], *, ylabel: str, title: str = "", ax: Any = None
) -> Axes:
    """Draw bars side by side, one colour per group, one place per name; return the axes.

    Args:
        groups: Group → name → value; a group may lack a name.
        ylabel: Label of the vertical axis, with its unit.
        title: What is shown.
        ax: Where to draw; None makes a new figure.
    """
    ax = ax or _axes()
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    width = 0.8 / len(groups)
    for index, ((group, values), colour) in enumerate(zip(groups.items(), COLOURS, strict=False)):
        where = [names.index(name) + (index + 0.5) * width - 0.4 for name in values]
        bars = ax.bar(where, list(values.values()), width * 0.92, color=colour, label=group)
        ax.bar_label(bars, fmt="{:.3g}", fontsize=8, color=INK)
    ax.set_xticks(range(len(names)), names)
    ax.grid(False, axis="x")
    return _finish(ax, "", ylabel, title, legend=len(groups) > 1)


def _axes() -> Axes:
    from matplotlib import pyplot  # only here: explorers never touch pyplot

    ax = pyplot.subplots(figsize=(7.0, 2.8), layout="constrained")[1]
    card(ax)
    return ax


def _finish(ax: Axes, xlabel: str, ylabel: str, title: str, *, legend: bool) -> Axes:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    # Beside the axes, where no curve can be hidden.
    if legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    if title:
        ax.set_title(title)
    return ax
