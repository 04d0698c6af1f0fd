"""From a checkpoint back to its network, be it built from a name or written out in full."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

__all__ = ["rebuild", "wiring"]

Wiring = list[list[Any]]


def wiring(network: Network) -> Wiring:
    """Return the connections of a network as plain data: source, target, modules in order."""
    pairs = zip(network.ends, network.synapses, strict=True)
    return [[source, target, _modules(cast(Synapse, s))] for (source, target), s in pairs]


def _modules(synapse: Synapse) -> list[list[Any]]:
    layers = [] if synapse.layer is None else [synapse.layer]
    return [_describe(module) for module in (*synapse.before, *layers)]


def _describe(module: nn.Module) -> list[Any]:
    if isinstance(module, Linear):
        given = [module.in_features, module.out_features, module.bias is not None]
    elif isinstance(module, Conv2d):
        given = [
            module.in_channels,
            module.out_channels,
            list(module.kernel_size),
            list(module.stride),
            list(module.padding),
            module.bias is not None,
        ]
    elif isinstance(module, nn.AvgPool2d):
        if module.ceil_mode or not module.count_include_pad or module.divisor_override:
            raise ValueError(f"Expected pooling by plain averages, but found {module}.")
        given = [module.kernel_size, module.stride, module.padding]
        given = [list(v) if isinstance(v, tuple) else v for v in given]
    elif isinstance(module, Scale):
        given = [module.factor]
    elif isinstance(module, nn.Flatten | nn.Identity):
        given = []
    else:
        raise ValueError(f"Expected a module of an imported network, but found {module}.")
    return [type(module).__name__, given]


def rebuild(wires: Wiring, neuron: LIFParams) -> Network:
    """Return the network that `wiring` described, its weights not yet set."""
    kinds = {
        kind.__name__: kind
        for kind in (Linear, Conv2d, nn.AvgPool2d, Scale, nn.Flatten, nn.Identity)
    }
    with torch.device("meta"):  # where an initial value costs no draw
        connections = [
            Connection(source, target, Synapse(*(_built(kinds[k], given) for k, given in modules)))
            for source, target, modules in wires
        ]
    return Network(connections, neuron).to_empty(device="cpu")


def _built(kind: Any, given: list[Any]) -> nn.Module:
    return kind(*(tuple(v) if isinstance(v, list) else v for v in given))
