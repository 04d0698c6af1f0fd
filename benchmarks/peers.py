"""The peers, set to the equations of `saflab.neurons` so that their gradients can be compared.

Imported only when used. SpikingJelly runs its own vgg11 and layers. snnTorch and Norse have
neurons alone: theirs stand between plain PyTorch layers that share the parameters of a `Network`,
with weights standardised once per sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saflab.gradients import loss_fn
from saflab.network.linear_maps import Conv2d, Scale
from saflab.network.network import Network

__all__ = ["norse_bptt", "snntorch_bptt", "spikingjelly_bptt", "spikingjelly_ottt"]

Built = tuple[list[nn.Parameter], Callable[[Tensor, Tensor, int], Iterator[None]]]


def _synapses(network: Network) -> list[Any]:
    """Return the synapses of vgg11, each with a weight layer."""
    return list(network.synapses)


def _copy(network: Network, model: nn.Module) -> list[nn.Parameter]:
    """Give `model` the weights of `network`; return its parameters in the network's order."""
    names = ("weight", "bias", "gain")
    layers = [m for m in model.modules() if hasattr(m, "weight")]
    theirs = [getattr(m, n) for m in layers for n in names if getattr(m, n, None) is not None]
    ours = list(network.parameters())
    with torch.no_grad():
        for own, other in zip(ours, theirs, strict=True):
            other.copy_(own.view_as(other))
    return theirs


def _like(network: Network, model: nn.Module) -> nn.Module:
    p = next(network.parameters())
    return model.to(p.device, p.dtype).train()


def _options(network: Network) -> dict[str, Any]:
    from spikingjelly.activation_based import surrogate

    p = network.neuron
    return {
        "tau": 1.0 / (1.0 - p.decay),
        "decay_input": False,
        "v_threshold": p.threshold,
        "v_reset": None,
        "surrogate_function": surrogate.Sigmoid(alpha=p.slope),
    }


def spikingjelly_ottt(network: Network) -> Built:
    """SpikingJelly's own OTTT vgg11, `OTTTLIFNode`, one step at a time as in its example."""
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.model import spiking_vggws_ottt as theirs
    from spikingjelly.activation_based.neuron import OTTTLIFNode

    classes = _synapses(network)[-1].layer.out_features
    model = _like(
        network,
        theirs.ottt_spiking_vggws(
            num_classes=classes, spiking_neuron=OTTTLIFNode, **_options(network)
        ),
    )

    def run(images: Tensor, labels: Tensor, steps: int) -> Iterator[None]:
        for _ in range(steps):
            out = model(images)
            out = out[0] if isinstance(out, list | tuple) else out
            (loss_fn(out, labels) / steps).backward()
        functional.reset_net(model)
        yield

    return _copy(network, model), run


def spikingjelly_bptt(network: Network) -> Built:
    """SpikingJelly's layers in multi-step mode; it picks its fastest kernel for the device."""
    from spikingjelly.activation_based import functional, layer, neuron

    modules: list[nn.Module] = []
    for synapse in _synapses(network):
        for part in synapse.before:
            if isinstance(part, Scale):
                modules.append(Scale(part.factor))
            elif isinstance(part, nn.AvgPool2d):
                modules.append(layer.AvgPool2d(part.kernel_size))
            elif isinstance(part, nn.AdaptiveAvgPool2d):
                modules.append(layer.AdaptiveAvgPool2d(part.output_size))
            else:
                modules.append(layer.Flatten())
        own = synapse.layer
        if isinstance(own, Conv2d):
            modules.append(layer.WSConv2d(own.in_channels, own.out_channels, 3, padding=1))
            modules.append(neuron.LIFNode(detach_reset=False, **_options(network)))
        else:
            modules.append(layer.Linear(own.in_features, own.out_features))
    model = _like(network, nn.Sequential(*modules))
    functional.set_step_mode(model, "m")

    def run(images: Tensor, labels: Tensor, steps: int) -> Iterator[None]:
        out = model(images.expand(steps, *images.shape))
        (torch.stack([loss_fn(o, labels) for o in out]).sum() / steps).backward()
        functional.reset_net(model)
        yield

    return _copy(network, model), run


