"""The equations: one spiking neuron written three ways, and its surrogate gradients.

Symbols are those of `docs/theory.md`: decay λ, threshold V, spikes s, membrane
potential u, spike accumulation â, potential accumulation Û, and Λ[t] = Σ_{k<t} λᵏ.
Every other module calls these functions; no equation is written a second time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = [
    "SURROGATES",
    "LIFParams",
    "LIFState",
    "OTTTState",
    "SAFState",
    "accumulate",
    "clamp_spike",
    "decay_of",
    "first_order",
    "lif_step",
    "ottt_step",
    "rescale",
    "saf_step",
    "spike",
    "spikes_from_accumulation",
    "surrogate_derivative",
    "swap",
    "to_accumulation",
    "to_potential",
    "total_weight",
]

# An object of its own, so that a λ that somebody gave can be told from the default.
DEFAULT_DECAY = float("0.5")
SURROGATES = ("sigmoid", "rectangular", "triangular", "arctan", "clamp")


@dataclass(frozen=True, kw_only=True)
class LIFParams:
    """Constants of a population of leaky integrate-and-fire neurons.

    λ is snnTorch's `beta`; SpikingJelly's `tau` is the τ here (with `decay_input=False`: the input
    is not multiplied by 1/τ).

    Args:
        decay: Factor λ that the potential keeps per step, in [0, 1]; 1 is the integrate-and-fire
            (IF) neuron.
        threshold: Firing threshold V > 0, in units of the membrane potential.
        surrogate: Shape of the surrogate derivative, one of `SURROGATES`.
        slope: Its steepness α > 0 (unused by "clamp").
        tau: Time constant τ ≥ 1 in steps, in place of `decay`: λ = 1 − 1/τ.

    Raises:
        ValueError: If a value lies outside its range, or both λ and τ are given.

    >>> LIFParams(tau=2.0)
    LIFParams(decay=0.5, threshold=1.0, surrogate='sigmoid', slope=4.0)
    """

    decay: float = DEFAULT_DECAY
    threshold: float = 1.0
    surrogate: str = "sigmoid"
    slope: float = 4.0
    tau: InitVar[float | None] = None

    def __post_init__(self, tau: float | None) -> None:
        object.__setattr__(self, "decay", decay_of(self.decay, tau))
        for name, valid, wanted, remedy in (
            ("decay", _within(self.decay, 0.0, 1.0), "decay in [0, 1]", "1 − 1/τ, or tau=τ"),
            # Within float32 and its reciprocal, whatever the precision of the network.
            ("threshold", _within(self.threshold, 1e-30, 1e30), "finite threshold above 0", "1.0"),
            ("surrogate", self.surrogate in SURROGATES, f"surrogate in {list(SURROGATES)}", "one"),
            ("slope", _within(self.slope, 1e-30, 1e30), "finite slope above 0", "e.g. 4.0"),
        ):
            if not valid:
                found = getattr(self, name)
                raise ValueError(f"Expected a {wanted}, but found {found!r}. Use {remedy}.")


def decay_of(decay: float, tau: float | None) -> float:
    """Return λ = 1 − 1/τ if τ is given, else `decay`.

    Raises:
        ValueError: If τ < 1, or both are given.
    """
    if tau is None:
        return decay
    if decay is not DEFAULT_DECAY:
        raise ValueError(
            f"Expected either decay or tau, but found decay = {decay!r} and tau = {tau!r}. Leave "
            "one out; decay = 1 − 1/tau."
        )
    if not _within(tau, 1.0, math.inf):
        raise ValueError(
            f"Expected a time constant tau ≥ 1 step, but found {tau!r}. Use e.g. tau=2.0, which "
            "is decay=0.5."
        )
    return 1.0 - 1.0 / float(tau)


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, Real) and value is not True and low <= float(value) <= high


class LIFState(NamedTuple):
    """Membrane potential u[t] (before the reset of step t) and spikes s[t]."""

    u: Tensor
    s: Tensor


class OTTTState(NamedTuple):
    """Membrane potential u[t], spikes s[t] and their trace â[t]."""

    u: Tensor
    s: Tensor
    a: Tensor


class SAFState(NamedTuple):
    """Spike accumulation â[t]: all that a SAF neuron remembers."""

    a: Tensor


def total_weight(decay: float, t: int) -> float:
    """Return Λ[t] = Σ_{k<t} λᵏ = (1 − λᵗ)/(1 − λ), or t when λ = 1.

    >>> total_weight(0.5, 3), total_weight(1.0, 3)
    (1.75, 3.0)
    """
    if t < 0:
        raise ValueError(f"Expected a step t ≥ 0, but found {t}. Steps are counted from 1.")
    if decay == 1.0 or t <= 1:
        return float(t)
    if decay <= 0.5:  # nothing cancels, and at 1/2 the result is exact
        return (1.0 - decay**t) / (1.0 - decay)
    return -math.expm1(t * math.log1p(decay - 1.0)) / (1.0 - decay)


def first_order(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Let the backward pass of an autograd function raise where a second derivative would begin.

    PyTorch's `once_differentiable` raises only if the gradient that comes in has a graph; else the
    second derivative would silently lack the part that comes from the function itself.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *grads: Any) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "Expected a first derivative, but found create_graph=True. The gradient of a "
                "spiking network stands in for a derivative and has none itself. Leave "
                "create_graph out."
            )
        return backward(ctx, *grads)

    return checked


class _Replaced(torch.autograd.Function):
    """A given value forward, a given derivative (a tensor, or None for 1) backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, derivative: Tensor | None) -> Tensor:
        ctx.save_for_backward(derivative)
        return value.view_as(value)

    @staticmethod
    @first_order
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (derivative,) = ctx.saved_tensors
        return grads[0] if derivative is None else grads[0] * derivative, None, None


