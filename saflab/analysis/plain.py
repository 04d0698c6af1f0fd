"""Every rule once more in plain PyTorch, sharing no code with the library: what `verify` trusts.

Only the wiring and the parameters of a `Network` are read. Neurons, surrogate, loss, weight
standardisation, Λ and the gradients are written out as in docs/theory.md, for any T, slowly.
The surrogate is sigmoid(α·x), so that its derivative is autograd's; SAF-F's is a clamp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saflab.network.network import Network

__all__ = ["Plain", "plain_gradients"]


@dataclass
class Plain:
    """Losses and readouts of each step, and the gradient of each parameter by its name.

    Args:
        loss: What was differentiated, summed over the backward passes.
        readout: o[t], shape (T, B, classes).
        gradients: By the names of `Network.named_parameters`.
    """

    loss: Tensor
    readout: Tensor
    gradients: dict[str, Tensor] = field(default_factory=dict)


def plain_gradients(
    network: Network, x: Tensor, y: Tensor, rule: str, *, trace: str = "official"
) -> Plain:
    """Return what the rule of that name gives for one batch, by the formulas.

    Args:
        network: Read only; its surrogate is the sigmoid.
        x: Input, shape (T, B, *features).
        y: Class indices, shape (B,).
        rule: "bptt", "ottt_a", "saf_e", "saf_f" or "spike_representation".
        trace: Gradient of biases and input, "official" or "full" (the last two rules: "full").
    """
    parameters = {name: p.detach().clone().requires_grad_() for name, p in _parameters(network)}
    if rule in ("saf_f", "spike_representation"):
        trace = "full"
    run = {"bptt": _bptt, "ottt_a": _ottt, "saf_e": _saf_e, "saf_f": _saf_f}
    step = run.get(rule, _spike_representation)
    loss, readout = step(_Model(network, parameters, trace), x, y)
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()
    }
    return Plain(loss.detach(), readout.detach(), gradients)


def _parameters(network: Network) -> list[tuple[str, Tensor]]:
    return list(network.named_parameters())


class _Model:
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
        return self._apply(index, x, bias, bias)

    def _apply(self, index: int, x: Tensor, value: float, grad: float) -> Tensor:
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
            weight = _standardised(weight, own["gain"])
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


def _standardised(weight: Tensor, gain: Tensor) -> Tensor:
    """Return gain·(W − mean)/√(var·fan_in + 1e-4) per output, the variance unbiased."""
    rows = [
        g * (w - w.mean()) / (w.var(unbiased=True) * w.numel() + 1e-4).sqrt()
        for w, g in zip(weight, gain, strict=True)
    ]
    return torch.stack(rows)


def _loss(o: Tensor, y: Tensor) -> Tensor:
    """Return 0.95·CE + 0.05·MSE, each averaged over its terms."""
    chosen = o.gather(1, y[:, None]).squeeze(1)
    cross_entropy = (torch.logsumexp(o, 1) - chosen).mean()
    onehot = torch.eye(o.shape[1], dtype=o.dtype)[y]
    return 0.95 * cross_entropy + 0.05 * ((o - onehot) ** 2).mean()


def _currents(model: _Model, target: int, signals: list[Any], weigh: Any) -> Tensor:
    """Return the sum over the connections into `target` of weigh(index, signal)."""
    parts = [
        weigh(index, signals[source])
        for index, (source, end) in enumerate(model.network.ends)
        if end == target and signals[source] is not None
    ]
    return torch.stack(parts).sum(0)


def _bptt(model: _Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """u[t] = λ(u[t−1] − V s[t−1]) + I[t], everything inside one graph."""
    u: list[Any] = [None] * model.last
    s: list[Any] = [None] * (model.last + 1)
    readout = []
    for now in x:
        s[0] = now
        for k in range(1, model.last):
            current = _currents(model, k, s, lambda i, a: model.synapse(i, a, 1.0))
            before = 0.0 if u[k] is None else model.decay * (u[k] - model.threshold * s[k])
            u[k] = before + current
            s[k] = model.spike(u[k])
        readout.append(_currents(model, model.last, s, lambda i, a: model.synapse(i, a, 1.0)))
    loss = sum((_loss(o, y) for o in readout), torch.zeros((), dtype=x.dtype)) / len(x)
    loss.backward()
    return loss, torch.stack(readout)


def _two_paths(model: _Model, grad: float, index: int, pair: tuple[Tensor, Tensor]) -> Tensor:
    value = model.synapse(index, pair[0], 1.0).detach()
    path = model._apply(index, pair[1], 1.0, grad)
    return value + path - path.detach()


def _ottt(model: _Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Value from s, gradient at â; each step's graph by itself; gradients add up."""
    u: list[Any] = [None] * model.last
    pairs: list[Any] = [None] * (model.last + 1)  # (s, â)
    trace, readout, total = torch.zeros_like(x[0]), [], torch.zeros((), dtype=x.dtype)
    for t, now in enumerate(x, 1):
        trace = model.decay * trace + now
        grad = model.total(t) if model.trace == "full" else 1.0
        pairs[0] = (now, trace if model.trace == "full" else now)
        weigh = partial(_two_paths, model, grad)
        for k in range(1, model.last):
            current = _currents(model, k, pairs, weigh)
            past = 0.0
            if u[k] is not None:
                past = model.decay * (u[k] - model.threshold * pairs[k][0].detach())
            potential = past + current
            u[k], s = potential.detach(), model.spike(potential)
            old = 0.0 if pairs[k] is None else model.decay * pairs[k][1].detach()
            pairs[k] = (s, old + s)
        o = _currents(model, model.last, pairs, weigh)
        loss = _loss(o, y) / len(x)
        loss.backward()
        pairs = [p and (p[0].detach(), p[1].detach()) for p in pairs]
        total, readout = total + loss.detach(), [*readout, o.detach()]
    return total, torch.stack(readout)


