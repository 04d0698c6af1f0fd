"""Figures read as artists and as SVG text, never as pixels."""

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from inspect import Parameter, getsourcefile, isfunction, signature
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot

from saflab import RULES, LIFParams, figures, record_neuron
from saflab.analysis import angle, credit, passes
from saflab.figures import scenes
from saflab.figures.panel import Panel, mark

matplotlib.use("Agg")

SCENES = ["accumulation", "clamp", "cost", "drift", "energy", "gradient", "neuron", "player",
          "surrogate_curve"]  # fmt: skip


@pytest.fixture
def seen():
    return record_neuron(torch.full((12,), 0.7), LIFParams(decay=0.5))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_is_valid_named_deterministic_svg(name):
    panels = getattr(scenes, name)()
    first, second = figures.html(panels), figures.html(getattr(scenes, name)())
    assert first == second
    assert "nan" not in first.replace("dominant", "")
    for panel in panels:
        root = ET.fromstring(figures.svg(panel))
        assert root.attrib["role"] == "img"
        assert panel.says in root.attrib["aria-label"]
        assert panel.says.endswith(".")


@pytest.mark.parametrize("name", SCENES)
def test_matplotlib_draws_the_same_panels(name):
    panels = getattr(scenes, name)()
    figure = figures.show(panels)
    for ax, panel in zip(figure.axes, panels, strict=True):
        assert ax.get_title(loc="left") == panel.title
        assert ax.get_ylabel() == panel.y
        assert panel.says in ax.get_gid()
    figure.canvas.draw()
    pyplot.close(figure)


def test_membrane_shows_what_was_recorded(seen):
    ax = figures.plot_membrane(seen)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), seen.u.flatten().numpy())
    assert figures.describe_membrane(seen).startswith(f"{int(seen.s.sum())} spikes in 12 steps")
    pyplot.close(ax.figure)


def test_axes_given_are_used_and_returned(seen):
    figure, ax = pyplot.subplots()
    assert figures.plot_accumulation(seen, ax=ax) is ax
    pyplot.close(figure)


def test_silent_neuron_is_said_to_be_silent():
    seen = record_neuron(torch.full((5,), 0.1))
    assert figures.describe_membrane(seen).startswith("No spike in 5 steps")


def test_binary_digits_are_the_spike_train_backwards(seen):
    panel = figures.traces.binary_digits(seen)
    spikes = seen.s.flatten().numpy()
    for t, row in enumerate(panel.marks[0].y):
        np.testing.assert_array_equal(row[: t + 1], spikes[t::-1][: t + 1])
    assert "read backwards" in panel.says
    with pytest.raises(ValueError, match=r"Expected a decay of 0\.5.*Set decay = 0\.5"):
        figures.plot_binary_digits(record_neuron(torch.ones(3), LIFParams(decay=0.9)))


def test_passes_are_those_of_the_cost_table():
    counted = {name: passes(RULES[name], 6, fused=False) for name in RULES}
    assert (counted["ottt_a"], counted["saf_e"], counted["saf_f"]) == (24, 18, 8)
    assert passes(RULES["ottt_a"], 6, fused=True) == 18


def test_credit_of_ottt_and_saf_agree_and_bptt_differs():
    parts = credit(torch.full((10,), 0.4), LIFParams(decay=0.8))
    torch.testing.assert_close(parts["OTTT"], parts["SAF"], rtol=1e-12, atol=0)
    assert not torch.allclose(parts["BPTT"], parts["SAF"])


def test_drift_vanishes_with_the_learning_rate():
    assert "equal to rounding" in scenes.drift(lr=0.0)[0].says
    assert scenes.drift(lr=1.0)[0].marks[1].y[-1] > 0.1


def test_clamp_distance_shrinks_without_leak():
    few, many = (scenes.clamp(steps=n, decay=1.0)[1].marks[0].y[-1] for n in (5, 100))
    assert many < few / 5


def test_angle_is_accurate_near_zero_and_right():
    x = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert angle(x, torch.tensor([1.0, 1e-9])) == pytest.approx(np.degrees(1e-9), rel=1e-6)
    assert angle(x, torch.tensor([0.0, 2.0])) == pytest.approx(90.0)


def test_path_follows_the_data():
    panel = Panel(title="t", x="x", y="y", marks=(mark("line", [0.0, 1.0]),), says="S.",
                  ylim=(0.0, 1.0))  # fmt: skip
    path = re.findall(r'd="(M[^"]*L[^"]*)"', figures.svg(panel))[-1]
    assert path == "M58.0 152.0L626.0 26.0"


def test_text_is_escaped():
    panel = Panel(title="<b>", x="&", y='"', marks=(mark("line", [1.0]),), says="a < b.")
    ET.fromstring(figures.svg(panel))


