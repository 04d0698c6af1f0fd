"""A constant image is a shortcut, never another result: after a change of image, too."""

import pytest
import torch

from saflab.data.encoders import constant
from saflab.gradients import sequence
from saflab.models import build, mlp
from saflab.network import Connection, Linear, Network, Synapse
from saflab.rules import RULES, Rule, get_rule, mode_of


def images(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 6, generator=generator, dtype=torch.float64)


@pytest.fixture
def network():
    made = mlp((6,), 4, (9, 7))
    torch.manual_seed(3)
    for p in made.parameters():
        torch.nn.init.normal_(p, 0.2, 0.7)
    return made.double()


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_a_second_image_after_the_first_is_a_varying_input(network, rule, first, second):
    one, two = constant(images(1), 4), constant(images(2), 4)
    whole, _ = network(torch.cat([one, two]), None, mode_of(rule))
    prepared, mode = network.prepare(), mode_of(rule)
    o1, state = network(one if first else one.clone(), None, mode, prepared)
    o2, state = network(two if second else two.clone(), state, mode, prepared)
    assert state.t == 8
    torch.testing.assert_close(torch.cat([o1, o2]), whole, rtol=1e-12, atol=1e-12)


def test_parts_of_one_constant_input_stay_constant(network):
    x = constant(images(1), 4)
    prepared, mode = network.prepare(), mode_of("saf_e")
    state = None
    for t in range(4):
        _, state = network(x[t : t + 1], state, mode, prepared)
    assert state.input.image is not None


def test_synapses_of_another_sequence_are_refused(network):
    prepared = network.prepare()
    network(constant(images(1), 2), None, None, prepared)
    with pytest.raises(ValueError, match="once per sequence"):
        network(constant(images(2), 2), None, None, prepared)


@pytest.mark.parametrize("rule", ["ottt_a", "saf_e", "bptt"])
def test_a_bias_runs_along_the_last_dimension_of_a_linear_layer(rule):
    torch.manual_seed(0)
    flat = Network(
        [Connection(0, 1, Synapse(Linear(3, 5))), Connection(1, 2, Synapse(Linear(5, 5)))]
    )
    flat = flat.double()
    x = torch.rand(4, 2, 5, 3, dtype=torch.float64)  # (T, B, rows, features)
    rows = x.transpose(1, 2).reshape(4, 10, 3)
    o, _ = flat(x, None, mode_of(rule))
    one, _ = flat(rows, None, mode_of(rule))
    torch.testing.assert_close(o.transpose(1, 2).reshape(4, 10, 5), one)
    o.square().sum().backward()
    grads = [p.grad.clone() for p in flat.parameters()]
    flat.zero_grad()
    one.square().sum().backward()
    for grad, p in zip(grads, flat.parameters(), strict=True):
        torch.testing.assert_close(grad, p.grad)


def test_a_mode_of_another_rule_is_refused(network):
    x, y = constant(images(1), 3), torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="mode of the rule 'bptt'"):
        sequence(network, x, y, "bptt", mode=mode_of("saf_e"))
    with pytest.raises(ValueError, match="mode of the rule 'sltt'"):
        sequence(network, x, y, "sltt", mode=mode_of("bptt"))


def test_switches_of_a_rule_are_checked():
    with pytest.raises(ValueError, match="graph in"):
        Rule(name="x", title="X", carrier="spikes", graph="steps")
    with pytest.raises(ValueError, match="carrier in"):
        get_rule("saf_e", carrier="spike")
    with pytest.raises(ValueError, match="chunk 1 for 'bptt'"):
        get_rule("bptt", chunk=4)
    with pytest.raises(ValueError, match="__class__"):
        get_rule("bptt", __class__=3)


def test_one_weight_per_output_cannot_be_standardised():
    with pytest.raises(ValueError, match="no spread"):
        Linear(1, 4, standardised=True)
    assert build("mlp", (2,), 3) is not None
