"""Operations, kept and live bytes are counted as lesson 08 says."""

import pytest
import torch

from saflab.analysis.cost import (
    VARIANTS,
    _Live,
    kept_bytes,
    live_bytes,
    operations,
    saved_storages,
    seconds,
)
from saflab.models import convnet, mlp

NETWORK = convnet((3, 8, 8), channels=(8, 8, 8))


def batch(steps, images=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(steps, images, 3, 8, 8, generator=generator), torch.arange(images)


def test_operations_follow_the_passes():
    """Nearly 24 : 18 : 18 : 8 for T = 6; the first layer makes the difference."""
    counts = {name: operations(NETWORK, *batch(6), v) for name, v in VARIANTS.items()}
    one = counts["SAF-E"] / 18
    passes = {name: count / one for name, count in counts.items()}
    assert passes["OTTT fused"] == passes["BPTT"] == pytest.approx(18)
    assert passes["OTTT published"] == pytest.approx(24, rel=0.06)
    assert passes["SAF-F"] == pytest.approx(8, rel=0.06)


def test_only_bptt_keeps_more_for_more_steps():
    for name, variant in VARIANTS.items():
        four, eight = (kept_bytes(NETWORK, *batch(t), variant) for t in (4, 8))
        assert eight / four == pytest.approx(2 if name == "BPTT" else 1, rel=0.1), name


def test_kept_bytes_are_those_of_the_neurons_alone():
    """SAF-E on two dense layers: σ' and the scaled â of each neuron, the input, and the loss."""
    network, neurons, images = mlp((1, 8, 8), hidden=(64, 64)), 128, 64
    x, y = torch.randn(2, images, 1, 8, 8), torch.arange(images) % 10
    kept = kept_bytes(network, x, y, VARIANTS["SAF-E"]) / 4 / images
    assert 2 * neurons + 64 <= kept <= 2 * neurons + 64 + 6 * 10
    assert "prepare" not in vars(network)


def test_saf_has_less_alive_than_ottt_even_if_fused():
    live = {name: live_bytes(NETWORK, *batch(4), v) for name, v in VARIANTS.items()}
    assert live["SAF-E"] < 0.75 * live["OTTT fused"]
    assert live["SAF-E"] == live_bytes(NETWORK, *batch(8), VARIANTS["SAF-E"])
    assert live["BPTT"] > live["SAF-E"] > kept_bytes(NETWORK, *batch(4), VARIANTS["SAF-E"])


def test_live_bytes_count_each_storage_once_and_until_it_is_freed():
    given = torch.zeros(100)
    with _Live(given) as live:
        one = given + 1.0
        view = one.view(10, 10)[2:]
        view.mul_(2.0)
        given.add_(1.0)
        assert live.now == live.peak == 400
        del one
        assert live.now == 400  # the view still holds it
        del view
        assert (live.now, live.peak) == (0, 400)
        two = [given + 1.0, given + 2.0]
        assert (live.now, live.peak) == (800, 800)
        del two
    assert live.now == 0


def test_seconds_measures_every_variant():
    measured = seconds(NETWORK, *batch(1), rounds=1)
    assert set(measured) == set(VARIANTS)
    assert all(0 < t < 60 for t in measured.values())


def test_what_two_operations_save_is_counted_once_and_a_view_by_its_part():
    x = torch.ones(4, 3, requires_grad=True)
    with saved_storages() as saved:
        (x * x).sum()
        (x[:2] ** 3).sum()
    assert [size for _, size in saved.values()] == [4 * 3 * 4]
    with saved_storages() as saved:
        (x[:2] ** 3).sum()
    assert [size for _, size in saved.values()] == [2 * 3 * 4]
