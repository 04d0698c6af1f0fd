"""A real JupyterLab in Chromium: sliders by mouse and keyboard, a training started and steered."""

import re
import time
from typing import Any

import cifar_sample
import pytest

from tools.browser import open_lab
from tools.waiting import wait_until as wait_for

EXPLORER = "from saflab import widgets\ne = widgets.NeuronExplorer()\ne"
TRAINER = """from saflab import widgets
t = widgets.LiveTrainer(root={root!r}, model="mlp", channels=(32, 32), batch=20)
t.data.value, t.images.value, t.epochs.value = {data!r}, 600, 300
t"""
SOURCE = cifar_sample.find()
OTHERS = """import ipywidgets
from saflab import widgets
names = ["AccumulationExplorer", "SurrogateExplorer", "GradientExplorer", "DriftExplorer",
         "ClampExplorer", "CostExplorer", "EnergyExplorer", "NetworkPlayer"]
ipywidgets.VBox([getattr(widgets, n)() for n in names])"""

# Values, texts and attributes that need escapes differ; the last has another mark.
PICTURES = """from saflab.figures import Panel, mark, svg
def panel(title, y, *more):
    return Panel(title=title, x="x", y="y", says=title * 2, marks=(mark("line", y), *more))
made = [svg(panel("a < b", [0, 1, 2])), svg(panel("a & 'b'", [0, 2, 2])),
        svg(panel('"c" > a', [2, 1, 0])), svg(panel("d", [2, 1, 0], mark("level", 1)))]
"""
IN_TURN = """import ipywidgets
from saflab.widgets.controls import Picture
p, b, rest = Picture(pictures=made[:1]), ipywidgets.Button(description="next"), iter(made[1:])
b.on_click(lambda _: setattr(p, "pictures", [next(rest)]))
ipywidgets.VBox([b, p])"""
IS_SHOWN = """svg => {
    const fresh = document.createElement("div");
    fresh.innerHTML = svg;
    return document.querySelector(".saflab-picture > div > div").isEqualNode(fresh);
}"""


