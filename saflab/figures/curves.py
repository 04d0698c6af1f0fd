"""Panels of relations: surrogate, rate and clamp, gradients, firing rates, costs, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from saflab.analysis.recording import Record
from saflab.figures.panel import BLUE, COLOURS, GREY, ORANGE, RED, Panel, coinciding, mark
from saflab.neurons import LIFParams, surrogate_derivative

__all__ = [
    "bars",
    "firing_rates",
    "gradient_through_time",
    "number",
    "progress",
    "rates_and_clamp",
    "surrogate",
]


def surrogate(p: LIFParams, at: float | None = None, reach: float = 2.0) -> Panel:
    """The step H(x), the surrogate derivative σ'(x) that stands in for its own, and σ'(at)."""
    # Not linspace, whose middle is 0 or just below it, by the processor.
    x = torch.arange(-200, 201, dtype=torch.float64) * (reach / 200)
    y = surrogate_derivative(x, p)
    peak, area = float(y.max()), float(torch.trapezoid(y, x))
    wide = x[y >= peak / 2]
    says = (
        f"The {p.surrogate} surrogate peaks at {peak:.2f} and stays above half of that within "
        f"{float(wide.max()):.2f} of the threshold; its area over the picture is {area:.2f}."
    )
    marks = [
        mark("steps", (x >= 0).double(), x, colour=GREY, label="spike H(x)", dashed=True),
        mark("line", y, x, colour=BLUE, label="surrogate σ'(x)"),
    ]
    if at is not None:
        value = surrogate_derivative(torch.tensor([at], dtype=torch.float64), p)
        marks += [mark("at", 0.0, at, colour=ORANGE), mark("dots", value, at, colour=RED)]
        says += f" At x = {at:g} it lets {float(value):.3f} of the gradient through."
    return Panel(
        title="Surrogate derivative",
        x="distance to threshold x = u − V",
        y="σ'(x) (1/potential)",
        marks=tuple(marks),
        says=says,
        xlim=(-reach, reach),
        ylim=(-0.05, max(1.2, peak * 1.1)),
    )


def rates_and_clamp(
    drive: torch.Tensor,
    rate: torch.Tensor,
    clamp: torch.Tensor,
    x: str = "input / threshold (no unit)",
) -> Panel:
    """Measured firing rates against the clamp that they approach.

    Args:
        drive: Constant input, shape (n,), increasing.
        rate: Weighted firing rate a[T] in [0, 1], shape (n,).
        clamp: clamp(input / threshold, 0, 1), shape (n,).
        x: What `drive` is: the input divided by the threshold, unless it says another.
    """
    error = (rate - clamp).abs()
    return Panel(
        title="Firing rate and clamp",
        x=x,
        y="rate a (1)",
        marks=(
            mark("line", clamp, drive, colour=RED, label="clamp(input / V, 0, 1)", dashed=True),
            mark("dots", rate, drive, colour=BLUE, label="measured a[T]"),
        ),
        says=(
            f"The measured rates lie {float(error.mean()):.3f} from the clamp on average, "
            f"{float(error.max()):.3f} at most."
        ),
        ylim=(-0.05, 1.15),
    )


def gradient_through_time(parts: Mapping[str, torch.Tensor]) -> Panel:
    """What each rule credits the input of step k with, for the spike at the last step.

    Args:
        parts: Rule name → ∂s[T]/∂s_in[k], shape (T,). Two rules that agree are drawn once.
    """
    names, drawn, marks = list(parts), [], []
    for name in names:
        same = [other for other in drawn if torch.allclose(parts[other], parts[name], rtol=1e-9)]
        if same:
            continue
        drawn.append(name)
        twins = [n for n in names if torch.allclose(parts[n], parts[name], rtol=1e-9)]
        colour = COLOURS[len(marks) % len(COLOURS)]
        marks.append(mark("line", parts[name], colour=colour, label=" = ".join(twins)))
        marks.append(mark("dots", parts[name], colour=colour))
    steps = len(next(iter(parts.values())))
    says = [
        f"{m.label} credits the input of the last step with {m.y[-1]:.3g} and the input of "
        f"step 1 with {m.y[0]:.3g}"
        for m in marks
        if m.label
    ]
    return Panel(
        title=f"Credit for the spike at step {steps}",
        x="time of the input k (steps)",
        y="∂s[T] / ∂s_in[k]",
        marks=(mark("level", 0.0, colour="#AAAAAA"), *marks),
        says="; ".join(says) + ".",
        xlim=(0.5, steps + 0.5),
    )


def firing_rates(record: Record | Sequence[float]) -> Panel:
    """Spikes per neuron and step of every layer."""
    rates = (
        [p.firing_rate for p in record.populations]
        if isinstance(record, Record)
        else [float(r) for r in record]
    )
    says = ", ".join(f"layer {i} {r:.3f}" for i, r in enumerate(rates, 1))
    # One of few heights, so that the axis stands still while a training changes the rates.
    room = 1.15 * max([0.0, *rates])
    top = next((height for height in (0.1, 0.2, 0.5) if height >= room), max(1.2, room))
    return Panel(
        title="Firing rate per layer",
        x="layer",
        y="spikes/neuron/step",
        marks=(mark("bars", rates, colour=BLUE),),
        says=f"Spikes per neuron and step: {says}." if rates else "Nothing recorded yet.",
        names=tuple(str(i) for i in range(1, len(rates) + 1)),
        ylim=(0.0, top),
    )


def bars(values: Mapping[str, float], title: str, unit: str, says: str = "") -> Panel:
    """One bar per name, e.g. the cost of each rule; unless given, the sentence names extremes."""
    least, most = min(values, key=lambda k: values[k]), max(values, key=lambda k: values[k])
    if not says:
        ratio = values[most] / values[least] if values[least] else float("inf")
        says = (
            f"{least} needs the least ({values[least]:.3g} {unit}), {most} the most "
            f"({values[most]:.3g} {unit}, {ratio:.2f} times as much)."
        )
    return Panel(
        title=title,
        x="",
        y=unit,
        marks=(mark("bars", list(values.values())),),
        says=says,
        names=tuple(values),
        ylim=(0.0, max(1e-9, max(values.values())) * 1.2),
    )


def progress(
    series: Mapping[str, ArrayLike], title: str, y: str, total: int | None = None
) -> Panel:
    """Curves over optimizer steps, e.g. the loss of a training run; at most 300 points each.

    A curve that lies on an earlier one is dashed, and its name says so. Where the values span more
    than three powers of ten, as of a loss that explodes, the axis is logarithmic.

    Args:
        series: Name → one value per update so far.
        title: Of the panel.
        y: Label of the vertical axis.
        total: Updates of the whole run, if it still goes on: the axis then grows in strides.
    """
    curves = {name: np.asarray(values, dtype=np.float64) for name, values in series.items()}
    log = _spans_powers(np.concatenate([*curves.values(), np.empty(0)]))
    seen = {n: np.log10(np.maximum(v, 1e-300)) if log else v for n, v in curves.items()}
    on, marks, says = coinciding(seen), [], []
    for (name, points), colour in zip(curves.items(), cycle(COLOURS), strict=False):
        keep = np.unique(np.linspace(0, max(0, len(points) - 1), 300).astype(int))[: len(points)]
        label = f"{name}, on {on[name]}" if name in on else name
        marks.append(
            mark("line", points[keep], keep + 1.0, colour=colour, label=label, dashed=name in on)
        )
        if len(points):
            says.append(f"{name} is {number(points[-1])} after {len(points)} updates")
    says += [f"{name} lies on {other}" for name, other in on.items()]
    if log:
        says.append(f"the axis is logarithmic, {number(max(map(_largest, curves.values())))} high")
    longest = max([10, *map(len, curves.values())])
    return Panel(
        title=title,
        x="updates (steps)",
        y=y,
        marks=tuple(marks),
        xlim=None if total is None else (0.0, float(min(_round_up(longest), total))),
        says="; ".join(says) + "." if says else "Nothing measured yet.",
        log=log,
    )


def _spans_powers(values: NDArray[np.float64]) -> bool:
    """Whether the finite values are all positive and the largest is 1,000 times the least."""
    values = values[np.isfinite(values)]
    return bool(values.size) and 0.0 < 1e3 * values.min() < values.max()


def _largest(values: NDArray[np.float64]) -> float:
    return float(values[np.isfinite(values)].max(initial=0.0))


def number(value: float) -> str:
    """Return a loss in words: "1.204", or "3e+30" once it has exploded."""
    return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.2g}"


def _round_up(n: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, …: an axis that grows by it stands still in between."""
    power = 10 ** (len(str(n)) - 1)
    return next(m * power for m in (1, 2, 5, 10) if m * power >= n)
