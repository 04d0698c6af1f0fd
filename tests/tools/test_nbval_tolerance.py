"""What a notebook prints is compared word by word; numbers within a tolerance that sees a fault."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from saflab.figures import scenes
from saflab.figures.draw_svg import svg
from tools.nbval_tolerance import agree, alike

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("factor 0.363", "factor 0.364"),  # a tie that rounds either way
        ("cosine 0.999, 0.986", "cosine 0.998, 0.987"),
        ("loss 1.2345678e-08", "loss 1.2345679e-08"),
        ("u = −0.4321", "u = −0.4322"),
        ("[1.0, 0.5]", "[1.0, 0.5]"),
        ('<path d="M58.0,12.3L-7.25 3"/>', '<path d="M58.1,12.3L-7.26 3"/>'),
        ("-0.000 and 0.0", "0.000 and -0.0"),
        ("1000000.0", "1000000.5"),
    ],
)
def test_another_rounding_agrees(stored, new):
    assert agree(stored, new)
    assert agree(new, stored)


@pytest.mark.parametrize(
    ("stored", "new"),
    [
        ("cosine 0.363", "cosine -0.363"),  # a wrong sign
        ("change −0.001", "change 0.001"),
        ("SAF 0.9, LIF 0.8", "LIF 0.9, SAF 0.8"),  # swapped labels
        ("layer 1 0.253, layer 2 0.247", "layer 2 0.253, layer 1 0.247"),
        ("0.3", "0.4"),  # not a rounding of so few digits
        ("0.363", "0.366"),
        ("4096 additions", "4097 additions"),  # a count
        ("T = 6", "T = 06"),
        ("5 spikes", "5.0 spikes"),
        ("0.5", "0.50003"),
        ("True", "False"),
        ("right: 97.2 %", "right: 97.2 % %"),
        ("0.5", "0.5 0.5"),
        ("0.5 0.5", "0.5"),
        ('fill="#0072B2"', 'fill="#0072B3"'),  # colours are words
        ('fill="#1E9000"', 'fill="#2E9000"'),
        ("base64,AA1.50==", "base64,AA1.51=="),
        ("nan", "0.0"),
        ("inf", "1e300"),
        ("1e-07", "1e-06"),
        ("", "0"),
    ],
)
def test_a_fault_is_seen(stored, new):
    assert not agree(stored, new)
    assert not agree(new, stored)


def test_a_cell_may_state_its_tolerance():
    assert agree("96 % of 360", "95 % of 360", rtol=0.02)
    assert not agree("96 % of 360", "90 % of 360", rtol=0.02)
    assert agree("0.0 off", "0.3 off", atol=0.5)
    assert not agree("0.0 off", "0.6 off", atol=0.5)
    assert not agree("96 % right", "96 % wrong", rtol=0.02)


def drawing(panels):
    return "".join(svg(panel) for panel in panels)


def test_a_stale_svg_is_seen():
    stored = drawing(scenes.accumulation())
    assert agree(stored, drawing(scenes.accumulation()))
    assert not agree(stored, drawing(scenes.accumulation(decay=0.51)))
    assert not agree(stored, drawing(scenes.accumulation(steps=13)))


def png(draw, size=(4, 2.5)):
    figure, axes = plt.subplots(figsize=size, layout="constrained")
    draw(axes)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()


def rising(axes, slope=1.0, label="x", colour="C0"):
    axes.plot([0, 1, 2], [0, slope, 2], color=colour)
    axes.set_xlabel(label)
    axes.set_xlim(0, 2)
    axes.set_ylim(0, 2)


def test_a_stale_picture_is_seen():
    stored = png(rising)
    assert agree(stored, png(rising))
    assert agree(stored, png(lambda axes: rising(axes, 1.0 + 1e-6)))  # rounding
    for other in ({"slope": 1.3}, {"slope": 0.7}, {"colour": "C1"}, {"label": "membrane"}):
        assert not agree(stored, png(lambda axes, other=other: rising(axes, **other))), other
    assert not agree(stored, png(rising, size=(4, 2.6)))
    assert not agree(stored, "no picture")
    assert agree(stored, png(lambda axes: rising(axes, 0.9)), grey=255.0)


def test_a_picture_shown_on_nothing_is_shown_on_white():
    clear, white = (Image.new("RGBA", (24, 24), colour) for colour in ((0, 0, 0, 0), "white"))
    texts = []
    for image in (clear, white):
        file = io.BytesIO()
        image.save(file, "PNG")
        texts.append(base64.b64encode(file.getvalue()).decode())
    assert agree(*texts)


def test_blurring_hides_a_pixel_and_shows_a_block():
    page = np.full((48, 60, 3), 255.0)
    dot, block = page.copy(), page.copy()
    dot[5, 5] = 0.0
    block[12:18, 12:18] = 0.0
    assert alike(page, dot)
    assert not alike(page, block)
    assert not alike(page, page[:40])


def notebook(path, source, output, metadata=None):
    cell = nbformat.v4.new_code_cell(source, execution_count=1, metadata=metadata or {})
    cell.outputs = [output]
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)


def nbval(folder):
    """Run pytest with the root conftest.py on the notebook in a folder; return how it ended."""
    (folder / "conftest.py").write_bytes((ROOT / "conftest.py").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbval", "one.ipynb", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize(("stored", "passes"), [(rising, True), (lambda axes: None, False)])
def test_nbval_compares_pictures(tmp_path, stored, passes):
    shown = png(rising)
    data = {"image/png": png(stored), "text/plain": "<IPython.core.display.Image object>"}
    source = (
        "import base64\nfrom IPython.display import Image, display\n"
        f"display(Image(base64.b64decode({shown!r})))"
    )
    notebook(tmp_path / "one.ipynb", source, nbformat.v4.new_output("display_data", data))
    assert nbval(tmp_path) is passes


@pytest.mark.parametrize(
    ("printed", "stored", "metadata", "passes"),
    [
        ("0.12345", "0.12346", {}, True),
        ("0.12345", "-0.12345", {}, False),
        ("SAF 1.5", "LIF 1.5", {}, False),
        ("98 %", "97 %", {}, False),
        ("98 %", "97 %", {"saflab": {"rtol": 0.05}}, True),
    ],
)
def test_nbval_compares_so(tmp_path, printed, stored, metadata, passes):
    """Through pytest itself, with the plugin that the root conftest.py loads."""
    output = nbformat.v4.new_output("stream", name="stdout", text=stored + "\n")
    notebook(tmp_path / "one.ipynb", f"print({printed!r})", output, metadata)
    assert nbval(tmp_path) is passes
