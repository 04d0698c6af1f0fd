"""The library against plain formulas that share nothing with it: values, losses, gradients."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab.analysis.plain import plain_gradients
from saflab.analysis.random_networks import random_network
from saflab.gradients import sequence
from saflab.network import Scale
from saflab.neurons import LIFParams
from saflab.rules import get_rule

CASES = [(rule, trace) for rule in ("bptt", "ottt_a", "saf_e") for trace in ("official", "full")]
CASES += [("sltt", "official"), ("saf_f", "full"), ("spike_representation", "full")]


def dyadic(network, rng):
    """Make every number a multiple of a power of two, so that potentials meet the threshold."""
    network.neuron = LIFParams(decay=rng.choice([0.0, 0.5, 1.0]), threshold=rng.choice([0.5, 1.0]))
    for synapse in network.synapses:
        synapse.layer.gain = None
        for module in synapse.before:
            if isinstance(module, Scale):
                module.factor = 1.0
    with torch.no_grad():
        for p in network.parameters():
            p.copy_((p * 4).round() / 4)
    return network


@pytest.mark.parametrize(("rule", "trace"), CASES)
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["linear", "conv"]),
    wiring=st.sampled_from(["chain", "skip", "feedback"]),
    steps=st.integers(1, 5),
    ties=st.booleans(),
)
def test_the_library_is_the_formulas(rule, trace, seed, kind, wiring, steps, ties):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    network = random_network(rng, kind, wiring)
    x = torch.randn(steps, 2, *((5,) if kind == "linear" else (5, 4, 4)), dtype=torch.float64)
    if ties:
        x, network = (x * 2).round() / 2, dyadic(network, rng)
    y = torch.randint(4, (2,))
    switches = {"trace": trace} if rule in ("ottt_a", "saf_e") else {}
    done = list(sequence(network, x, y, get_rule(rule, **switches)))
    plain = plain_gradients(network, x, y, rule, trace=trace)
    torch.testing.assert_close(torch.cat([d.readout for d in done]), plain.readout)
    assert float(sum(d.loss for d in done)) == pytest.approx(float(plain.loss), rel=1e-12)
    for name, p in network.named_parameters():
        ref = plain.gradients[name]
        grad = torch.zeros_like(p) if p.grad is None else p.grad
        torch.testing.assert_close(grad, ref, rtol=1e-9, atol=1e-12, msg=f"{rule}: {name}")
