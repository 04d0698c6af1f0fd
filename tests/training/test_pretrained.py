"""The weights that come with saflab: exact on every processor, and as good as their card says."""

import importlib
import os
import subprocess
import sys
from dataclasses import replace

import processors
import pytest
import torch
from processors import PROCESSORS

from saflab.analysis import compare, evaluate, record
from saflab.data import Inputs, digits
from saflab.training.pretrained import WEIGHTS, Pretrained, pretrained, save_pretrained
from tools.pretrained import GRID, LEVELS, bits, main, make_digits

DATA = digits()


@pytest.fixture
def network():
    return pretrained("digits").network


def images(steps=8):
    return replace(pretrained("digits").inputs, steps=steps)(DATA.test_images)


def shuffled(network, order):
    """Return the network with its hidden neurons, and so all its sums, in another order."""
    weights = network.state_dict()
    first, second = (torch.randperm(n, generator=order) for n in (64, 48))
    for name, rows, columns in (
        ("0", first, slice(None)), ("1", second, first), ("2", slice(None), second),
    ):  # fmt: skip
        weight = weights[f"synapses.{name}.layer.weight"]
        weights[f"synapses.{name}.layer.weight"] = weight[rows][:, columns].clone()
        weights[f"synapses.{name}.layer.bias"] = weights[f"synapses.{name}.layer.bias"][rows]
    network.load_state_dict(weights)
    return network


def test_pixels_and_weights_lie_on_their_grids(network):
    x = images()[0]
    assert torch.equal(x * LEVELS, (x * LEVELS).round())
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    assert on_grid(network)


def on_grid(network):
    return all(torch.equal(p / GRID, (p / GRID).round()) for p in network.parameters())


def test_every_sum_fits_a_float(network):
    assert bits(network, 8) <= 24
    assert bits(network, 20) <= 53  # in float64, as the explorers run it
    assert bits(network, 12) > 24  # the bound is of use: in float32 it holds for few steps


def test_the_order_of_summation_changes_nothing(network):
    want = network(images())[0]
    order = torch.Generator().manual_seed(0)
    for _ in range(20):
        got = shuffled(pretrained("digits").network, order)(images())[0]
        assert torch.equal(got, want)


def test_weights_off_the_grid_feel_the_order(network):
    """Else the test above could not fail."""
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(1.01)
    want = network(images())[0]
    other = shuffled(network, torch.Generator().manual_seed(0))
    assert not torch.equal(other(images())[0], want)


@pytest.mark.parametrize("rule", ["bptt", "saf_e"])
def test_float32_is_as_exact_as_float64(network, rule):
    single = record(network, images(), rule)
    double = record(network.double(), images().double(), rule)
    assert torch.equal(single.readout.double(), double.readout)
    for a, b in zip(single.populations, double.populations, strict=True):
        for quantity in ("u", "s", "a", "U"):
            assert torch.equal(getattr(a, quantity).double(), getattr(b, quantity)), quantity


def test_saf_and_lif_fire_alike(network):
    found = compare(network, DATA.test_images, DATA.test_labels, pretrained("digits").inputs)
    assert (found.flips, found.changed_predictions) == (0, 0)
    assert found.spikes > 10_000


def test_no_two_classes_are_level(network):
    """Where two classes had one sum, the answer would be argmax's choice."""
    with torch.no_grad():
        best = network(images())[0].cumsum(0).topk(2, -1).values
    assert float((best[..., 0] - best[..., 1]).min()) >= GRID


@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_processor_gives_the_same_bits(processor):
    done = subprocess.run(
        [sys.executable, processors.__file__], env=os.environ | PROCESSORS[processor],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == processors.digest(), done.stderr


def test_the_card_tells_the_truth(network):
    _, inputs, card = pretrained("digits")
    found = evaluate(network, DATA.test_images, DATA.test_labels, inputs)
    assert found.accuracy == card["accuracy"] > 0.97
    assert found.firing_rates == pytest.approx(card["firing rates"], rel=1e-12)
    assert found.energy().additions == pytest.approx(card["additions per image"], rel=1e-12)
    assert card["bits of the largest sum, T = 8"] == bits(network, 8)
    page = (WEIGHTS / "digits.md").read_text(encoding="utf-8")
    assert all(word in page for word in ("accuracy", "licence", "CC BY 4.0", "nothing else"))
    assert f"**accuracy**: {found.accuracy:.4g}" in page


def test_the_file_is_small_and_the_copies_are_separate():
    assert (WEIGHTS / "digits.safetensors").stat().st_size <= 100_000
    first, second = pretrained("digits").network, pretrained("digits").network
    with torch.no_grad():
        next(first.parameters()).zero_()
    assert float(next(second.parameters()).detach().abs().max()) > 0.0


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"Expected a pretrained network in \['digits'\]"):
        pretrained("imagenet")


def test_what_is_saved_is_what_is_loaded(tmp_path, monkeypatch, network):
    made = Pretrained(network, Inputs(mean=(0.5,), std=(0.25,), steps=3, levels=4), {"a": [1.5]})
    save_pretrained(tmp_path / "other.safetensors", made)
    module = importlib.import_module("saflab.training.pretrained")  # not the function
    monkeypatch.setattr(module, "WEIGHTS", tmp_path)
    found = pretrained("other")
    assert (found.inputs, found.card) == (made.inputs, made.card)
    assert found.network.neuron == network.neuron
    for name, value in network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value)


def test_the_command_trains_as_well_again():
    """Another processor rounds the training differently; what it makes is as good."""
    made = make_digits()
    assert made.card["accuracy"] == pytest.approx(pretrained("digits").card["accuracy"], abs=0.02)
    assert bits(made.network, 8) <= 24
    assert on_grid(made.network)
    assert made.card["spikes that differ between SAF and LIF"] == 0


def test_the_command_knows_its_names(capsys):
    assert main(["imagenet"]) == 2
    assert "Expected `digits`, but found" in capsys.readouterr().err
