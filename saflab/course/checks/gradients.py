"""Surrogates, and the gradients of each rule (lessons 03 to 06 and 09)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.verdict import Function, Verdict, exercise, judge, normal, spikes
from saflab.neurons import LIFParams, accumulate, surrogate_derivative, total_weight

__all__ = [
    "check_bias_gradient",
    "check_clamp_surrogate",
    "check_feedback_gradient",
    "check_ottt_gradient",
    "check_ottt_online",
    "check_reset_gradient",
    "check_surrogate",
]


@exercise
def check_surrogate(function: Any) -> Verdict:
    """Judge `f(x, alpha) -> σ'(x)` of the sigmoid surrogate (lesson 03)."""

    def truth(x: Tensor, alpha: float) -> Tensor:
        return surrogate_derivative(x, LIFParams(slope=alpha))

    cases = [(normal(7, 5), 4.0), (normal(8, 5), 1.5)]
    return judge(function, truth, cases, [
        ("That is the sigmoid itself. Return its derivative.",
         lambda x, k: torch.sigmoid(k * x)),
        ("The inner derivative α is missing: d/dx sig(αx) = α·sig(αx)·(1 − sig(αx)).",
         lambda x, k: truth(x, k) / k),
        ("The slope α must also act inside: use sig(αx), not sig(x).",
         lambda x, k: k * torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        ("The sign is off: the step rises, so its derivative is positive.",
         lambda x, k: -truth(x, k)),
    ], "Its integral is 1 for every α, like that of the step's true derivative.")  # fmt: skip


@exercise
def check_clamp_surrogate(function: Any) -> Verdict:
    """Judge `f(current, total, threshold) -> ∂â/∂Û` of the clamp surrogate (lesson 06)."""

    def truth(c: Tensor, total: float, v: float) -> Tensor:
        return ((c > 0) & (c < v * total)).double() / v

    c = torch.tensor([-0.5, 0.0, 0.4, 0.9, 1.2, 1.75, 2.4, 3.5, 9.0], dtype=torch.float64)
    cases = [(c, 1.75, 0.5), (c, 1.75, 2.0), (c, 1.5, 0.8)]
    return judge(function, truth, cases, [
        ("The factor 1/V is missing. Without it gradients are off by V for each layer crossed.",
         lambda c, t, v: truth(c, t, v) * v),
        ("The upper limit is V·Λ[T], since Û has grown by Λ[T].",
         lambda c, t, v: ((c > 0) & (c < v)).double() / v),
        ("The upper limit is V·Λ[T], not Λ[T].",
         lambda c, t, v: ((c > 0) & (c < t)).double() / v),
        ("The lower limit is missing: a negative Û gives no spikes and no gradient.",
         lambda c, t, v: (c < v * t).double() / v),
        ("The interval is open: Û = 0 and Û = V·Λ[T] lie outside.",
         lambda c, t, v: ((c >= 0) & (c <= v * t)).double() / v),
    ], "The window is that of clamp(·, 0, 1), rescaled by Λ[T].")  # fmt: skip


@exercise
def check_reset_gradient(function: Any) -> Verdict:
    """Judge `f(w, x, decay, threshold, alpha) -> ∂u[2]/∂w`, reset not detached (lesson 03)."""

    def slope(w: float, x: float, v: float, alpha: float) -> float:
        sig = 1.0 / (1.0 + math.exp(-alpha * (w * x - v)))
        return alpha * sig * (1 - sig)

    def truth(w: float, x: float, decay: float, v: float, alpha: float) -> float:
        return decay * x * (1 - v * slope(w, x, v, alpha)) + x

    cases = [(0.7, 1.1, 0.5, 1.0, 4.0), (1.4, 0.9, 0.75, 2.0, 2.0)]
    return judge(function, truth, cases, [
        ("That is the gradient with the reset detached. Here the term −V·s[1] also depends on w.",
         lambda w, x, k, v, a: k * x + x),
        ("u[1] depends on w as well: add the term that comes through time.",
         lambda w, x, k, v, a: x),
        ("w also enters directly at step 2: add x.",
         lambda w, x, k, v, a: truth(w, x, k, v, a) - x),
        ("The reset subtracts, so its contribution has a minus sign.",
         lambda w, x, k, v, a: k * x * (1 + v * slope(w, x, v, a)) + x),
        ("The threshold multiplies the reset: use V·σ'(u[1] − V).",
         lambda w, x, k, v, a: k * x * (1 - slope(w, x, v, a)) + x),
    ], "The second term is what detaching the reset removes.")  # fmt: skip


@exercise
def check_ottt_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a_in) -> ∂L/∂W`; (T, out), (T, in) → (out, in) (lesson 04)."""

    def truth(delta: Tensor, a: Tensor) -> Tensor:
        return torch.einsum("to,ti->oi", delta, a)

    cases = [
        (normal(9, 5, 3), accumulate(spikes(10, 5, 4), 0.5)),
        (normal(11, 4, 2), accumulate(spikes(12, 4, 2), 0.5)),
    ]
    return judge(function, truth, cases, [
        ("Rows of W are outputs: δ[t] comes first in the outer product.",
         lambda d, a: truth(d, a).T),
        ("Only the last step is there. Add up the outer products of all steps.",
         lambda d, a: torch.outer(d[-1], a[-1])),
        ("Multiply within each step, then add: the sum of products is not the product of sums.",
         lambda d, a: torch.outer(d.sum(0), a.sum(0))),
        ("That is the average over time. The loss already carries 1/T; add the steps up.",
         lambda d, a: truth(d, a) / len(d)),
    ], "Each step needs its own δ[t] and â[t] only; nothing older is kept.")  # fmt: skip


