"""Counts against small cases done by hand, and against a count of every single synapse."""

import json

import pytest
import torch
from torch import nn

from saflab.analysis.energy import SpikeCounter, fan_out
from saflab.analysis.evaluation import evaluate
from saflab.analysis.recording import record
from saflab.cli import main
from saflab.data.encoders import constant, poisson
from saflab.data.images import digits
from saflab.data.inputs import Inputs
from saflab.models import build
from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.rules import mode_of
from saflab.training.config import TrainConfig
from saflab.training.fit import fit


def test_fan_out_of_a_linear_map_is_its_number_of_outputs():
    reach, synapses = fan_out(Synapse(Scale(2.74), Linear(5, 3)), (5,))
    assert reach.tolist() == [3.0] * 5
    assert synapses == 15


def test_fan_out_of_a_convolution_is_smaller_at_the_edge():
    reach, synapses = fan_out(Synapse(Conv2d(1, 2)), (1, 3, 3))
    # A corner meets 4 windows of 3×3, an edge 6, the centre 9; two output channels.
    assert reach[0].tolist() == [[8, 12, 8], [12, 18, 12], [8, 12, 8]]
    assert synapses == 98


def test_a_pooled_spike_counts_once_and_a_pooled_average_multiplies_once():
    reach, synapses = fan_out(Synapse(nn.AvgPool2d(2), nn.Flatten(), Linear(4, 10)), (1, 4, 4))
    assert reach.unique().tolist() == [10.0]
    assert synapses == 40
    reach, synapses = fan_out(
        Synapse(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(2, 10)), (2, 4, 4)
    )
    assert reach.shape == (2, 4, 4)
    assert reach.unique().tolist() == [10.0]
    assert synapses == 20


def chain(first: float, second: float) -> Network:
    """Two inputs, two neurons that fire at a current of 1, one neuron, three outputs."""
    layers = [Linear(2, 2, bias=False), Linear(2, 1, bias=False), Linear(1, 3, bias=False)]
    for layer, weight in zip(layers, (first, second, 1.0), strict=True):
        nn.init.constant_(layer.weight, weight)
    return Network([Connection(i, i + 1, Synapse(layer)) for i, layer in enumerate(layers)])


def counted(model, x, rule="bptt", chunk=1):
    counter = SpikeCounter(model, mode_of(rule).carrier)
    counter.start(x)
    state = None
    with torch.no_grad():
        for t in range(0, x.shape[0], chunk):
            _, state = model(x[t : t + chunk], state, mode_of(rule), observe=counter)
    return counter


def test_energy_by_hand():
    # Both neurons fire at each of 4 steps (u = 1 = V); the third gets 0.3 a spike:
    # u = 0.6, 0.9, 1.05 (fires), (1.05 − 1)/2 + 0.6 = 0.625.
    energy = counted(chain(0.5, 0.3), constant(torch.ones(1, 2) * 1.0, 4) * 1.0).energy()
    assert [layer.spikes for layer in energy.layers] == [8, 1, 0]
    assert energy.multiplications == 0  # an input of ones is spikes: 2 neurons × 2 synapses × 4
    assert [layer.additions for layer in energy.layers] == [16, 8, 3]
    assert energy.synapses == 4 + 2 + 3
    assert energy.synaptic_nj == pytest.approx(27 * 0.9e-3)
    assert energy.update_nj == pytest.approx((3 * 4 * 4.6 + 9 * 0.9) * 1e-3)
    assert energy.dense_nj == pytest.approx(9 * 4.6e-3)


def test_a_constant_image_is_multiplied_once_and_a_changing_one_at_each_step():
    model = chain(0.25, 0.3)
    x = constant(torch.full((1, 2), 2.0), 4)
    energy = counted(model, x).energy()
    assert (energy.multiplications, energy.additions) == (4, 8 + 3)
    energy = counted(model, x.clone(memory_format=torch.contiguous_format)).energy()
    assert energy.multiplications == 16


