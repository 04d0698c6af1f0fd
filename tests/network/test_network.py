"""Networks: wiring, chunks, equal weights for every rule, and what is refused."""

import pytest
import torch
from torch import nn

from saflab.analysis.recording import record
from saflab.analysis.theorems import gradients
from saflab.data.encoders import constant, encode, latency, poisson
from saflab.gradients import sequence
from saflab.models import MODELS, build, vgg11
from saflab.network.linear_maps import Conv2d, Linear, SequenceDropout
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.rules import RULES, Mode, get_rule, mode_of


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return torch.randn(3, 3, 8, 8), torch.tensor([1, 2, 3])


def test_vgg11_is_the_network_of_the_papers():
    assert sum(p.numel() for p in vgg11().parameters()) == 9_228_362


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith("vgg")])
@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_reaches_every_parameter(name, rule, batch):
    torch.manual_seed(1)
    network = build(name, (3, 8, 8), 10)
    grads = gradients(network, constant(2 * batch[0], 6), batch[1], rule)
    assert grads.keys() == dict(network.named_parameters()).keys()
    assert all(g.isfinite().all() for g in grads.values())
    assert grads[list(grads)[-1]].abs().max() > 0


@pytest.mark.parametrize("rule", ["ottt_a", "saf_e"])
def test_gradients_do_not_depend_on_chunk_or_on_holding_weights(rule, batch):
    torch.manual_seed(1)
    network = build("convnet", (3, 8, 8), 10).double()
    x, y = constant(batch[0].double(), 6), batch[1]
    online = gradients(network, x, y, rule)
    for chunk in (2, 6):
        network.zero_grad()
        for _ in sequence(network, x, y, get_rule(rule, chunk=chunk)):
            pass
        for name, p in network.named_parameters():
            torch.testing.assert_close(p.grad, online[name], rtol=1e-9, atol=1e-12)


def test_plain_backward_reaches_the_first_and_standardised_weights(batch):
    network = build("convnet", (3, 8, 8), 10)
    network(constant(batch[0], 4), None, mode_of("bptt"))[0].sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_constant_view_and_copied_input_agree(batch):
    network = build("convnet", (3, 8, 8), 10).double()
    x = constant(batch[0].double(), 5)
    for rule in ("saf_e", "ottt_a", "bptt", "saf_f"):
        a = gradients(network, x, batch[1], rule)
        b = gradients(network, x.clone(), batch[1], rule)
        for name in a:
            torch.testing.assert_close(a[name], b[name], rtol=1e-9, atol=1e-12)


def test_models_have_the_skips_and_the_feedback_of_their_names():
    skips = [(1, 3), (3, 5), (5, 7)]
    ends = build("resnet", (3, 32, 32), 10).ends
    assert [end for end in ends if end[1] == end[0] + 2] == skips
    assert len(ends) == len(skips) + 8
    chain = build("vgg11", (3, 32, 32), 10).ends
    assert chain == [(k, k + 1) for k in range(9)]
    assert build("vgg11f", (3, 32, 32), 10).ends == [*chain, (8, 7)]


def test_feedback_carries_the_signal_of_the_step_before():
    """One neuron that excites itself: I[t] = x + w·s[t−1], by hand."""
    network = Network(
        [
            Connection(0, 1, Synapse(Linear(1, 1, bias=False))),
            Connection(1, 1, Synapse(Linear(1, 1, bias=False))),
            Connection(1, 2, Synapse(Linear(1, 2))),
        ]
    )
    with torch.no_grad():
        network.synapses[0].layer.weight.fill_(0.8)
        network.synapses[1].layer.weight.fill_(1.0)
    x, u, s, spikes = torch.ones(1, 1), 0.0, 0.0, []
    for _ in range(6):
        u = 0.5 * (u - s) + 0.8 + s
        s = float(u >= 1.0)
        spikes.append(s)
    for rule in ("bptt", "ottt_a", "saf_e"):
        seen = record(network, constant(x, 6), rule)
        assert seen.populations[0].s.flatten().tolist() == spikes