def swap(value: Tensor, path: Tensor) -> Tensor:
    """Return `value` in the forward pass with the gradient of `path` in the backward pass."""
    return _Replaced.apply(path, value.detach(), None)


def rescale(x: Tensor, value: float, grad: float) -> Tensor:
    """Return value·x whose derivative with respect to x is `grad`."""
    return x * value if value == grad else swap(x * value, x * grad)


def surrogate_derivative(x: Tensor, p: LIFParams) -> Tensor:
    """Return σ'(x), the stand-in for the derivative of the Heaviside step H(x).

        sigmoid      σ'(x) = α·sig(αx)·(1 − sig(αx))
        rectangular  σ'(x) = α·1[|x| < 1/(2α)]
        triangular   σ'(x) = α·max(0, 1 − α|x|)
        arctan       σ'(x) = α / (2·(1 + (παx/2)²))

    Each integrates to 1 over x, so only the width changes with α.

    Args:
        x: Distance to threshold u − V, any shape.
        p: Neuron constants; `surrogate` picks the row, `slope` is α.

    Raises:
        ValueError: If `p.surrogate` is "clamp", which is a function of Û (see `clamp_spike`).

    Reference: Neftci, Mostafa, Zenke, arXiv:1901.09948.
    """
    alpha = p.slope
    if p.surrogate == "sigmoid":
        sig = torch.sigmoid(alpha * x)
        return alpha * sig * (1.0 - sig)
    if p.surrogate == "rectangular":
        return alpha * (x.abs() < 0.5 / alpha).to(x.dtype)
    if p.surrogate == "triangular":
        return alpha * (1.0 - alpha * x.abs()).clamp(min=0.0)
    if p.surrogate == "arctan":
        return alpha / (2.0 * (1.0 + (0.5 * math.pi * alpha * x) ** 2))
    raise ValueError(
        "Expected a surrogate that is a function of u − V, but found 'clamp', which needs the "
        "accumulated current Û. Use it with the rules saf_e, saf_f or spike_representation."
    )


def _heaviside(x: Tensor, derivative: Tensor) -> Tensor:
    return _Replaced.apply(x, (x >= 0).to(x.dtype), derivative)


def spike(x: Tensor, p: LIFParams) -> Tensor:
    """Return H(x), firing at equality, with derivative σ'(x) in the backward pass."""
    return _heaviside(x, surrogate_derivative(x.detach(), p))


def clamp_spike(x: Tensor, current: Tensor, p: LIFParams, total: float) -> Tensor:
    """Return H(x) with the clamp surrogate, the derivative of a rate bounded by 0 and 1.

        ∂s[t]/∂Û[t] := (1/V)·1[0 < Û[t] < V·Λ[t]]

    Args:
        x: Distance to threshold u − V.
        current: Accumulated current Û[t], same shape.
        p: Neuron constants.
        total: Λ[t].

    Reference: Meng et al., arXiv:2205.00459; Saiin et al., arXiv:2310.02772.
    """
    inside = (current > 0) & (current < p.threshold * total)
    return _heaviside(x, inside.to(x.dtype) / p.threshold)


def _check_shapes(current: Tensor, state: NamedTuple) -> None:
    for name, part in zip(state._fields, state, strict=True):
        if part.shape != current.shape:
            raise ValueError(
                f"Expected state and current of one shape, but found state.{name} "
                f"{tuple(part.shape)} and current {tuple(current.shape)}. Start every new "
                "sequence or batch size from a zero state."
            )


