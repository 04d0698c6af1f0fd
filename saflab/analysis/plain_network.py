"""A network read once more in plain PyTorch: synapses, surrogate, loss and Λ; see `plain`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saflab.network.network import Network

__all__ = ["Model", "currents", "loss_of", "standardised"]


class Model:
    """The wiring of a network, and its parameters as leaves."""

    def __init__(self, network: Network, parameters: dict[str, Tensor], trace: str) -> None:
        self.network, self.parameters, self.trace = network, parameters, trace
        p = network.neuron
        self.decay, self.threshold, self.slope = p.decay, p.threshold, p.slope
        self.last = network.readout

    def total(self, t: int) -> float:
        """Return Λ[t] as the sum that defines it."""
        return sum(self.decay**k for k in range(t))

    def synapse(self, index: int, x: Tensor, bias: float) -> Tensor:
        """Return W x + bias·b of connection `index`."""
        return self.weighted(index, x, bias, bias)

    def weighted(self, index: int, x: Tensor, value: float, grad: float) -> Tensor:
        """Return W x + value·b of connection `index`, whose derivative by b is `grad`."""
        synapse: Any = self.network.synapses[index]
        for module in synapse.before:
            kind = type(module).__name__
            if kind == "Scale":
                x = module.factor * x
            elif kind == "AvgPool2d":
                x = F.avg_pool2d(x, module.kernel_size, module.stride, module.padding)
            elif kind == "AdaptiveAvgPool2d":
                x = F.adaptive_avg_pool2d(x, module.output_size)
            elif kind == "Flatten":
                x = x.reshape(x.shape[0], -1)
        layer, own = synapse.layer, {}
        for name in ("weight", "gain", "bias"):
            own[name] = self.parameters.get(f"synapses.{index}.layer.{name}")
        weight, bias = own["weight"], own["bias"]
        if own["gain"] is not None:
            weight = standardised(weight, own["gain"])
        if bias is not None:  # value·b, with the derivative grad
            bias = grad * bias + ((value - grad) * bias).detach()
        if isinstance(layer, nn.Conv2d):
            return F.conv2d(x, weight, bias, layer.stride, layer.padding)
        return F.linear(x, weight, bias)

    def spike(self, u: Tensor) -> Tensor:
        """Return H(u − V), firing at equality, with the derivative of sigmoid(α·(u − V))."""
        hard = torch.where(u >= self.threshold, 1.0, 0.0).to(u.dtype)
        soft = torch.sigmoid(self.slope * (u - self.threshold))
        return hard + (soft - soft.detach())


def standardised(weight: Tensor, gain: Tensor) -> Tensor:
    """Return gain·(W − mean)/√(var·fan_in + 1e-4) per output, the variance unbiased."""
    rows = weight.reshape(len(weight), -1)
    mean, variance = rows.mean(1, keepdim=True), rows.var(1, unbiased=True, keepdim=True)
    scaled = gain[:, None] * (rows - mean) / (variance * rows.shape[1] + 1e-4).sqrt()
    return scaled.reshape(weight.shape)


def loss_of(o: Tensor, y: Tensor) -> Tensor:
    """Return 0.95·CE + 0.05·MSE, each averaged over its terms."""
    chosen = o.gather(1, y[:, None]).squeeze(1)
    cross_entropy = (torch.logsumexp(o, 1) - chosen).mean()
    onehot = torch.eye(o.shape[1], dtype=o.dtype)[y]
    return 0.95 * cross_entropy + 0.05 * ((o - onehot) ** 2).mean()


def currents(model: Model, target: int, signals: list[Any], weigh: Any) -> Tensor:
    """Return the sum over the connections into `target` of weigh(index, signal)."""
    parts = [
        weigh(index, signals[source])
        for index, (source, end) in enumerate(model.network.ends)
        if end == target and signals[source] is not None
    ]
    return torch.stack(parts).sum(0)
