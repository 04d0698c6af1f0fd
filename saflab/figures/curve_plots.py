"""Plots of relations, costs and trainings, and the sentences that describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike
from torch import Tensor

from saflab.analysis.recording import Record
from saflab.figures import curves
from saflab.figures.draw_matplotlib import draw
from saflab.neurons import LIFParams

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "describe_bars",
    "describe_firing_rates",
    "describe_progress",
    "describe_rates_and_clamp",
    "describe_surrogate",
    "plot_bars",
    "plot_firing_rates",
    "plot_progress",
    "plot_rates_and_clamp",
    "plot_surrogate",
]


def plot_surrogate(
    p: LIFParams, at: float | None = None, reach: float = 2.0, *, ax: Axes | None = None
) -> Axes:
    """Plot the step H(x) and the surrogate derivative σ'(x) that stands in for its own.

    Args:
        p: The surrogate and its slope α.
        at: Distance x = u − V at which σ' is marked; None marks none.
        reach: Half the width of the picture, in units of the potential.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> from saflab import LIFParams
    >>> plot_surrogate(LIFParams()).get_title(loc="left")
    'Surrogate derivative'
    """
    return draw(curves.surrogate(p, at, reach), ax)


def describe_surrogate(p: LIFParams, at: float | None = None, reach: float = 2.0) -> str:
    """Return the sentence that says what `plot_surrogate` shows.

    Args:
        p: The surrogate and its slope α.
        at: Distance x = u − V at which σ' is marked; None marks none.
        reach: Half the width of the picture, in units of the potential.

    >>> from saflab import LIFParams
    >>> describe_surrogate(LIFParams()).split(";")[1]
    ' its area over the picture is 1.00.'
    """
    return curves.surrogate(p, at, reach).says


def plot_rates_and_clamp(
    drive: Tensor, rate: Tensor, clamp: Tensor, *, ax: Axes | None = None
) -> Axes:
    """Plot measured firing rates against the clamp that they approach.

    Args:
        drive: Constant input divided by the threshold, shape (n,), increasing.
        rate: Weighted firing rate a[T] in [0, 1], shape (n,).
        clamp: clamp(drive, 0, 1), shape (n,).
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> import torch
    >>> drive = torch.tensor([-0.5, 0.5, 1.5])
    >>> clamp = drive.clamp(0.0, 1.0)
    >>> plot_rates_and_clamp(drive, 0.9 * clamp, clamp).get_ylabel()
    'rate a (1)'
    """
    return draw(curves.rates_and_clamp(drive, rate, clamp), ax)


def describe_rates_and_clamp(drive: Tensor, rate: Tensor, clamp: Tensor) -> str:
    """Return the sentence that says what `plot_rates_and_clamp` shows.

    Args:
        drive: Constant input divided by the threshold, shape (n,), increasing.
        rate: Weighted firing rate a[T] in [0, 1], shape (n,).
        clamp: clamp(drive, 0, 1), shape (n,).

    >>> import torch
    >>> drive = torch.tensor([-0.5, 0.5, 1.5])
    >>> clamp = drive.clamp(0.0, 1.0)
    >>> describe_rates_and_clamp(drive, 0.9 * clamp, clamp)
    'The measured rates lie 0.050 from the clamp on average, 0.100 at most.'
    """
    return curves.rates_and_clamp(drive, rate, clamp).says


def plot_firing_rates(record: Record | Sequence[float], *, ax: Axes | None = None) -> Axes:
    """Plot the spikes per neuron and step of every layer.

    Args:
        record: A network over time, as of `record`, or the rates of its layers.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> plot_firing_rates([0.2, 0.1]).get_xlabel()
    'layer'
    """
    return draw(curves.firing_rates(record), ax)


def describe_firing_rates(record: Record | Sequence[float]) -> str:
    """Return the sentence that says what `plot_firing_rates` shows.

    Args:
        record: A network over time, as of `record`, or the rates of its layers.

    >>> describe_firing_rates([0.2, 0.1])
    'Spikes per neuron and step: layer 1 0.200, layer 2 0.100.'
    """
    return curves.firing_rates(record).says


def plot_bars(
    values: Mapping[str, float], title: str, unit: str, *, ax: Axes | None = None
) -> Axes:
    """Plot one bar per name, e.g. the cost of each rule.

    Args:
        values: Name → value.
        title: What is shown.
        unit: Unit of the values.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> passes = {"SAF-E": 18.0, "OTTT_A": 24.0}
    >>> plot_bars(passes, "Cost", "passes").get_ylabel()
    'passes'
    """
    return draw(curves.bars(values, title, unit), ax)


def describe_bars(values: Mapping[str, float], title: str, unit: str) -> str:
    """Return the sentence that says what `plot_bars` shows.

    Args:
        values: Name → value.
        title: What is shown.
        unit: Unit of the values.

    >>> passes = {"SAF-E": 18.0, "OTTT_A": 24.0}
    >>> describe_bars(passes, "Cost", "passes")
    'SAF-E needs the least (18 passes), OTTT_A the most (24 passes, 1.33 times as much).'
    """
    return curves.bars(values, title, unit).says


def plot_progress(
    series: Mapping[str, ArrayLike],
    title: str,
    y: str,
    total: int | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Plot curves over optimizer steps, e.g. the loss of a training run.

    Args:
        series: Name → one value per update; a curve that lies on an earlier one is dashed.
        title: What is shown.
        y: Label of the vertical axis, with its unit.
        total: Updates of the whole run, if it still goes on.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> loss = {"SAF-E": [2.3, 1.9], "OTTT_A": [2.3, 1.9], "BPTT": [2.3, 1.7]}
    >>> plot_progress(loss, "Training", "loss (1)").get_ylabel()
    'loss (1)'
    """
    return draw(curves.progress(series, title, y, total), ax)


def describe_progress(
    series: Mapping[str, ArrayLike], title: str, y: str, total: int | None = None
) -> str:
    """Return the sentence that says what `plot_progress` shows.

    Args:
        series: Name → one value per update; a curve that lies on an earlier one is dashed.
        title: What is shown.
        y: Label of the vertical axis, with its unit.
        total: Updates of the whole run, if it still goes on.

    >>> loss = {"SAF-E": [2.3, 1.9], "OTTT_A": [2.3, 1.9], "BPTT": [2.3, 1.7]}
    >>> describe_progress(loss, "Training", "loss (1)").split("; ")[-1]
    'OTTT_A lies on SAF-E.'
    """
    return curves.progress(series, title, y, total).says
