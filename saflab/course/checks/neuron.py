"""One neuron: its step, membrane and accumulated, and when it fires (lessons 00, 01 and 05)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import Function, judge, normal, spikes
from saflab.course.checks.verdict import Verdict, exercise
from saflab.neurons import (
    LIFParams,
    LIFState,
    SAFState,
    accumulate,
    lif_step,
    saf_step,
    total_weight,
)

__all__ = ["check_firing_rate", "check_first_spike", "check_lif_step", "check_saf_step"]


def _heaviside(x: Tensor) -> Tensor:
    return (x >= 0).to(x.dtype)


def _potential(u: Tensor, s: Tensor, i: Tensor, decay: float, v: float) -> Tensor:
    return decay * (u - v * s) + i


def _variant(
    potential: Function, fire: Function = lambda u, v: _heaviside(u - v), rest: float = 0.0
) -> Function:
    """Return a step with another potential or another rule to fire, minus `rest` × the reset."""

    def wrong(u: Tensor, s: Tensor, i: Tensor, decay: float, v: float) -> tuple[Tensor, Tensor]:
        new = potential(u, s, i, decay, v)
        spike = fire(new, v)
        return new - rest * v * spike, spike

    return wrong


@exercise
def check_lif_step(function: Any) -> Verdict:
    """Judge `f(u_before, s_before, current, decay, threshold) -> (u, s)` (lesson 01)."""

    def truth(
        u_before: Tensor, s_before: Tensor, current: Tensor, decay: float, threshold: float
    ) -> tuple[Tensor, Tensor]:
        u, s = lif_step(
            current, LIFState(u_before, s_before), LIFParams(decay=decay, threshold=threshold)
        )
        return u, s

    on = torch.tensor([2.0, 1.5, 0.25, 0.0], dtype=torch.float64)
    cases = [
        (on, _heaviside(on - 1.0), torch.tensor([0.5, 0.75, 0.25, 1.0]).double(), 0.5, 1.0),
        (2 * on, _heaviside(2 * on - 0.75), normal(1, 4), 0.75, 0.75),
        (normal(61, 12) + 1, _heaviside(normal(61, 12) - 0.5), normal(62, 12) + 0.5, 0.8, 1.5),
    ]
    return judge(function, truth, cases, [
        ("The reset must decay too: λ multiplies u[t−1] − V·s[t−1] as a whole, not u[t−1] alone.",
         _variant(lambda u, s, i, k, v: k * u - v * s + i)),
        ("That is a hard reset to zero. Subtract V where the neuron fired, so that the surplus "
         "above V is kept.", _variant(lambda u, s, i, k, v: k * u * (1 - s) + i)),
        ("The neuron never resets. Subtract V·s[t−1] before the decay.",
         _variant(lambda u, s, i, k, v: k * u + i)),
        ("The decay is missing. Multiply the potential that remains after the reset by λ.",
         _variant(lambda u, s, i, k, v: u - v * s + i)),
        ("The reset subtracts 1, not V. Multiply s[t−1] by the threshold.",
         _variant(lambda u, s, i, k, v: k * (u - s) + i)),
        ("The reset adds V. Subtract V·s[t−1].",
         _variant(lambda u, s, i, k, v: k * (u + v * s) + i)),
        ("The current decays there. Add I[t] after the decay, with weight 1.",
         _variant(lambda u, s, i, k, v: k * (u - v * s + i))),
        ("The current has the factor 1 − λ there. In this neuron I[t] is added with weight 1.",
         _variant(lambda u, s, i, k, v: k * (u - v * s) + (1 - k) * i)),
        ("The neuron fires at equality: use >= rather than >.",
         _variant(_potential, lambda u, v: (u > v).double())),
        ("The neuron fires where u[t] reaches V, not 1. Compare with the threshold.",
         _variant(_potential, lambda u, v: _heaviside(u - 1))),
        ("The neuron fires where u[t] reaches V, not 0. Compare with the threshold.",
         _variant(_potential, lambda u, v: (u > 0).double())),
        ("The spikes are those of the potential before the step. Compare the new u[t] with V.",
         lambda u, s, i, k, v: (_potential(u, s, i, k, v), _heaviside(u - v))),
        ("The pair is swapped. Return u[t] first, then s[t].", lambda *case: truth(*case)[::-1]),
        ("That is the potential after the reset. Return u[t] as it is when the neuron fires; the "
         "next step takes V away.", _variant(_potential, rest=1.0)),
        ("That resets at once and ignores s[t−1]. Subtract V·s[t−1] before the decay, and return "
         "u[t] before its own reset.", _variant(lambda u, s, i, k, v: k * u + i, rest=1.0)),
        ("Return both u[t] and s[t], as a pair.", lambda *case: truth(*case)[0]),
        ("You returned only the spikes. Return the pair u[t], s[t].",
         lambda *case: truth(*case)[1]),
    ], "Decay, reset and threshold are all in place.")  # fmt: skip


@exercise
def check_first_spike(function: Any) -> Verdict:
    """Judge `f(current, decay, threshold) -> t`, the step of the first spike (lesson 01)."""

    def first(fires: Function) -> Function:
        return lambda i, k, v: next((t for t in range(1, 999) if fires(i, k, v, t)), 0)

    def truth(current: float, decay: float, threshold: float) -> int:
        return next(t for t in range(1, 999) if current * total_weight(decay, t) >= threshold)

    def closed(i: float, k: float, v: float) -> float:
        return v / i if k == 1 else math.log(1 - v * (1 - k) / i) / math.log(k)

    # In the last three the potential meets the threshold exactly, in any order of rounding.
    cases = [(0.6, 0.5, 1.0), (0.3, 0.75, 1.0), (0.15, 1.0, 0.95), (1.5, 0.5, 1.0),
             (1.0, 0.5, 1.5), (1.0, 0.75, 1.0), (0.25, 1.0, 1.0)]  # fmt: skip
    return judge(function, truth, cases, [
        ("Steps are counted from 1: u[1] is the first potential.", lambda *c: truth(*c) - 1),
        ("That is one step too late. The current of step 1 counts: u[1] = I.",
         lambda *c: truth(*c) + 1),
        ("The neuron fires at equality: go on only while u < V, and stop at u >= V.",
         first(lambda i, k, v, t: i * total_weight(k, t) > v)),
        ("That ignores the decay. Without spikes u[t] = I·Λ[t], which grows more slowly than I·t.",
         lambda i, k, v: truth(i, 1.0, v)),
        ("The current has the factor 1 − λ there. In this neuron u[t] = λ·u[t−1] + I. Some of "
         "these currents would then never fire.",
         first(lambda i, k, v, t: (1 - k) * i * total_weight(k, t) >= v)),
        ("The current itself fades there. I is there at every step: u[t] = λ·u[t−1] + I.",
         first(lambda i, k, v, t: i * k ** (t - 1) >= v)),
        ("The current decays there. Add I after the decay: u[t] = λ·u[t−1] + I.",
         first(lambda i, k, v, t: k * i * total_weight(k, t) >= v)),
        ("The threshold is V, not 1. Compare u with the argument `threshold`.",
         first(lambda i, k, v, t: i * total_weight(k, t) >= 1)),
        ("Steps are whole numbers. Round the solution of I·Λ[t] = V up.", closed),
        ("Round up, not down: at the step before, u has not reached V yet.",
         lambda *c: math.floor(closed(*c))),
        ("Round up, not to the nearest step: before it, u has not reached V yet.",
         lambda *c: round(closed(*c))),
        ("That is the potential at the first spike. Return its step.",
         lambda i, k, v: i * total_weight(k, truth(i, k, v))),
    ], "You solved I·Λ[t] ≥ V for the first t.")  # fmt: skip


@exercise
def check_saf_step(function: Any) -> Verdict:
    """Judge `f(current, a_before, decay, threshold) -> â[t]` (lesson 05)."""

    def truth(current: Tensor, a_before: Tensor, decay: float, threshold: float) -> Tensor:
        return saf_step(current, SAFState(a_before), LIFParams(decay=decay, threshold=threshold)).a

    def spike(*case: Any) -> Tensor:
        return truth(*case) - case[2] * case[1]

    def fires(limit: Function) -> Function:
        return lambda c, a, k, v: k * a + _heaviside(c - limit(a, k, v))

    a = torch.tensor([0.0, 1.0, 1.5, 0.5, 1.75, 1.0], dtype=torch.float64)
    c = torch.tensor([1.0, 1.5, 1.8, 1.3, 2.6, 1.6], dtype=torch.float64)
    cases = [(c, a, 0.5, 1.0), (1.2 * c + 0.1, a, 0.75, 1.5), (0.6 * c, a, 0.5, 0.5),
             (0.9 * c, a, 0.25, 0.75),
             (3 * normal(63, 12), accumulate(spikes(64, 4, 12), 0.8)[-1], 0.8, 1.3)]  # fmt: skip
    return judge(function, truth, cases, [
        ("The threshold must rise with the past: compare Û[t] with V·(λ·â[t−1] + 1).",
         fires(lambda a, k, v: torch.full_like(a, v))),
        ("The past has decayed: compare with V·(λ·â[t−1] + 1), not V·(â[t−1] + 1).",
         fires(lambda a, k, v: v * (a + 1))),
        ("V multiplies the past as well: V·(λ·â[t−1] + 1), not λ·â[t−1] + V.",
         fires(lambda a, k, v: k * a + v)),
        ("The threshold V is missing: compare Û[t] with V·(λ·â[t−1] + 1).",
         fires(lambda a, k, v: k * a + 1)),
        ("The 1 is missing: compare Û[t] with V·(λ·â[t−1] + 1), not V·λ·â[t−1].",
         fires(lambda a, k, v: v * k * a)),
        ("The threshold must rise with the past, not fall: V·(λ·â[t−1] + 1).",
         fires(lambda a, k, v: v * (1 - k * a))),
        ("You returned the spikes. Return â[t] = λ·â[t−1] + s[t].", spike),
        ("Fade the past when you accumulate: â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: spike(c, a, k, v) + a),
        ("λ must not act on the new spike: â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: k * (spike(c, a, k, v) + a)),
        ("The new spike is missing: â[t] = λ·â[t−1] + s[t].", lambda c, a, k, v: k * a),
        ("That adds the current, not the spike: â[t] = λ·â[t−1] + s[t], with s[t] 0 or 1.",
         lambda c, a, k, v: k * a + c),
        ("A spike has the height 1, not V: â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: k * a + v * spike(c, a, k, v)),
        ("The neuron fires at equality: use >= rather than >.",
         lambda c, a, k, v: k * a + (c > v * (k * a + 1)).double()),
        ("That is the potential. Return â[t] = λ·â[t−1] + s[t].",
         lambda c, a, k, v: c - v * k * a),
        ("Return â[t] alone, not a pair.",
         lambda *case: (truth(*case), spike(*case))),
        ("Return â[t] alone, not a pair with the spikes.",
         lambda *case: (spike(*case), truth(*case))),
    ], "â is all that a SAF neuron remembers.")  # fmt: skip


@exercise
def check_firing_rate(function: Any) -> Verdict:
    """Judge `f(s) -> spikes per neuron, image and step`, s of shape (T, B, n) (lesson 00)."""

    def truth(s: Tensor) -> Tensor:
        return s.mean()

    cases = [(spikes(56, 7, 5, 3),), (spikes(57, 4, 3, 3),)]
    return judge(function, truth, cases, [
        ("That is the number of spikes. Divide by steps, images and neurons.",
         lambda s: s.sum()),
        ("That is one rate per neuron. Average over everything.", lambda s: s.mean((0, 1))),
        ("That is one rate per image. Average over everything.", lambda s: s.mean((0, 2))),
        ("That is one rate per step. Average over everything.", lambda s: s.mean((1, 2))),
        ("Average over neurons and images as well as time.", lambda s: s.mean(0)),
        ("Average over time and neurons as well as images.", lambda s: s.mean(1)),
        ("Average over time and images as well as neurons.", lambda s: s.mean(2)),
        ("That is spikes per step. Divide by the number of neurons and images, too.",
         lambda s: s.sum() / len(s)),
        ("That is spikes per image. Divide by the number of neurons and steps, too.",
         lambda s: s.sum() / s.shape[1]),
        ("That is spikes per neuron. Divide by the number of steps and images, too.",
         lambda s: s.sum() / s.shape[2]),
        ("That is spikes per image and step. Divide by the number of neurons, too.",
         lambda s: s.sum() / (s.shape[0] * s.shape[1])),
        ("That is spikes per neuron and image. Divide by the number of steps, too.",
         lambda s: s.sum() / (s.shape[1] * s.shape[2])),
        ("That is spikes per neuron and step. Divide by the number of images, too.",
         lambda s: s.sum() / (s.shape[0] * s.shape[2])),
        ("That is the rate of the last step alone. Average over all steps.",
         lambda s: s[-1].mean()),
        ("That is the rate of the first step alone. Average over all steps.",
         lambda s: s[0].mean()),
        ("That is the part of neurons that stay silent. Count the spikes.",
         lambda s: 1 - s.mean()),
        ("That is in percent. Return spikes per neuron, image and step, from 0 to 1.",
         lambda s: 100 * s.mean()),
        ("That is the median: 0 or 1. Take the mean.", lambda s: s.median()),
        ("That is the standard deviation. Take the mean.", lambda s: s.std()),
    ], "At a rate of 0.1, nine of ten synaptic inputs are zero.")  # fmt: skip
