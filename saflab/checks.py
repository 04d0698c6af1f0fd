"""Exercise checks for the notebooks: unattempted, wrong and why, or correct; they never raise.

Each common mistake is written down as code. An answer that agrees with a mistake on every case
gets that mistake's hint; other wrong answers get the first case on which they fail.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saflab.neurons import (
    LIFParams,
    LIFState,
    SAFState,
    accumulate,
    lif_step,
    saf_step,
    spikes_from_accumulation,
    surrogate_derivative,
    total_weight,
)
from saflab.progress import record

__all__ = [
    "Verdict",
    "check_accumulate",
    "check_accuracy",
    "check_anytime",
    "check_bias_gradient",
    "check_clamp_surrogate",
    "check_cosine",
    "check_feedback_gradient",
    "check_firing_rate",
    "check_first_spike",
    "check_lif_step",
    "check_ottt_gradient",
    "check_ottt_online",
    "check_passes",
    "check_predict",
    "check_reset_gradient",
    "check_saf_step",
    "check_skip_current",
    "check_stored_steps",
    "check_surrogate",
    "check_synaptic_operations",
    "check_to_spikes",
    "check_weighted_rate",
]

Function = Callable[..., Any]
Mistake = tuple[str, Function]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Outcome of a check; shows itself as one line.

    Args:
        status: "unattempted", "wrong" or "correct".
        message: What to do next.
    """

    status: str
    message: str

    def __repr__(self) -> str:
        label = {"unattempted": "Not attempted yet.", "wrong": "Not yet.", "correct": "Correct."}
        return f"{label[self.status]} {self.message}"


class _Unattempted(Exception):
    pass


def _call(function: Function, case: tuple[Any, ...]) -> Any:
    copies = [x.clone() if isinstance(x, Tensor) else x for x in case]
    try:
        out = function(*copies)
    except NotImplementedError as error:
        raise _Unattempted from error
    if out is None or out is Ellipsis:
        raise _Unattempted
    return out


def _flat(out: Any) -> list[Tensor]:
    if isinstance(out, tuple | list) and any(isinstance(x, Tensor) for x in out):
        return [torch.as_tensor(x).detach().to(torch.float64) for x in out]
    return [torch.as_tensor(out).detach().to(torch.float64)]


def _same(x: Any, y: Any) -> bool:
    try:
        left, right = _flat(x), _flat(y)
    except (TypeError, ValueError, RuntimeError):
        return False
    return len(left) == len(right) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-12)
        for a, b in zip(left, right, strict=True)
    )


def _form(out: Any) -> str:
    try:
        parts = _flat(out)
    except (TypeError, ValueError, RuntimeError):
        return f"a {type(out).__name__}"
    return " and ".join(f"shape {tuple(p.shape)}" if p.dim() else "a number" for p in parts)


def _short(out: Any) -> str:
    first = _flat(out)[0].flatten()[:4]
    return "[" + ", ".join(f"{float(x):.4g}" for x in first) + (", …]" if len(first) == 4 else "]")


def _judge(
    function: Any,
    truth: Function,
    cases: Sequence[tuple[Any, ...]],
    mistakes: Sequence[Mistake],
    done: str,
) -> Verdict:
    if not callable(function):
        return Verdict(status="wrong", message="Pass the function itself, without calling it.")
    try:
        answers = [_call(function, case) for case in cases]
    except _Unattempted:
        return Verdict(
            status="unattempted", message="Replace the `...` by your code and run the cell again."
        )
    except Exception as error:  # whatever the student's code raises is feedback, not a crash
        text = str(error).splitlines()[0][:160] if str(error) else "no message"
        return Verdict(
            status="wrong", message=f"Your function raised {type(error).__name__}: {text}"
        )
    wanted = [truth(*case) for case in cases]
    right = [_same(a, w) for a, w in zip(answers, wanted, strict=True)]
    if all(right):
        return Verdict(status="correct", message=done)
    for hint, wrong in mistakes:
        if all(_same(a, wrong(*case)) for a, case in zip(answers, cases, strict=True)):
            return Verdict(status="wrong", message=hint)
    index = right.index(False)
    got, want = answers[index], wanted[index]
    if _form(got) != _form(want):
        message = f"Expected {_form(want)}, but your function returned {_form(got)}."
    else:
        message = (
            f"Case {index + 1} of {len(cases)}: expected {_short(want)}, but your function "
            f"returned {_short(got)}. Check one step by hand."
        )
    return Verdict(status="wrong", message=message)