@exercise
def check_ottt_online(function: Any) -> Verdict:
    """Judge `f(weight, delta, s_in, decay, lr) -> weight` after T online updates (lesson 04)."""

    def truth(w: Tensor, d: Tensor, s: Tensor, decay: float, lr: float) -> Tensor:
        return w - lr * torch.einsum("to,ti->oi", d, accumulate(s, decay))

    cases = [(normal(13, 3, 4), normal(14, 5, 3), spikes(15, 5, 4), 0.5, 0.1),
             (normal(16, 2, 2), normal(17, 4, 2), spikes(18, 4, 2), 0.8, 0.3)]  # fmt: skip
    return judge(function, truth, cases, [
        ("Descent subtracts the gradient.", lambda w, d, s, k, lr: 2 * w - truth(w, d, s, k, lr)),
        ("You used the spikes of the step alone. OTTT pairs δ[t] with the trace â_in[t].",
         lambda w, d, s, k, lr: truth(w, d, s, 0.0, lr)),
        ("The trace must fade: â ← λ·â + s.", lambda w, d, s, k, lr: truth(w, d, s, 1.0, lr)),
        ("The learning rate is missing.", lambda w, d, s, k, lr: truth(w, d, s, k, 1.0)),
        ("Only the last step updated the weight. Update at every step.",
         lambda w, d, s, k, lr: w - lr * torch.outer(d[-1], accumulate(s, k)[-1])),
    ], "One trace and one outer product per step: memory does not grow with T.")  # fmt: skip


@exercise
def check_bias_gradient(function: Any) -> Verdict:
    """Judge `f(delta, decay) -> ∂L/∂b` with the full trace; (T, out) → (out,) (lesson 05)."""

    def weighted(weight: Function) -> Function:
        return lambda d, decay: sum(weight(decay, t + 1) * d[t] for t in range(len(d)))

    cases = [(normal(19, 5, 3), 0.5), (normal(20, 4, 2), 0.8)]
    return judge(function, weighted(total_weight), cases, [
        ("That is the official trace, where each δ[t] counts once. Here ∂Û[t]/∂b = Λ[t].",
         weighted(lambda k, t: 1.0)),
        ("Λ[t] is not t when λ < 1: add up the powers of λ.", weighted(lambda k, t: t)),
        ("Λ is one step late: Λ[1] = 1.", weighted(lambda k, t: total_weight(k, t - 1))),
        ("The bias acts at every step up to t: use Λ[t], the sum of the powers, not λ^(t−1).",
         weighted(lambda k, t: k ** (t - 1))),
    ], "A bias is a source that is on at every step; Λ[t] is its trace.")  # fmt: skip


@exercise
def check_feedback_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a) -> ∂L/∂W_f`; (T, out), (T, in) → (out, in) (lesson 09)."""

    def product(d: Tensor, a: Tensor) -> Tensor:
        return torch.einsum("to,ti->oi", d, a)

    cases = [(normal(23, 5, 3), accumulate(spikes(24, 5, 4), 0.5)),
             (normal(25, 4, 2), accumulate(spikes(26, 4, 2), 0.5))]  # fmt: skip
    return judge(function, lambda d, a: product(d[1:], a[:-1]), cases, [
        ("Feedback arrives one step later: pair δ[t] with â[t−1].", product),
        ("The shift goes the other way: δ[t] belongs to the earlier â[t−1].",
         lambda d, a: product(d[:-1], a[1:])),
        ("At t = 1 nothing has been fed back: index −1 (or roll) wraps to the last step.",
         lambda d, a: product(d, a.roll(1, 0))),
        ("Rows of W are outputs: δ[t] comes first in the outer product.",
         lambda d, a: product(d[1:], a[:-1]).T),
        ("The feedback trace has already decayed where it is used: take â[t−1] without λ.",
         lambda d, a: 0.5 * product(d[1:], a[:-1])),
    ], "Only the pairing in time changes.")  # fmt: skip
