"""Pictures of what a network has learnt: each says in words what it shows."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from saflab import figures, models
from saflab.figures import learnt

CLASSES = tuple("abcd")
LABELS = torch.tensor([0, 1, 2, 3, 3, 3])
PREDICTED = torch.tensor([0, 1, 2, 3, 1, 1])


@pytest.fixture(params=[(1, 8, 8), (3, 12, 12), (2, 8, 8)], ids=["grey", "colour", "events"])
def images(request):
    shape = (6, *request.param) if request.param[0] != 2 else (6, 4, *request.param)
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


def bitmap(panel):
    """Return the pixels that the SVG shows."""
    (data,) = re.findall(r'base64,([^"]+)"', figures.svg(panel))
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_predictions_and_mistakes_are_named(images):
    panel = learnt.predictions(images, LABELS, PREDICTED, CLASSES)
    assert panel.names == ("a ✓", "b ✓", "c ✓", "d ✓", "b ✗ d", "b ✗ d")
    assert panel.says.startswith("The network classifies 4 of these 6 correctly: a ✓")
    wrong = learnt.mistakes(images, LABELS, PREDICTED, CLASSES)
    assert [name for name in wrong.names if name] == ["b ✗ d", "b ✗ d"]
    assert "2 of 6 test images wrong" in wrong.says
    assert len(wrong.names) == 8  # the picture keeps its size
    assert learnt.mistakes(images, LABELS, LABELS, CLASSES) is None


def test_an_image_is_shown_as_it_is():
    image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8) * 4
    shown = bitmap(learnt.predictions(image, LABELS[:1], PREDICTED[:1], CLASSES))
    np.testing.assert_array_equal(shown[:, 1:-1], image[0, 0].numpy())


def test_a_confusion_matrix_has_true_classes_in_its_rows():
    panel = learnt.confusion(LABELS, PREDICTED, CLASSES)
    np.testing.assert_allclose(panel.marks[0].y[3], [0, 2 / 3, 0, 1 / 3])
    assert panel.rows == panel.names == CLASSES
    assert "4 of 6 test images correctly; most often d is taken for b (2 of 3 times)" in panel.says
    assert "most often" not in learnt.confusion(LABELS, LABELS, CLASSES).says


@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_filters_are_the_first_weights(name):
    shape = (3, 8, 8)
    network = models.build(name, shape, 10)
    panel = learnt.filters(network, shape)
    weight = network.synapses[0].layer.weight.detach()
    assert f"First {min(16, len(weight))} filters" in panel.title
    first = weight[0].view(3, *([8, 8] if name == "mlp" else [3, 3])).double()
    expected = (0.5 + 0.5 * first / first.abs().max()).permute(1, 2, 0).numpy()
    side = expected.shape[0]
    np.testing.assert_allclose(panel.marks[0].y[:, 1 : 1 + side], expected)


def test_spikes_lie_over_the_image():
    image = torch.zeros(1, 4, 4, dtype=torch.uint8)
    spikes = torch.zeros(3, 1, 2, 2, 2)
    spikes[1, 0, :, 0, 1] = 1.0
    panel = learnt.spike_map(image, spikes)
    assert panel.names == ("image", "t = 1", "t = 2", "t = 3")
    assert "fires most at step 2; at the busiest place and step 100%" in panel.says
    step = panel.marks[0].y[:, 2 * 6 + 1 : 2 * 6 + 5]
    np.testing.assert_array_equal(step, [[0, 0, 1, 1], [0, 0, 1, 1], [0] * 4, [0] * 4])
    assert learnt.spike_map(image, torch.zeros(3, 1, 5)) is None


def test_they_are_svg_and_matplotlib_alike(images):
    made = (
        learnt.predictions(images, LABELS, PREDICTED, CLASSES),
        learnt.confusion(LABELS, PREDICTED, CLASSES),
    )
    for panel in made:
        root = ET.fromstring(figures.svg(panel))
        assert panel.says in root.attrib["aria-label"]
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        ax = figures.draw(panel)
        assert [t.get_text() for t in ax.get_xticklabels()] == list(panel.names)
        assert [t.get_text() for t in ax.get_yticklabels()] == list(panel.rows)
        assert set(panel.names) | set(panel.rows) <= set(texts)
        ax.figure.canvas.draw()
        pyplot.close(ax.figure)
