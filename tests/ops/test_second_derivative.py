"""A second derivative through a spiking function is right, or refused: never silently wrong."""

import pytest
import torch

from saflab.network import Conv2d, Linear, Network, Synapse, standardise
from saflab.network.linear_maps import pool
from saflab.neurons import LIFParams, clamp_spike, rescale, spike, swap
from saflab.ops import has_triton, kinds, scan

REFUSED = "first derivative, but found create_graph=True"


def x(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def scanned(kind, impl):
    device = "cuda" if impl == "gpu" and torch.cuda.is_available() else "cpu"

    def function(currents):
        out, _ = scan(kind, currents.to(device), None, LIFParams(), impl=impl)
        return out[1] if kind == "ottt" else out

    return function


def two_paths(value):
    synapse = Synapse(Linear(4, 3).double())
    return synapse(value, synapse.prepare(), 2 * value, values=[1.0], grads=[1.0])


FUNCTIONS = {
    "spike": lambda x: spike(x, LIFParams()),
    "clamp_spike": lambda x: clamp_spike(x, x + 0.5, LIFParams(), 1.5),
    "swap": lambda x: swap(x**2, x),
    "rescale": lambda x: rescale(x, 2.0, 3.0),
    "standardise": lambda x: standardise(x[0], torch.ones(2, dtype=torch.float64)),
    "pool": lambda x: pool(x.unsqueeze(0), torch.nn.AvgPool2d(2)),
    "two paths": two_paths,
    **{f"{kind} {impl}": scanned(kind, impl) for kind in kinds() for impl in ("cpu", "reference")},
}
if has_triton():
    FUNCTIONS |= {f"{kind} gpu": scanned(kind, "gpu") for kind in kinds()}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("graph", [False, True])
def test_a_second_derivative_is_refused(name, graph):
    """With `graph` the gradient that comes in depends on the input, without it is a constant."""
    given = x(1, 2, 4)
    out = FUNCTIONS[name](given)
    loss = out.square().sum() if graph else out.sum()
    (first,) = torch.autograd.grad(loss, given, retain_graph=True)
    assert first.isfinite().all()
    with pytest.raises(RuntimeError, match=REFUSED):
        torch.autograd.grad(loss, given, create_graph=True)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: rescale(x, 2.0, 2.0) ** 3,
        lambda x: Linear(4, 3).double().apply_to(x, torch.ones(3, 4).double(), None) ** 3,
        lambda x: Conv2d(1, 2).double()(x[:, None]) ** 2,
    ],
)
def test_what_is_a_true_derivative_may_be_derived_again(function):
    torch.manual_seed(0)
    module = torch.get_rng_state()

    def same(x):
        torch.set_rng_state(module)
        return function(x)

    assert torch.autograd.gradgradcheck(same, (x(2, 2, 4),))


@pytest.mark.parametrize("carrier", ["spikes", "trace", "accumulation"])
@pytest.mark.parametrize("fused", [False, True])
def test_a_network_refuses_it_too(carrier, fused):
    from saflab.network import Connection
    from saflab.rules import Mode

    network = Network(
        [Connection(0, 1, Synapse(Linear(4, 5))), Connection(1, 2, Synapse(Linear(5, 2)))]
    )
    o, _ = network(torch.rand(3, 2, 4), None, Mode(carrier, fused=fused))
    with pytest.raises(RuntimeError, match=REFUSED):
        torch.autograd.grad(o.square().sum(), list(network.parameters()), create_graph=True)