def lif_step(
    current: Tensor, state: LIFState, p: LIFParams, *, detach_reset: bool = False
) -> LIFState:
    """Advance leaky integrate-and-fire neurons by one step (soft reset that decays with u).

        u[t] = λ·(u[t−1] − V·s[t−1]) + I[t]
        s[t] = H(u[t] − V)

    Args:
        current: Input current I[t] = W s_in[t] + b, shape (B, *features).
        state: State at t−1; zeros before the first step.
        p: Leak λ in [0, 1], threshold V > 0, surrogate.
        detach_reset: Cut the gradient through the reset term V·s[t−1].

    Returns:
        State at t, same shape and dtype.

    Raises:
        ValueError: If `current` and `state` differ in shape.

    Reference: Xiao et al., arXiv:2210.04195.
    """
    _check_shapes(current, state)
    reset = state.s.detach() if detach_reset else state.s
    u = p.decay * (state.u - p.threshold * reset) + current
    return LIFState(u, spike(u - p.threshold, p))


def ottt_step(current: Tensor, state: OTTTState, p: LIFParams) -> OTTTState:
    """Advance LIF neurons by one step and their trace with them, without gradient through time.

        u[t] = λ·(u[t−1] − V·s[t−1]) + I[t]
        s[t] = H(u[t] − V)
        â[t] = λ·â[t−1] + s[t]

    Args:
        current: Input current I[t], shape (B, *features).
        state: State at t−1 (used without its gradient).
        p: Neuron constants.

    Returns:
        State at t; s[t] and â[t] carry the surrogate gradient of step t alone.

    Raises:
        ValueError: If `current` and `state` differ in shape.

    Reference: Xiao et al., arXiv:2210.04195.
    """
    u, s = lif_step(current, LIFState(state.u.detach(), state.s.detach()), p)
    return OTTTState(u, s, p.decay * state.a.detach() + s)


def saf_step(
    current: Tensor, state: SAFState, p: LIFParams, *, total: float | None = None
) -> SAFState:
    """Advance accumulated LIF neurons by one step, without gradient through time.

        u[t] = Û[t] − λ·V·â[t−1]
        s[t] = H(u[t] − V)
        â[t] = λ·â[t−1] + s[t]

    Args:
        current: Accumulated current Û[t] = W â_in[t] + Λ[t] b, shape (B, *features).
        state: State at t−1; zeros before the first step (used without its gradient).
        p: Leak λ in [0, 1], threshold V > 0, surrogate.
        total: Λ[t]; needed by the clamp surrogate only.

    Returns:
        State at t, same shape and dtype.

    Raises:
        ValueError: If `current` and `state` differ in shape, or Λ[t] is missing for "clamp".

    Reference: Saiin et al., arXiv:2310.02772.

    >>> p, state = LIFParams(), SAFState(torch.zeros(1, 1))
    >>> for t in (1, 2, 3):  # a constant input of 0.8 gives Û[t] = Λ[t]·0.8
    ...     state = saf_step(torch.full((1, 1), 0.8 * total_weight(p.decay, t)), state, p)
    ...     print(state.a.item())
    0.0
    1.0
    0.5
    """
    _check_shapes(current, state)
    past = p.decay * state.a.detach()
    # One rounding for V·past, as in ops.cpu, so that the two agree bit for bit.
    x = torch.sub(current, past, alpha=p.threshold) - p.threshold
    if p.surrogate != "clamp":
        return SAFState(past + spike(x, p))
    if total is None:
        raise ValueError("Expected Λ[t] for the clamp surrogate, but found None. Pass total=….")
    return SAFState(past + clamp_spike(x, current, p, total))


def to_potential(current: Tensor, a_before: Tensor, p: LIFParams) -> Tensor:
    """Return the membrane potential u[t] = Û[t] − λ·V·â[t−1]."""
    return current - p.decay * p.threshold * a_before


def to_accumulation(u: Tensor, a_before: Tensor, p: LIFParams) -> Tensor:
    """Return the potential accumulation Û[t] = u[t] + λ·V·â[t−1]."""
    return u + p.decay * p.threshold * a_before


def accumulate(s: Tensor, decay: float, before: Tensor | None = None) -> Tensor:
    """Return â[t] = λ·â[t−1] + s[t] for a train s (T, *shape), starting at `before` or 0."""
    a = torch.zeros_like(s[0]) if before is None else before
    out = []
    for now in s.unbind():
        a = decay * a + now
        out.append(a)
    return torch.stack(out)


def spikes_from_accumulation(a: Tensor, decay: float) -> Tensor:
    """Return s[t] = â[t] − λ·â[t−1] for a whole train â of shape (T, *shape)."""
    before = torch.cat([torch.zeros_like(a[:1]), a[:-1]])
    return a - decay * before