@pytest.fixture
def lab(tmp_path):
    """Open a notebook; afterwards fail on any error that a widget or the browser showed."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(*cells):
            page = stack.enter_context(open_lab(cells))
            page.locator(".saflab-picture svg").first.wait_for(timeout=60_000)
            pages.append(page)
            return page

        pages = []
        yield start
        for page in pages:
            page.screenshot(path=str(tmp_path / "page.png"))
            assert page.locator(".saflab-error:visible").all_inner_texts() == []
            output = " ".join(page.locator(".jp-OutputArea-output").all_inner_texts())
            assert not re.search(r"Error|Traceback|Failed to load", output), output


def label(page):
    return page.locator(".saflab-picture svg").first.get_attribute("aria-label")


def test_neuron_explorer_by_keyboard_mouse_and_number(lab):
    page = lab(EXPLORER)
    decay = page.get_by_role("slider", name="decay λ")
    before = label(page)
    assert "12 spikes in 50 steps" in before
    decay.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    wait_for(lambda: label(page) != before)
    assert decay.input_value() == "0.85"

    before = label(page)
    box = decay.bounding_box()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    wait_for(lambda: "No spike in 50 steps" in label(page))

    number = page.get_by_role("spinbutton", name="decay λ, exact value")
    number.fill("0.9")
    number.press("Enter")
    wait_for(lambda: "12 spikes in 50 steps" in label(page))
    assert decay.input_value() == "0.9"

    number.fill("7")  # beyond the range: both boxes show what was made of it
    number.press("Enter")
    wait_for(lambda: number.input_value() == "1")

    decay.focus()
    page.get_by_label("Preset").select_option("leaks too much to fire")
    wait_for(lambda: decay.input_value() == "0.5")
    page.get_by_label("Preset").select_option("no decay: a counter")
    wait_for(lambda: decay.input_value() == "1")
    page.get_by_role("button", name="Copy as code").click()
    wait_for(lambda: "scenes.neuron(decay=1.0" in page.locator(".jp-OutputArea pre").inner_text())


def test_a_picture_changed_in_place_is_the_one_that_python_drew(lab):
    drawn: dict[str, Any] = {}
    exec(PICTURES, drawn)
    page = lab(PICTURES + IN_TURN)
    page.evaluate("document.querySelector('.saflab-picture svg').kept = true")
    for made, kept in zip(drawn["made"][1:], (True, True, False), strict=True):
        page.get_by_role("button", name="next").click()
        wait_for(lambda made=made: page.evaluate(IS_SHOWN, made))
        assert page.evaluate("document.querySelector('.saflab-picture svg').kept === true") is kept


def test_notebook_7_shows_and_moves_the_same_widget():
    pytest.importorskip("notebook", reason="Notebook 7 is not installed; pip install notebook")
    with open_lab([EXPLORER], app="notebook") as page:
        page.locator(".saflab-picture svg").first.wait_for(timeout=60_000)
        before = label(page)
        page.get_by_role("slider", name="decay λ").focus()
        page.keyboard.press("ArrowLeft")
        wait_for(lambda: label(page) != before)
        assert page.locator(".saflab-error:visible").count() == 0


def test_prediction_mode_and_zoom(lab):
    page = lab(EXPLORER)
    page.set_viewport_size({"width": 640, "height": 500})  # what 200 % zoom leaves of 1280 × 1000
    page.get_by_label("Predict before looking").check()
    wait_for(lambda: "Input current" in label(page))
    strip = page.get_by_role("slider", name="predicted spikes")
    box = strip.bounding_box()
    page.mouse.click(box["x"] + box["width"] * (58 + 4 / 51 * 568) / 640, box["y"] + 20)
    assert strip.get_attribute("aria-valuetext") == "step 4: spike predicted"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert strip.get_attribute("aria-valuetext") == "step 5: spike predicted"
    number = page.get_by_label("number of spikes")
    wait_for(lambda: number.input_value() == "2")
    assert page.get_by_label("first spike at step (0: never)").input_value() == "4"
    page.get_by_label("first spike at step (0: never)").fill("4")
    page.get_by_label("number of spikes").fill("11")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Reveal", exact=True).click()
    sentence = page.locator(".saflab-sentence")
    wait_for(lambda: "your 11 is 1 too few" in sentence.inner_text())
    assert "First spike: right, step 4." in sentence.inner_text()
    assert "Drawn: 1 hit, 11 missed, 1 false alarm" in sentence.inner_text()
    picture = page.locator(".saflab-picture svg").first.bounding_box()
    assert picture["x"] + picture["width"] <= 640


def test_every_other_explorer_loads_without_error(lab):
    page = lab(OTHERS)
    wait_for(lambda: page.locator(".saflab-picture").count() == 8)
    for slider in page.get_by_role("slider").all():
        assert slider.get_attribute("aria-label")
        before = slider.input_value()
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.input_value() != before
    # The kernel still answers after all of it.
    preset = page.get_by_label("Preset").first
    picture = label(page)
    preset.select_option("long memory")
    wait_for(lambda: label(page) != picture)


@pytest.fixture(scope="module", params=["CIFAR-10" if SOURCE else "digits-as-no-CIFAR-10-is-found"])
def trainer_cell(tmp_path_factory):
    """The trainer on real images: CIFAR-10 where it is found, else handwritten digits."""
    if SOURCE is None:
        return TRAINER.format(root=None, data="digits")
    folder = cifar_sample.small_copy(SOURCE, tmp_path_factory.mktemp("images"))
    return TRAINER.format(root=str(folder), data="cifar10")


def test_live_trainer_is_started_steered_and_stopped(lab, trainer_cell):
    page = lab(trainer_cell)
    sentence = page.locator(".saflab-sentence").first

    def update():
        found = re.search(r"update (\d+) of", sentence.inner_text())
        return int(found[1]) if found else 0

    page.get_by_role("button", name="Start", exact=True).click()
    wait_for(lambda: update() > 20)
    frames: set[str] = set()
    wait_for(lambda: frames.add(sentence.inner_text()) or len(frames) > 4)
    assert page.locator(".saflab-picture").first.locator("svg").count() == 4

    assert page.get_by_label("rule", exact=True).is_disabled()
    assert page.get_by_label("training", exact=True).get_attribute("max") == "9000"

    number = page.get_by_role("spinbutton", name="learning rate, exact value")
    number.fill("0.02")
    number.press("Enter")
    wait_for(lambda: "learning rate 0.02" in sentence.inner_text())

    page.get_by_role("button", name="Pause", exact=True).click()
    wait_for(lambda: "paused" in sentence.inner_text())
    page.get_by_role("button", name="Resume", exact=True).click()
    paused = update()
    wait_for(lambda: update() > paused)
    page.get_by_role("button", name="Stop", exact=True).click()
    wait_for(lambda: "stopped" in sentence.inner_text())
    stopped = update()
    time.sleep(0.5)
    assert update() == stopped


def test_side_by_side_shows_equal_and_unequal_gradients(lab, trainer_cell):
    page = lab(trainer_cell)
    sentence = page.locator(".saflab-sentence").first
    for other, shown in (("OTTT_A", r"gradients at equal weights: 0° to rounding"),
                         ("BPTT", r"gradients at equal weights: \d+\.\d+°")):  # fmt: skip
        page.get_by_label("compare with").select_option(other)
        page.get_by_role("button", name="Start", exact=True).click()
        wait_for(lambda shown=shown: re.search(shown, sentence.inner_text()))
        assert (
            "Angle between SAF-E and " + other
            in page.locator(".saflab-picture").first.text_content()
        )
        page.get_by_role("button", name="Stop", exact=True).click()
        wait_for(lambda: "stopped" in sentence.inner_text())


def test_an_error_of_a_training_is_shown_with_its_remedy():
    """Without the fixture that fails on errors: here one must appear."""
    cell = TRAINER.format(root="/nowhere", data="cifar10")
    with open_lab([cell]) as page:
        page.get_by_role("button", name="Start", exact=True).click()
        alert = page.get_by_role("alert").filter(has_text="Expected cifar10")
        alert.wait_for(timeout=20_000)
        assert "SAFLAB_DATA" in alert.inner_text()
        page.get_by_label("data", exact=True).select_option("digits")
        page.get_by_role("button", name="Start", exact=True).click()
        wait_for(lambda: "running at update" in page.locator(".saflab-sentence").first.inner_text())
        assert not alert.is_visible()


PLAYER = "from saflab import widgets\ne = widgets.NetworkPlayer()\ne"


def test_the_player_plays_two_tabs_stay_equal_and_a_restart_is_said(lab):
    page = lab(PLAYER)
    step = page.get_by_role("slider", name="shown up to step")
    page.get_by_role("button", name="Play: step by step").click()
    wait_for(lambda: step.input_value() == "8")
    assert "After 8 steps" in page.locator(".saflab-sentence").inner_text()

    page.locator(".jp-Notebook").press("Control+s")
    page.wait_for_timeout(1000)
    other = page.context.browser.new_page()
    other.goto(page.url, wait_until="domcontentloaded")
    there = other.get_by_role("slider", name="shown up to step")
    there.wait_for(timeout=60_000)
    for key, value in (("Home", "1"), ("ArrowRight", "2")):
        step.focus()
        page.keyboard.press(key)
        wait_for(lambda value=value: there.input_value() == value)
    other.close()

    alert = page.get_by_role("alert").filter(has_text="Run the cell again.")
    assert not alert.is_visible()
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    alert.wait_for(timeout=20_000)