Neurons = list[Callable[[Tensor], Tensor]]


def _through_time(network: Network, neurons: Callable[[], Neurons], factor: float = 1.0) -> Built:
    """Return a plain step-by-step network: `neurons()` are made afresh for every sequence.

    Args:
        network: Whose parameters are shared.
        neurons: One function I[t] → s[t] per spiking population.
        factor: Of weights and biases, for a neuron that weighs its input by 1/factor.
    """

    def run(images: Tensor, labels: Tensor, steps: int) -> Iterator[None]:
        *hidden, head = _synapses(network)
        weights = [s.layer.effective_weight(factor) for s in hidden]
        biases = [s.layer.bias * factor for s in hidden]
        cells, losses = neurons(), []
        for _ in range(steps):
            x = images
            for synapse, weight, bias, cell in zip(hidden, weights, biases, cells, strict=True):
                for module in synapse.before:
                    x = module(x)
                x = cell(F.conv2d(x, weight, bias, padding=1))
            for module in head.before:
                x = module(x)
            losses.append(loss_fn(head.layer(x), labels))
        (torch.stack(losses).sum() / steps).backward()
        yield

    return list(network.parameters()), run


def snntorch_bptt(network: Network) -> Built:
    """snnTorch's `Leaky`, reset by subtraction (which it always detaches).

    Its reset does not decay with the potential, ours does: with threshold λV, and a surrogate
    shifted by λV − V, it fires at V and subtracts λV, which is the same equation.
    """
    import snntorch
    from snntorch import surrogate

    p: Any = network.neuron  # snnTorch's annotation of a slope is int
    sigmoid = surrogate.sigmoid(slope=p.slope)
    shift = p.threshold * (p.decay - 1.0)

    def fire(x: Tensor) -> Tensor:
        return sigmoid(x + shift).to(x.dtype)  # it returns float32 whatever it is given

    def neurons() -> Neurons:
        made: Neurons = []
        for _ in range(network.readout - 1):
            leaky = snntorch.Leaky(
                beta=p.decay, threshold=p.threshold * p.decay, spike_grad=fire, init_hidden=True
            )
            made.append(_like(network, leaky))
        return made

    return _through_time(network, neurons)


def norse_bptt(network: Network) -> Built:
    """Norse's `LIFBoxCell`, reset by subtraction, its tanh surrogate.

    It weighs its input by 1 − λ, undone in weights and biases. 1 − tanh²(αx/2) is σ'(x) for α = 4.
    """
    from norse.torch import LIFBoxCell
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract

    p = network.neuron
    if p.slope != 4.0:
        raise ValueError(f"Expected slope 4 for Norse's surrogate, but found {p.slope}.")
    like = next(network.parameters())

    def number(value: float) -> Tensor:
        return torch.tensor(value, device=like.device, dtype=like.dtype)

    reset: Any = reset_subtract  # annotated as a value, used as a function
    options = LIFBoxParameters(
        tau_mem_inv=number((1.0 - p.decay) / 1e-3),
        v_leak=number(0.0),
        v_th=number(p.threshold),
        v_reset=number(0.0),
        method="tanh",
        alpha=2.0,
        reset_method=reset,
    )

    def neurons() -> Neurons:
        def one() -> Callable[[Tensor], Tensor]:
            cell, state = LIFBoxCell(options, dt=1e-3), None

            def step(x: Tensor) -> Tensor:
                nonlocal state
                spikes, state = cell(x, state)
                return spikes

            return step

        return [one() for _ in range(network.readout - 1)]

    return _through_time(network, neurons, factor=1.0 / (1.0 - p.decay))
