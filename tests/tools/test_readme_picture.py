"""The README's pictures are whole SVGs of the widgets, and name themselves."""

import xml.etree.ElementTree as ET

import pytest

from saflab.figures.panel import Panel, mark
from tools import readme_picture
from tools.readme_picture import Control, card

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("draw", "title", "words"),
    [
        (readme_picture.explorer, "NeuronExplorer", ["decay λ", "0.9", "sine ▾", "threshold V"]),
        (lambda: readme_picture.trainer(epochs=1), "LiveTrainer", ["SAF-E ▾", "digits ▾"]),
    ],
)
def test_a_picture_shows_controls_and_panels(draw, title, words):
    root = ET.fromstring(draw())
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith(f"{title}: ")
    assert len(root.findall(f".//{SVG}svg")) >= 2
    texts = {"".join(t.itertext()) for t in root.iter(f"{SVG}text")}
    assert {title, *words} <= texts


def test_every_panel_lies_within_the_card():
    panel = Panel(title="t", x="x", y="y", marks=(mark("line", [1, 2]),), says="s")
    controls = [Control("a", "1", 0.5), Control("b", "2")]
    for columns in (1, 2):
        root = ET.fromstring(card("w", "s", controls, [panel] * 3, columns))
        width, height = (float(root.get(k, "nan")) for k in ("width", "height"))
        for part in root.findall(f".//{SVG}svg"):
            x, y, w, h = (float(part.get(k, "nan")) for k in ("x", "y", "width", "height"))
            assert x > 0
            assert x + w < width
            assert y > 60
            assert y + h < height