def test_dropout_mask_is_drawn_once_per_sequence():
    network = Network(
        [
            Connection(0, 1, Synapse(SequenceDropout(0.5), Linear(50, 20))),
            Connection(1, 2, Synapse(Linear(20, 3))),
        ]
    ).double()
    x = torch.randn(4, 2, 50, dtype=torch.float64)
    results = []
    for carrier in ("spikes", "accumulation"):
        torch.manual_seed(5)
        results.append(network(x, None, Mode(carrier))[0])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-9)
    network.eval()
    assert torch.equal(network(x)[0], network(x)[0])


@pytest.mark.parametrize(
    ("module", "substitute"),
    [
        (nn.MaxPool2d(2), "MaxPool2d.*AvgPool2d"),
        (nn.Dropout(0.1), "Dropout.*SequenceDropout"),
        (nn.BatchNorm2d(3), "BatchNorm2d.*weight standardisation"),
        (nn.ReLU(), "found ReLU"),
        (nn.Linear(3, 3), r"saflab\.Linear"),
    ],
)
def test_what_does_not_commute_is_refused_with_a_substitute(module, substitute):
    with pytest.raises(ValueError, match=substitute):
        Synapse(module, Conv2d(3, 4))


def test_wrong_wiring_is_named():
    def wire():
        return Synapse(Linear(2, 2))

    with pytest.raises(ValueError, match="without gaps"):
        Network([Connection(0, 2, wire())])
    with pytest.raises(ValueError, match="does not spike"):
        Network([Connection(0, 1, wire()), Connection(1, 1, wire())])
    with pytest.raises(ValueError, match="1→1 without bias"):
        Network([Connection(0, 1, wire()), Connection(1, 1, wire()), Connection(1, 2, wire())])
    with pytest.raises(ValueError, match="last module"):
        Synapse(Linear(2, 2), Linear(2, 2))


def test_wrong_calls_are_named(batch):
    network, y = build("mlp", (3, 8, 8), 10), batch[1]
    x = constant(batch[0], 2)
    with pytest.raises(ValueError, match="rule in"):
        list(sequence(network, x, y, "backprop"))
    with pytest.raises(ValueError, match=r"update in \['sequence', 'step'\]"):
        list(sequence(network, x, y, get_rule("saf_e", update="epoch")))
    with pytest.raises(ValueError, match="complete only at"):
        list(sequence(network, x, y, get_rule("bptt", update="step")))
    for chunk, update in ((0, None), (-3, None), (2, "step")):
        with pytest.raises(ValueError, match="chunk ≥ 1"):
            list(sequence(network, x, y, get_rule("saf_e", chunk=chunk, update=update)))
    with pytest.raises(ValueError, match="one label per image"):
        list(sequence(network, x, y[:2], "saf_e"))
    with pytest.raises(ValueError, match="T ≥ 1"):
        network(x[:0])
    with pytest.raises(ValueError, match="trace 'official' or 'full'"):
        network(x, None, Mode("accumulation", "half"))
    with pytest.raises(ValueError, match="clamp"):
        mode_of("ottt_a", surrogate="clamp")
    with pytest.raises(ValueError, match="finite input, but found NaN in step 1 of x"):
        network(x * float("nan"))
    with torch.no_grad():
        network.synapses[-1].layer.bias.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"infinity in synapses.2.layer.bias"):
        list(sequence(network, x, y, "saf_e"))


def test_encoders():
    images = torch.rand(2, 1, 4, 4)
    assert constant(images, 3).stride(0) == 0
    spikes = latency(images, 5)
    assert torch.equal(spikes.sum(0), torch.ones_like(images))
    assert abs(float(poisson(images, 4000).mean(0).sub(images).abs().max())) < 0.06
    with pytest.raises(ValueError, match="T ≥ 1"):
        encode(images, 0)
    with pytest.raises(ValueError, match="NaN"):
        encode(images * float("nan"), 3)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        poisson(images - 1, 3)
    with pytest.raises(ValueError, match="encoder in"):
        encode(images, 3, "morse")
