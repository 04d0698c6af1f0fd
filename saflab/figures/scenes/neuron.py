"""One neuron: what it does with an input current, and what it accumulates."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from saflab.analysis.recording import PopulationRecord, record_neuron
from saflab.figures.curves import rates_and_clamp, surrogate
from saflab.figures.panel import RED, Panel, mark
from saflab.figures.traces import accumulation as accumulation_panel
from saflab.figures.traces import binary_digits, input_current, membrane
from saflab.neurons import LIFParams, accumulate, spikes_from_accumulation, total_weight
from saflab.ops import scan

__all__ = [
    "INPUTS",
    "accumulation",
    "clamp",
    "current",
    "neuron",
    "neuron_record",
    "surrogate_curve",
]


def _noise(steps: int) -> Tensor:
    return torch.randn(steps, generator=torch.Generator().manual_seed(0))


INPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "constant": torch.ones_like,
    "pulse": lambda t: ((t > len(t) * 0.2) & (t <= len(t) * 0.6)).to(t.dtype),
    "ramp": lambda t: t / len(t),
    "sine": lambda t: 0.5 * (1.0 + torch.sin(2.0 * math.pi * t / 40.0)),
    "noise": lambda t: 1.0 + _noise(len(t)),
    "spikes": lambda t: (_noise(len(t)) > 0.5).to(t.dtype),
}


def current(kind: str, strength: float, steps: int) -> Tensor:
    """Return an input current of shape (T,); the random kinds are the same at every call.

    Args:
        kind: One of `INPUTS`.
        strength: Factor, in units of the potential.
        steps: T ≥ 1.

    Raises:
        ValueError: If there is no such kind or T < 1.
    """
    if kind not in INPUTS:
        raise ValueError(f"Expected an input in {list(INPUTS)}, but found {kind!r}.")
    if steps < 1:
        raise ValueError(f"Expected T ≥ 1 steps, but found {steps}. Use e.g. 50.")
    return strength * INPUTS[kind](torch.arange(1.0, steps + 1))


def neuron_record(
    decay: float = 0.9,
    threshold: float = 1.0,
    strength: float = 0.3,
    kind: str = "constant",
    steps: int = 50,
) -> PopulationRecord:
    """Return the record of one neuron driven by `current`."""
    p = LIFParams(decay=decay, threshold=threshold)
    return record_neuron(current(kind, strength, steps), p)


def neuron(
    decay: float = 0.9,
    threshold: float = 1.0,
    strength: float = 0.3,
    kind: str = "constant",
    steps: int = 50,
) -> tuple[Panel, ...]:
    """Input current, membrane potential and spikes of one LIF neuron.

    Args:
        decay: λ in [0, 1].
        threshold: V > 0.
        strength: Factor of the input current.
        kind: One of `INPUTS`.
        steps: T ≥ 1.
    """
    seen = neuron_record(decay, threshold, strength, kind, steps)
    return membrane(seen), input_current(current(kind, strength, steps))


def _flips(seen: PopulationRecord) -> Panel:
    """The same neuron run on accumulations alone, and where its spikes differ from the LIF run."""
    U = seen.U.double()
    a, _ = scan("saf", U, None, seen.neuron)
    s = spikes_from_accumulation(a, seen.neuron.decay).round()[:, 0, 0]
    gap = (accumulate(seen.s.double(), seen.neuron.decay) - a).abs().flatten()
    flips = int((s != seen.s[:, 0, 0].double()).sum())
    return Panel(
        title="Difference of â between SAF and LIF",
        x="time (steps)",
        y="|difference| of â",
        marks=(mark("line", gap, colour=RED),),
        says=(
            f"Run on accumulations alone, {flips} of {len(s)} steps differ in their spike; "
            f"â differs by at most {float(gap.max()):.1e}."
        ),
        xlim=(0.0, len(s) + 1.0),
        ylim=(-0.05, 1.05),
    )


def accumulation(
    decay: float = 0.5, strength: float = 0.7, kind: str = "constant", steps: int = 12
) -> tuple[Panel, ...]:
    """Accumulation of a neuron with V = 1, its binary digits (λ = 1/2), and SAF against LIF.

    Args:
        decay: λ in [0, 1].
        strength: Factor of the input current.
        kind: One of `INPUTS`.
        steps: T ≥ 1.
    """
    seen = neuron_record(decay, 1.0, strength, kind, steps)
    digits = (binary_digits(seen),) if decay == 0.5 else ()
    return accumulation_panel(seen), *digits, _flips(seen)


def surrogate_curve(
    shape: str = "sigmoid", slope: float = 4.0, distance: float = 0.2
) -> tuple[Panel, ...]:
    """A surrogate derivative and what it lets through at one distance from the threshold.

    Args:
        shape: A surrogate of u − V ("clamp" is a function of Û and has its own explorer).
        slope: Steepness α > 0.
        distance: u − V, in units of the potential.
    """
    return (surrogate(LIFParams(surrogate=shape, slope=slope), distance),)


def clamp(steps: int = 12, decay: float = 0.5, threshold: float = 1.0) -> tuple[Panel, ...]:
    """Firing rates under constant input against the clamp, and their distance as T grows.

    Args:
        steps: T ≥ 1.
        decay: λ in [0, 1]; only λ = 1 lets the distance vanish.
        threshold: V > 0.
    """
    drive = torch.arange(-10, 61, dtype=torch.float64) / 20.0  # the same on every processor
    p = LIFParams(decay=decay, threshold=threshold)
    seen = record_neuron(drive.expand(steps, 1, -1), p)
    target = (drive / threshold).clamp(0.0, 1.0)
    weights = torch.tensor([total_weight(decay, t) for t in range(1, steps + 1)])
    error = (seen.a[:, 0] / weights[:, None] - target).abs().mean(1)
    trend = Panel(
        title="Distance to the clamp over time",
        x="time T (steps)",
        y="mean |a − clamp|",
        marks=(mark("line", error, colour=RED), mark("dots", error, colour=RED)),
        says=(
            f"The mean distance goes from {error[0]:.3f} at T = 1 to {error[-1]:.3f} at "
            f"T = {steps}."
        ),
        xlim=(0.0, steps + 1.0),
        ylim=(0.0, float(error.max()) * 1.1 + 1e-9),
    )
    return rates_and_clamp(drive, seen.rate[0], target, "input (units of the potential)"), trend