def test_bad_marks_and_inputs_say_what_to_do():
    with pytest.raises(ValueError, match="Expected a mark in"):
        mark("blob", [1.0])
    with pytest.raises(ValueError, match="Expected as many x as y"):
        mark("line", [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="Expected an input in"):
        scenes.neuron(kind="square")


PLOTS = sorted(n for n in dir(figures) if n.startswith(("plot_", "describe_")))


def test_every_plot_has_a_description():
    plots = {n[5:] for n in PLOTS if n.startswith("plot_")}
    # The sentence of general series and bars is written where they are drawn.
    assert plots - {"lines", "groups"} == {n[9:] for n in PLOTS if n.startswith("describe_")}


@pytest.mark.parametrize("name", PLOTS)
def test_shift_tab_shows_names_and_documentation(name):
    """Each is a function of its own, not one made by another."""
    plot = getattr(figures, name)
    assert isfunction(plot)
    assert plot.__name__ == plot.__qualname__ == name
    assert f"def {name}(" in Path(getsourcefile(plot)).read_text(encoding="utf-8")
    names = signature(plot).parameters
    assert Parameter.VAR_POSITIONAL not in {p.kind for p in names.values()}
    assert ("ax" in names) == name.startswith("plot_")
    assert all(p in plot.__doc__ for p in names)
    assert "Args:" in plot.__doc__
    assert ">>> " in plot.__doc__
    if name.startswith("describe_"):
        assert list(names) == list(signature(getattr(figures, f"plot_{name[9:]}")).parameters)[:-1]


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {"matplotlib", "cycler", "ipywidgets", "anywidget"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
"""


def without_course(code):
    """Run `code` where the extra `course` is not installed; return the last line of stderr."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + code], capture_output=True, text=True, timeout=120
    )
    return done.stdout.strip(), (done.stderr.strip().splitlines() or [""])[-1]


def test_panels_scenes_and_svgs_need_no_matplotlib():
    code = "from saflab.figures import html, scenes\nprint(html(scenes.neuron())[:4])"
    assert without_course(code) == ("<svg", "")


@pytest.mark.parametrize(
    "code",
    [
        "from saflab import figures\nfigures.plot_bars({'a': 1.0}, 'Cost', 's')",
        "from saflab import figures\nfigures.plot_lines({'': [1]}, xlabel='x', ylabel='y')",
        "from saflab import figures\nfigures.use_style()",
    ],
)
def test_a_plot_without_matplotlib_names_the_extra_to_install(code):
    assert without_course(code)[1] == (
        "saflab.machine.MissingPackage: Expected the package matplotlib, but found none. "
        "Run `pip install 'saflab[course]'`."
    )


def test_each_of_six_rules_is_seen_though_two_pairs_are_equal():
    fall = np.linspace(2.3, 0.5, 50)
    curves = {"BPTT": fall + 0.3, "OTTT_A": fall, "OTTT_O": fall + 0.1, "SAF-E": fall + 1e-7,
              "SAF-F": fall + 0.2, "SR": fall + 0.2, "seventh": fall + 0.5}  # fmt: skip
    ax = figures.plot_progress(curves, "Training loss", "loss (1)")
    labels = [line.get_label() for line in ax.lines]
    assert [label.split(", on")[0] for label in labels] == list(curves)
    dashed = [line.get_label() for line in ax.lines if line.get_linestyle() == "--"]
    assert dashed == ["SAF-E, on OTTT_A", "SR, on SAF-F"]
    says = figures.describe_progress(curves, "Training loss", "loss (1)")
    assert "SAF-E lies on OTTT_A; SR lies on SAF-F." in says
    panel = figures.curves.progress(curves, "Training loss", "loss (1)")
    assert figures.svg(panel).count("stroke-dasharray") == 2


def test_an_axis_survives_a_loss_that_explodes():
    loss = [2.3, 2.1, 50.0, 1e9, 3e30, math.inf, math.nan]
    panel = figures.curves.progress({"SAF-E": loss}, "Loss", "loss")
    assert panel.log
    assert all(math.isfinite(limit) for limit in panel.limits())
    assert "the axis is logarithmic, 3e+30 high." in panel.says
    text = figures.svg(panel).replace(panel.says, "")
    assert not re.search(r"[\d. M]nan|[\d. M]inf", text)
    (curve,) = re.findall(r'd="(M[^"]*L[^"]*)"', text)
    heights = [float(point.split()[1]) for point in re.split("[ML]", curve)[1:]]
    assert len(heights) == 6  # infinity at the top, NaN left out
    assert heights[1] > heights[2] > heights[3] > heights[4] > heights[5] > 20.0
    ax = figures.draw(panel)
    assert ax.get_yscale() == "log"
    pyplot.close(ax.figure)
    # What does not explode keeps a linear axis.
    assert not figures.curves.progress({"SAF-E": [2.3, 0.01]}, "Loss", "loss").log


def test_detaching_the_reset_makes_bptt_ottt_and_saf_one_line():
    apart, together = (scenes.gradient(detach_reset=d)[0] for d in (False, True))
    assert sum(m.kind == "line" for m in apart.marks) == 2
    assert [m.label for m in together.marks if m.kind == "line"] == ["BPTT = OTTT = SAF"]


def test_the_threshold_moves_the_clamp():
    """In the input's own units; in units of the threshold every V looks alike."""
    low, high = (scenes.clamp(threshold=v)[0] for v in (0.5, 2.0))
    reached = [float(p.marks[0].x[np.argmax(p.marks[0].y >= 1.0)]) for p in (low, high)]
    assert reached == pytest.approx([0.5, 2.0], abs=0.051)
