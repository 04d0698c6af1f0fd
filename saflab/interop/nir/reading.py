"""From a NIR graph to a network; the package's docstring derives the mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saflab.interop.nir.neurons import NEURONS, Neuron, common, neuron_of, without_resets
from saflab.interop.nir.values import check_finite, numbers, one, pair, plain, shape_of
from saflab.interop.nir.wires import Path, check_edges, flat, paths, populations
from saflab.interop.nir.writing import DT
from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse

__all__ = ["from_nir"]

RESETS = ("as written", "subtract")


def from_nir(graph: Any, *, dt: float | None = None, reset: str = "as written") -> Network:
    """Return the network of a NIR graph, run as LIF with the neuron of `neurons.lif_step`.

    Neurons that integrate R·I with one time constant have their gain dt·R/τ folded into the
    weights. A threshold of `>` becomes the next float32 of `≥`. Sub-graphs are written out.

    Args:
        graph: A `nir.NIRGraph` with one input and one output.
        dt: Seconds per step; None takes the graph's own, else 1e-4.
        reset: "as written" takes NIR at its word, a hard reset; "subtract" says that the writer's
            neurons subtract V, before the decay, which NIR's LIF and IF cannot say.

    Raises:
        ValueError: If the graph holds what this network cannot do, NaN or infinity, or what
            contradicts `reset`; says what and why.
    """
    if reset not in RESETS:
        raise ValueError(f"Expected reset in {list(RESETS)}, but found {reset!r}.")
    graph = flat(graph)
    check_edges(graph)
    for name, node in graph.nodes.items():
        check_finite(f"node {name!r}", vars(node))
    check_finite("metadata", graph.metadata)
    dt = _time_step(graph, dt)
    spiking = [name for name, node in graph.nodes.items() if type(node).__name__ in NEURONS]
    wires = paths(graph, spiking)
    neurons = {name: neuron_of(name, graph.nodes[name], dt) for name in spiking}
    p = common(neurons)
    wires = without_resets(graph, wires, neurons, p, reset)
    number = populations(graph, wires, spiking)
    connections = []
    for wire in wires:
        source, target = number[wire.source], number[wire.target]
        gain = neurons[wire.target].gain if wire.target in neurons else 1.0
        connections.append(Connection(source, target, _synapse(graph, wire, gain)))
    network = Network(sorted(connections, key=lambda c: (c.target, c.source)), p)
    return _checked(network, graph, neurons, number)


def _time_step(graph: Any, dt: float | None) -> float:
    found = plain(graph.metadata.get("dt", DT)) if dt is None else dt
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0.0 < found < np.inf:
        raise ValueError(
            f"Expected a time step above 0 s, but found {found!r}. Give the writer's own with --dt."
        )
    return float(found)


def _synapse(graph: Any, wire: Path, gain: float) -> Synapse:
    before: list[nn.Module] = []
    layer: Linear | Conv2d | None = None
    for name, following in zip(wire.nodes, (*wire.nodes[1:], wire.target), strict=True):
        node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
        if layer is not None:
            if kind == "Flatten" and not _flatten(name, node, graph.nodes[following]):
                continue  # it changes nothing
            raise ValueError(
                f"Expected a neuron after the weights, but found node {name!r} ({kind}). "
                "A saflab synapse ends with its weights; put pooling before them."
            )
        if kind in ("Linear", "Affine"):
            layer = _linear(name, node, gain)
        elif kind == "Conv2d":
            layer = _conv(name, node, gain)
        elif kind == "Flatten":
            before += _flatten(name, node, graph.nodes[following])
        else:
            before += _plain(name, node, kind)
    if layer is None and gain != 1.0:
        before.append(Scale(gain))
    rank = len(shape_of(graph.nodes[wire.source].input_type) or ())
    if wire.source in graph.inputs and rank == 1 and not before:
        before.append(nn.Flatten())  # written for vectors; images come with channels
    return Synapse(*before, *([] if layer is None else [layer]))


def _flatten(name: str, node: Any, following: Any) -> list[nn.Module]:
    """Return what flattens everything, or nothing if there is nothing to flatten."""
    start, end = int(numbers(name, node, "start_dim")), int(numbers(name, node, "end_dim"))
    shape = shape_of(node.input_type)
    if shape is None:
        everything = start in (0, 1) and end == -1  # of a shape that running it will check
    else:
        out = shape_of(node.output_type) or ()
        if len(out) == len(shape):
            return []
        # Shapes in NIR have no batch, but some writers count it: the weights say what they mean.
        weight = getattr(following, "weight", None)
        counted = weight is not None and np.shape(weight)[1:] == (int(np.prod(shape)),)
        everything = len(out) == 1 or counted
    if not everything:
        raise ValueError(
            f"Expected node {name!r} to flatten every dimension, but found dimensions {start} to "
            f"{end} of {shape or 'an unknown shape'} (NIR counts without the batch). A saflab "
            "synapse flattens all or none; write start_dim=0, end_dim=-1."
        )
    return [nn.Flatten()]


def _plain(name: str, node: Any, kind: str) -> list[nn.Module]:
    if kind in ("AvgPool2d", "SumPool2d"):
        kernel = pair(name, node, "kernel_size")
        if 0 in kernel or 0 in pair(name, node, "stride"):
            raise ValueError(f"Expected windows and strides above 0, but found 0 in node {name!r}.")
        pool = nn.AvgPool2d(kernel, pair(name, node, "stride"), pair(name, node, "padding"))
        return [pool] if kind == "AvgPool2d" else [pool, Scale(float(np.prod(kernel)))]
    if kind == "Scale":
        return [Scale(one(name, node, "scale"))]
    raise ValueError(
        f"Expected Linear, Affine, Conv2d, AvgPool2d, SumPool2d, Flatten or Scale between "
        f"neurons, but found node {name!r} ({kind}), which saflab has no equal of. Replace it."
    )


def _fill(name: str, layer: Linear | Conv2d, weight: np.ndarray, bias: np.ndarray) -> None:
    layer.to_empty(device="cpu")
    for label, parameter, values in (("weight", layer.weight, weight), ("bias", layer.bias, bias)):
        if parameter is None:
            continue
        if values.shape != tuple(parameter.shape):
            raise ValueError(
                f"Expected {label} of node {name!r} in the shape {tuple(parameter.shape)}, but "
                f"found {values.shape}. Check the file with the library that wrote it."
            )
        with torch.no_grad():
            parameter.copy_(torch.as_tensor(values))
        if not torch.isfinite(parameter).all():
            raise ValueError(
                f"Expected {label} of node {name!r} in the range of float32, but found up to "
                f"{np.abs(values).max():g} (with the neuron's gain). Scale it down."
            )


def _weight_of(name: str, node: Any, rank: int, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias, times the gain; a bias that is missing is 0."""
    weight = numbers(name, node, "weight")
    if weight.ndim != rank:
        raise ValueError(
            f"Expected weights of {rank} dimensions in node {name!r}, but found {weight.shape}. "
            "saflab has weights for vectors (Linear) and for images (Conv2d) alone."
        )
    bias = numbers(name, node, "bias") if hasattr(node, "bias") else np.zeros(len(weight))
    return weight * gain, bias * gain


