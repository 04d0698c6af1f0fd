"""Figures of the course: data in, axes out, and one sentence that says what the picture shows.

Each picture exists once, as a function that returns a `Panel`. `plot_<name>(data, ax=None)` draws
it with matplotlib, `describe_<name>(data)` returns its sentence, `svg(panel)` its SVG.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saflab.machine import optional

with optional("course"):
    from matplotlib.axes import Axes

from saflab.figures import curves, traces
from saflab.figures.draw_matplotlib import draw as draw
from saflab.figures.draw_matplotlib import show as show
from saflab.figures.draw_svg import html as html
from saflab.figures.draw_svg import svg as svg
from saflab.figures.panel import Panel as Panel
from saflab.figures.panel import mark as mark
from saflab.figures.series import plot_groups as plot_groups
from saflab.figures.series import plot_lines as plot_lines
from saflab.figures.series import use_style as use_style


def _plot(panel: Callable[..., Panel]) -> Callable[..., Axes]:
    def plot(*data: Any, ax: Axes | None = None, **options: Any) -> Axes:
        return draw(panel(*data, **options), ax)

    plot.__doc__ = f"Draw on `ax` (a new figure if None): {panel.__doc__}"
    return plot


def _describe(panel: Callable[..., Panel]) -> Callable[..., str]:
    def describe(*data: Any, **options: Any) -> str:
        return panel(*data, **options).says

    describe.__doc__ = f"Return the sentence of: {panel.__doc__}"
    return describe


plot_membrane, describe_membrane = _plot(traces.membrane), _describe(traces.membrane)
plot_input, describe_input = _plot(traces.input_current), _describe(traces.input_current)
plot_raster, describe_raster = _plot(traces.raster), _describe(traces.raster)
plot_accumulation = _plot(traces.accumulation)
describe_accumulation = _describe(traces.accumulation)
plot_binary_digits = _plot(traces.binary_digits)
describe_binary_digits = _describe(traces.binary_digits)
plot_readout, describe_readout = _plot(traces.readout), _describe(traces.readout)
plot_surrogate, describe_surrogate = _plot(curves.surrogate), _describe(curves.surrogate)
plot_rates_and_clamp = _plot(curves.rates_and_clamp)
describe_rates_and_clamp = _describe(curves.rates_and_clamp)
plot_gradient_through_time = _plot(curves.gradient_through_time)
describe_gradient_through_time = _describe(curves.gradient_through_time)
plot_firing_rates = _plot(curves.firing_rates)
describe_firing_rates = _describe(curves.firing_rates)
plot_bars, describe_bars = _plot(curves.bars), _describe(curves.bars)
plot_progress, describe_progress = _plot(curves.progress), _describe(curves.progress)
