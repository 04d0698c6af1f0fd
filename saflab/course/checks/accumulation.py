"""Accumulations: from spikes, back to spikes, and as a rate (lessons 02 and 06)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.verdict import Verdict, exercise, judge, spikes
from saflab.neurons import accumulate, spikes_from_accumulation, total_weight

__all__ = ["check_accumulate", "check_to_spikes", "check_weighted_rate"]


@exercise
def check_accumulate(function: Any) -> Verdict:
    """Judge `f(s, decay) -> â` for a spike train (T, n) (lesson 02)."""
    cases = [(spikes(2, 6, 3), 0.5), (spikes(3, 5, 2), 0.8), (spikes(4, 4, 1), 1.0)]

    def decayed(s: Tensor, decay: float) -> Tensor:
        return decay * accumulate(s, decay)

    return judge(function, accumulate, cases, [
        ("That is a plain sum. Older spikes must fade: multiply â[t−1] by λ at every step.",
         lambda s, decay: s.cumsum(0)),
        ("The newest spike has weight 1: decay â[t−1] first, then add s[t].", decayed),
        ("Only the last step was returned. Return â at every step, shape (T, n).",
         lambda s, decay: accumulate(s, decay)[-1]),
        ("Time runs backwards: the newest spike has weight 1, the oldest λ^(t−1).",
         lambda s, decay: accumulate(s.flip(0), decay).flip(0)),
        ("Every row is the last â: an in-place `a +=` changes the rows already stored. Write "
         "a = λ·a + s[t], which makes a new tensor.",
         lambda s, decay: accumulate(s, decay)[-1:].expand_as(s)),
        ("That is an average with weights λ and 1 − λ. The accumulation adds the whole spike.",
         lambda s, decay: (1 - decay) * accumulate(s, decay)),
    ], "One multiplication and one addition per step.")  # fmt: skip


@exercise
def check_to_spikes(function: Any) -> Verdict:
    """Judge `f(a, decay) -> s` for an accumulation (T, n) (lesson 02)."""
    dense = 1.0 - spikes(6, 6, 3)
    cases = [(accumulate(spikes(5, 6, 3), 0.5), 0.5), (accumulate(dense, 0.9), 0.9)]
    return judge(function, spikes_from_accumulation, cases, [
        ("The past has decayed in the meantime: subtract λ·â[t−1], not â[t−1].",
         lambda a, decay: torch.diff(a, dim=0, prepend=torch.zeros_like(a[:1]))),
        ("The first step is missing: â[0] = 0, so s[1] = â[1].",
         lambda a, decay: a[1:] - decay * a[:-1]),
        ("At t = 1 that subtracts the last step: index −1 (or roll) wraps around. Use â[0] = 0.",
         lambda a, decay: a - decay * a.roll(1, 0)),
        ("An accumulation above a limit is not a spike: â[t] may be large while s[t] is 0.",
         lambda a, decay: (a >= 1).double()),
    ], "An accumulation and its spike train hold the same information.")  # fmt: skip


@exercise
def check_weighted_rate(function: Any) -> Verdict:
    """Judge `f(s, decay) -> a[T]`, the weighted firing rate of a train (T, n) (lesson 06)."""

    def truth(s: Tensor, decay: float) -> Tensor:
        return accumulate(s, decay)[-1] / total_weight(decay, len(s))

    cases = [(spikes(21, 6, 4), 0.5), (spikes(22, 5, 3), 0.8)]
    return judge(function, truth, cases, [
        ("That is the plain mean. Weight the spike of step k by λ^(T−k).",
         lambda s, k: s.mean(0)),
        ("Divide by Λ[T], so that a neuron that always fires has rate 1.",
         lambda s, k: accumulate(s, k)[-1]),
        ("Divide by the sum of the weights, Λ[T], not by T.",
         lambda s, k: accumulate(s, k)[-1] / len(s)),
        ("That is the limit of Λ for T → ∞. Use Λ[T] = (1 − λ^T)/(1 − λ).",
         lambda s, k: accumulate(s, k)[-1] * (1 - k)),
    ], "It lies in [0, 1] for every T.")  # fmt: skip
