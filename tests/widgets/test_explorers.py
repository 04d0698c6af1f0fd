"""Explorers without a browser: set a value, read the sentence."""

import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from anywidget._util import enable_custom_widget_manager_once
from IPython.core.formatters import DisplayFormatter

from saflab import figures, widgets
from saflab.figures import scenes
from saflab.widgets import reruns
from saflab.widgets.controls import Play, Slider
from saflab.widgets.threads import training, trainings

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


def seen(explorer):
    """What is drawn, rounded: a change below a thousandth of the axis is no change to the eye."""
    return [
        (m.kind, [round(v, 3) for v in (*m.x.tolist(), *m.y.ravel().tolist())])
        for panel in explorer.panels
        for m in panel.marks
    ]


def test_every_slider_changes_what_is_seen(explorer):
    for name, control in explorer.controls.items():
        if isinstance(control, Slider):
            pictures = []
            first = control.value
            for value in (control.low, control.high, first):
                control.value = value
                if seen(explorer) not in pictures:
                    pictures.append(seen(explorer))
            assert len(pictures) > 1, name


def test_every_preset_works(explorer):
    for preset, values in explorer.presets.items():
        explorer.preset.value = preset
        assert explorer.error == ""
        assert {k: explorer.values[k] for k in values} == values


def test_a_preset_resets_every_control_and_can_be_chosen_again(explorer):
    first = explorer.values
    for preset, values in explorer.presets.items():
        for control in explorer.controls.values():
            if isinstance(control, Slider):
                control.value = control.high
        explorer.preset.value = preset
        assert explorer.values == {**first, **values}
        assert explorer.preset.value == preset
        slider = next(c for c in explorer.controls.values() if isinstance(c, Slider))
        slider.value = slider.low if slider.value != slider.low else slider.high
        assert explorer.preset.value == "choose…"
        explorer.preset.value = preset
        assert explorer.values == {**first, **values}


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


def test_a_prediction_can_be_tried_again():
    explorer = widgets.NeuronExplorer()
    explorer.predict.value = True
    explorer.strip.predicted = [5]
    assert explorer.again_button.disabled
    explorer.reveal_button.click()
    assert explorer.reveal_button.disabled
    assert "your 5 is 1 step too late" in explorer.sentence
    values = explorer.values
    explorer.again_button.click()
    assert explorer.values == values
    assert "spike" not in explorer.sentence
    assert (explorer.strip.predicted, explorer.strip.revealed) == ([], False)
    assert (explorer.first.value, explorer.number.value) == (0, 0)
    explorer.strip.predicted = [4]
    explorer.reveal_button.click()
    assert "First spike: right, step 4." in explorer.sentence


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

    def work():
        with training():
            over.wait()

    thread = threading.Thread(target=work)
    thread.start()
    while not trainings():
        pass
    explorer.decay.value = 0.8
    over.set()
    thread.join()
    assert calls == []
    assert explorer.error == ""
    assert trainings() == 0
    # A thread of another's that bears some name is none of ours.
    other = threading.Thread(target=over.clear, name="saflab-training")
    other.start()
    other.join()
    explorer.decay.value = 0.9
    assert calls != []


def test_the_player_plays_step_by_step():
    player = widgets.NetworkPlayer()
    (play,) = player.extra()
    assert isinstance(play, Play)
    assert play in player.children
    for step in (1, 5, 8):
        play.value = step  # what the button in the browser does
        assert player.step.value == step
        assert f"After {step} step" in player.sentence
    player.step.value = 3
    assert play.value == 3
    assert (play.low, play.high) == (player.step.low, player.step.high)


def test_a_slider_moved_in_one_tab_moves_in_the_other(monkeypatch):
    """The kernel sends a change from the browser on to every tab."""
    explorer = widgets.NeuronExplorer()
    sent = []
    monkeypatch.setattr(explorer.decay, "_send", lambda message, buffers=None: sent.append(message))
    update = {"method": "update", "state": {"value": 0.5}, "buffer_paths": []}
    explorer.decay._handle_msg({"content": {"data": update}, "buffers": []})
    assert explorer.decay.value == 0.5
    assert {"method": "echo_update", "state": {"value": 0.5}, "buffer_paths": []} in sent


def test_a_cell_run_20_times_leaves_one_live_explorer(monkeypatch):
    from ipywidgets.widgets.widget import _instances

    number = iter(range(100))
    monkeypatch.setattr(reruns, "this_run", lambda: reruns.Run("cell", next(number)))
    kept, counts = [], []  # as IPython keeps what a cell showed
    for _ in range(20):
        kept.append(widgets.NeuronExplorer())
        counts.append(len(_instances))
    assert len(set(counts)) == 1
    assert [explorer.comm is not None for explorer in kept] == [False] * 19 + [True]
    assert all(explorer.panels == () and explorer.view.pictures == [] for explorer in kept[:-1])
    kept[-1].decay.value = 0.5
    assert "No spike" in kept[-1].sentence


def test_two_explorers_of_one_cell_and_those_of_another_stay(monkeypatch):
    runs = iter([("a", 1), ("a", 1), ("b", 2), ("a", 3)])
    monkeypatch.setattr(reruns, "this_run", lambda: reruns.Run(*next(runs)))
    made = [widgets.CostExplorer() for _ in range(4)]
    assert [explorer.comm is not None for explorer in made] == [False, False, True, True]


KERNEL = """
import gc, ipywidgets
from ipywidgets.widgets.widget import _instances
from saflab.widgets import CostExplorer
explorer = CostExplorer()
print(len(_instances))
explorer"""


def test_a_real_kernel_knows_a_cell_that_is_run_again():
    from jupyter_client.manager import run_kernel

    said = []

    def collect(message):  # a line may come in two messages
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    with run_kernel(kernel_name="python3") as client:
        for _ in range(20):
            client.execute_interactive(KERNEL, output_hook=collect, timeout=60)
    counts = [int(line) for line in "".join(said).split()]
    assert len(counts) == 20
    assert counts[1:] == [counts[1]] * 19
    assert counts[0] == counts[1]


def test_without_ipywidgets_the_extra_to_install_is_named():
    code = """import sys
class Missing:
    def find_spec(self, name, *_):
        if name == MISSING:
            raise ModuleNotFoundError("none", name=name)
sys.meta_path.insert(0, Missing())
import saflab.widgets"""
    for name in ("ipywidgets", "anywidget"):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("MISSING", repr(name))],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (
            f"the package {name}, but found none. Run `pip install 'saflab[course]'`."
            in done.stderr
        )
