"""Figures of the course: data in, axes out, and one sentence that says what the picture shows.

Each picture exists once, as a function that returns a `Panel`. `plot_<name>(data, ax=None)` draws
it with matplotlib, `describe_<name>(data)` returns its sentence, `svg(panel)` its SVG.
"""

from saflab.figures.curve_plots import describe_bars as describe_bars
from saflab.figures.curve_plots import describe_firing_rates as describe_firing_rates
from saflab.figures.curve_plots import describe_progress as describe_progress
from saflab.figures.curve_plots import describe_rates_and_clamp as describe_rates_and_clamp
from saflab.figures.curve_plots import describe_surrogate as describe_surrogate
from saflab.figures.curve_plots import plot_bars as plot_bars
from saflab.figures.curve_plots import plot_firing_rates as plot_firing_rates
from saflab.figures.curve_plots import plot_progress as plot_progress
from saflab.figures.curve_plots import plot_rates_and_clamp as plot_rates_and_clamp
from saflab.figures.curve_plots import plot_surrogate as plot_surrogate
from saflab.figures.draw_matplotlib import draw as draw
from saflab.figures.draw_matplotlib import show as show
from saflab.figures.draw_svg import html as html
from saflab.figures.draw_svg import svg as svg
from saflab.figures.panel import Panel as Panel
from saflab.figures.panel import mark as mark
from saflab.figures.series import plot_groups as plot_groups
from saflab.figures.series import plot_lines as plot_lines
from saflab.figures.series import use_style as use_style
from saflab.figures.time_plots import describe_accumulation as describe_accumulation
from saflab.figures.time_plots import describe_binary_digits as describe_binary_digits
from saflab.figures.time_plots import describe_membrane as describe_membrane
from saflab.figures.time_plots import describe_raster as describe_raster
from saflab.figures.time_plots import describe_readout as describe_readout
from saflab.figures.time_plots import plot_accumulation as plot_accumulation
from saflab.figures.time_plots import plot_binary_digits as plot_binary_digits
from saflab.figures.time_plots import plot_membrane as plot_membrane
from saflab.figures.time_plots import plot_raster as plot_raster
from saflab.figures.time_plots import plot_readout as plot_readout
