"""Plots over time of one recorded population or network, and the sentences that describe them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from saflab.analysis.recording import PopulationRecord, Record
from saflab.figures import traces
from saflab.figures.draw_matplotlib import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "describe_accumulation",
    "describe_binary_digits",
    "describe_membrane",
    "describe_raster",
    "describe_readout",
    "plot_accumulation",
    "plot_binary_digits",
    "plot_membrane",
    "plot_raster",
    "plot_readout",
]


def plot_membrane(record: PopulationRecord, index: int = 0, *, ax: Axes | None = None) -> Axes:
    """Plot the membrane potential u[t] of one neuron, its threshold and its spikes.

    Args:
        record: One population, as of `record_neuron` or `record(…).populations`.
        index: Neuron of the first sample.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> plot_membrane(seen).get_ylabel()
    'u (units of V)'
    """
    return draw(traces.membrane(record, index), ax)


def describe_membrane(record: PopulationRecord, index: int = 0) -> str:
    """Return the sentence that says what `plot_membrane` shows.

    Args:
        record: One population, as of `record_neuron` or `record(…).populations`.
        index: Neuron of the first sample.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> describe_membrane(seen)
    '4 spikes in 8 steps, the first at step 2; the potential peaks at 1.07, the threshold is 1.'
    """
    return traces.membrane(record, index).says


def plot_raster(
    record: PopulationRecord | Tensor,
    title: str = "Spikes",
    limit: int = 60,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Plot the spikes of a population, one row per neuron of the first sample.

    Args:
        record: A population, or its spikes s[t] alone, shape (T, B, *features).
        title: What is shown.
        limit: Rows shown.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> plot_raster(seen).get_ylabel()
    'neuron'
    """
    return draw(traces.raster(record, title, limit), ax)


def describe_raster(
    record: PopulationRecord | Tensor, title: str = "Spikes", limit: int = 60
) -> str:
    """Return the sentence that says what `plot_raster` shows.

    Args:
        record: A population, or its spikes s[t] alone, shape (T, B, *features).
        title: What is shown.
        limit: Rows shown.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> describe_raster(seen)
    '1 neuron fires 4 spikes in 8 steps: 0.500 per neuron and step, 0 silent.'
    """
    return traces.raster(record, title, limit).says


def plot_accumulation(record: PopulationRecord, index: int = 0, *, ax: Axes | None = None) -> Axes:
    """Plot the accumulation â[t] of one neuron, the most it could be (Λ[t]), and its spikes.

    Args:
        record: One population, as of `record_neuron` or `record(…).populations`.
        index: Neuron of the first sample.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> plot_accumulation(seen).get_ylabel()
    'accumulation â'
    """
    return draw(traces.accumulation(record, index), ax)


def describe_accumulation(record: PopulationRecord, index: int = 0) -> str:
    """Return the sentence that says what `plot_accumulation` shows.

    Args:
        record: One population, as of `record_neuron` or `record(…).populations`.
        index: Neuron of the first sample.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> describe_accumulation(seen)
    '4 spikes leave â = 1.328 at step 8, of at most 1.992: a weighted firing rate of 0.667.'
    """
    return traces.accumulation(record, index).says


def plot_binary_digits(
    record: PopulationRecord, index: int = 0, limit: int = 16, *, ax: Axes | None = None
) -> Axes:
    """Plot the digits of â[t] in base 2, one row per step: at λ = 1/2 the spike train itself.

    Args:
        record: A population with decay 1/2.
        index: Neuron of the first sample.
        limit: Steps shown.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    Raises:
        ValueError: If the decay is not 1/2.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> plot_binary_digits(seen).get_ylabel()
    'time (steps)'
    """
    return draw(traces.binary_digits(record, index, limit), ax)


def describe_binary_digits(record: PopulationRecord, index: int = 0, limit: int = 16) -> str:
    """Return the sentence that says what `plot_binary_digits` shows.

    Args:
        record: A population with decay 1/2.
        index: Neuron of the first sample.
        limit: Steps shown.

    Raises:
        ValueError: If the decay is not 1/2.

    >>> import torch
    >>> from saflab import LIFParams, record_neuron
    >>> seen = record_neuron(torch.full((8,), 0.7), LIFParams(decay=0.5))
    >>> describe_binary_digits(seen)
    'At step 8, â = 1.0101010 in base 2: the spike train read backwards.'
    """
    return traces.binary_digits(record, index, limit).says


def plot_readout(
    record: Record, classes: tuple[str, ...], step: int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Plot the readout summed over the first steps, one bar per class, of the first sample.

    Args:
        record: A network over time, as of `record`.
        classes: Names of the classes.
        step: Steps summed; None takes all.
        ax: Axes to draw on; None makes a new figure.

    Returns:
        The axes drawn on.

    >>> import torch
    >>> from saflab.analysis.recording import Record
    >>> seen = Record(populations=(), readout=torch.tensor([[[0.5, 2.0]], [[1.0, 0.0]]]))
    >>> plot_readout(seen, ("cat", "dog")).get_xlabel()
    'class'
    """
    return draw(traces.readout(record, classes, step), ax)


def describe_readout(record: Record, classes: tuple[str, ...], step: int | None = None) -> str:
    """Return the sentence that says what `plot_readout` shows.

    Args:
        record: A network over time, as of `record`.
        classes: Names of the classes.
        step: Steps summed; None takes all.

    >>> import torch
    >>> from saflab.analysis.recording import Record
    >>> seen = Record(populations=(), readout=torch.tensor([[[0.5, 2.0]], [[1.0, 0.0]]]))
    >>> describe_readout(seen, ("cat", "dog"))
    'After 2 steps the network says “dog”, ahead of the next class by 0.50.'
    """
    return traces.readout(record, classes, step).says
