"""A whole network: its currents, its answers, its training (lessons 00, 07, 09 and 10)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.verdict import Verdict, exercise, judge, normal

__all__ = ["check_accuracy", "check_anytime", "check_cosine", "check_predict", "check_skip_current"]


@exercise
def check_skip_current(function: Any) -> Verdict:
    """Judge `f(w, w_skip, b, a, a_skip, total) -> Û` with a skip connection (lesson 09)."""

    def truth(w: Tensor, q: Tensor, b: Tensor, a: Tensor, aq: Tensor, total: float) -> Tensor:
        return w @ a + q @ aq + total * b

    cases = [(normal(i, 3, 4), normal(i + 1, 3, 2), normal(i + 2, 3), normal(i + 3, 4).abs(),
              normal(i + 4, 2).abs(), t) for i, t in ((30, 1.75), (40, 1.5))]  # fmt: skip
    return judge(function, truth, cases, [
        ("The bias acts at every step: in an accumulation it weighs Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + b),
        ("The bias is missing.", lambda w, q, b, a, aq, t: w @ a + q @ aq),
        ("The skip is missing.", lambda w, q, b, a, aq, t: w @ a + t * b),
        ("Accumulations already carry the time weights; only the bias is multiplied by Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + t * (q @ aq) + t * b),
    ], "Accumulation commutes with the sum of the branches.")  # fmt: skip


@exercise
def check_predict(function: Any) -> Verdict:
    """Judge `f(o) -> classes`; readout (T, B, classes) → (B,) (lesson 00)."""
    cases = [(normal(54, 6, 5, 4),), (normal(55, 4, 7, 3),)]
    return judge(function, lambda o: o.sum(0).argmax(-1), cases, [
        ("That is the last step alone. Add up the readout over time first.",
         lambda o: o[-1].argmax(-1)),
        ("That is one prediction per step. Add up over time first.", lambda o: o.argmax(-1)),
        ("That is a vote of the steps, which forgets how sure each was. Add up, then argmax.",
         lambda o: o.argmax(-1).mode(0).values),
        ("That is the readout added up. Take the class with the largest value.",
         lambda o: o.sum(0)),
        ("Take the largest class, along the last axis, not the largest image.",
         lambda o: o.sum(0).argmax(0)),
    ], "Every step votes; the sum decides.")  # fmt: skip


@exercise
def check_anytime(function: Any) -> Verdict:
    """Judge `f(o) -> predictions after each step`; (T, B, classes) → (T, B) (lesson 10)."""
    cases = [(normal(52, 6, 5, 4),), (normal(53, 4, 7, 3),)]
    return judge(function, lambda o: o.cumsum(0).argmax(-1), cases, [
        ("Each step votes alone there. Add up the readout of all steps so far.",
         lambda o: o.argmax(-1)),
        ("That is the final prediction. Return one prediction per step.",
         lambda o: o.sum(0).argmax(-1)),
        ("Take the largest class, along the last axis.", lambda o: o.cumsum(0).argmax(1)),
    ], "You may stop at any step and have an answer.")  # fmt: skip


@exercise
def check_accuracy(function: Any) -> Verdict:
    """Judge `f(o, y) -> accuracy in percent` (lesson 07)."""

    def truth(o: Tensor, y: Tensor) -> Tensor:
        return 100.0 * (o.sum(0).argmax(-1) == y).double().mean()

    cases = [(normal(58, 4, 8, 3), torch.arange(8) % 3), (normal(59, 6, 9, 2), torch.arange(9) % 2)]
    return judge(function, truth, cases, [
        ("Multiply by 100 for percent.", lambda o, y: truth(o, y) / 100),
        ("That is the last step alone. Add up the readout over time first.",
         lambda o, y: truth(o[-1:], y)),
        ("That is the error. Count the images that are right.", lambda o, y: 100 - truth(o, y)),
        ("That is a count. Divide by the number of images.",
         lambda o, y: truth(o, y) * len(y) / 100),
    ], "The prediction is argmax Σ o[t].")  # fmt: skip


@exercise
def check_cosine(function: Any) -> Verdict:
    """Judge `f(done, lr) -> learning rate`, `done` from 0 to 1 (lesson 07)."""
    cases = [(0.0, 0.1), (0.25, 0.1), (0.5, 0.2), (1.0, 0.1)]
    return judge(function, lambda d, lr: 0.5 * lr * (1 + math.cos(math.pi * d)), cases, [
        ("The cosine goes from 1 to −1; shift it: (1 + cos πd)/2.",
         lambda d, lr: lr * math.cos(math.pi * d)),
        ("That rises. The learning rate falls from lr to 0.",
         lambda d, lr: 0.5 * lr * (1 - math.cos(math.pi * d))),
        ("That is a straight line. Use (1 + cos πd)/2.", lambda d, lr: lr * (1 - d)),
        ("That is twice too large: at d = 0 it must be lr.",
         lambda d, lr: lr * (1 + math.cos(math.pi * d))),
        ("That falls to 0 by the quarter wave cos(πd/2); use the half wave (1 + cos πd)/2.",
         lambda d, lr: lr * math.cos(math.pi * d / 2)),
    ], "Gentle at both ends.")  # fmt: skip
