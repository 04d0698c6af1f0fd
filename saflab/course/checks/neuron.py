"""One neuron: its step, membrane and accumulated, and when it fires (lessons 00, 01 and 05)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.verdict import Function, Verdict, exercise, judge, normal, spikes
from saflab.neurons import LIFParams, LIFState, SAFState, lif_step, saf_step, total_weight

__all__ = ["check_firing_rate", "check_first_spike", "check_lif_step", "check_saf_step"]


def _heaviside(x: Tensor) -> Tensor:
    return (x >= 0).to(x.dtype)


@exercise
def check_lif_step(function: Any) -> Verdict:
    """Judge `f(u_before, s_before, current, decay, threshold) -> (u, s)` (lesson 01)."""

    def truth(u: Tensor, s: Tensor, i: Tensor, decay: float, v: float) -> tuple[Tensor, Tensor]:
        return tuple(lif_step(i, LIFState(u, s), LIFParams(decay=decay, threshold=v)))  # type: ignore[return-value]

    def variant(potential: Function, fire: Function = lambda x: _heaviside(x)) -> Function:
        def wrong(u: Tensor, s: Tensor, i: Tensor, decay: float, v: float) -> tuple[Tensor, Tensor]:
            new = potential(u, s, i, decay, v)
            return new, fire(new - v)

        return wrong

    on = torch.tensor([2.0, 1.5, 0.25, 0.0], dtype=torch.float64)
    cases = [
        (on, _heaviside(on - 1.0), torch.tensor([0.5, 0.75, 0.25, 1.0]).double(), 0.5, 1.0),
        (2 * on, _heaviside(2 * on - 0.75), normal(1, 4), 0.75, 0.75),
    ]
    return judge(function, truth, cases, [
        ("The reset must decay too: λ multiplies u[t−1] − V·s[t−1] as a whole, not u[t−1] alone.",
         variant(lambda u, s, i, k, v: k * u - v * s + i)),
        ("That is a hard reset to zero. Subtract V where the neuron fired, so that the surplus "
         "above V is kept.", variant(lambda u, s, i, k, v: k * u * (1 - s) + i)),
        ("The neuron never resets. Subtract V·s[t−1] before the decay.",
         variant(lambda u, s, i, k, v: k * u + i)),
        ("The decay is missing. Multiply the potential that remains after the reset by λ.",
         variant(lambda u, s, i, k, v: u - v * s + i)),
        ("The reset subtracts 1, not V. Multiply s[t−1] by the threshold.",
         variant(lambda u, s, i, k, v: k * (u - s) + i)),
        ("The neuron fires at equality: use >= rather than >.",
         variant(lambda u, s, i, k, v: k * (u - v * s) + i, lambda x: (x > 0).double())),
        ("Return both u[t] and s[t], as a pair.", lambda *case: truth(*case)[0]),
        ("You returned only the spikes. Return the pair u[t], s[t].",
         lambda *case: truth(*case)[1]),
    ], "Decay, reset and threshold are all in place.")  # fmt: skip


@exercise
def check_first_spike(function: Any) -> Verdict:
    """Judge `f(current, decay, threshold) -> t`, the step of the first spike (lesson 01)."""

    def truth(i: float, decay: float, v: float) -> int:
        return next(t for t in range(1, 999) if i * total_weight(decay, t) >= v)

    cases = [(0.6, 0.5, 1.0), (0.3, 0.75, 1.0), (0.1, 1.0, 0.95), (1.5, 0.5, 1.0)]
    return judge(function, truth, cases, [
        ("Steps are counted from 1: u[1] is the first potential.",
         lambda *c: truth(*c) - 1),
        ("That ignores the decay. Without spikes u[t] = I·Λ[t], which grows more slowly than I·t.",
         lambda i, decay, v: truth(i, 1.0, v)),
    ], "You solved I·Λ[t] ≥ V for the first t.")  # fmt: skip


@exercise
def check_saf_step(function: Any) -> Verdict:
    """Judge `f(current, a_before, decay, threshold) -> â[t]` (lesson 05)."""

    def truth(current: Tensor, a: Tensor, decay: float, v: float) -> Tensor:
        return saf_step(current, SAFState(a), LIFParams(decay=decay, threshold=v)).a

    def fires(limit: Function) -> Function:
        return lambda c, a, k, v: k * a + _heaviside(c - limit(a, k, v))

    a = torch.tensor([0.0, 1.0, 1.5, 0.5, 1.75, 1.0], dtype=torch.float64)
    c = torch.tensor([1.0, 1.5, 1.8, 1.3, 2.6, 1.6], dtype=torch.float64)
    cases = [(c, a, 0.5, 1.0), (1.2 * c + 0.1, a, 0.75, 1.5), (0.6 * c, a, 0.5, 0.5),
             (0.9 * c, a, 0.25, 0.75)]  # fmt: skip
    return judge(function, truth, cases, [
        ("The threshold must rise with the past: compare Û[t] with V·(λ·â[t−1] + 1).",
         fires(lambda a, k, v: torch.full_like(a, v))),
        ("The past has decayed: compare with V·(λ·â[t−1] + 1), not V·(â[t−1] + 1).",
         fires(lambda a, k, v: v * (a + 1))),
        ("V multiplies the past as well: V·(λ·â[t−1] + 1), not λ·â[t−1] + V.",
         fires(lambda a, k, v: k * a + v)),
        ("You returned the spikes. Return â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: truth(c, a, k, v) - k * a),
        ("Fade the past when you accumulate: â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: truth(c, a, k, v) - k * a + a),
        ("The neuron fires at equality: use >= rather than >.",
         lambda c, a, k, v: k * a + (c > v * (k * a + 1)).double()),
    ], "â is all that a SAF neuron remembers.")  # fmt: skip


@exercise
def check_firing_rate(function: Any) -> Verdict:
    """Judge `f(s) -> spikes per neuron and step`, s of shape (T, B, n) (lesson 00)."""
    cases = [(spikes(56, 6, 5, 4),), (spikes(57, 4, 3, 3),)]
    return judge(function, lambda s: s.mean(), cases, [
        ("That is the number of spikes. Divide by steps, images and neurons.",
         lambda s: s.sum()),
        ("That is one rate per neuron. Average over everything.", lambda s: s.mean((0, 1))),
        ("Average over neurons and images as well as time.", lambda s: s.mean(0)),
        ("That is spikes per step. Divide by the number of neurons and images, too.",
         lambda s: s.sum() / len(s)),
    ], "At a rate of 0.1, nine of ten synaptic inputs are zero.")  # fmt: skip
