"""Small random networks and batches in float64, on which claims are measured."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn

from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

__all__ = ["generator_of", "random_case", "random_network"]


def random_network(rng: random.Random, kind: str, wiring: str, *, exact: bool = False) -> Network:
    """Return a small random network in float64.

    Args:
        rng: Source of randomness.
        kind: "linear" or "conv".
        wiring: "chain", "skip" or "feedback".
        exact: Every number is a multiple of a power of two, so that sums are exact and potentials
            often meet the threshold, where it shows that a neuron fires at equality.
    """
    with torch.device("meta"):  # where an initial value costs no draw
        connections = _connections(rng, kind, wiring, exact)
    network = Network(connections, _neuron(rng, exact)).double().to_empty(device="cpu")
    _draw(network, generator_of(rng), exact)
    return network


def generator_of(rng: random.Random) -> torch.Generator:
    """Return a generator of tensors, seeded by `rng`."""
    return torch.Generator().manual_seed(rng.randrange(2**32))


def _connections(rng: random.Random, kind: str, wiring: str, exact: bool) -> list[Connection]:
    width = rng.randint(3, 7)
    hidden = _hidden(rng, kind, width, exact)
    if kind == "linear":
        head = Synapse(Linear(width, 4))
    else:
        head = Synapse(nn.AdaptiveAvgPool2d(2), nn.Flatten(), Linear(4 * width, 4))
    connections = [
        Connection(0, 1, hidden(5, True)),
        Connection(1, 2, hidden(width, True)),
        Connection(2, 3, hidden(width, True)),
        Connection(3, 4, head),
    ]
    if wiring == "skip":
        connections += [
            Connection(1, 3, hidden(width, True)),
            Connection(0, 2, hidden(5, True)),
        ]
    if wiring == "feedback":
        connections += [
            Connection(3, 1, hidden(width, False)),
            Connection(2, 2, hidden(width, False)),
        ]
    return connections


def _neuron(rng: random.Random, exact: bool) -> LIFParams:
    slope = rng.choice([1.0, 2.5, 4.0])
    if exact:
        return LIFParams(
            decay=rng.choice([0.0, 0.5, 1.0]), threshold=rng.choice([0.5, 1.0]), slope=slope
        )
    decay, threshold = rng.choice([0.0, 0.25, 0.5, 0.9, 1.0]), rng.uniform(0.4, 2.0)
    return LIFParams(decay=decay, threshold=threshold, slope=slope)


def _hidden(
    rng: random.Random, kind: str, width: int, exact: bool
) -> Callable[[int, bool], Synapse]:
    """Return what makes a synapse into a hidden population from its fan-in and `bias`."""
    standardised = rng.random() < 0.5 and not exact

    def make(fan_in: int, bias: bool) -> Synapse:
        scale = Scale(rng.choice([0.5, 1.0, 2.0]) if exact else rng.uniform(0.5, 2.0))
        if kind == "linear":
            return Synapse(scale, Linear(fan_in, width, bias, standardised=standardised))
        return Synapse(scale, Conv2d(fan_in, width, bias=bias, standardised=standardised))

    return make


@torch.no_grad()
def _draw(network: Network, generator: torch.Generator, exact: bool) -> None:
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, 0.0, 1.5 / parameter[0].numel() ** 0.5, generator)
        else:
            mean = 1.0 if name.endswith("gain") else 0.0
            nn.init.normal_(parameter, mean, 0.3, generator)
        if exact:
            parameter.copy_((parameter * 4).round() / 4)


def random_case(
    rng: random.Random, kind: str, wiring: str, *, exact: bool = False
) -> tuple[Network, Tensor, Tensor]:
    """Return a network, an input of 1 to 8 steps, constant or varying, and labels."""
    network = random_network(rng, kind, wiring, exact=exact)
    steps, batch = rng.randint(1, 8), rng.randint(1, 3)
    shape = (5,) if kind == "linear" else (5, rng.choice([3, 5]), 4)
    constant = rng.random() < 0.5
    generator = generator_of(rng)
    size = (1 if constant else steps, batch, *shape)
    x = torch.randn(size, generator=generator, dtype=torch.float64)
    if exact:
        x = (x * 2).round() / 2
    return network, x.expand(steps, batch, *shape), torch.randint(4, (batch,), generator=generator)