def _saf_step(
    model: _Model, t: int, inputs: tuple[Tensor, Tensor], a: list[Any], fire: Any
) -> tuple[list[Any], Tensor]:
    """Return â[t] of every population and Û_out[t]; fire(Û, λâ[t−1], t) gives â[t]."""
    grad = model.total(t) if model.trace == "full" else 1.0
    signals: list[Any] = [inputs, *((s, s) if s is not None else None for s in a[1:])]

    def weigh(i: int, pair: tuple[Tensor, Tensor]) -> Tensor:
        path = model._apply(i, pair[1], model.total(t), grad)
        if pair[0] is pair[1]:
            return path
        value = model.synapse(i, pair[0], model.total(t)).detach()
        return value + path - path.detach()

    for k in range(1, model.last):
        current = _currents(model, k, signals, weigh)
        past = torch.zeros_like(current) if a[k] is None else model.decay * a[k].detach()
        now = fire(current, past, t)
        a[k], signals[k] = now, (now, now)
    return a, _currents(model, model.last, signals, weigh)


def _saf_e(model: _Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Û[t] = W â_in[t] + Λ[t] b; o[t] = Û_out[t] − λÛ_out[t−1]; a gradient at every step."""

    def fire(current: Tensor, past: Tensor, t: int) -> Tensor:
        return past + model.spike(current - model.threshold * past)

    a: list[Any] = [None] * model.last
    trace, before, readout = torch.zeros_like(x[0]), 0.0, []
    total = torch.zeros((), dtype=x.dtype)
    for t, now in enumerate(x, 1):
        trace = model.decay * trace + now
        path = trace if model.trace == "full" else now
        a, current = _saf_step(model, t, (trace, path), a, fire)
        o = current - before
        loss = _loss(o, y) / len(x)
        loss.backward()
        a, before = [k if k is None else k.detach() for k in a], model.decay * current.detach()
        total, readout = total + loss.detach(), [*readout, o.detach()]
    return total, torch.stack(readout)


def _saf_f(model: _Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Loss at T on Û_out[T]/Λ[T]; ∂â[T]/∂Û[T] = 1/V inside 0 < Û[T] < V·Λ[T]."""

    def fire(current: Tensor, past: Tensor, t: int) -> Tensor:
        spikes = (current - model.threshold * past >= model.threshold).to(current.dtype)
        inside = (current > 0) & (current < model.threshold * model.total(t))
        soft = torch.where(inside, current / model.threshold, 0.0)
        return past + spikes + (soft - soft.detach())

    a: list[Any] = [None] * model.last
    trace, before, readout = torch.zeros_like(x[0]), 0.0, []
    current = torch.zeros(())
    for t, now in enumerate(x, 1):
        trace = model.decay * trace + now
        a = [k if k is None else k.detach() for k in a]
        a, current = _saf_step(model, t, (trace, trace), a, fire)
        readout.append((current - before).detach())
        before = model.decay * current.detach()
    loss = _loss(current / model.total(len(x)), y)
    loss.backward()
    return loss, torch.stack(readout)


def _spike_representation(model: _Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient of a ← clamp((W a + b)/V, 0, 1) at the rates that a spiking run measures."""
    steps = len(x)
    rates: list[Any] = [None] * model.last
    back: list[Any] = [None] * model.last
    trace, readout, before = torch.zeros_like(x[0]), [], 0.0
    a: list[Any] = [None] * model.last

    def fire(current: Tensor, past: Tensor, t: int) -> Tensor:
        return past + (current - model.threshold * past >= model.threshold).to(current.dtype)

    with torch.no_grad():
        for t, now in enumerate(x, 1):
            trace = model.decay * trace + now
            back = [None if k is None else k / model.total(steps) for k in a]
            a, current = _saf_step(model, t, (trace, trace), list(a), fire)
            readout.append(current - before)
            before = model.decay * current
        rates = [None if k is None else k / model.total(steps) for k in a]
    signals: list[Any] = [trace / model.total(steps), *back[1:]]
    for k in range(1, model.last):
        z = _currents(model, k, signals, lambda i, r: model.synapse(i, r, 1.0)) / model.threshold
        clamped = torch.where((z > 0) & (z < 1), z, z.detach())
        signals[k] = rates[k] + (clamped - clamped.detach())
    o = _currents(model, model.last, signals, lambda i, r: model.synapse(i, r, 1.0))
    loss = _loss(o, y)
    loss.backward()
    return loss, torch.stack(readout)
