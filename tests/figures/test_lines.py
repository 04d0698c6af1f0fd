"""Series and grouped bars: labels, one look per series, nothing clipped."""

from itertools import pairwise

import matplotlib
import pytest
from matplotlib import pyplot as plt

from saflab import figures
from saflab.figures.panel import PAPER

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def test_lines_differ_in_colour_and_dashes_and_are_labelled():
    series = {"a": [1, 2, 4], "b": [2, 3, 5], "c": [3, 4, 6]}
    ax = figures.plot_lines(series, [1, 2, 4], xlabel="T", ylabel="bytes", title="Kept", log="xy")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("T", "bytes", "Kept")
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    for part in zip(*looks, strict=True):
        assert len(set(part)) == 3
    assert [t.get_text() for t in ax.get_legend().get_texts()] == list(series)
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_a_single_nameless_series_has_no_legend():
    assert figures.plot_lines({"": [1, 2]}, xlabel="x", ylabel="y").get_legend() is None


def test_a_series_of_another_length_is_refused():
    with pytest.raises(ValueError, match="Expected 3 values for 'a', one per x, but found 2"):
        figures.plot_lines({"a": [1, 2]}, [1, 2, 3], xlabel="x", ylabel="y")


def test_a_line_on_another_is_dashed_and_says_so():
    series = {"a": [1, 2, 4], "b": [2, 3, 5], "c": [1, 2, 4], "d": [2, 3, 5], "e": [4, 4, 4]}
    ax = figures.plot_lines(series, xlabel="T", ylabel="bytes")
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["a", "b", "c, on a", "d, on b", "e"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--", "--", "-"]


def test_no_series_is_left_out():
    series = {str(n): [n, n + 1] for n in range(9)}
    assert len(figures.plot_lines(series, xlabel="x", ylabel="y").lines) == 9
    groups = {name: {"bar": values[0]} for name, values in series.items()}
    assert len(figures.plot_groups(groups, ylabel="y").patches) == 9


def test_an_axis_without_a_label_is_refused():
    with pytest.raises(ValueError, match="Expected xlabel and ylabel, but found no ylabel"):
        figures.plot_lines({"": [1]}, xlabel="x")


def test_groups_stand_beside_one_another():
    groups = {"paper": {"E": 0.7, "F": 0.4}, "here": {"F": 0.3}}
    ax = figures.plot_groups(groups, ylabel="share")
    bars = sorted((p.get_x(), p.get_x() + p.get_width(), p.get_height()) for p in ax.patches)
    assert [height for *_, height in bars] == [0.7, 0.4, 0.3]
    assert all(first[1] <= second[0] for first, second in pairwise(bars))


def test_outer_bars_are_whole():
    ax = figures.plot_bars({"a": 1.0, "b": 2.0}, "Cost", "s")
    left, right = ax.get_xlim()
    assert left <= min(p.get_x() for p in ax.patches)
    assert right >= max(p.get_x() + p.get_width() for p in ax.patches)


def test_style_reaches_figures_drawn_by_hand():
    figures.use_style()
    figure, ax = plt.subplots()
    assert matplotlib.colors.same_color(figure.get_facecolor(), PAPER)
    assert not ax.spines["top"].get_visible()
