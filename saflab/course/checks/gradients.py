"""The gradients of weights and biases over time (lessons 04, 05 and 09)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import Function, judge, normal, spikes
from saflab.course.checks.verdict import Verdict, exercise
from saflab.neurons import accumulate, total_weight

__all__ = [
    "check_bias_gradient",
    "check_feedback_gradient",
    "check_ottt_gradient",
    "check_ottt_online",
]


def _product(d: Tensor, a: Tensor) -> Tensor:
    """Return Σ_t d[t] a[t]ᵀ."""
    return torch.einsum("to,ti->oi", d, a)


def _each(d: Tensor, a: Tensor) -> Tensor:
    """Return d[t] a[t]ᵀ at every t."""
    return torch.einsum("to,ti->toi", d, a)


@exercise
def check_ottt_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a_in) -> ∂L/∂W`; (T, out), (T, in) → (out, in) (lesson 04)."""

    def truth(delta: Tensor, a_in: Tensor) -> Tensor:
        return _product(delta, a_in)

    cases = [
        (normal(9, 5, 3), accumulate(spikes(10, 5, 4), 0.5)),
        (normal(11, 4, 2), accumulate(spikes(12, 4, 2), 0.5)),
    ]
    return judge(function, truth, cases, [
        ("Rows of W are outputs: δ[t] comes first in the outer product.",
         lambda d, a: truth(d, a).T),
        ("Only the last step is there. Add up the outer products of all steps.",
         lambda d, a: torch.outer(d[-1], a[-1])),
        ("Only the first step is there. Add up the outer products of all steps.",
         lambda d, a: torch.outer(d[0], a[0])),
        ("Multiply within each step, then add: the sum of products is not the product of sums.",
         lambda d, a: torch.outer(d.sum(0), a.sum(0))),
        ("Multiply within each step, then add: δ of every step meets its own â, not the last one.",
         lambda d, a: torch.outer(d.sum(0), a[-1])),
        ("That is the average over time. The loss already carries 1/T; add the steps up.",
         lambda d, a: truth(d, a) / len(d)),
        ("That is one gradient for each step. Add them up over time.", _each),
        ("The sign is off: return the gradient, not the step against it.",
         lambda d, a: -truth(d, a)),
        ("The first step is left out. Add up all steps.", lambda d, a: truth(d[1:], a[1:])),
        ("The last step is left out. Add up all steps.", lambda d, a: truth(d[:-1], a[:-1])),
        ("The trace is one step late: pair δ[t] with â_in[t] of the same step.",
         lambda d, a: truth(d[1:], a[:-1])),
        ("The trace is one step early: pair δ[t] with â_in[t] of the same step.",
         lambda d, a: truth(d[:-1], a[1:])),
        ("`a_in` is accumulated already. Do not accumulate it again.",
         lambda d, a: truth(d, accumulate(a, 0.5))),
        ("`a_in` is accumulated already. Do not add it up again.",
         lambda d, a: truth(d, a.cumsum(0))),
        ("That pairs the steps (T × T). Multiply δ[t] and â_in[t] of one step: δᵀ first.",
         lambda d, a: d.sum(1, keepdim=True) @ a.sum(1, keepdim=True).T),
    ], "Each step needs its own δ[t] and â[t] only; nothing older is kept.")  # fmt: skip


