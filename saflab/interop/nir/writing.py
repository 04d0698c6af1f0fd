"""From a network to a NIR graph; the package's docstring derives the mapping."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from saflab.interop.nir.package import nir_package
from saflab.interop.nir.values import check_finite
from saflab.network.linear_maps import Conv2d, Linear, Scale, SequenceDropout
from saflab.network.network import Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams
from saflab.ops.finite import require_finite

__all__ = ["DT", "NEXT_TO_ONE", "to_nir"]

# Seconds per step; what snnTorch assumes and SpikingJelly takes by default.
DT = 1e-4
NEXT_TO_ONE = 1.0 - 2.0**-24

Chain = list[tuple[str, Any]]
Shape = tuple[int, ...]


def to_nir(network: Network, shape: Shape, metadata: dict[str, Any] | None = None) -> Any:
    """Return `network` as a `nir.NIRGraph` with the equations in the package's docstring.

    Args:
        network: Any network; its weights are written as float32.
        shape: Shape of one input without time and batch, e.g. (3, 32, 32).
        metadata: Numbers, strings and arrays to store with the graph.

    Raises:
        ValueError: If nir is not installed, or the network holds what NIR cannot express, NaN or
            infinity; names the tensor.
    """
    nir = nir_package()
    for name, parameter in network.named_parameters():
        check_finite(name, parameter.detach().cpu().numpy())
    check_finite("metadata", metadata or {})
    shapes = _population_shapes(network, shape)
    nodes: dict[str, Any] = {"input": nir.Input(input_type={"input": np.array(shape)})}
    edges: list[tuple[str, str]] = []
    ends = {0: "input", network.readout: "output"}
    ends |= {k: f"p{k:03}_neuron" for k in range(1, network.readout)}

    def connect(prefix: str, source: str, chain: Chain, target: str) -> None:
        if source == target and [kind for kind, _ in chain] == ["linear"]:
            # A second node keeps snnTorch 1.0 from folding a loop of neuron and Linear into a
            # recurrent layer, which it then fails to run.
            size = np.array(chain[0][1].weight.shape[:1])
            flat = nir.Flatten(input_type={"input": size}, start_dim=-1, end_dim=-1)
            chain = [*chain, ("flatten", flat)]
        for stage, (kind, node) in enumerate(chain):
            name = f"{prefix}_{stage}_{kind}"
            nodes[name] = node
            edges.append((source, name))
            source = name
        edges.append((source, target))

    for target in range(1, network.readout + 1):
        for index, source, synapse in network.incoming(target):
            prefix = f"p{target:03}_in{index:03}"
            connect(prefix, ends[source], _chain(synapse, shapes[source]), ends[target])
        if target == network.readout:
            break
        neuron = ends[target]
        nodes[neuron] = _neuron(network.neuron, shapes[target])
        if network.neuron.decay > 0.0:
            loop = _reset(network.neuron, shapes[target])
            connect(f"p{target:03}_reset", neuron, loop, neuron)
    nodes["output"] = nir.Output(output_type={"output": np.array(shapes[network.readout])})
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"dt": DT, **(metadata or {})})


@torch.no_grad()
def _population_shapes(network: Network, shape: Shape) -> dict[int, Shape]:
    shapes = {0: tuple(shape)}
    weight = next(network.parameters())

    def observe(population: int, current: Tensor, out: Tensor) -> None:
        shapes[population] = tuple(out.shape[2:])

    network(torch.zeros(1, 1, *shape, dtype=weight.dtype, device=weight.device), observe=observe)
    return shapes


def _array(x: Tensor) -> np.ndarray:
    narrow = x.detach().cpu().to(torch.float32)
    remedy = "Scale the weights: NIR stores them as float32."
    require_finite("weights", [("a tensor written as float32", narrow)], remedy)
    return narrow.numpy()


def _neuron(p: LIFParams, shape: Shape) -> Any:
    memory = 1.0 / (1.0 - min(p.decay, NEXT_TO_ONE))
    below = np.nextafter(np.float32(p.threshold), np.float32(-np.inf))
    # Times stay float64: readers divide them by dt, and one rounding changes the decay.
    full = lambda value: np.full(shape, value)  # noqa: E731
    return nir_package().CubaLIF(
        tau_syn=full(DT * memory),
        tau_mem=full(DT),
        r=full(1.0),
        v_leak=full(0.0),
        v_threshold=full(float(below)),
        v_reset=full(0.0),
        w_in=full(memory),
    )


def _reset(p: LIFParams, shape: Shape) -> Chain:
    """Return the loop that subtracts λV: diagonal, one weight per neuron or channel."""
    weight = -p.decay * p.threshold * np.eye(shape[0], dtype=np.float32)
    if len(shape) == 3:
        return [("conv", _conv(weight[:, :, None, None], None, shape, (1, 1), (0, 0)))]
    return [("linear", nir_package().Linear(weight=weight))]


def _conv(
    weight: np.ndarray, bias: np.ndarray | None, shape: Shape, stride: Any, padding: Any
) -> Any:
    return nir_package().Conv2d(
        input_shape=tuple(shape[1:]),
        weight=weight,
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=(1, 1),
        groups=1,
        bias=np.zeros(len(weight), dtype=np.float32) if bias is None else bias,
    )


def _flat(shape: Shape) -> Shape:
    return (int(np.prod(shape)),)


def _chain(synapse: Synapse, shape: Shape) -> Chain:
    """Return the nodes of a synapse, its scaling folded into the weight."""
    nir = nir_package()
    chain: Chain = []
    factor = 1.0
    for module in synapse.before:
        if isinstance(module, Scale):
            factor *= module.factor
        elif isinstance(module, nn.Flatten):
            if len(shape) > 1:
                flat = nir.Flatten(
                    # Counted from the end, so that a batch dimension in front changes nothing.
                    input_type={"input": np.array(shape)}, start_dim=-len(shape), end_dim=-1
                )  # fmt: skip
                chain.append(("flatten", flat))
                shape = _flat(shape)
        elif isinstance(module, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
            kernel, stride = _pooling(module, shape)
            chain.append(
                ("pool", nir.AvgPool2d(kernel_size=np.array(kernel), stride=np.array(stride),
                                       padding=np.array((0, 0))))
            )  # fmt: skip
            extents = zip(shape[1:], kernel, stride, strict=True)
            shape = (*shape[:1], *((n - k) // s + 1 for n, k, s in extents))
        elif not isinstance(module, SequenceDropout | nn.Identity):
            raise ValueError(f"Expected a map that NIR knows, but found {type(module).__name__}.")
    layer = synapse.layer
    if layer is None:
        return [*chain, ("scale", nir.Scale(scale=np.full(shape, factor, dtype=np.float32)))]
    weight = _array(layer.effective_weight().double() * factor)
    check_finite(f"{layer} with its scale in float32.weight", weight)
    bias = None if layer.bias is None else _array(layer.bias)
    if isinstance(layer, Conv2d):
        if len(set(layer.kernel_size)) > 1:  # the package nir takes all windows for squares
            raise ValueError(
                f"Expected square windows, whose output NIR describes, but found {layer}. Pad the "
                "weights with zeros to a square."
            )
        node = _conv(weight, bias, shape, layer.stride, layer.padding)
        return [*chain, ("conv", node)]
    assert isinstance(layer, Linear)
    node = nir.Linear(weight=weight) if bias is None else nir.Affine(weight=weight, bias=bias)
    return [*chain, ("linear", node)]


def _pooling(module: nn.AvgPool2d | nn.AdaptiveAvgPool2d, shape: Shape) -> tuple[Shape, Shape]:
    """Return kernel and stride of a pooling of non-padded windows."""

    def pair(value: Any) -> Shape:
        return (value, value) if isinstance(value, int) else tuple(value)

    if isinstance(module, nn.AvgPool2d):
        if pair(module.padding) != (0, 0) or module.ceil_mode or module.divisor_override:
            raise ValueError(f"Expected plain average pooling, but found {module}.")
        return pair(module.kernel_size), pair(module.stride)
    size = [
        (n, n) if want is None else (n, want)
        for n, want in zip(shape[1:], pair(module.output_size), strict=True)
    ]
    if any(n % want for n, want in size):
        raise ValueError(
            f"Expected a size that divides {shape[1:]}, but found {module}, whose windows differ. "
            "NIR has windows of one size only."
        )
    kernel = tuple(n // want for n, want in size)
    return kernel, kernel
