"""The widgets' JavaScript in Chromium, with a stand-in for the model; no Jupyter."""

import pytest

from saflab.widgets.controls import source
from tools.browser import chromium

MODEL = """
window.made = (state) => {
  const heard = {};
  const model = {
    sent: [],
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = value;
      model.emit(`change:${name}`);
    },
    save_changes: () => model.sent.push({ ...state }),
    send: () => {},
    on: (name, act) => (heard[name] ??= new Set()).add(act),
    off: (name, act) => heard[name]?.delete(act),
    emit: (name) => heard[name]?.forEach((act) => act()),
  };
  return model;
};
window.show = async (source, state) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const part = (await import(url)).default;
  const el = document.createElement("div");
  document.body.append(el);
  window.model = made(state);
  window.undo = part.render({ model: window.model, el });
};
"""
SLIDER = {"label": "decay λ", "value": 0.9, "low": 0, "high": 1, "step": 0.01,
          "logarithmic": False, "disabled": False}  # fmt: skip
PLAY = {"label": "step by step", "value": 2, "low": 1, "high": 4, "interval": 40}
PICTURE = {"pictures": ["<svg></svg>"], "sentence": "Seen.", "error": "", "live": "polite"}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium on PATH; install it to run this")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser):
    pages = []

    def start(name, state, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.evaluate(f"() => {{{MODEL}}}")
        page.evaluate("([source, state]) => show(source, state)", [source(name), state])
        return page

    yield start
    for page in pages:
        page.close()


@pytest.mark.parametrize("text", ["", "-", "e"])
def test_an_emptied_or_invalid_number_restores_its_value(show, text):
    page = show("slider.js", SLIDER)
    number = page.get_by_role("spinbutton")
    for leave in ("Enter", "Tab"):
        number.focus()
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        page.keyboard.type(text)
        page.keyboard.press(leave)
        if leave == "Enter":
            page.keyboard.press("Tab")
        assert number.input_value() == "0.9"
        assert page.evaluate("model.get('value')") == 0.9
        assert page.evaluate("model.sent") == []


def test_a_number_is_sent_and_kept_within_the_range(show):
    page = show("slider.js", SLIDER)
    number = page.get_by_role("spinbutton")
    for text, value in (("0.25", 0.25), ("7", 1), ("-3", 0)):
        number.fill(text)
        number.press("Enter")
        assert page.evaluate("model.get('value')") == value
        assert float(number.input_value()) == value


def test_a_disabled_slider_cannot_be_moved(show):
    page = show("slider.js", {**SLIDER, "disabled": True})
    assert page.get_by_role("slider").is_disabled()
    assert page.get_by_role("spinbutton").is_disabled()
    page.evaluate("model.set('disabled', false)")
    assert page.get_by_role("slider").is_enabled()


def values(page):
    return page.evaluate("model.sent.map((state) => state.value)")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_play_runs_to_the_end_and_starts_again(show, key):
    page = show("play.js", PLAY)
    button = page.get_by_role("button", name="Play: step by step")
    button.focus()
    page.keyboard.press(key)
    page.get_by_role("button", name="Pause: step by step").wait_for(timeout=2000)
    button.wait_for(timeout=5000)  # it stops at the end by itself
    assert values(page) == [3, 4]
    page.keyboard.press(key)
    button.wait_for(timeout=5000)
    page.wait_for_function("model.sent.length === 6")
    assert values(page) == [3, 4, 1, 2, 3, 4]


def test_pause_holds(show):
    page = show("play.js", {**PLAY, "high": 1000})
    button = page.get_by_role("button")
    button.click()
    page.wait_for_function("model.sent.length > 2")
    button.click()
    held = values(page)
    page.wait_for_timeout(200)
    assert values(page) == held
    assert button.inner_text() == "Play"


def test_whoever_asks_for_less_motion_gets_one_step_per_press(show):
    page = show("play.js", PLAY, reduced_motion="reduce")
    button = page.get_by_role("button", name="Next step: step by step")
    button.click()
    page.wait_for_timeout(200)
    assert values(page) == [3]
    for _ in range(2):
        button.click()
    assert values(page) == [3, 4, 1]


def test_a_view_without_its_kernel_says_to_run_the_cell_again(show):
    page = show("picture.js", PICTURE)
    message = page.get_by_role("alert").filter(has_text="Run the cell again.")
    assert not message.is_visible()
    page.evaluate("model.emit('comm_live_update')")
    assert message.is_visible()
    page.evaluate("undo()")
