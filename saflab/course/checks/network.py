"""A whole network: its currents, its answers, its training (lessons 00, 07, 09 and 10)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import judge, normal
from saflab.course.checks.verdict import Verdict, exercise

__all__ = ["check_accuracy", "check_anytime", "check_cosine", "check_predict", "check_skip_current"]


@exercise
def check_skip_current(function: Any) -> Verdict:
    """Judge `f(w, w_skip, b, a, a_skip, total) -> Û` with a skip connection (lesson 09)."""

    def truth(
        w: Tensor, w_skip: Tensor, b: Tensor, a: Tensor, a_skip: Tensor, total: float
    ) -> Tensor:
        return w @ a + w_skip @ a_skip + total * b

    cases = [(normal(i, 3, 4), normal(i + 1, 3, 2), normal(i + 2, 3), normal(i + 3, 4).abs(),
              normal(i + 4, 2).abs(), t) for i, t in ((30, 1.75), (40, 1.5))]  # fmt: skip
    return judge(function, truth, cases, [
        ("The bias acts at every step: in an accumulation it weighs Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + b),
        ("The bias is missing.", lambda w, q, b, a, aq, t: w @ a + q @ aq),
        ("The skip is missing.", lambda w, q, b, a, aq, t: w @ a + t * b),
        ("The skip is missing, and the bias weighs Λ[t].", lambda w, q, b, a, aq, t: w @ a + b),
        ("The main branch is missing: add w â.", lambda w, q, b, a, aq, t: q @ aq + t * b),
        ("Accumulations already carry the time weights; only the bias is multiplied by Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + t * (q @ aq) + t * b),
        ("Accumulations already carry the time weights: only the bias is multiplied by Λ[t], not "
         "the sum.", lambda w, q, b, a, aq, t: t * (w @ a + q @ aq + b)),
        ("Accumulations already carry the time weights: Λ[t] belongs to the bias, not to w â.",
         lambda w, q, b, a, aq, t: t * (w @ a) + q @ aq + b),
        ("Accumulations already carry the time weights: Λ[t] belongs to the bias, not to them.",
         lambda w, q, b, a, aq, t: t * (w @ a + q @ aq) + b),
        ("Multiply the bias by Λ[t]; do not divide.",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + b / t),
        ("Λ[t] multiplies the bias; you added it.",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + b + t),
        ("Branches are added: the skip has a plus sign.",
         lambda w, q, b, a, aq, t: w @ a - q @ aq + t * b),
        ("Branches are added: the bias has a plus sign.",
         lambda w, q, b, a, aq, t: w @ a + q @ aq - t * b),
        ("Branches are added, not averaged.",
         lambda w, q, b, a, aq, t: (w @ a + q @ aq) / 2 + t * b),
        ("Each branch has its bias there, but there is one bias only.",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + 2 * t * b),
        ("Divide nothing by Λ[t]: Û is an accumulation, not a rate.",
         lambda w, q, b, a, aq, t: (w @ a + q @ aq) / t + b),
    ], "Accumulation commutes with the sum of the branches.")  # fmt: skip


@exercise
def check_predict(function: Any) -> Verdict:
    """Judge `f(o) -> classes`; readout (T, B, classes) → (B,) (lesson 00)."""

    def truth(o: Tensor) -> Tensor:
        return o.sum(0).argmax(-1)

    cases = [(normal(54, 6, 5, 4),), (normal(55, 4, 7, 3),)]
    return judge(function, truth, cases, [
        ("That is the last step alone. Add up the readout over time first.",
         lambda o: o[-1].argmax(-1)),
        ("That is the first step alone. Add up the readout over time first.",
         lambda o: o[0].argmax(-1)),
        ("That is one prediction per step. Add up over time first.", lambda o: o.argmax(-1)),
        ("That is one prediction per step, of all steps so far. Return the last one.",
         lambda o: o.cumsum(0).argmax(-1)),
        ("That is a vote of the steps, which forgets how sure each was. Add up, then argmax.",
         lambda o: o.argmax(-1).mode(0).values),
        ("That takes the largest value of any step. Add up the readout over time first.",
         lambda o: o.amax(0).argmax(-1)),
        ("That is the readout added up. Take the class with the largest value.",
         lambda o: o.sum(0)),
        ("That is the mean readout. Take the class with the largest value.",
         lambda o: o.mean(0)),
        ("Those are probabilities. Take the class with the largest one.",
         lambda o: o.sum(0).softmax(-1)),
        ("Those are probabilities. Take the class with the largest one, with argmax.",
         lambda o: o.mean(0).softmax(-1)),
        ("That is the largest value, not its class. Use argmax.", lambda o: o.sum(0).amax(-1)),
        ("That is the largest mean value, not its class. Use argmax.",
         lambda o: o.mean(0).amax(-1)),
        ("Take the largest class, along the last axis, not the largest image.",
         lambda o: o.sum(0).argmax(0)),
        ("Without a dimension argmax looks at all images at once. Use argmax(-1).",
         lambda o: o.sum(0).argmax()),
        ("That adds up the images. Time is dimension 0: use sum(0).",
         lambda o: o.sum(1).argmax(-1)),
        ("That adds up the classes, and finds a time step. Time is dimension 0: use sum(0).",
         lambda o: o.sum(-1).argmax(0)),
        ("That is the smallest value's class. Use argmax.", lambda o: o.sum(0).argmin(-1)),
        ("Classes are counted from 0, as argmax does.", lambda o: truth(o) + 1),
        ("That is one-hot. Return the class's number, shape (B,).",
         lambda o: torch.nn.functional.one_hot(truth(o), o.shape[-1])),
    ], "Every step votes; the sum decides.")  # fmt: skip


@exercise
def check_anytime(function: Any) -> Verdict:
    """Judge `f(o) -> predictions after each step`; (T, B, classes) → (T, B) (lesson 10)."""

    def truth(o: Tensor) -> Tensor:
        return o.cumsum(0).argmax(-1)

    cases = [(normal(52, 6, 5, 4),), (normal(53, 4, 7, 3),)]
    return judge(function, truth, cases, [
        ("Each step votes alone there. Add up the readout of all steps so far.",
         lambda o: o.argmax(-1)),
        ("That is the final prediction. Return one prediction per step.",
         lambda o: o.sum(0).argmax(-1)),
        ("That is the final prediction, repeated. At step t only the steps so far are known.",
         lambda o: o.sum(0).argmax(-1).expand(len(o), -1)),
        ("Take the largest class, along the last axis.", lambda o: o.cumsum(0).argmax(1)),
        ("Take the largest class, along the last axis, not the best time.",
         lambda o: o.cumsum(0).argmax(0)),
        ("That is the readout so far. Take the class with the largest value.",
         lambda o: o.cumsum(0)),
        ("That is the largest value, not its class. Use argmax.", lambda o: o.cumsum(0).amax(-1)),
        ("That adds up the images. Time is dimension 0: use cumsum(0).",
         lambda o: o.cumsum(1).argmax(-1)),
        ("That adds up the classes. Time is dimension 0: use cumsum(0).",
         lambda o: o.cumsum(-1).argmax(-1)),
        ("That takes the largest value so far. Add up: use cumsum.",
         lambda o: o.cummax(0).values.argmax(-1)),
        ("That starts from the end. At step t add up the steps 1 to t.",
         lambda o: o.flip(0).cumsum(0).flip(0).argmax(-1)),
        ("The last step comes first there. Return the prediction after step 1 first.",
         lambda o: truth(o).flip(0)),
        ("The present step is missing. After step t, the readout o[t] counts, too.",
         lambda o: (o.cumsum(0) - o).argmax(-1)),
        ("The shape is transposed. Return (T, B), time first.", lambda o: truth(o).T),
        ("Classes are counted from 0, as argmax does.", lambda o: truth(o) + 1),
        ("That is the smallest value's class. Use argmax.", lambda o: o.cumsum(0).argmin(-1)),
    ], "You may stop at any step and have an answer.")  # fmt: skip


@exercise
def check_accuracy(function: Any) -> Verdict:
    """Judge `f(o, y) -> accuracy in percent` (lesson 07)."""

    def percent(found: Tensor, y: Tensor) -> Tensor:
        return 100.0 * (found == y).double().mean()

    def truth(o: Tensor, y: Tensor) -> Tensor:
        return percent(o.sum(0).argmax(-1), y)

    # Images enough that no two slips count the same number right.
    cases = [(normal(58, 4, 70, 3), torch.arange(70) % 3),
             (normal(59, 6, 90, 4), torch.arange(90) % 4)]  # fmt: skip
    return judge(function, truth, cases, [
        ("Multiply by 100 for percent.", lambda o, y: truth(o, y) / 100),
        ("That is the last step alone. Add up the readout over time first.",
         lambda o, y: truth(o[-1:], y)),
        ("That is the last step alone. Add up the readout over time first, and multiply by 100 "
         "for percent.", lambda o, y: truth(o[-1:], y) / 100),
        ("That is the first step alone. Add up the readout over time first.",
         lambda o, y: truth(o[:1], y)),
        ("That judges every step alone. Add up the readout over time first.",
         lambda o, y: percent(o.argmax(-1), y)),
        ("That judges every step alone. Add up the readout over time first, and multiply by 100 "
         "for percent.", lambda o, y: percent(o.argmax(-1), y) / 100),
        ("That is a vote of the steps. Add up the readout over time, then argmax.",
         lambda o, y: percent(o.argmax(-1).mode(0).values, y)),
        ("That is the error. Count the images that are right.", lambda o, y: 100 - truth(o, y)),
        ("That is the error, and not in percent. Count the images that are right, times 100.",
         lambda o, y: 1 - truth(o, y) / 100),
        ("That is a count. Divide by the number of images.",
         lambda o, y: truth(o, y) * len(y) / 100),
        ("Divide by the number of images.", lambda o, y: truth(o, y) * len(y)),
        ("Divide by the number of images, not of steps.",
         lambda o, y: truth(o, y) * len(y) / len(o)),
        ("Those are the predictions. Compare them with the labels.",
         lambda o, y: o.sum(0).argmax(-1)),
        ("That says for each image whether it is right. Take the mean, times 100.",
         lambda o, y: o.sum(0).argmax(-1) == y),
        ("That is 100 for each image that is right. Take the mean.",
         lambda o, y: 100 * (o.sum(0).argmax(-1) == y)),
        ("That is the accuracy of each step. Add up the readout of all steps first.",
         lambda o, y: 100 * (o.argmax(-1) == y).double().mean(1)),
        ("That is the accuracy after each step. Return the last one.",
         lambda o, y: 100 * (o.cumsum(0).argmax(-1) == y).double().mean(1)),
        ("Take the class with the largest value, not the smallest.",
         lambda o, y: percent(o.sum(0).argmin(-1), y)),
    ], "The prediction is argmax Σ o[t].")  # fmt: skip


@exercise
def check_cosine(function: Any) -> Verdict:
    """Judge `f(done, lr) -> learning rate`, `done` from 0 to 1 (lesson 07)."""

    def truth(done: float, lr: float) -> float:
        return 0.5 * lr * (1 + math.cos(math.pi * done))

    cases = [(0.0, 0.1), (0.25, 0.1), (0.5, 0.2), (1.0, 0.1)]
    return judge(function, truth, cases, [
        ("The cosine goes from 1 to −1; shift it: (1 + cos πd)/2.",
         lambda d, lr: lr * math.cos(math.pi * d)),
        ("That rises. The learning rate falls from lr to 0.",
         lambda d, lr: 0.5 * lr * (1 - math.cos(math.pi * d))),
        ("That rises. The learning rate falls from lr to 0, as a cosine.", lambda d, lr: lr * d),
        ("That is a straight line. Use (1 + cos πd)/2.", lambda d, lr: lr * (1 - d)),
        ("That is twice too large: at d = 0 it must be lr.",
         lambda d, lr: lr * (1 + math.cos(math.pi * d))),
        ("That falls to 0 by the quarter wave cos(πd/2); use the half wave (1 + cos πd)/2.",
         lambda d, lr: lr * math.cos(math.pi * d / 2)),
        ("That is a whole wave, which rises again. Use the half wave: cos πd, not cos 2πd.",
         lambda d, lr: 0.5 * lr * (1 + math.cos(2 * math.pi * d))),
        ("π is missing: cos takes radians, and half a wave is π.",
         lambda d, lr: 0.5 * lr * (1 + math.cos(d))),
        ("cos takes radians, not degrees: half a wave is π, not 180.",
         lambda d, lr: 0.5 * lr * (1 + math.cos(180 * d))),
        ("That is the sine. Use the cosine, which starts at 1.",
         lambda d, lr: 0.5 * lr * (1 + math.sin(math.pi * d))),
        ("The learning rate is missing: multiply by lr.",
         lambda d, lr: 0.5 * (1 + math.cos(math.pi * d))),
        ("Brackets: the half multiplies the whole sum, lr·(1 + cos πd)/2.",
         lambda d, lr: lr * (1 + math.cos(math.pi * d) / 2)),
        ("Brackets: the half multiplies the whole sum, lr·(1 + cos πd)/2, and lr does, too.",
         lambda d, lr: lr / 2 + math.cos(math.pi * d)),
        ("Brackets: lr multiplies the whole sum, lr·(1 + cos πd)/2.",
         lambda d, lr: 0.5 * (1 + lr * math.cos(math.pi * d))),
        ("That falls off as an exponential. Use (1 + cos πd)/2.", lambda d, lr: lr * math.exp(-d)),
        ("That is half of it: at d = 0 it must be lr.",
         lambda d, lr: 0.25 * lr * (1 + math.cos(math.pi * d))),
    ], "Gentle at both ends.")  # fmt: skip