@exercise
def check_ottt_online(function: Any) -> Verdict:
    """Judge `f(weight, delta, s_in, decay, lr) -> weight` after T online updates (lesson 04)."""

    def truth(weight: Tensor, delta: Tensor, s_in: Tensor, decay: float, lr: float) -> Tensor:
        return weight - lr * _product(delta, accumulate(s_in, decay))

    def late(s: Tensor, k: float) -> Tensor:
        a = accumulate(s, k)
        return torch.cat([torch.zeros_like(a[:1]), a[:-1]])

    def shrinking(w: Tensor, d: Tensor, s: Tensor, k: float, lr: float) -> Tensor:
        for now, a in zip(d, accumulate(s, k), strict=True):
            w = k * w - lr * torch.outer(now, a)
        return w

    cases = [(normal(13, 3, 4), normal(14, 5, 3), spikes(15, 5, 4), 0.5, 0.1),
             (normal(16, 2, 2), normal(17, 4, 2), spikes(18, 4, 2), 0.8, 0.3)]  # fmt: skip
    return judge(function, truth, cases, [
        ("Descent subtracts the gradient.", lambda w, d, s, k, lr: 2 * w - truth(w, d, s, k, lr)),
        ("You used the spikes of the step alone. OTTT pairs δ[t] with the trace â_in[t].",
         lambda w, d, s, k, lr: truth(w, d, s, 0.0, lr)),
        ("The trace must fade: â ← λ·â + s.", lambda w, d, s, k, lr: truth(w, d, s, 1.0, lr)),
        ("The new spike has weight 1 in the trace: â ← λ·â + s.",
         lambda w, d, s, k, lr: truth(w, d, (1 - k) * s, k, lr)),
        ("The new spike has weight 1 in the trace: â ← λ·â + s, not λ·(â + s).",
         lambda w, d, s, k, lr: truth(w, d, k * s, k, lr)),
        ("The trace is one step late: update â first, then the weight.",
         lambda w, d, s, k, lr: w - lr * _product(d, late(s, k))),
        ("The learning rate is missing.", lambda w, d, s, k, lr: truth(w, d, s, k, 1.0)),
        ("Only the last step updated the weight. Update at every step.",
         lambda w, d, s, k, lr: w - lr * torch.outer(d[-1], accumulate(s, k)[-1])),
        ("Only the first step updated the weight. Is the `return` inside the loop?",
         lambda w, d, s, k, lr: w - lr * torch.outer(d[0], s[0])),
        ("That is an average over time. Each step updates the weight in full.",
         lambda w, d, s, k, lr: truth(w, d, s, k, lr / len(d))),
        ("That is the gradient. Start from `weight` and return the weight after all steps.",
         lambda w, d, s, k, lr: _product(d, accumulate(s, k))),
        ("That is the change of the weight. Return the weight itself.",
         lambda w, d, s, k, lr: truth(w, d, s, k, lr) - w),
        ("That is the change of the weight, with its sign reversed. Return the weight itself.",
         lambda w, d, s, k, lr: w - truth(w, d, s, k, lr)),
        ("The weight after every step is returned. Return the last one, shape (out, in).",
         lambda w, d, s, k, lr: w - lr * _each(d, accumulate(s, k)).cumsum(0)),
        ("λ fades the trace, not the weight.", shrinking),
        ("The trace belongs to the input, not to δ: pair δ[t] with â_in[t].",
         lambda w, d, s, k, lr: w - lr * _product(accumulate(d, k), s)),
    ], "One trace and one outer product per step: memory does not grow with T.")  # fmt: skip