def _rand(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _spikes(seed: int, *shape: int) -> Tensor:
    return (_rand(seed, *shape) > 0.2).double()


def _heaviside(x: Tensor) -> Tensor:
    return (x >= 0).to(x.dtype)


def _exercise(check: Callable[[Any], Verdict]) -> Callable[[Any], Verdict]:
    """Keep progress: what the check judges correct is recorded under the check's name."""

    @functools.wraps(check)
    def judged(function: Any) -> Verdict:
        verdict = check(function)
        if verdict.status == "correct":
            record(check.__name__)
        return verdict

    return judged


@_exercise
def check_lif_step(function: Any) -> Verdict:
    """Judge `f(u_before, s_before, current, leak, threshold) -> (u, s)` (lesson 01)."""

    def truth(u: Tensor, s: Tensor, i: Tensor, leak: float, v: float) -> tuple[Tensor, Tensor]:
        return tuple(lif_step(i, LIFState(u, s), LIFParams(leak=leak, threshold=v)))  # type: ignore[return-value]

    def variant(potential: Function, fire: Function = lambda x: _heaviside(x)) -> Function:
        def wrong(u: Tensor, s: Tensor, i: Tensor, leak: float, v: float) -> tuple[Tensor, Tensor]:
            new = potential(u, s, i, leak, v)
            return new, fire(new - v)

        return wrong

    on = torch.tensor([2.0, 1.5, 0.25, 0.0], dtype=torch.float64)
    cases = [
        (on, _heaviside(on - 1.0), torch.tensor([0.5, 0.75, 0.25, 1.0]).double(), 0.5, 1.0),
        (2 * on, _heaviside(2 * on - 0.75), _rand(1, 4), 0.75, 0.75),
    ]
    return _judge(function, truth, cases, [
        ("The reset must decay too: λ multiplies u[t−1] − V·s[t−1] as a whole, not u[t−1] alone.",
         variant(lambda u, s, i, k, v: k * u - v * s + i)),
        ("That is a hard reset to zero. Subtract V where the neuron fired, so that the surplus "
         "above V is kept.", variant(lambda u, s, i, k, v: k * u * (1 - s) + i)),
        ("The neuron never resets. Subtract V·s[t−1] before the decay.",
         variant(lambda u, s, i, k, v: k * u + i)),
        ("The leak is missing. Multiply the potential that remains after the reset by λ.",
         variant(lambda u, s, i, k, v: u - v * s + i)),
        ("The reset subtracts 1, not V. Multiply s[t−1] by the threshold.",
         variant(lambda u, s, i, k, v: k * (u - s) + i)),
        ("The neuron fires at equality: use >= rather than >.",
         variant(lambda u, s, i, k, v: k * (u - v * s) + i, lambda x: (x > 0).double())),
        ("Return both u[t] and s[t], as a pair.", lambda *case: truth(*case)[0]),
        ("You returned only the spikes. Return the pair u[t], s[t].",
         lambda *case: truth(*case)[1]),
    ], "Decay, reset and threshold are all in place.")  # fmt: skip


@_exercise
def check_first_spike(function: Any) -> Verdict:
    """Judge `f(current, leak, threshold) -> t`, the step of the first spike (lesson 01)."""

    def truth(i: float, leak: float, v: float) -> int:
        return next(t for t in range(1, 999) if i * total_weight(leak, t) >= v)

    cases = [(0.6, 0.5, 1.0), (0.3, 0.75, 1.0), (0.1, 1.0, 0.95), (1.5, 0.5, 1.0)]
    return _judge(function, truth, cases, [
        ("Steps are counted from 1: u[1] is the first potential.",
         lambda *c: truth(*c) - 1),
        ("That ignores the leak. Without spikes u[t] = I·Λ[t], which grows more slowly than I·t.",
         lambda i, leak, v: truth(i, 1.0, v)),
    ], "You solved I·Λ[t] ≥ V for the first t.")  # fmt: skip


@_exercise
def check_accumulate(function: Any) -> Verdict:
    """Judge `f(s, leak) -> â` for a spike train (T, n) (lesson 02)."""
    cases = [(_spikes(2, 6, 3), 0.5), (_spikes(3, 5, 2), 0.8), (_spikes(4, 4, 1), 1.0)]

    def decayed(s: Tensor, leak: float) -> Tensor:
        return leak * accumulate(s, leak)

    return _judge(function, accumulate, cases, [
        ("That is a plain sum. Older spikes must fade: multiply â[t−1] by λ at every step.",
         lambda s, leak: s.cumsum(0)),
        ("The newest spike has weight 1: decay â[t−1] first, then add s[t].", decayed),
        ("Only the last step was returned. Return â at every step, shape (T, n).",
         lambda s, leak: accumulate(s, leak)[-1]),
        ("Time runs backwards: the newest spike has weight 1, the oldest λ^(t−1).",
         lambda s, leak: accumulate(s.flip(0), leak).flip(0)),
        ("Every row is the last â: an in-place `a +=` changes the rows already stored. Write "
         "a = λ·a + s[t], which makes a new tensor.",
         lambda s, leak: accumulate(s, leak)[-1:].expand_as(s)),
        ("That is an average with weights λ and 1 − λ. The accumulation adds the whole spike.",
         lambda s, leak: (1 - leak) * accumulate(s, leak)),
    ], "One multiplication and one addition per step.")  # fmt: skip


@_exercise
def check_to_spikes(function: Any) -> Verdict:
    """Judge `f(a, leak) -> s` for an accumulation (T, n) (lesson 02)."""
    dense = 1.0 - _spikes(6, 6, 3)
    cases = [(accumulate(_spikes(5, 6, 3), 0.5), 0.5), (accumulate(dense, 0.9), 0.9)]
    return _judge(function, spikes_from_accumulation, cases, [
        ("The past has decayed in the meantime: subtract λ·â[t−1], not â[t−1].",
         lambda a, leak: torch.diff(a, dim=0, prepend=torch.zeros_like(a[:1]))),
        ("The first step is missing: â[0] = 0, so s[1] = â[1].",
         lambda a, leak: a[1:] - leak * a[:-1]),
        ("At t = 1 that subtracts the last step: index −1 (or roll) wraps around. Use â[0] = 0.",
         lambda a, leak: a - leak * a.roll(1, 0)),
        ("An accumulation above a limit is not a spike: â[t] may be large while s[t] is 0.",
         lambda a, leak: (a >= 1).double()),
    ], "An accumulation and its spike train hold the same information.")  # fmt: skip


@_exercise
def check_surrogate(function: Any) -> Verdict:
    """Judge `f(x, alpha) -> σ'(x)` of the sigmoid surrogate (lesson 03)."""

    def truth(x: Tensor, alpha: float) -> Tensor:
        return surrogate_derivative(x, LIFParams(slope=alpha))

    cases = [(_rand(7, 5), 4.0), (_rand(8, 5), 1.5)]
    return _judge(function, truth, cases, [
        ("That is the sigmoid itself. Return its derivative.",
         lambda x, k: torch.sigmoid(k * x)),
        ("The inner derivative α is missing: d/dx sig(αx) = α·sig(αx)·(1 − sig(αx)).",
         lambda x, k: truth(x, k) / k),
        ("The slope α must also act inside: use sig(αx), not sig(x).",
         lambda x, k: k * torch.sigmoid(x) * (1 - torch.sigmoid(x))),
        ("The sign is off: the step rises, so its derivative is positive.",
         lambda x, k: -truth(x, k)),
    ], "Its integral is 1 for every α, like that of the step's true derivative.")  # fmt: skip


@_exercise
def check_reset_gradient(function: Any) -> Verdict:
    """Judge `f(w, x, leak, threshold, alpha) -> ∂u[2]/∂w`, reset not detached (lesson 03)."""

    def slope(w: float, x: float, v: float, alpha: float) -> float:
        sig = 1.0 / (1.0 + math.exp(-alpha * (w * x - v)))
        return alpha * sig * (1 - sig)

    def truth(w: float, x: float, leak: float, v: float, alpha: float) -> float:
        return leak * x * (1 - v * slope(w, x, v, alpha)) + x

    cases = [(0.7, 1.1, 0.5, 1.0, 4.0), (1.4, 0.9, 0.75, 2.0, 2.0)]
    return _judge(function, truth, cases, [
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


@_exercise
def check_ottt_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a_in) -> ∂L/∂W`; (T, out), (T, in) → (out, in) (lesson 04)."""

    def truth(delta: Tensor, a: Tensor) -> Tensor:
        return torch.einsum("to,ti->oi", delta, a)

    cases = [
        (_rand(9, 5, 3), accumulate(_spikes(10, 5, 4), 0.5)),
        (_rand(11, 4, 2), accumulate(_spikes(12, 4, 2), 0.5)),
    ]
    return _judge(function, truth, cases, [
        ("Rows of W are outputs: δ[t] comes first in the outer product.",
         lambda d, a: truth(d, a).T),
        ("Only the last step is there. Add up the outer products of all steps.",
         lambda d, a: torch.outer(d[-1], a[-1])),
        ("Multiply within each step, then add: the sum of products is not the product of sums.",
         lambda d, a: torch.outer(d.sum(0), a.sum(0))),
        ("That is the average over time. The loss already carries 1/T; add the steps up.",
         lambda d, a: truth(d, a) / len(d)),
    ], "Each step needs its own δ[t] and â[t] only; nothing older is kept.")  # fmt: skip


@_exercise
def check_ottt_online(function: Any) -> Verdict:
    """Judge `f(weight, delta, s_in, leak, lr) -> weight` after T online updates (lesson 04)."""

    def truth(w: Tensor, d: Tensor, s: Tensor, leak: float, lr: float) -> Tensor:
        return w - lr * torch.einsum("to,ti->oi", d, accumulate(s, leak))

    cases = [(_rand(13, 3, 4), _rand(14, 5, 3), _spikes(15, 5, 4), 0.5, 0.1),
             (_rand(16, 2, 2), _rand(17, 4, 2), _spikes(18, 4, 2), 0.8, 0.3)]  # fmt: skip
    return _judge(function, truth, cases, [
        ("Descent subtracts the gradient.", lambda w, d, s, k, lr: 2 * w - truth(w, d, s, k, lr)),
        ("You used the spikes of the step alone. OTTT pairs δ[t] with the trace â_in[t].",
         lambda w, d, s, k, lr: truth(w, d, s, 0.0, lr)),
        ("The trace must fade: â ← λ·â + s.", lambda w, d, s, k, lr: truth(w, d, s, 1.0, lr)),
        ("The learning rate is missing.", lambda w, d, s, k, lr: truth(w, d, s, k, 1.0)),
        ("Only the last step updated the weight. Update at every step.",
         lambda w, d, s, k, lr: w - lr * torch.outer(d[-1], accumulate(s, k)[-1])),
    ], "One trace and one outer product per step: memory does not grow with T.")  # fmt: skip


@_exercise
def check_saf_step(function: Any) -> Verdict:
    """Judge `f(current, a_before, leak, threshold) -> â[t]` (lesson 05)."""

    def truth(current: Tensor, a: Tensor, leak: float, v: float) -> Tensor:
        return saf_step(current, SAFState(a), LIFParams(leak=leak, threshold=v)).a

    def fires(limit: Function) -> Function:
        return lambda c, a, k, v: k * a + _heaviside(c - limit(a, k, v))

    a = torch.tensor([0.0, 1.0, 1.5, 0.5, 1.75, 1.0], dtype=torch.float64)
    c = torch.tensor([1.0, 1.5, 1.8, 1.3, 2.6, 1.6], dtype=torch.float64)
    cases = [(c, a, 0.5, 1.0), (1.2 * c + 0.1, a, 0.75, 1.5), (0.6 * c, a, 0.5, 0.5),
             (0.9 * c, a, 0.25, 0.75)]  # fmt: skip
    return _judge(function, truth, cases, [
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


@_exercise
def check_bias_gradient(function: Any) -> Verdict:
    """Judge `f(delta, leak) -> ∂L/∂b` with the full trace; (T, out) → (out,) (lesson 05)."""

    def weighted(weight: Function) -> Function:
        return lambda d, leak: sum(weight(leak, t + 1) * d[t] for t in range(len(d)))

    cases = [(_rand(19, 5, 3), 0.5), (_rand(20, 4, 2), 0.8)]
    return _judge(function, weighted(total_weight), cases, [
        ("That is the official trace, where each δ[t] counts once. Here ∂Û[t]/∂b = Λ[t].",
         weighted(lambda k, t: 1.0)),
        ("Λ[t] is not t when λ < 1: add up the powers of λ.", weighted(lambda k, t: t)),
        ("Λ is one step late: Λ[1] = 1.", weighted(lambda k, t: total_weight(k, t - 1))),
        ("The bias acts at every step up to t: use Λ[t], the sum of the powers, not λ^(t−1).",
         weighted(lambda k, t: k ** (t - 1))),
    ], "A bias is a source that is on at every step; Λ[t] is its trace.")  # fmt: skip


@_exercise
def check_clamp_surrogate(function: Any) -> Verdict:
    """Judge `f(current, total, threshold) -> ∂â/∂Û` of the clamp surrogate (lesson 06)."""

    def truth(c: Tensor, total: float, v: float) -> Tensor:
        return ((c > 0) & (c < v * total)).double() / v

    c = torch.tensor([-0.5, 0.0, 0.4, 0.9, 1.2, 1.75, 2.4, 3.5, 9.0], dtype=torch.float64)
    cases = [(c, 1.75, 0.5), (c, 1.75, 2.0), (c, 1.5, 0.8)]
    return _judge(function, truth, cases, [
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


@_exercise
def check_weighted_rate(function: Any) -> Verdict:
    """Judge `f(s, leak) -> a[T]`, the weighted firing rate of a train (T, n) (lesson 06)."""

    def truth(s: Tensor, leak: float) -> Tensor:
        return accumulate(s, leak)[-1] / total_weight(leak, len(s))

    cases = [(_spikes(21, 6, 4), 0.5), (_spikes(22, 5, 3), 0.8)]
    return _judge(function, truth, cases, [
        ("That is the plain mean. Weight the spike of step k by λ^(T−k).",
         lambda s, k: s.mean(0)),
        ("Divide by Λ[T], so that a neuron that always fires has rate 1.",
         lambda s, k: accumulate(s, k)[-1]),
        ("Divide by the sum of the weights, Λ[T], not by T.",
         lambda s, k: accumulate(s, k)[-1] / len(s)),
        ("That is the limit of Λ for T → ∞. Use Λ[T] = (1 − λ^T)/(1 − λ).",
         lambda s, k: accumulate(s, k)[-1] * (1 - k)),
    ], "It lies in [0, 1] for every T.")  # fmt: skip


_PASSES = {"ottt_published": (2, 2, False), "ottt_fused": (1, 2, False),
           "saf_e": (1, 2, False), "saf_f": (1, 2, True)}  # fmt: skip


@_exercise
def check_passes(function: Any) -> Verdict:
    """Judge `f(rule, steps) -> passes` over each synapse per sequence (lesson 08)."""

    def truth(rule: str, steps: int) -> int:
        forward, backward, once = _PASSES[rule]
        return forward * steps + backward * (1 if once else steps)

    cases = [(rule, steps) for rule in _PASSES for steps in (1, 6, 10)]
    return _judge(function, truth, cases, [
        ("SAF-F goes backward once, at T, not at every step.",
         lambda rule, t: (_PASSES[rule][0] + _PASSES[rule][1]) * t),
        ("A backward pass has two products: one for the input's gradient, one for the weight's.",
         lambda rule, t: _PASSES[rule][0] * t + (1 if _PASSES[rule][2] else t)),
        ("OTTT as published runs two forward passes: one for the value, one for the gradient.",
         lambda rule, t: truth("ottt_fused" if rule == "ottt_published" else rule, t)),
        ("A fused OTTT needs one forward pass only.",
         lambda rule, t: truth("ottt_published" if rule == "ottt_fused" else rule, t)),
        ("Only forward passes are counted. Add the backward ones.",
         lambda rule, t: _PASSES[rule][0] * t),
    ], "These are the numbers behind the paper's speed ratios.")  # fmt: skip


@_exercise
def check_stored_steps(function: Any) -> Verdict:
    """Judge `f(rule, steps) -> steps whose activations are alive at once` (lesson 08)."""
    rules = ("bptt", "ottt_a", "ottt_o", "saf_e", "saf_f")
    cases = [(rule, steps) for rule in rules for steps in (1, 6, 32)]
    return _judge(function, lambda rule, t: t if rule == "bptt" else 1, cases, [
        ("OTTT and SAF free each step's graph before the next: they keep one step.",
         lambda rule, t: t),
        ("BPTT must keep every step until it goes backward.", lambda rule, t: 1),
        ("SAF-E and OTTT_A go backward at every step, so they keep only one, too.",
         lambda rule, t: t if rule in ("bptt", "saf_e", "ottt_a") else 1),
        ("SAF-F builds no graph in its first T − 1 steps: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "saf_f") else 1),
    ], "Only BPTT's memory grows with T.")  # fmt: skip


@_exercise
def check_feedback_gradient(function: Any) -> Verdict:
    """Judge `f(delta, a) -> ∂L/∂W_f`; (T, out), (T, in) → (out, in) (lesson 09)."""

    def product(d: Tensor, a: Tensor) -> Tensor:
        return torch.einsum("to,ti->oi", d, a)

    cases = [(_rand(23, 5, 3), accumulate(_spikes(24, 5, 4), 0.5)),
             (_rand(25, 4, 2), accumulate(_spikes(26, 4, 2), 0.5))]  # fmt: skip
    return _judge(function, lambda d, a: product(d[1:], a[:-1]), cases, [
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


@_exercise
def check_skip_current(function: Any) -> Verdict:
    """Judge `f(w, w_skip, b, a, a_skip, total) -> Û` with a skip connection (lesson 09)."""

    def truth(w: Tensor, q: Tensor, b: Tensor, a: Tensor, aq: Tensor, total: float) -> Tensor:
        return w @ a + q @ aq + total * b

    cases = [(_rand(i, 3, 4), _rand(i + 1, 3, 2), _rand(i + 2, 3), _rand(i + 3, 4).abs(),
              _rand(i + 4, 2).abs(), t) for i, t in ((30, 1.75), (40, 1.5))]  # fmt: skip
    return _judge(function, truth, cases, [
        ("The bias acts at every step: in an accumulation it weighs Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + q @ aq + b),
        ("The bias is missing.", lambda w, q, b, a, aq, t: w @ a + q @ aq),
        ("The skip is missing.", lambda w, q, b, a, aq, t: w @ a + t * b),
        ("Accumulations already carry the time weights; only the bias is multiplied by Λ[t].",
         lambda w, q, b, a, aq, t: w @ a + t * (q @ aq) + t * b),
    ], "Accumulation commutes with the sum of the branches.")  # fmt: skip


@_exercise
def check_synaptic_operations(function: Any) -> Verdict:
    """Judge `f(s, fan_out) -> additions per image`, s of shape (T, B, n) (lesson 10)."""
    cases = [(_spikes(50, 6, 2, 5), 7), (_spikes(51, 4, 3, 8), 10)]
    return _judge(function, lambda s, f: s.sum() * f / s.shape[1], cases, [
        ("Divide by the number of images.", lambda s, f: s.sum() * f),
        ("Each spike costs one addition per synapse it reaches: multiply by the fan-out.",
         lambda s, f: s.sum() / s.shape[1]),
        ("That is per step as well. An image takes all T steps.",
         lambda s, f: s.sum() * f / s.shape[1] / s.shape[0]),
        ("That counts every neuron at every step, as a dense network would. Count spikes only.",
         lambda s, f: torch.tensor(s[:, 0].numel() * f)),
    ], "A silent neuron costs nothing.")  # fmt: skip


@_exercise
def check_anytime(function: Any) -> Verdict:
    """Judge `f(o) -> predictions after each step`; (T, B, classes) → (T, B) (lesson 10)."""
    cases = [(_rand(52, 6, 5, 4),), (_rand(53, 4, 7, 3),)]
    return _judge(function, lambda o: o.cumsum(0).argmax(-1), cases, [
        ("Each step votes alone there. Add up the readout of all steps so far.",
         lambda o: o.argmax(-1)),
        ("That is the final prediction. Return one prediction per step.",
         lambda o: o.sum(0).argmax(-1)),
        ("Take the largest class, along the last axis.", lambda o: o.cumsum(0).argmax(1)),
    ], "You may stop at any step and have an answer.")  # fmt: skip


@_exercise
def check_predict(function: Any) -> Verdict:
    """Judge `f(o) -> classes`; readout (T, B, classes) → (B,) (lesson 00)."""
    cases = [(_rand(54, 6, 5, 4),), (_rand(55, 4, 7, 3),)]
    return _judge(function, lambda o: o.sum(0).argmax(-1), cases, [
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


@_exercise
def check_firing_rate(function: Any) -> Verdict:
    """Judge `f(s) -> spikes per neuron and step`, s of shape (T, B, n) (lesson 00)."""
    cases = [(_spikes(56, 6, 5, 4),), (_spikes(57, 4, 3, 3),)]
    return _judge(function, lambda s: s.mean(), cases, [
        ("That is the number of spikes. Divide by steps, images and neurons.",
         lambda s: s.sum()),
        ("That is one rate per neuron. Average over everything.", lambda s: s.mean((0, 1))),
        ("Average over neurons and images as well as time.", lambda s: s.mean(0)),
        ("That is spikes per step. Divide by the number of neurons and images, too.",
         lambda s: s.sum() / len(s)),
    ], "At a rate of 0.1, nine of ten synaptic inputs are zero.")  # fmt: skip


@_exercise
def check_accuracy(function: Any) -> Verdict:
    """Judge `f(o, y) -> accuracy in percent` (lesson 07)."""

    def truth(o: Tensor, y: Tensor) -> Tensor:
        return 100.0 * (o.sum(0).argmax(-1) == y).double().mean()

    cases = [(_rand(58, 4, 8, 3), torch.arange(8) % 3), (_rand(59, 6, 9, 2), torch.arange(9) % 2)]
    return _judge(function, truth, cases, [
        ("Multiply by 100 for percent.", lambda o, y: truth(o, y) / 100),
        ("That is the last step alone. Add up the readout over time first.",
         lambda o, y: truth(o[-1:], y)),
        ("That is the error. Count the images that are right.", lambda o, y: 100 - truth(o, y)),
        ("That is a count. Divide by the number of images.",
         lambda o, y: truth(o, y) * len(y) / 100),
    ], "The prediction is argmax Σ o[t].")  # fmt: skip


@_exercise
def check_cosine(function: Any) -> Verdict:
    """Judge `f(done, lr) -> learning rate`, `done` from 0 to 1 (lesson 07)."""
    cases = [(0.0, 0.1), (0.25, 0.1), (0.5, 0.2), (1.0, 0.1)]
    return _judge(function, lambda d, lr: 0.5 * lr * (1 + math.cos(math.pi * d)), cases, [
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
