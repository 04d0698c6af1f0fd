"""Explorers without a browser: set a value, read the sentence."""

import re
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from anywidget._util import enable_custom_widget_manager_once
from IPython.core.formatters import DisplayFormatter

from saflab import figures, widgets
from saflab.figures import scenes
from saflab.widgets.background import THREAD
from saflab.widgets.controls import Slider

NAMES = ["AccumulationExplorer", "ClampExplorer", "CostExplorer", "DriftExplorer",
         "EnergyExplorer", "GradientExplorer", "NetworkPlayer", "NeuronExplorer",
         "SurrogateExplorer"]  # fmt: skip


@pytest.fixture(params=NAMES)
def explorer(request):
    return getattr(widgets, request.param)()


def test_every_slider_redraws_and_shows_no_error(explorer):
    for name, control in explorer.controls.items():
        if isinstance(control, Slider):
            pictures = {explorer.view.picture}
            for value in (control.low, control.high):
                control.value = value
                assert explorer.error == ""
                pictures.add(explorer.view.picture)
            assert len(pictures) > 1, name
    assert explorer.sentence == " ".join(p.says for p in explorer.panels)


def test_every_preset_works(explorer):
    for preset, values in explorer.presets.items():
        explorer.preset.value = preset
        assert explorer.error == ""
        assert {k: explorer.values[k] for k in values} == values


def test_code_reproduces_the_view(explorer, monkeypatch):
    assert len(explorer.code.splitlines()) <= 3
    shown = []
    monkeypatch.setattr(figures, "show", shown.append)
    exec(explorer.code, {})
    assert figures.html(shown[0]) == explorer.view.picture


def test_repr_is_one_stable_line_and_a_static_picture_remains(explorer):
    assert re.fullmatch(r"\w+\([^\n]{0,120}\)", repr(explorer))
    assert "0x" not in repr(explorer)
    bundle, metadata = explorer._repr_mimebundle_()
    assert metadata == {}
    assert bundle["text/plain"] == repr(explorer)
    assert bundle["text/html"].startswith("<svg")
    assert 'role="img"' in bundle["text/html"]


def test_colab_is_told_which_widget_manager_to_load(monkeypatch):
    """It reads the metadata of what is displayed: here a container, which has none of its own."""
    url, asked = "https://colab.invalid/manager.js", []
    output = SimpleNamespace(
        enable_custom_widget_manager=lambda: asked.append(1),
        _widgets=SimpleNamespace(_installed_url=url),
    )
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    enable_custom_widget_manager_once.cache_clear()
    explorer = widgets.NeuronExplorer()
    assert asked == [1]
    bundle, metadata = DisplayFormatter().format(explorer)
    widget = "application/vnd.jupyter.widget-view+json"
    assert bundle[widget]["model_id"] == explorer.model_id
    assert metadata[widget] == {"colab": {"custom_widget_manager": {"url": url}}}


def test_every_control_has_a_name(explorer):
    for control in explorer.controls.values():
        assert getattr(control, "label", "") or control.description


def test_one_draw_for_several_values(monkeypatch):
    explorer = widgets.NeuronExplorer()
    draws = []
    monkeypatch.setattr(type(explorer), "shown", lambda self: draws.append(1) or ())
    explorer.set(decay=0.5, threshold=2.0, steps=20)
    assert draws == [1]


def test_leak_decides_whether_the_neuron_fires():
    explorer = widgets.NeuronExplorer()
    explorer.set(decay=0.9, strength=0.3, steps=50)
    assert explorer.sentence.startswith("12 spikes in 50 steps, the first at step 4")
    explorer.decay.value = 0.5
    assert explorer.sentence.startswith("No spike in 50 steps")


@pytest.mark.parametrize(
    ("first", "number", "verdict"),
    [
        (4, 12, "First spike: right, step 4. Count: right, 12."),
        (5, 10, "First spike: step 4; your 5 is 1 step too late. Count: 12; your 10 is 2 too few."),
        (0, 13, "First spike: you said never, it is step 4. Count: 12; your 13 is 1 too many."),
    ],
)
def test_prediction_is_compared(first, number, verdict):
    assert widgets.NeuronExplorer().guess(first, number) == verdict


@pytest.mark.parametrize(
    ("drawn", "verdict"),
    [
        (
            [4, 8, 30],
            "Drawn: 2 hits, 10 missed, 1 false alarm; spikes taken in order lie 6.0",
        ),
        ([5], "Drawn: 0 hits, 12 missed, 1 false alarm; spikes taken in order lie 1.0 steps"),
    ],
)
def test_a_drawn_prediction_is_compared_and_states_the_numbers(drawn, verdict):
    explorer = widgets.NeuronExplorer()
    explorer.predict.value = True
    explorer.strip.predicted = drawn
    assert (explorer.first.value, explorer.number.value) == (drawn[0], len(drawn))
    assert verdict in explorer.reveal()
    assert explorer.strip.revealed
    assert len(explorer.strip.actual) == 12
    explorer.steps.value = 30
    assert (explorer.strip.predicted, explorer.strip.revealed) == ([], False)
    assert explorer.strip.steps == 30


def test_prediction_hides_the_spikes_until_revealed():
    explorer = widgets.NeuronExplorer()
    explorer.predict.value = True
    assert "spike" not in explorer.sentence
    assert explorer.answer.layout.display == ""
    explorer.reveal_button.click()
    assert "12 spikes" in explorer.sentence
    explorer.decay.value = 0.8
    assert "spike" not in explorer.sentence


def test_slider_refuses_values_out_of_range_and_unknown_controls():
    explorer = widgets.NeuronExplorer()
    with pytest.raises(ValueError, match=r"Expected decay λ in \[0, 1\], but found 1\.5"):
        explorer.decay.value = 1.5
    with pytest.raises(ValueError, match="Expected a control in"):
        explorer.set(tau=2.0)


def test_library_error_is_shown_not_raised(monkeypatch):
    def broken(**_):
        raise ValueError("Expected sun, but found rain. Take an umbrella.")

    monkeypatch.setattr(widgets.ClampExplorer, "scene", staticmethod(broken))
    assert widgets.ClampExplorer().error == "Expected sun, but found rain. Take an umbrella."


def test_payload_is_light_with_200_steps():
    explorer = widgets.NeuronExplorer()
    explorer.set(steps=200, strength=1.0, decay=0.97)
    assert len(explorer.view.picture) < 20_000
    assert len(scenes.neuron(steps=200)) == 2


def test_a_picture_takes_one_thread_but_none_from_a_training_run(monkeypatch):
    explorer, calls, over = widgets.NeuronExplorer(), [], threading.Event()
    monkeypatch.setattr(torch, "set_num_threads", calls.append)
    for decay in (0.6, 0.7):
        explorer.decay.value = decay
    assert calls[:2] == [1, torch.get_num_threads()]
    calls.clear()
    training = threading.Thread(target=over.wait, name=THREAD)
    training.start()
    explorer.decay.value = 0.8
    over.set()
    training.join()
    assert calls == []
    assert explorer.error == ""