@exercise
def check_bias_gradient(function: Any) -> Verdict:
    """Judge `f(delta, decay) -> ∂L/∂b` with the full trace; (T, out) → (out,) (lesson 05)."""

    def weighted(weight: Function) -> Function:
        return lambda d, k: sum(weight(k, t + 1, len(d)) * d[t] for t in range(len(d)))

    def truth(delta: Tensor, decay: float) -> Tensor:
        return weighted(lambda k, t, steps: total_weight(k, t))(delta, decay)

    cases = [(normal(19, 5, 3), 0.5), (normal(20, 4, 2), 0.8)]
    return judge(function, truth, cases, [
        ("That is the official trace, where each δ[t] counts once. Here ∂Û[t]/∂b = Λ[t].",
         weighted(lambda k, t, steps: 1.0)),
        ("Λ[t] is not t when λ < 1: add up the powers of λ.", weighted(lambda k, t, steps: t)),
        ("Λ is one step late: Λ[1] = 1.", weighted(lambda k, t, steps: total_weight(k, t - 1))),
        ("Λ is one step early: Λ[1] = 1, not 1 + λ.",
         weighted(lambda k, t, steps: total_weight(k, t + 1))),
        ("The bias acts at every step up to t: use Λ[t], the sum of the powers, not λ^(t−1).",
         weighted(lambda k, t, steps: k ** (t - 1))),
        ("The bias acts at every step up to t: use Λ[t], the sum of the powers, not λ^t.",
         weighted(lambda k, t, steps: k**t)),
        ("That weights δ itself by its age. A bias has the trace Λ[t], the same however T ends.",
         weighted(lambda k, t, steps: k ** (steps - t))),
        ("The factor λ comes too early: Λ[t] = λ·Λ[t−1] + 1, so Λ[1] = 1.",
         weighted(lambda k, t, steps: k * total_weight(k, t))),
        ("That is the limit of Λ for t → ∞. Use Λ[t] of each step.",
         weighted(lambda k, t, steps: 1 / (1 - k))),
        ("Each δ[t] has the Λ of its own step, not Λ[T].",
         weighted(lambda k, t, steps: total_weight(k, steps))),
        ("Λ grows with time: δ[1] has Λ[1] = 1, the last δ has Λ[T].",
         weighted(lambda k, t, steps: total_weight(k, steps - t + 1))),
        ("That is the average over time. The loss already carries 1/T; add the steps up.",
         lambda d, k: truth(d, k) / len(d)),
        ("Only the last step is there. Add up all steps.",
         lambda d, k: total_weight(k, len(d)) * d[-1]),
        ("That is one gradient for each step. Add them up over time.",
         lambda d, k: torch.stack([total_weight(k, t + 1) * x for t, x in enumerate(d)])),
        ("That adds up the outputs, too. Return one number per output, shape (out,).",
         lambda d, k: truth(d, k).sum()),
        ("Λ[t] adds up the powers λ^0 to λ^(t−1). It is not divided by them.",
         weighted(lambda k, t, steps: 1 / total_weight(k, t))),
    ], "A bias is a source that is on at every step; Λ[t] is its trace.")  # fmt: skip


@exercise
def check_feedback_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a) -> ∂L/∂W_f`; (T, out), (T, in) → (out, in) (lesson 09)."""

    def truth(delta: Tensor, a: Tensor) -> Tensor:
        return _product(delta[1:], a[:-1])

    cases = [(normal(23, 5, 3), accumulate(1 - spikes(24, 5, 4), 0.5)),
             (normal(25, 4, 2), accumulate(1 - spikes(26, 4, 2), 0.5))]  # fmt: skip
    return judge(function, truth, cases, [
        ("Feedback arrives one step later: pair δ[t] with â[t−1].", _product),
        ("The shift goes the other way: δ[t] belongs to the earlier â[t−1].",
         lambda d, a: _product(d[:-1], a[1:])),
        ("At t = 1 nothing has been fed back: index −1 (or roll) wraps to the last step.",
         lambda d, a: _product(d, a.roll(1, 0))),
        ("The first step is left out, but nothing is shifted: pair δ[t] with â[t−1].",
         lambda d, a: _product(d[1:], a[1:])),
        ("The last step is left out, but nothing is shifted: pair δ[t] with â[t−1].",
         lambda d, a: _product(d[:-1], a[:-1])),
        ("That shifts by two steps. Feedback takes one: pair δ[t] with â[t−1].",
         lambda d, a: _product(d[2:], a[:-2])),
        ("Rows of W are outputs: δ[t] comes first in the outer product.",
         lambda d, a: truth(d, a).T),
        ("Feedback arrives one step later: pair δ[t] with â[t−1]. And δ comes first.",
         lambda d, a: _product(d, a).T),
        ("The feedback trace has already decayed where it is used: take â[t−1] without λ.",
         lambda d, a: 0.5 * truth(d, a)),
        ("That is the average over time. The loss already carries 1/T; add the steps up.",
         lambda d, a: truth(d, a) / len(d)),
        ("That is the average over the steps with feedback. Add them up.",
         lambda d, a: truth(d, a) / (len(d) - 1)),
        ("Multiply within each step, then add: the sum of products is not the product of sums.",
         lambda d, a: torch.outer(d[1:].sum(0), a[:-1].sum(0))),
        ("Only the last step is there. Add up the outer products of all steps.",
         lambda d, a: torch.outer(d[-1], a[-2])),
        ("That is one gradient for each step. Add them up over time.",
         lambda d, a: _each(d[1:], a[:-1])),
        ("The sign is off: return the gradient, not the step against it.",
         lambda d, a: -truth(d, a)),
    ], "Only the pairing in time changes.")  # fmt: skip
