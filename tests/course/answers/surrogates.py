"""Lessons 03 and 06: the sigmoid and clamp surrogates, and the gradient through the reset."""

import math

import numpy as np
import torch

from answers import Answers
from saflab import LIFParams, checks
from saflab.neurons import surrogate_derivative

SIGMOID = Answers(checks.check_surrogate)


@SIGMOID.right
def as_the_solution(x, alpha):
    sig = torch.sigmoid(alpha * x)
    return alpha * sig * (1 - sig)


@SIGMOID.right
def by_autograd(x, alpha):
    x = x.requires_grad_()
    return torch.autograd.grad(torch.sigmoid(alpha * x).sum(), x)[0]


@SIGMOID.right
def number_by_number(x, alpha):
    out = []
    for value in x:
        sig = 1 / (1 + math.exp(-alpha * value))
        out.append(alpha * sig * (1 - sig))
    return out


SIGMOID.right(
    lambda x, alpha: surrogate_derivative(x, LIFParams(slope=alpha)),
    lambda x, a: a * torch.exp(-a * x) / (1 + torch.exp(-a * x)) ** 2,
    lambda x, a: a * np.exp(-a * x) / (1 + np.exp(-a * x)) ** 2,
    lambda x, a: a / (2 + torch.exp(a * x) + torch.exp(-a * x)),
    lambda x, a: a / 4 / torch.cosh(a * x / 2) ** 2,
    lambda x, a: a / 4 / np.cosh(a * np.asarray(x) / 2) ** 2,
    lambda x, a: as_the_solution(x.float(), a),
    lambda x, a: a * (torch.sigmoid(a * x) - torch.sigmoid(a * x) ** 2),
    lambda x, a: a * torch.sigmoid(a * x) * torch.sigmoid(-a * x),
    lambda x, a: as_the_solution(x, a).tolist(),
    lambda alpha, x: as_the_solution(x, alpha),
)
SIGMOID.wrong("sigmoid itself", lambda x, a: torch.sigmoid(a * x), lambda x, a: x.sigmoid())
SIGMOID.wrong("inner derivative", lambda x, a: torch.sigmoid(a * x) * (1 - torch.sigmoid(a * x)))
SIGMOID.wrong("act inside", lambda x, a: a * torch.sigmoid(x) * (1 - torch.sigmoid(x)))
SIGMOID.wrong("missing twice", lambda x, a: torch.sigmoid(x) * (1 - torch.sigmoid(x)))
SIGMOID.wrong("sign", lambda x, a: -as_the_solution(x, a))
SIGMOID.wrong("1 − sig(αx) is missing", lambda x, a: a * torch.sigmoid(a * x))
SIGMOID.wrong("factor sig(αx)", lambda x, a: a * (1 - torch.sigmoid(a * x)))
SIGMOID.wrong("not 1 + sig", lambda x, a: a * torch.sigmoid(a * x) * (1 + torch.sigmoid(a * x)))
SIGMOID.wrong("α²", lambda x, a: a * as_the_solution(x, a))
SIGMOID.wrong("not divided", lambda x, a: as_the_solution(x, 1 / a) * a * a)
SIGMOID.wrong("step itself", lambda x, a: (x >= 0).double())
SIGMOID.wrong("tanh", lambda x, a: a * (1 - torch.tanh(a * x) ** 2))
SIGMOID.wrong("threshold", lambda x, a: as_the_solution(x - 1, a))
SIGMOID.wrong("raised", lambda x, a: a * math.exp(x))
SIGMOID.wrong("expected shape (5,), but found a number", lambda x, a: as_the_solution(x, a).mean())

CLAMP = Answers(checks.check_clamp_surrogate)


@CLAMP.right
def inside(current, total, threshold):
    return ((current > 0) & (current < threshold * total)).to(current.dtype) / threshold


@CLAMP.right
def by_loop(current, total, threshold):
    out = []
    for value in current.tolist():
        if 0 < value < threshold * total:
            out.append(1 / threshold)
        else:
            out.append(0)
    return out


@CLAMP.right
def by_mask(current, total, threshold):
    out = torch.zeros(len(current))
    out[(current > 0) * (current < threshold * total)] = 1 / threshold
    return out


CLAMP.right(
    lambda c, t, v: torch.where((c > 0) & (c < v * t), 1 / v, 0.0),
    lambda c, t, v: np.where((c > 0) & (c < v * t), 1 / v, 0),
    lambda c, t, v: np.logical_and(c > 0, c < v * t) / v,
    lambda c, t, v: ((c / v > 0) * (c / v < t)).float() / v,
    lambda c, t, v: (c > 0).double() * (c < v * t).double() / v,
    lambda c, t, v: ~((c <= 0) | (c >= v * t)) / v,
    lambda c, t, v: [(0 < x < v * t) / v for x in c],
    lambda threshold, total, current: inside(current, total, threshold),
    lambda c, t, v: inside(c, t, v).numpy().astype(np.float32),
)
CLAMP.wrong("1/V is missing", lambda c, t, v: (c > 0) & (c < v * t))
CLAMP.wrong("you multiplied", lambda c, t, v: v * ((c > 0) & (c < v * t)))
CLAMP.wrong("V alone", lambda c, t, v: inside(c, t, v) / t)
CLAMP.wrong("not by Λ[T]", lambda c, t, v: ((c > 0) & (c < v * t)) / t)
CLAMP.wrong("grown by Λ[T]", lambda c, t, v: ((c > 0) & (c < v)) / v)
CLAMP.wrong("not Λ[T]", lambda c, t, v: ((c > 0) & (c < t)) / v)
CLAMP.wrong("not 1", lambda c, t, v: ((c > 0) & (c < 1)) / v)
CLAMP.wrong("upper limit is missing", lambda c, t, v: (c > 0) / v)
CLAMP.wrong("lower limit is missing", lambda c, t, v: (c < v * t) / v)
CLAMP.wrong("open", lambda c, t, v: ((c >= 0) & (c <= v * t)) / v,
            lambda c, t, v: ((c >= 0) & (c < v * t)) / v,
            lambda c, t, v: ((c > 0) & (c <= v * t)) / v)  # fmt: skip
