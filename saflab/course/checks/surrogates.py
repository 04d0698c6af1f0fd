"""The derivatives that stand in for the step's own (lessons 03 and 06)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import judge, normal
from saflab.course.checks.verdict import Verdict, exercise
from saflab.neurons import LIFParams, surrogate_derivative

__all__ = ["check_clamp_surrogate", "check_reset_gradient", "check_surrogate"]


@exercise
def check_surrogate(function: Any) -> Verdict:
    """Judge `f(x, alpha) -> σ'(x)` of the sigmoid surrogate (lesson 03)."""

    def truth(x: Tensor, alpha: float) -> Tensor:
        return surrogate_derivative(x, LIFParams(slope=alpha))

    def sig(x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    cases = [(normal(7, 5), 4.0), (normal(8, 5), 1.5)]
    return judge(function, truth, cases, [
        ("That is the sigmoid itself. Return its derivative.", lambda x, k: sig(k * x)),
        ("That is the sigmoid itself, and without α. Return the derivative of sig(αx).",
         lambda x, k: sig(x)),
        ("The inner derivative α is missing: d/dx sig(αx) = α·sig(αx)·(1 − sig(αx)).",
         lambda x, k: truth(x, k) / k),
        ("The slope α must also act inside: use sig(αx), not sig(x).",
         lambda x, k: k * sig(x) * (1 - sig(x))),
        ("α is missing twice: inside, sig(αx), and as the inner derivative in front.",
         lambda x, k: sig(x) * (1 - sig(x))),
        ("The sign is off: the step rises, so its derivative is positive.",
         lambda x, k: -truth(x, k)),
        ("The factor 1 − sig(αx) is missing.", lambda x, k: k * sig(k * x)),
        ("The factor sig(αx) is missing.", lambda x, k: k * (1 - sig(k * x))),
        ("The second factor is 1 − sig(αx), not 1 + sig(αx).",
         lambda x, k: k * sig(k * x) * (1 + sig(k * x))),
        ("α comes out once: α·sig(αx)·(1 − sig(αx)), not α².", lambda x, k: k * truth(x, k)),
        ("x is multiplied by α, not divided: sig(αx).",
         lambda x, k: k * sig(x / k) * (1 - sig(x / k))),
        ("That is the step itself, and 0 or 1. Return the surrogate's derivative.",
         lambda x, k: (x >= 0).double()),
        ("That is tanh's derivative. The surrogate here is the sigmoid.",
         lambda x, k: k * (1 - torch.tanh(k * x) ** 2)),
        ("x is u − V already. Do not subtract the threshold again.", lambda x, k: truth(x - 1, k)),
    ], "Its integral is 1 for every α, like that of the step's true derivative.")  # fmt: skip


@exercise
def check_clamp_surrogate(function: Any) -> Verdict:
    """Judge `f(current, total, threshold) -> ∂â/∂Û` of the clamp surrogate (lesson 06)."""

    def truth(current: Tensor, total: float, threshold: float) -> Tensor:
        return ((current > 0) & (current < threshold * total)).double() / threshold

    c = torch.tensor([-0.5, 0.0, 0.4, 0.9, 1.2, 1.75, 2.4, 3.5, 9.0], dtype=torch.float64)
    cases = [(c, 1.75, 0.5), (c, 1.75, 2.0), (c, 1.5, 0.8)]
    return judge(function, truth, cases, [
        ("The factor 1/V is missing. Without it gradients are off by V for each layer crossed.",
         lambda c, t, v: truth(c, t, v) * v),
        ("Divide by V; you multiplied.", lambda c, t, v: truth(c, t, v) * v * v),
        ("Divide by V alone, not by V·Λ[T]: â is Λ[T] times the rate, and that cancels.",
         lambda c, t, v: truth(c, t, v) / t),
        ("Divide by V, not by Λ[T].", lambda c, t, v: truth(c, t, v) * v / t),
        ("The upper limit is V·Λ[T], since Û has grown by Λ[T].",
         lambda c, t, v: ((c > 0) & (c < v)).double() / v),
        ("The upper limit is V·Λ[T], not Λ[T].",
         lambda c, t, v: ((c > 0) & (c < t)).double() / v),
        ("The upper limit is V·Λ[T], not 1.", lambda c, t, v: ((c > 0) & (c < 1)).double() / v),
        ("The upper limit is missing: a neuron that fires at every step cannot fire more.",
         lambda c, t, v: (c > 0).double() / v),
        ("The lower limit is missing: a negative Û gives no spikes and no gradient.",
         lambda c, t, v: (c < v * t).double() / v),
        ("The interval is open: Û = 0 and Û = V·Λ[T] lie outside.",
         lambda c, t, v: ((c >= 0) & (c <= v * t)).double() / v),
        ("The interval is open: Û = 0 lies outside.",
         lambda c, t, v: ((c >= 0) & (c < v * t)).double() / v),
        ("The interval is open: Û = V·Λ[T] lies outside.",
         lambda c, t, v: ((c > 0) & (c <= v * t)).double() / v),
        ("It is the other way round: the gradient is 1/V inside the interval and 0 outside.",
         lambda c, t, v: 1 / v - truth(c, t, v)),
        ("That is the clamp itself. Return its derivative, 1/V inside and 0 outside.",
         lambda c, t, v: (c / (v * t)).clamp(0, 1)),
        ("That is the clamp itself, Λ[T] times the rate. Return its derivative, 1/V or 0.",
         lambda c, t, v: (c / v).clamp(0, t)),
    ], "The window is that of clamp(·, 0, 1), rescaled by Λ[T].")  # fmt: skip


@exercise
def check_reset_gradient(function: Any) -> Verdict:
    """Judge `f(w, x, decay, threshold, alpha) -> ∂u[2]/∂w`, reset not detached (lesson 03)."""

    def slope(distance: float, alpha: float) -> float:
        sig = 1.0 / (1.0 + math.exp(-alpha * distance))
        return alpha * sig * (1 - sig)

    def truth(w: float, x: float, decay: float, threshold: float, alpha: float) -> float:
        return decay * x * (1 - threshold * slope(w * x - threshold, alpha)) + x

    def fired(w: float, x: float, k: float, v: float, a: float) -> float:
        return k * (w * x - v * (w * x >= v)) + w * x

    cases = [(0.7, 1.1, 0.5, 1.0, 4.0), (1.4, 0.9, 0.75, 2.0, 2.0)]
    return judge(function, truth, cases, [
        ("That is the gradient with the reset detached. Here the term −V·s[1] also depends on w.",
         lambda w, x, k, v, a: k * x + x),
        ("u[1] depends on w as well: add the term that comes through time.",
         lambda w, x, k, v, a: x),
        ("w also enters directly at step 2: add x.",
         lambda w, x, k, v, a: truth(w, x, k, v, a) - x),
        ("The reset subtracts, so its contribution has a minus sign.",
         lambda w, x, k, v, a: k * x * (1 + v * slope(w * x - v, a)) + x),
        ("The threshold multiplies the reset: use V·σ'(u[1] − V).",
         lambda w, x, k, v, a: k * x * (1 - slope(w * x - v, a)) + x),
        ("The surrogate is taken at u[1] − V, the distance to the threshold, not at u[1].",
         lambda w, x, k, v, a: k * x * (1 - v * slope(w * x, a)) + x),
        ("The inner derivative is missing: ∂s[1]/∂w = σ'(u[1] − V)·x.",
         lambda w, x, k, v, a: k * (x - v * slope(w * x - v, a)) + x),
        ("The surrogate's own factor α is missing: σ' = α·sig·(1 − sig).",
         lambda w, x, k, v, a: k * x * (1 - v * slope(w * x - v, a) / a) + x),
        ("λ multiplies the whole of u[1] − V·s[1], its reset included.",
         lambda w, x, k, v, a: k * x - v * slope(w * x - v, a) * x + x),
        ("The decay is missing: λ multiplies what comes through time.",
         lambda w, x, k, v, a: x * (1 - v * slope(w * x - v, a)) + x),
        ("λ multiplies only what comes through time, not the x of step 2.",
         lambda w, x, k, v, a: k * x * (2 - v * slope(w * x - v, a))),
        ("The surrogate is σ', the derivative; you took the sigmoid.",
         lambda w, x, k, v, a: k * x * (1 - v / (1 + math.exp(-a * (w * x - v)))) + x),
        ("The term u[1] itself is missing: ∂u[1]/∂w = x, beside the reset's.",
         lambda w, x, k, v, a: -k * x * v * slope(w * x - v, a) + x),
        ("The derivative is by w, not by x.",
         lambda w, x, k, v, a: truth(w, x, k, v, a) * w / x),
        ("That is u[2] itself. Return its derivative by w.", fired),
    ], "The second term is what detaching the reset removes.")  # fmt: skip