def brute_force(model: Network, x: torch.Tensor) -> float:
    """Additions per image: send each neuron's spike alone through weights of one."""
    seen, total = record(model, x), 0.0
    for (source, _), synapse in zip(model.ends, model.synapses, strict=True):
        if source == 0:
            continue
        spikes = seen.populations[source - 1].s.sum((0, 1)).double()
        for index in spikes.nonzero():
            alone = torch.zeros(1, *spikes.shape)
            alone[(0, *index.tolist())] = 1.0
            for module in synapse.before:
                alone = module(alone)
            ones = torch.ones_like(synapse.layer.weight)
            reached = synapse.layer.apply_to(alone, ones, None)
            total += float(spikes[tuple(index)]) * int((reached > 0).sum())
    return total / x.shape[1]


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet"])
def test_the_count_agrees_with_every_synapse_counted_alone(name):
    torch.manual_seed(0)
    sizes = {"mlp": {"hidden": (20, 12)}, "convnet": {"channels": (2, 3, 4)},
             "resnet": {"widths": (2, 3, 4)}}[name]  # fmt: skip
    model = build(name, (1, 8, 8), 10, **sizes).eval()
    x = constant(torch.randn(2, 1, 8, 8), 3)
    energy = counted(model, x).energy()
    assert energy.additions > 100
    assert energy.additions == pytest.approx(brute_force(model, x), rel=1e-9)


@pytest.mark.parametrize(("rule", "chunk"), [("saf_e", 1), ("saf_e", 3), ("ottt_a", 2)])
def test_every_rule_counts_the_same_spikes(rule, chunk):
    torch.manual_seed(0)
    model = build("mlp", (1, 8, 8), 10).double().eval()
    x = poisson(torch.rand(5, 1, 8, 8, dtype=torch.float64), 6)
    want, found = counted(model, x), counted(model, x, rule, chunk)
    assert found.rates() == pytest.approx(want.rates(), abs=1e-12)
    assert found.energy().additions == pytest.approx(want.energy().additions, rel=1e-9)
    assert found.energy().multiplications == 0


def test_vgg11_has_the_published_number_of_operations_less_the_padding():
    # Channels in, channels out, and extent of each convolution.
    sizes = [(3, 64, 32), (64, 128, 32), (128, 256, 16), (256, 256, 16)]
    sizes += [(256, 512, 8), (512, 512, 8), (512, 512, 4), (512, 512, 4)]
    assert sum(9 * m * c * n * n for m, c, n in sizes) + 5120 == pytest.approx(605.7e6, rel=1e-4)
    network = build("vgg11", (3, 32, 32), 10)
    found = []
    for synapse, (m, _, n) in zip(network.synapses, sizes, strict=False):
        pools = any(isinstance(module, nn.AvgPool2d) for module in synapse.before)
        found.append(fan_out(synapse, (m, 2 * n, 2 * n) if pools else (m, n, n))[1])
    # Along each axis 3·n windows, of which two places lie over the edge.
    assert found == [m * c * (3 * n - 2) ** 2 for m, c, n in sizes]


def test_eval_prints_the_table(tmp_path, capsys):
    config = TrainConfig(model="mlp", channels=(16,), epochs=1, device="cpu", augmentation=False)
    for _ in fit(config, digits(), out=tmp_path / "full"):
        pass
    assert main(["eval", str(tmp_path / "full"), "--energy"]) == 0
    out = capsys.readouterr().out
    assert "without spikes" in out
    assert "4.6 pJ per multiply-accumulate" in out
    assert main(["eval", str(tmp_path / "full"), "--energy", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["energy"]["layers"][0]["multiplications"] == 64 * 16
    rate = result["energy"]["layers"][0]["spikes"] / (16 * 4)
    assert rate == pytest.approx(result["firing_rates"][0])


def test_evaluate_counts_for_its_caller(few):
    model = build("mlp", (1, 8, 8), 10).eval()
    found = evaluate(model, few.test_images, few.test_labels, Inputs.of(few), batch=20)
    assert found.counter.images == 50
    assert found.firing_rates == found.counter.rates()
    assert found.energy() == found.counter.energy()


def test_nothing_counted_is_refused():
    with pytest.raises(ValueError, match="Expected counted images"):
        SpikeCounter(chain(1.0, 1.0)).energy()
    with pytest.raises(ValueError, match="AdaptiveAvgPool2d"):
        fan_out(Synapse(nn.AdaptiveAvgPool2d(2), nn.Flatten(), Linear(4, 2)), (1, 3, 3))
