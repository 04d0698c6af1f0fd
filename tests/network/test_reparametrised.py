"""Pruning, parametrizations and hooks on weight layers: they work, or are refused by name."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as old_spectral_norm

from saflab.analysis.theorems import gradients
from saflab.gradients import accumulate_gradients
from saflab.network import Connection, Conv2d, Linear, Network, Scale, SequenceDropout, Synapse

Y = torch.tensor([0, 2, 1])


def network(standardised=False, kind="linear"):
    torch.manual_seed(0)
    if kind == "linear":
        first = Synapse(Linear(6, 9, standardised=standardised))
        second = Synapse(Scale(1.5), Linear(9, 9, standardised=standardised))
        last = Synapse(Linear(9, 3))
    else:
        first = Synapse(Conv2d(2, 4, standardised=standardised))
        second = Synapse(Scale(1.5), Conv2d(4, 4, standardised=standardised))
        last = Synapse(nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(4, 3))
    return Network([Connection(0, 1, first), Connection(1, 2, second), Connection(2, 3, last)])


def inputs(kind="linear"):
    shape = (6,) if kind == "linear" else (2, 5, 5)
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(4, 3, *shape, generator=generator)


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def weight_norm_hook(layer):
    with pytest.warns(FutureWarning, match="deprecated"):
        torch.nn.utils.weight_norm(layer)


WAYS = {
    "prune": lambda layer: prune.random_unstructured(layer, "weight", amount=0.5),
    "structured": lambda layer: prune.ln_structured(layer, "weight", amount=0.3, n=2, dim=0),
    "pruned bias": lambda layer: prune.random_unstructured(layer, "bias", amount=0.5),
    "pruned twice": lambda layer: prune.random_unstructured(
        prune.random_unstructured(layer, "weight", amount=0.3), "weight", amount=0.3
    ),
    "weight norm": parametrizations.weight_norm,
    "old weight norm": weight_norm_hook,
    "spectral norm": parametrizations.spectral_norm,
    "old spectral norm": old_spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "parametrized": lambda layer: parametrize.register_parametrization(layer, "weight", Doubled()),
}


@pytest.mark.parametrize(("kind", "standardised"), [("linear", False), ("conv", True)])
@pytest.mark.parametrize("rule", ["bptt", "ottt_a", "saf_e", "saf_f"])
@pytest.mark.parametrize("way", WAYS)
def test_a_reparametrised_layer_trains_as_its_effective_weight_says(way, rule, kind, standardised):
    """A step of SGD on the original changes the outputs as for a plain network given the weight."""
    torch.manual_seed(3)
    changed, x = network(standardised, kind), inputs(kind)
    changed.synapses[1].layer.eval() if "spectral" in way else None  # no power iteration
    WAYS[way](changed.synapses[1].layer)
    optimizer = torch.optim.SGD(changed.parameters(), lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        accumulate_gradients(changed, x, Y, rule)
        layer = changed.synapses[1].layer
        plain = network(standardised, kind)
        with torch.no_grad():
            for own, other in zip(plain.synapses, changed.synapses, strict=True):
                for name in ("weight", "bias", "gain"):
                    if getattr(own.layer, name, None) is not None:
                        getattr(own.layer, name).copy_(getattr(other.layer, name))
        assert torch.equal(plain(x)[0], changed(x)[0])
        true = gradients(plain, x, Y, rule)
        learnt = [p for name, p in layer.named_parameters() if "weight" in name and p.requires_grad]
        assert all(p.grad is not None for p in learnt)
        if "prune" in way or way == "structured":
            for name in ("weight", "bias"):
                if hasattr(layer, f"{name}_mask"):
                    found = getattr(layer, f"{name}_orig").grad
                    expected = true[f"synapses.1.layer.{name}"] * getattr(layer, f"{name}_mask")
                    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
        optimizer.step()
    if way == "prune":
        assert (changed.synapses[1].layer.effective_weight() == 0).any() or standardised


def test_a_pruned_weight_stays_zero_while_it_trains():
    changed = network()
    layer = changed.synapses[1].layer
    prune.random_unstructured(layer, "weight", amount=0.5)
    mask = layer.weight_mask.bool()
    optimizer = torch.optim.SGD(changed.parameters(), lr=0.5, momentum=0.9)
    before = layer.effective_weight().detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        accumulate_gradients(changed, inputs(), Y)
        optimizer.step()
    after = layer.effective_weight()
    assert (after[~mask] == 0).all()
    assert not torch.equal(after[mask], before[mask])


def hook(*_):
    """Never called."""


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
@pytest.mark.parametrize("which", ["layer", "scale", "pool", "dropout"])
def test_a_hook_that_would_not_run_is_refused(register, which):
    before = {"scale": Scale(2.0), "pool": nn.AvgPool2d(1), "dropout": SequenceDropout(0.1)}
    layer = Conv2d(2, 3)
    net = Network([Connection(0, 1, Synapse(*before.values(), layer))])
    handle = getattr({**before, "layer": layer}[which], register)(hook)
    with pytest.raises(ValueError, match=r"no hook on \w+ of synapses.0, but found .*hook"):
        net(inputs("conv"))
    handle.remove()
    net(inputs("conv"))


def test_hooks_that_run_are_left_alone():
    seen, net = [], network()
    net.synapses[0].register_forward_hook(lambda *_: seen.append("synapse"))
    net.register_forward_hook(lambda *_: seen.append("network"))
    flat = nn.Flatten()
    flat.register_forward_hook(lambda *_: seen.append("flatten"))
    net.synapses[1].before.append(flat)
    net(inputs())
    assert set(seen) == {"synapse", "network", "flatten"}


def test_a_forward_pass_of_its_own_is_refused():
    class Noisy(Linear):
        def forward(self, x):
            return super().forward(x) + 1

    with pytest.raises(ValueError, match="Noisy's own"):
        Synapse(Noisy(2, 3))
    layer = Linear(2, 3)
    layer.forward = lambda x: x
    with pytest.raises(ValueError, match="Linear's own"):
        Synapse(layer)
