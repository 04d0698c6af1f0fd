"""From a NIR graph to a network; the package's docstring derives the mapping."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from saflab.interop.nir.wires import Path, paths, populations
from saflab.interop.nir.writing import DT, NEXT_TO_ONE
from saflab.network.linear_maps import Conv2d, Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

__all__ = ["from_nir"]

RESETS = ("as written", "subtract")
NEURONS = ("LIF", "IF", "CubaLIF")


class _Neuron(NamedTuple):
    """Leak, threshold (of >), gain of the input, and what a spike does to the state."""

    decay: float
    threshold: float
    gain: float
    reset: str  # "none" (of what the state remembers) or "hard"


def from_nir(graph: Any, *, dt: float | None = None, reset: str = "as written") -> Network:
    """Return the network of a NIR graph, run as LIF with the neuron of `neurons.lif_step`.

    Neurons that integrate R·I with one time constant have their gain dt·R/τ folded into the
    weights. A threshold of `>` becomes the next float32 of `≥`.

    Args:
        graph: A `nir.NIRGraph` with one input and one output.
        dt: Seconds per step; None takes the graph's own, else 1e-4.
        reset: "as written" takes NIR at its word, a hard reset; "subtract" vouches that the
            writer's neurons subtract V, before the decay, which NIR's LIF and IF cannot say.

    Raises:
        ValueError: If the graph holds what this network cannot do; says what and why.
    """
    if reset not in RESETS:
        raise ValueError(f"Expected reset in {list(RESETS)}, but found {reset!r}.")
    if dt is None:
        dt = float(np.asarray(graph.metadata.get("dt", DT)))
    if not (np.isfinite(dt) and dt > 0.0):
        raise ValueError(f"Expected a time step above 0 s, but found {dt}.")
    spiking = [name for name, node in graph.nodes.items() if type(node).__name__ in NEURONS]
    wires = paths(graph, spiking)
    neurons = {name: _neuron(name, graph.nodes[name], dt) for name in spiking}
    p = _common(neurons)
    wires = _without_resets(graph, wires, neurons, p, reset)
    number = populations(graph, wires, spiking)
    connections = []
    for wire in wires:
        source, target = number[wire.source], number[wire.target]
        gain = neurons[wire.target].gain if wire.target in neurons else 1.0
        connections.append(Connection(source, target, _synapse(graph, wire, gain)))
    network = Network(sorted(connections, key=lambda c: (c.target, c.source)), p)
    return _checked(network, graph)


def _one(node: Any, field: str, name: str) -> float:
    values = np.unique(np.asarray(getattr(node, field), dtype=np.float64))
    if values.size != 1 or np.isnan(values[0]):
        raise ValueError(
            f"Expected one value of {field} for all neurons of node {name!r}, but found "
            f"{values.size}. A saflab network has one decay and threshold for all its neurons."
        )
    return float(values[0])


def _neuron(name: str, node: Any, dt: float) -> _Neuron:
    kind = type(node).__name__
    threshold = _one(node, "v_threshold", name)
    if kind != "IF" and _one(node, "v_leak", name) != 0.0:
        raise ValueError(f"Expected v_leak 0 in node {name!r}, but found another resting value.")
    if kind == "IF":
        r = _one(node, "r", name)
        # snnTorch and Norse write R = 1 for an input that is added as it is, SpikingJelly 1/dt.
        return _Neuron(1.0, threshold, 1.0 if r == 1.0 else r * dt, "hard")
    tau = {
        field: _one(node, field, name)
        for field in (("tau",) if kind == "LIF" else ("tau_syn", "tau_mem"))
    }
    for field, value in tau.items():
        if not value >= dt * (1.0 - 1e-6):
            raise ValueError(
                f"Expected {field} of at least dt = {dt:g} s in node {name!r}, but found "
                f"{value:g} s, a decay below 0. Give the writer's own dt."
            )
    gain = _one(node, "r", name)
    decay = {field: _near(1.0 - dt / value) for field, value in tau.items()}
    for value in tau.values():
        gain *= dt / value
    if kind == "LIF":
        return _Neuron(decay["tau"], threshold, gain, "hard" if decay["tau"] else "none")
    gain *= _one(node, "w_in", name)
    if decay["tau_mem"] == 0.0:
        return _Neuron(decay["tau_syn"], threshold, _near(gain), "none")
    if decay["tau_syn"] == 0.0:
        return _Neuron(decay["tau_mem"], threshold, _near(gain), "hard")
    raise ValueError(
        f"Expected a neuron with one time constant, but found node {name!r} with τ_syn "
        f"{tau['tau_syn']:g} s and τ_mem {tau['tau_mem']:g} s, both above dt = {dt:g} s. "
        "A saflab neuron has no synaptic current of its own; retrain with τ_syn = dt."
    )


def _near(value: float) -> float:
    """Return `value`, or the round number that a division by dt has missed by rounding."""
    if value >= NEXT_TO_ONE - 1e-12 and value < 1.0 + 1e-12:
        return 1.0
    rounded = round(value, 12)
    return rounded if abs(value - rounded) < 1e-9 else value


def _common(neurons: dict[str, _Neuron]) -> LIFParams:
    kinds = {(round(n.decay, 9), round(n.threshold, 9)) for n in neurons.values()}
    if len(kinds) != 1:
        raise ValueError(
            "Expected spiking neurons (LIF, IF, CubaLIF) of one decay and threshold, but found "
            f"{sorted(kinds) or 'none'}. A saflab network has one for all its neurons."
        )
    first = next(iter(neurons.values()))
    if not first.threshold > 0.0:
        raise ValueError(f"Expected a threshold above 0, but found {first.threshold:g}.")
    above = np.nextafter(np.float32(first.threshold), np.float32(np.inf))
    return LIFParams(decay=first.decay, threshold=float(above))


def _without_resets(
    graph: Any, wires: list[Path], neurons: dict[str, _Neuron], p: LIFParams, reset: str
) -> list[Path]:
    """Return the wires without the loops that subtract λV; check that each neuron resets so."""
    loops = {w.source: w for w in wires if _is_reset(graph, w, neurons, p)}
    for name, neuron in neurons.items():
        if neuron.reset == "hard" and not (reset == "subtract" and name not in loops):
            raise ValueError(
                f"Expected a reset by subtraction, but found node {name!r} "
                f"({type(graph.nodes[name]).__name__}) with NIR's reset to a value, which "
                "forgets by how much u exceeded V. If its writer in truth subtracted the "
                "threshold before the decay, say so: --reset subtract."
            )
        if neuron.reset == "none" and name not in loops and neuron.decay > 0.0:
            raise ValueError(
                f"Expected a loop of −λV that resets node {name!r}, but found none: its current "
                "is never reset. Only files with that loop (as `saflab export` writes) import."
            )
    return [w for w in wires if w is not loops.get(w.source)]


def _is_reset(graph: Any, wire: Path, neurons: dict[str, _Neuron], p: LIFParams) -> bool:
    if wire.source != wire.target or wire.source not in neurons:
        return False
    nodes = [graph.nodes[name] for name in wire.nodes]
    weights = [n for n in nodes if type(n).__name__ != "Flatten"]
    if len(weights) != 1 or type(weights[0]).__name__ not in ("Linear", "Affine", "Conv2d"):
        return False
    w = np.asarray(weights[0].weight)
    if w.ndim == 4 and w.shape[2:] != (1, 1):
        return False
    w, bias = w.reshape(len(w), -1), np.asarray(getattr(weights[0], "bias", 0.0))
    wanted = -p.decay * p.threshold / neurons[wire.source].gain
    square = w.shape[0] == w.shape[1] and not bias.any()
    return square and np.allclose(w, wanted * np.eye(len(w)), rtol=1e-6, atol=0.0)


def _synapse(graph: Any, wire: Path, gain: float) -> Synapse:
    before: list[nn.Module] = []
    layer: Linear | Conv2d | None = None
    for name in wire.nodes:
        node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
        if layer is not None:
            raise ValueError(
                f"Expected a neuron after the weights, but found node {name!r} ({kind}). "
                "A saflab synapse ends with its weights; put pooling before them."
            )
        if kind in ("Linear", "Affine"):
            layer = _linear(node, gain)
        elif kind == "Conv2d":
            layer = _conv(name, node, gain)
        else:
            before += _plain(name, node, kind)
    if layer is None and gain != 1.0:
        before.append(Scale(gain))
    size = np.asarray(graph.nodes[wire.source].output_type["output"]).size
    if wire.source in graph.inputs and size == 1 and not before:
        before.append(nn.Flatten())  # written for vectors; images come with channels
    return Synapse(*before, *([] if layer is None else [layer]))


def _pair(value: Any) -> tuple[int, int]:
    height, width = np.broadcast_to(np.asarray(value), 2)
    return int(height), int(width)


def _plain(name: str, node: Any, kind: str) -> list[nn.Module]:
    if kind == "Flatten":
        rank = None if node.input_type["input"] is None else len(node.input_type["input"])
        if rank == 1:
            return []
        # Shapes in NIR have no batch: some writers count from it all the same.
        if int(node.start_dim) in (0, 1, -(rank or 0)) and int(node.end_dim) == -1:
            return [nn.Flatten()]
        raise ValueError(f"Expected node {name!r} to flatten everything, but found a part.")
    if kind in ("AvgPool2d", "SumPool2d"):
        kernel = _pair(node.kernel_size)
        pool = nn.AvgPool2d(kernel, _pair(node.stride), _pair(node.padding))
        return [pool] if kind == "AvgPool2d" else [pool, Scale(float(np.prod(kernel)))]
    if kind == "Scale":
        return [Scale(_one(node, "scale", name))]
    raise ValueError(
        f"Expected Linear, Affine, Conv2d, AvgPool2d, SumPool2d, Flatten or Scale between "
        f"neurons, but found node {name!r} ({kind}), which saflab has no equal of."
    )


def _fill(layer: Linear | Conv2d, weight: np.ndarray, bias: np.ndarray | None) -> None:
    layer.to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.as_tensor(bias))


def _linear(node: Any, gain: float) -> Linear:
    weight, bias = np.asarray(node.weight), getattr(node, "bias", None)
    with torch.device("meta"):  # where an initial value costs no draw
        layer = Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    _fill(layer, weight * gain, None if bias is None else np.asarray(bias) * gain)
    return layer


def _conv(name: str, node: Any, gain: float) -> Conv2d:
    if np.asarray(node.dilation).max() != 1 or np.asarray(node.groups).max() != 1:
        raise ValueError(
            f"Expected a convolution without dilation and groups, but found node {name!r} with "
            "some, which saflab's Conv2d does not have."
        )
    if isinstance(node.padding, str | bytes):
        raise ValueError(f"Expected padding of node {name!r} in numbers, but found a word.")
    weight, bias = np.asarray(node.weight), np.asarray(node.bias)
    with torch.device("meta"):
        layer = Conv2d(
            weight.shape[1],
            weight.shape[0],
            _pair(weight.shape[2:]),
            _pair(node.stride),
            _pair(node.padding),
            bias=bool(bias.any()),
        )
    _fill(layer, weight * gain, bias * gain)
    return layer


@torch.no_grad()
def _checked(network: Network, graph: Any) -> Network:
    """Return the network if an input of the graph's own shape runs through it."""
    (shape,) = graph.input_type.values()
    x: Tensor = torch.zeros(1, 1, *(int(n) for n in np.asarray(shape)))
    try:
        network(x)
    except (ValueError, RuntimeError) as error:  # a synapse's, and PyTorch's of a sum of two
        raise ValueError(
            f"Expected shapes that fit, but found that an input of {tuple(x.shape[2:])} does not "
            f"run ({error}). Check the file with the library that wrote it."
        ) from error
    return network
