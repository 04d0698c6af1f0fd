"""Accumulations: from spikes, back to spikes, and as a rate (lessons 02 and 06)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import judge, spikes
from saflab.course.checks.verdict import Verdict, exercise
from saflab.neurons import accumulate, spikes_from_accumulation, total_weight

__all__ = ["check_accumulate", "check_to_spikes", "check_weighted_rate"]


def _earlier(x: Tensor) -> Tensor:
    """Return x[t−1] at every t, with 0 before the first."""
    return torch.cat([torch.zeros_like(x[:1]), x[:-1]])


@exercise
def check_accumulate(function: Any) -> Verdict:
    """Judge `f(s, decay) -> â` for a spike train (T, n) (lesson 02)."""

    def truth(s: Tensor, decay: float) -> Tensor:
        return accumulate(s, decay)

    cases = [(spikes(2, 6, 3), 0.5), (spikes(3, 5, 2), 0.8), (spikes(4, 4, 1), 1.0)]
    return judge(function, truth, cases, [
        ("That is a plain sum. Older spikes must fade: multiply â[t−1] by λ at every step.",
         lambda s, k: s.cumsum(0)),
        ("The newest spike has weight 1: decay â[t−1] first, then add s[t].",
         lambda s, k: k * accumulate(s, k)),
        ("The new spike has weight 1 and the past fades: λ·â[t−1] + s[t], not â[t−1] + λ·s[t].",
         lambda s, k: k * s.cumsum(0)),
        ("Only the last step was returned. Return â at every step, shape (T, n).",
         lambda s, k: accumulate(s, k)[-1]),
        ("â[0] = 0 is returned as well. Return â[1] to â[T], shape (T, n).",
         lambda s, k: torch.cat([torch.zeros_like(s[:1]), accumulate(s, k)])),
        ("That is one step late: at step t you returned â[t−1]. Store a after the update.",
         lambda s, k: _earlier(accumulate(s, k))),
        ("Time runs backwards: the newest spike has weight 1, the oldest λ^(t−1).",
         lambda s, k: accumulate(s.flip(0), k).flip(0)),
        ("The oldest spike has weight 1 there. The newest must have it, the oldest λ^(t−1).",
         lambda s, k: (s * k ** torch.arange(len(s)).double()[:, None]).cumsum(0)),
        ("That goes back one step only. Keep all that is left of the past: λ·â[t−1] + s[t].",
         lambda s, k: s + k * _earlier(s)),
        ("Every row is the last â: an in-place `a +=` changes the rows already stored. Write "
         "a = λ·a + s[t], which makes a new tensor.",
         lambda s, k: accumulate(s, k)[-1:].expand_as(s)),
        ("That is an average with weights λ and 1 − λ. The accumulation adds the whole spike.",
         lambda s, k: (1 - k) * accumulate(s, k)),
        ("That accumulates over the neurons. Time is the first dimension: go along dimension 0.",
         lambda s, k: accumulate(s.T, k).T),
        ("That is the weighted rate. Do not divide by Λ[t].",
         lambda s, k: accumulate(s, k)
         / torch.tensor([[total_weight(k, t + 1)] for t in range(len(s))])),
        ("The shape is transposed. Return (T, n), time first.", lambda s, k: accumulate(s, k).T),
    ], "One multiplication and one addition per step.")  # fmt: skip


@exercise
def check_to_spikes(function: Any) -> Verdict:
    """Judge `f(a, decay) -> s` for an accumulation (T, n) (lesson 02)."""

    def truth(a: Tensor, decay: float) -> Tensor:
        return spikes_from_accumulation(a, decay)

    def without_first(s: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(s[:1]), s[1:]])

    dense = 1.0 - spikes(6, 6, 3)
    cases = [(accumulate(spikes(5, 6, 3), 0.5), 0.5), (accumulate(dense, 0.9), 0.9)]
    return judge(function, truth, cases, [
        ("The past has decayed in the meantime: subtract λ·â[t−1], not â[t−1].",
         lambda a, k: a - _earlier(a)),
        ("The first step is missing: â[0] = 0, so s[1] = â[1].",
         lambda a, k: a[1:] - k * a[:-1]),
        ("The first step is always 0 there. â[0] = 0, so s[1] = â[1].",
         lambda a, k: without_first(a - k * _earlier(a))),
        ("At t = 1 that subtracts the last step: index −1 (or roll) wraps around. Use â[0] = 0.",
         lambda a, k: a - k * a.roll(1, 0)),
        ("An accumulation above a limit is not a spike: â[t] may be large while s[t] is 0. For "
         "λ > ½ the past alone may reach 1.", lambda a, k: (a >= 1).double()),
        ("An accumulation above a limit is not a spike: â[t] may be large while s[t] is 0.",
         lambda a, k: (a > 1).double()),
        ("An accumulation above 0 says that the neuron has fired at some time. Subtract λ·â[t−1].",
         lambda a, k: (a > 0).double()),
        ("An accumulation above a limit is not a spike: subtract λ·â[t−1] first.",
         lambda a, k: (a > 0.5).double()),
        ("That subtracts from â[t] a part of itself. Subtract λ·â[t−1], of the step before.",
         lambda a, k: (1 - k) * a),
        ("That adds the past again. Subtract λ·â[t−1].", lambda a, k: a + k * _earlier(a)),
        ("The sign is off: s[t] = â[t] − λ·â[t−1].", lambda a, k: k * _earlier(a) - a),
        ("λ belongs to the older step: s[t] = â[t] − λ·â[t−1].",
         lambda a, k: k * a - _earlier(a)),
        ("λ belongs to the older step alone: s[t] = â[t] − λ·â[t−1].",
         lambda a, k: k * (a - _earlier(a))),
        ("That accumulates once more. Undo it: s[t] = â[t] − λ·â[t−1].",
         lambda a, k: accumulate(a, k)),
        ("That goes along the neurons. Time is the first dimension.",
         lambda a, k: a - k * _earlier(a.T).T),
    ], "An accumulation and its spike train hold the same information.")  # fmt: skip


@exercise
def check_weighted_rate(function: Any) -> Verdict:
    """Judge `f(s, decay) -> a[T]`, the weighted firing rate of a train (T, n) (lesson 06)."""

    def truth(s: Tensor, decay: float) -> Tensor:
        return accumulate(s, decay)[-1] / total_weight(decay, len(s))

    def late(s: Tensor, k: float, steps: int) -> Tensor:
        return accumulate(s, k)[-1] / total_weight(k, len(s) + steps)

    cases = [(spikes(21, 6, 4), 0.5), (spikes(22, 5, 3), 0.8)]
    return judge(function, truth, cases, [
        ("That is the plain mean. Weight the spike of step k by λ^(T−k).",
         lambda s, k: s.mean(0)),
        ("That is the plain number of spikes. Weight that of step k by λ^(T−k), and divide by "
         "Λ[T].", lambda s, k: s.sum(0)),
        ("The spikes are not weighted. Weight that of step k by λ^(T−k).",
         lambda s, k: s.sum(0) / total_weight(k, len(s))),
        ("Divide by Λ[T], so that a neuron that always fires has rate 1.",
         lambda s, k: accumulate(s, k)[-1]),
        ("Divide by the sum of the weights, Λ[T], not by T.",
         lambda s, k: accumulate(s, k)[-1] / len(s)),
        ("That is the limit of Λ for T → ∞. Use Λ[T] = (1 − λ^T)/(1 − λ).",
         lambda s, k: accumulate(s, k)[-1] * (1 - k)),
        ("Λ is one step short: Λ[T] has T terms, λ^0 to λ^(T−1).", lambda s, k: late(s, k, -1)),
        ("Λ has one term too many: Λ[T] has T terms, λ^0 to λ^(T−1).",
         lambda s, k: late(s, k, 1)),
        ("The newest spike has weight 1: step k weighs λ^(T−k), not λ^(T−k+1).",
         lambda s, k: k * truth(s, k)),
        ("Time runs backwards: the newest spike has weight 1, the oldest λ^(T−1).",
         lambda s, k: truth(s.flip(0), k)),
        ("That is the rate of the layer. Return one rate per neuron, shape (n,).",
         lambda s, k: truth(s, k).mean()),
        ("That is the rate at every step. Return the last one, a[T], shape (n,).",
         lambda s, k: torch.stack([truth(s[:t + 1], k) for t in range(len(s))])),
        ("That is divided by Λ[T], but at every step. Return the last one, a[T], shape (n,).",
         lambda s, k: accumulate(s, k) / total_weight(k, len(s))),
        ("Divide by Λ[T]: you multiplied.",
         lambda s, k: accumulate(s, k)[-1] * total_weight(k, len(s))),
        ("Divide by the sum of all weights, not by their largest, λ^(T−1) or 1.",
         lambda s, k: accumulate(s, k)[-1] / k ** (len(s) - 1)),
    ], "It lies in [0, 1] for every T.")  # fmt: skip