CLAMP.wrong("other way round", lambda c, t, v: ((c <= 0) | (c >= v * t)) / v)
CLAMP.wrong("clamp itself", lambda c, t, v: torch.clamp(c / v / t, 0, 1),
            lambda c, t, v: torch.clamp(c / v, 0, t))  # fmt: skip
CLAMP.wrong("ambiguous", lambda c, t, v: 1 / v if 0 < c < v * t else 0)

RESET = Answers(checks.check_reset_gradient)


def surrogate(z, alpha):
    sig = 1 / (1 + math.exp(-alpha * z))
    return alpha * sig * (1 - sig)


@RESET.right
def as_the_solution_says(w, x, decay, threshold, alpha):
    slope = surrogate(w * x - threshold, alpha)
    return decay * (x - threshold * slope * x) + x


@RESET.right
def by_autograd_in_float32(w, x, decay, threshold, alpha):
    w = torch.tensor(w, requires_grad=True)
    s = torch.sigmoid(alpha * (w * x - threshold))
    u = decay * (w * x - threshold * s) + w * x
    u.backward()
    return w.grad


@RESET.right
def by_differences(w, x, decay, threshold, alpha, step=1e-5):
    def u(w):
        s = 1 / (1 + math.exp(-alpha * (w * x - threshold)))
        return decay * (w * x - threshold * s) + w * x

    return (u(w + step) - u(w - step)) / (2 * step)


RESET.right(
    lambda w, x, k, v, a: k * x * (1 - v * surrogate(w * x - v, a)) + x,
    lambda w, x, k, v, a: x * (1 + k - k * v * surrogate(w * x - v, a)),
    lambda w, x, k, v, a: k * x - k * v * x * a / 4 / math.cosh(a * (w * x - v) / 2) ** 2 + x,
    lambda w, x, k, v, a: k * x - k * v * x * a / 4 / np.cosh(a * (w * x - v) / 2) ** 2 + x,
    lambda w, x, k, v, a: torch.tensor(as_the_solution_says(w, x, k, v, a)),
    lambda w, x, k, v, a: np.float32(as_the_solution_says(w, x, k, v, a)),
    lambda w, x, k, v, a: np.array([as_the_solution_says(w, x, k, v, a)]),
    lambda alpha, threshold, decay, x, w: as_the_solution_says(w, x, decay, threshold, alpha),
    lambda *numbers: as_the_solution_says(*numbers),
    lambda **named: as_the_solution_says(**named),
)
RESET.wrong("reset detached", lambda w, x, k, v, a: k * x + x)
RESET.wrong("u[1] depends on w", lambda w, x, k, v, a: x)
RESET.wrong("directly at step 2", lambda w, x, k, v, a: k * x * (1 - v * surrogate(w * x - v, a)))
RESET.wrong("minus sign", lambda w, x, k, v, a: k * x * (1 + v * surrogate(w * x - v, a)) + x)
RESET.wrong("V·σ'", lambda w, x, k, v, a: k * x * (1 - surrogate(w * x - v, a)) + x)
RESET.wrong("distance", lambda w, x, k, v, a: k * x * (1 - v * surrogate(w * x, a)) + x)
RESET.wrong("inner derivative", lambda w, x, k, v, a: k * (x - v * surrogate(w * x - v, a)) + x)
RESET.wrong("factor α", lambda w, x, k, v, a: k * x * (1 - v * surrogate(w * x - v, a) / a) + x)
RESET.wrong("its reset included", lambda w, x, k, v, a: (
    k * x - v * x * surrogate(w * x - v, a) + x))  # fmt: skip
RESET.wrong("decay is missing", lambda w, x, k, v, a: x * (2 - v * surrogate(w * x - v, a)))
RESET.wrong("not the x of step 2", lambda w, x, k, v, a: (
    k * (2 * x - v * x * surrogate(w * x - v, a))))  # fmt: skip
RESET.wrong("took the sigmoid", lambda w, x, k, v, a: (
    k * x * (1 - v / (1 + math.exp(-a * (w * x - v)))) + x))  # fmt: skip
RESET.wrong("not by x", lambda w, x, k, v, a: k * w * (1 - v * surrogate(w * x - v, a)) + w)
RESET.wrong("u[2] itself", lambda w, x, k, v, a: k * (w * x - v * (w * x >= v)) + w * x)
RESET.wrong("raised TypeError", lambda w, x, k, v, a: torch.exp(w * x - v))