def _linear(name: str, node: Any, gain: float) -> Linear:
    weight, bias = _weight_of(name, node, 2, gain)
    with torch.device("meta"):  # where an initial value costs no draw
        layer = Linear(weight.shape[1], weight.shape[0], bias=bool(bias.any()))
    _fill(name, layer, weight, bias)
    return layer


def _conv(name: str, node: Any, gain: float) -> Conv2d:
    weight, bias = _weight_of(name, node, 4, gain)
    if pair(name, node, "dilation") != (1, 1) or pair(name, node, "groups") != (1, 1):
        raise ValueError(
            f"Expected a convolution without dilation and groups, but found node {name!r} with "
            "some, which saflab's Conv2d does not have. Write the weights out in full."
        )
    kernel, stride = weight.shape[2:], pair(name, node, "stride")
    if 0 in stride:
        raise ValueError(f"Expected a stride above 0, but found {stride} in node {name!r}.")
    word = plain(node.padding)
    if word == "same" and stride == (1, 1) and kernel[0] % 2 and kernel[1] % 2:
        padding = (kernel[0] // 2, kernel[1] // 2)
    elif word == "valid":
        padding = (0, 0)
    elif isinstance(word, str):
        raise ValueError(
            f"Expected padding of node {name!r} in numbers, but found {word!r} with stride "
            f"{stride} and windows of {kernel[0]}×{kernel[1]}. Write the numbers."
        )
    else:
        padding = pair(name, node, "padding")
    size = (int(kernel[0]), int(kernel[1]))
    with torch.device("meta"):
        layer = Conv2d(weight.shape[1], weight.shape[0], size, stride, padding, bool(bias.any()))
    _fill(name, layer, weight, bias)
    return layer


@torch.no_grad()
def _checked(
    network: Network, graph: Any, neurons: Mapping[str, Neuron], number: Mapping[str, int]
) -> Network:
    """Return the network if an input of the graph's own shape gives the shapes of its nodes."""
    (start,), (end,) = graph.inputs.values(), graph.outputs.values()
    shape = shape_of(start.input_type) or ()
    if not shape or min(shape) < 1:
        raise ValueError(
            f"Expected an input of at least one dimension, each above 0, but found {shape}. Mend "
            "the graph's Input."
        )
    shapes: dict[int, tuple[int, ...]] = {}

    def observe(population: int, current: Tensor, out: Tensor) -> None:
        shapes[population] = tuple(out.shape[2:])

    try:
        network(torch.zeros(1, 1, *shape), observe=observe)
    except (ValueError, RuntimeError) as error:  # a synapse's, and PyTorch's of a sum of two
        raise ValueError(
            f"Expected shapes that fit, but found that an input of {shape} does not run ({error}). "
            "Check the file with the library that wrote it."
        ) from error
    wanted = {name: np.shape(graph.nodes[name].v_threshold) for name in neurons}
    (last,) = graph.outputs
    for name, size in {**wanted, last: shape_of(end.output_type) or ()}.items():
        if np.prod(size) > 1 and shapes[number[name]] != tuple(size):
            raise ValueError(
                f"Expected shapes that fit, but found {shapes[number[name]]} at node {name!r}, "
                f"which says {tuple(size)}. Check the file with the library that wrote it."
            )
    return network
