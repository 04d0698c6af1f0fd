"""OTTT and SLTT against implementations that we did not write: SpikingJelly 2.0's."""

import math

import pytest
import torch

from saflab.data.encoders import constant
from saflab.gradients import loss_fn, sequence
from saflab.models import mlp, vgg11
from saflab.rules import mode_of


@pytest.fixture(scope="module")
def pair():
    peer = pytest.importorskip("spikingjelly.activation_based.model.spiking_vggws_ottt")
    from spikingjelly.activation_based import neuron, surrogate

    torch.manual_seed(0)
    theirs = peer.ottt_spiking_vggws(
        num_classes=10,
        spiking_neuron=neuron.OTTTLIFNode,
        tau=2.0,
        v_reset=None,
        surrogate_function=surrogate.Sigmoid(alpha=4.0),
    ).double()
    for module in theirs.modules():  # else the last layers are silent and nothing is compared
        if getattr(module, "bias", None) is not None:
            torch.nn.init.uniform_(module.bias, 0.0, 0.4)
    ours = vgg11().double()
    names = dict(zip(ours.state_dict(), matched(ours, theirs), strict=True))
    ours.load_state_dict({k: v.reshape(ours.state_dict()[k].shape) for k, v in names.items()})
    return ours, theirs


def matched(ours, theirs):
    """Return their tensors in the order of ours: per layer weight, bias, gain."""
    layers = [m for m in theirs.modules() if hasattr(m, "weight")]
    for module in layers:
        yield module.weight.data
        yield module.bias.data
        if getattr(module, "gain", None) is not None:
            yield module.gain.data


def gradients_of(theirs):
    for module in (m for m in theirs.modules() if hasattr(m, "weight")):
        yield module.weight.grad
        yield module.bias.grad
        if getattr(module, "gain", None) is not None:
            yield module.gain.grad


def test_ottt_gradients_of_vgg11_agree_weight_for_weight(pair):
    from spikingjelly.activation_based import functional

    ours, theirs = pair
    torch.manual_seed(1)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    labels = torch.tensor([3, 7])
    steps = 6

    theirs.train()
    theirs.zero_grad()
    outputs = []
    for _ in range(steps):
        out = theirs(images)
        out = out[0] if isinstance(out, (list, tuple)) else out
        (loss_fn(out, labels) / steps).backward()
        outputs.append(out.detach())
    functional.reset_net(theirs)

    for rule in ("ottt_a", "saf_e"):
        ours.zero_grad()
        readouts = [
            done.readout
            for done in sequence(
                ours, constant(images, steps), labels, rule, mode=mode_of(rule, trace="official")
            )
        ]
        assert torch.allclose(torch.cat(readouts), torch.stack(outputs), rtol=0, atol=1e-9)
        for (name, own), grad in zip(ours.named_parameters(), gradients_of(theirs), strict=True):
            assert own.grad is not None
            assert grad.abs().max() > 0, name
            error = (own.grad.flatten() - grad.flatten()).abs().max() / grad.abs().max()
            assert error < 1e-8, f"{rule} {name}: {error:.1e}"


def test_sltt_gradients_agree_with_their_neuron():
    pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import neuron, surrogate

    torch.manual_seed(0)
    ours = mlp((6,), 4, (9, 7)).double()
    for synapse in ours.synapses:
        synapse.layer.gain = None  # their layers are not standardised
    for p in ours.parameters():
        torch.nn.init.normal_(p, 0.1, 0.6)
    layers = []
    for synapse in ours.synapses:
        linear = torch.nn.Linear(*reversed(synapse.layer.weight.shape)).double()
        factor = math.prod(m.factor for m in synapse.before if hasattr(m, "factor"))
        with torch.no_grad():
            linear.weight.copy_(synapse.layer.weight * factor)
            linear.bias.copy_(synapse.layer.bias)
        layers += [linear, neuron.SLTTLIFNode(
            tau=2.0, decay_input=False, v_reset=None,
            surrogate_function=surrogate.Sigmoid(alpha=4.0))]  # fmt: skip
    theirs = torch.nn.Sequential(*layers[:-1])
    x, y, steps = torch.rand(5, 6, dtype=torch.float64), torch.randint(4, (5,)), 6
    for _ in range(steps):
        (loss_fn(theirs(x), y) / steps).backward()
    list(sequence(ours, constant(x, steps), y, "sltt"))
    for own, their in zip(ours.synapses, theirs[::2], strict=True):
        factor = math.prod(m.factor for m in own.before if hasattr(m, "factor"))
        torch.testing.assert_close(own.layer.weight.grad, their.weight.grad * factor)
        torch.testing.assert_close(own.layer.bias.grad, their.bias.grad)
        assert their.weight.grad.abs().max() > 0
