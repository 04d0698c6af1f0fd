"""Networks of the course: a model is a list of connections, built from a name and sizes."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import torch
from torch import nn

from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

__all__ = ["MODELS", "build", "convnet", "mlp", "resnet", "vgg11", "vgg11f"]

# Restores the size of a signal after thresholding; the published recipe's constant.
SCALE = 2.74


def _init(network: Network, generator: torch.Generator | None = None) -> Network:
    """Initialise as published: kaiming fan-out, gains 1, biases 0, readout N(0, 0.01)."""
    for (_, target), synapse in zip(network.ends, network.synapses, strict=True):
        layer = synapse.layer
        if not isinstance(layer, Linear | Conv2d):
            continue
        if target == network.readout:
            nn.init.normal_(layer.weight, 0.0, 0.01, generator)
        else:
            nn.init.kaiming_normal_(
                layer.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
        if layer.gain is not None:
            nn.init.ones_(layer.gain)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return network


def mlp(
    shape: tuple[int, ...] = (1, 8, 8),
    classes: int = 10,
    hidden: tuple[int, ...] = (128, 128),
    neuron: LIFParams | None = None,
) -> Network:
    """Return a fully connected network: Flatten, hidden layers, readout."""
    size = 1
    for extent in shape:
        size *= extent
    connections = []
    for index, out in enumerate((*hidden, classes)):
        last = index == len(hidden)
        before: list[nn.Module] = [Scale(SCALE)] if index else [nn.Flatten()]
        layer = Linear(size, out, standardised=not last)
        connections.append(Connection(index, index + 1, Synapse(*before, layer)))
        size = out
    return _init(Network(connections, neuron))


def _conv_stack(
    plan: tuple[int | str, ...], shape: tuple[int, ...], classes: int, neuron: LIFParams | None
) -> list[Connection]:
    connections: list[Connection] = []
    channels = shape[0]
    before: list[nn.Module] = []
    for item in plan:
        if item == "AP":
            before.append(nn.AvgPool2d(2))
            continue
        layer = Conv2d(channels, int(item), standardised=True)
        index = len(connections)
        connections.append(Connection(index, index + 1, Synapse(*before, layer)))
        channels = int(item)
        before = [Scale(SCALE)]
    index = len(connections)
    readout = Synapse(*before, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(channels, classes))
    connections.append(Connection(index, index + 1, readout))
    return connections


def convnet(
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    channels: tuple[int, int, int] = (32, 64, 128),
    neuron: LIFParams | None = None,
) -> Network:
    """Return the lab network c₁-c₂-AP-c₃-AP-c₃-AP, 3×3 convolutions, weight-standardised."""
    first, second, third = channels
    plan = (first, second, "AP", third, "AP", third, "AP")
    return _init(Network(_conv_stack(plan, shape, classes, neuron), neuron))


# Channels of each convolution, as multiples of the first.
VGG11_PLAN: tuple[int | str, ...] = (1, 2, "AP", 4, 4, "AP", 8, 8, "AP", 8, 8)


def _vgg11(
    shape: tuple[int, ...], classes: int, width: int, neuron: LIFParams | None
) -> list[Connection]:
    plan = tuple(item if isinstance(item, str) else item * width for item in VGG11_PLAN)
    return _conv_stack(plan, shape, classes, neuron)


def vgg11(
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    width: int = 64,
    neuron: LIFParams | None = None,
) -> Network:
    """Return the network of the OTTT and SAF papers: 64-128-AP-256-256-AP-512-512-AP-512-512.

    9,228,362 parameters for ten classes; global average pooling, plain Linear readout. Another
    `width` than 64 channels in the first layer scales all.
    """
    return _init(Network(_vgg11(shape, classes, width, neuron), neuron))


def vgg11f(
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    width: int = 64,
    neuron: LIFParams | None = None,
) -> Network:
    """Return `vgg11` with a feedback convolution within its last resolution (layer 8 to 7)."""
    connections = _vgg11(shape, classes, width, neuron)
    feedback = Synapse(Scale(SCALE), Conv2d(8 * width, 8 * width, bias=False, standardised=True))
    return _init(Network([*connections, Connection(8, 7, feedback)], neuron))


def resnet(
    shape: tuple[int, ...] = (3, 32, 32),
    classes: int = 10,
    widths: tuple[int, ...] = (32, 64, 128),
    neuron: LIFParams | None = None,
) -> Network:
    """Return a residual network: per width two 3×3 convolutions and a 1×1 skip around them."""
    stem = Synapse(Conv2d(shape[0], widths[0], standardised=True))
    connections = [Connection(0, 1, stem)]
    source, channels = 1, widths[0]
    for index, width in enumerate(widths):
        pool: list[nn.Module] = [nn.AvgPool2d(2)] if index else []
        skip = Conv2d(channels, width, 1, padding=0, bias=False, standardised=True)
        first = Conv2d(channels, width, standardised=True)
        second = Conv2d(width, width, standardised=True)
        connections += [
            Connection(source, source + 1, Synapse(Scale(SCALE), *pool, first)),
            Connection(source + 1, source + 2, Synapse(Scale(SCALE), second)),
            Connection(source, source + 2, Synapse(Scale(SCALE), *pool, skip)),
        ]
        source, channels = source + 2, width
    head = Synapse(Scale(SCALE), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Linear(channels, classes))
    return _init(Network([*connections, Connection(source, source + 1, head)], neuron))


MODELS: dict[str, Callable[..., Network]] = {
    "mlp": mlp,
    "convnet": convnet,
    "vgg11": vgg11,
    "vgg11f": vgg11f,
    "resnet": resnet,
}


def build(
    name: str,
    shape: tuple[int, ...],
    classes: int,
    *,
    generator: torch.Generator | None = None,
    **sizes: Any,
) -> Network:
    """Return the model called `name` for images of `shape` and `classes` classes.

    Args:
        name: One of `MODELS`.
        shape: (C, H, W); for "mlp" any.
        classes: Width of the readout, ≥ 1.
        generator: Source of the weights, on the CPU. Given one, nothing is drawn from PyTorch's
            global generator; None draws from that, so that `torch.manual_seed` sets the weights.
        **sizes: Arguments of the model.

    Raises:
        ValueError: If there is no such model, or the images are too small for its poolings.
    """
    if name not in MODELS:
        raise ValueError(f"Expected a model in {sorted(MODELS)}, but found {name!r}.")
    sizes_ok = isinstance(shape, tuple) and bool(shape)
    if not (sizes_ok and all(isinstance(n, Integral) and n >= 1 for n in (*shape, classes))):
        raise ValueError(
            f"Expected a shape (C, H, W) and a number of classes, all ≥ 1, but found {shape!r} and "
            f"{classes!r}."
        )
    if name != "mlp" and len(shape) != 3:
        raise ValueError(f"Expected images (C, H, W) for {name}, but found {shape}. Use mlp.")
    least = {"convnet": 8, "vgg11": 8, "vgg11f": 8, "resnet": 4}.get(name, 1)
    if name != "mlp" and min(shape[1:]) < least:
        raise ValueError(
            f"Expected images of at least {least}×{least} for {name}, but found {tuple(shape)}."
        )
    if generator is None:
        return MODELS[name](shape, classes, **sizes)
    with torch.device("meta"):  # where an initial value costs no draw
        network = MODELS[name](shape, classes, **sizes)
    return _init(network.to_empty(device=generator.device), generator)


# Which argument of a model `TrainConfig.channels` sets, and how many numbers it takes (None: any).
SIZES: dict[str, tuple[str, int | None]] = {
    "mlp": ("hidden", None),
    "convnet": ("channels", 3),
    "vgg11": ("width", 1),
    "vgg11f": ("width", 1),
    "resnet": ("widths", None),
}
