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
from torch import Tensor

from saflab.analysis.plain_network import Model, currents, loss_of
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
        rule: "bptt", "sltt", "ottt_a", "saf_e", "saf_f" or "spike_representation".
        trace: Gradient of biases and input, "official" or "full" (the last two rules: "full").
    """
    parameters = {name: p.detach().clone().requires_grad_() for name, p in _parameters(network)}
    if rule in ("saf_f", "spike_representation"):
        trace = "full"
    run = {"bptt": _bptt, "sltt": _sltt, "ottt_a": _ottt, "saf_e": _saf_e, "saf_f": _saf_f}
    step = run.get(rule, _spike_representation)
    loss, readout = step(Model(network, parameters, trace), x, y)
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()
    }
    return Plain(loss.detach(), readout.detach(), gradients)


def _parameters(network: Network) -> list[tuple[str, Tensor]]:
    return list(network.named_parameters())


def _bptt(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """u[t] = λ(u[t−1] − V s[t−1]) + I[t], everything inside one graph."""
    u: list[Any] = [None] * model.last
    s: list[Any] = [None] * (model.last + 1)
    readout = []
    for now in x:
        s[0] = now
        for k in range(1, model.last):
            current = currents(model, k, s, lambda i, a: model.synapse(i, a, 1.0))
            before = 0.0 if u[k] is None else model.decay * (u[k] - model.threshold * s[k])
            u[k] = before + current
            s[k] = model.spike(u[k])
        readout.append(currents(model, model.last, s, lambda i, a: model.synapse(i, a, 1.0)))
    loss = sum((loss_of(o, y) for o in readout), torch.zeros((), dtype=x.dtype)) / len(x)
    loss.backward()
    return loss, torch.stack(readout)


def _sltt(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As BPTT, but each step sees the potential before it as a constant."""
    u: list[Any] = [None] * model.last
    s: list[Any] = [None] * (model.last + 1)
    readout, total = [], torch.zeros((), dtype=x.dtype)
    for now in x:
        s[0] = now
        for k in range(1, model.last):
            current = currents(model, k, s, lambda i, a: model.synapse(i, a, 1.0))
            if u[k] is not None:
                current = current + (model.decay * (u[k] - model.threshold * s[k])).detach()
            u[k], s[k] = current.detach(), model.spike(current)
        o = currents(model, model.last, s, lambda i, a: model.synapse(i, a, 1.0))
        loss = loss_of(o, y) / len(x)
        loss.backward()
        s = [k if k is None else k.detach() for k in s]
        total, readout = total + loss.detach(), [*readout, o.detach()]
    return total, torch.stack(readout)


def _two_paths(model: Model, grad: float, index: int, pair: tuple[Tensor, Tensor]) -> Tensor:
    value = model.synapse(index, pair[0], 1.0).detach()
    path = model.weighted(index, pair[1], 1.0, grad)
    return value + path - path.detach()


def _ottt(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
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
            current = currents(model, k, pairs, weigh)
            past = 0.0
            if u[k] is not None:
                past = model.decay * (u[k] - model.threshold * pairs[k][0].detach())
            potential = past + current
            u[k], s = potential.detach(), model.spike(potential)
            old = 0.0 if pairs[k] is None else model.decay * pairs[k][1].detach()
            pairs[k] = (s, old + s)
        o = currents(model, model.last, pairs, weigh)
        loss = loss_of(o, y) / len(x)
        loss.backward()
        pairs = [p and (p[0].detach(), p[1].detach()) for p in pairs]
        total, readout = total + loss.detach(), [*readout, o.detach()]
    return total, torch.stack(readout)


def _saf_step(
    model: Model, t: int, inputs: tuple[Tensor, Tensor], a: list[Any], fire: Any
) -> tuple[list[Any], Tensor]:
    """Return â[t] of every population and Û_out[t]; fire(Û, λâ[t−1], t) gives â[t]."""
    grad = model.total(t) if model.trace == "full" else 1.0
    signals: list[Any] = [inputs, *((s, s) if s is not None else None for s in a[1:])]

    def weigh(i: int, pair: tuple[Tensor, Tensor]) -> Tensor:
        path = model.weighted(i, pair[1], model.total(t), grad)
        if pair[0] is pair[1]:
            return path
        value = model.synapse(i, pair[0], model.total(t)).detach()
        return value + path - path.detach()

    for k in range(1, model.last):
        current = currents(model, k, signals, weigh)
        past = torch.zeros_like(current) if a[k] is None else model.decay * a[k].detach()
        now = fire(current, past, t)
        a[k], signals[k] = now, (now, now)
    return a, currents(model, model.last, signals, weigh)


def _saf_e(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
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
        loss = loss_of(o, y) / len(x)
        loss.backward()
        a, before = [k if k is None else k.detach() for k in a], model.decay * current.detach()
        total, readout = total + loss.detach(), [*readout, o.detach()]
    return total, torch.stack(readout)


def _saf_f(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
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
    loss = loss_of(current / model.total(len(x)), y)
    loss.backward()
    return loss, torch.stack(readout)


def _spike_representation(model: Model, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
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
        z = currents(model, k, signals, lambda i, r: model.synapse(i, r, 1.0)) / model.threshold
        clamped = torch.where((z > 0) & (z < 1), z, z.detach())
        signals[k] = rates[k] + (clamped - clamped.detach())
    o = currents(model, model.last, signals, lambda i, r: model.synapse(i, r, 1.0))
    loss = loss_of(o, y)
    loss.backward()
    return loss, torch.stack(readout)
