"""Panels over time of one recorded population: potential, spikes, accumulation, digits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from saflab.analysis.recording import PopulationRecord, Record
from saflab.figures.panel import BLUE, COLOURS, GREEN, GREY, ORANGE, RED, Panel, mark
from saflab.neurons import total_weight

__all__ = ["accumulation", "binary_digits", "input_current", "membrane", "raster", "readout"]

TIME = "time (steps)"


def _one(values: object, index: int = 0) -> NDArray[np.float64]:
    """Return the train of neuron `index` of the first sample, shape (T,)."""
    array = np.asarray(values, dtype=np.float64)
    return array if array.ndim == 1 else array[:, 0].reshape(len(array), -1)[:, index]


def count(n: int, noun: str) -> str:
    """Return "1 spike", "2 spikes"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def first_spike(s: NDArray[np.float64]) -> int | None:
    """Return the step of the first spike (from 1), or None."""
    fired = np.flatnonzero(s > 0)
    return int(fired[0]) + 1 if fired.size else None


def membrane(record: PopulationRecord, index: int = 0) -> Panel:
    """Membrane potential u[t] of one neuron, its threshold and its spikes."""
    u, s, threshold = _one(record.u, index), _one(record.s, index), record.neuron.threshold
    first, fired = first_spike(s), np.flatnonzero(s > 0) + 1
    if first is None:
        says = (
            f"No spike in {count(len(s), 'step')}: the potential peaks at {u.max():.2f}, "
            f"below the threshold {threshold:g}."
        )
    else:
        says = (
            f"{count(len(fired), 'spike')} in {count(len(s), 'step')}, the first at step {first}; "
            f"the potential peaks at {u.max():.2f}, the threshold is {threshold:g}."
        )
    low, high = min(0.0, float(u.min())), max(threshold, float(u.max()))
    top = high + 0.12 * (high - low)
    return Panel(
        title="Membrane potential",
        x=TIME,
        y="u (units of V)" if threshold == 1.0 else "potential u",
        marks=(
            mark("line", u, colour=BLUE, label="u"),
            mark("level", threshold, colour=RED, label="threshold V", dashed=True),
            mark("ticks", np.full(len(fired), top), fired, colour=GREEN, label="spikes"),
        ),
        says=says,
        xlim=(0.0, len(s) + 1.0),
        ylim=(low - 0.05 * (high - low), top + 0.1 * (high - low)),
    )


def input_current(current: object) -> Panel:
    """Input current I[t] of one neuron."""
    values = _one(current)
    return Panel(
        title="Input current",
        x=TIME,
        y="current I",
        marks=(mark("steps", values, colour=ORANGE),),
        says=f"The input averages {values.mean():.2f} and peaks at {values.max():.2f}.",
        xlim=(0.0, len(values) + 1.0),
    )


def raster(record: PopulationRecord | Tensor, title: str = "Spikes", limit: int = 60) -> Panel:
    """Spikes of the first `limit` neurons of the first sample, one row per neuron.

    Args:
        record: A population, or its spikes s[t] alone, shape (T, B, *features).
        title: Of the panel.
        limit: Rows shown.
    """
    spikes = record.s if isinstance(record, PopulationRecord) else record
    s = np.asarray(spikes[:, 0], dtype=np.float64).reshape(len(spikes), -1)
    steps, neurons = s.shape
    t, n = np.nonzero(s[:, :limit])
    fire = "fires" if neurons == 1 else "fire"
    shown = "" if neurons <= limit else f" (the first {limit} shown)"
    return Panel(
        title=title,
        x=TIME,
        y="neuron",
        marks=(mark("ticks", n + 1.0, t + 1.0, colour=BLUE),),
        says=(
            f"{count(neurons, 'neuron')}{shown} {fire} {count(int(s.sum()), 'spike')} in "
            f"{count(steps, 'step')}: {s.mean():.3f} per neuron and step, "
            f"{int((s.sum(0) == 0).sum())} silent."
        ),
        xlim=(0.5, steps + 0.5),
        ylim=(0.0, min(neurons, limit) + 1.0),
    )


def accumulation(record: PopulationRecord, index: int = 0) -> Panel:
    """Spike accumulation â[t], the most it could be (Λ[t]), and the spikes."""
    a, s, decay = _one(record.a, index), _one(record.s, index), record.neuron.decay
    most = np.array([total_weight(decay, t) for t in range(1, len(a) + 1)])
    fired = np.flatnonzero(s > 0) + 1
    return Panel(
        title="Spike accumulation",
        x=TIME,
        y="accumulation â",
        marks=(
            mark("line", most, colour=GREY, label="most possible Λ", dashed=True),
            mark("steps", a, colour=BLUE, label="â"),
            mark("ticks", fired * 0.0 + most.max() * 1.08, fired, colour=GREEN, label="spikes"),
        ),
        says=(
            f"{count(len(fired), 'spike')} leave â = {a[-1]:.4g} at step {len(a)}, of at most "
            f"{most[-1]:.4g}: a weighted firing rate of {a[-1] / most[-1]:.3f}."
        ),
        xlim=(0.0, len(a) + 1.0),
        ylim=(0.0, most.max() * 1.2),
    )


def binary_digits(record: PopulationRecord, index: int = 0, limit: int = 16) -> Panel:
    """Digits of â[t] in base 2, one row per step: at λ = 1/2 they are the spike train itself.

    Args:
        record: A population with decay 1/2.
        index: Neuron of the first sample.
        limit: Steps shown.

    Raises:
        ValueError: If the decay is not 1/2.
    """
    if record.neuron.decay != 0.5:
        raise ValueError(
            f"Expected a decay of 0.5 to read â as a binary number, but found "
            f"{record.neuron.decay}. Set decay = 0.5."
        )
    a, s = _one(record.a, index)[:limit], _one(record.s, index)[:limit]
    # â < 2, so that the digit before the point and t − 1 digits after it hold it exactly.
    digits = np.array([[int(v * 2**k) % 2 for k in range(len(a))] for v in a])
    text = "".join(str(d) for d in digits[-1][: len(a)])
    newest_first = "".join(str(int(v)) for v in s[::-1])
    verdict = "the spike train read backwards" if text == newest_first else "not the spike train"
    return Panel(
        title="Binary digits of â",
        x="digit (1 stands before the point)",
        y="time (steps)",
        marks=(mark("grid", digits, colour=BLUE),),
        says=f"At step {len(a)}, â = {text[0]}.{text[1:] or '0'} in base 2: {verdict}.",
    )


def readout(record: Record, classes: tuple[str, ...], step: int | None = None) -> Panel:
    """Readout summed over the first `step` steps, one bar per class, of the first sample."""
    total = np.asarray(record.readout[:step, 0], dtype=np.float64).sum(0)
    best, steps = int(total.argmax()), step or len(record.readout)
    runner = np.partition(total, -2)[-2]
    return Panel(
        title="Readout summed so far",
        x="class",
        y="Σ o (no unit)",
        marks=(mark("bars", total, colour=COLOURS[0]),),
        says=(
            f"After {count(steps, 'step')} the network says “{classes[best]}”, ahead of the "
            f"next class by {total[best] - runner:.2f}."
        ),
        names=classes,
        ylim=(min(0.0, total.min()) * 1.15 - 0.1, max(0.0, total.max()) * 1.2 + 0.1),
    )
