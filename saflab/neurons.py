"""The equations: one spiking neuron written three ways, and its surrogate gradients.

Symbols are those of `docs/theory.md`: decay λ, threshold V, spikes s, membrane
potential u, spike accumulation â, potential accumulation Û, and Λ[t] = Σ_{k<t} λᵏ.
Every other module calls these functions; no equation is written a second time.
"""

from __future__ import annotations

import math
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
        if not (
            isinstance(self.decay, Real) and self.decay is not True and 0.0 <= self.decay <= 1.0
        ):
            raise ValueError(
                f"Expected a decay in [0, 1], but found {self.decay!r}. Use 1 − 1/τ, or tau=τ."
            )
        if not _positive(self.threshold):
            raise ValueError(
                f"Expected a finite threshold above 0, but found {self.threshold!r}. Use e.g. 1.0."
            )
        if self.surrogate not in SURROGATES:
            raise ValueError(
                f"Expected a surrogate in {list(SURROGATES)}, but found {self.surrogate!r}."
            )
        if not _positive(self.slope):
            raise ValueError(
                f"Expected a finite slope above 0, but found {self.slope!r}. Use e.g. 4.0."
            )


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
    if not (isinstance(tau, Real) and tau is not True and float(tau) >= 1.0):
        raise ValueError(
            f"Expected a time constant tau ≥ 1 step, but found {tau!r}. Use e.g. tau=2.0, which "
            "is decay=0.5."
        )
    return 1.0 - 1.0 / float(tau)


def _positive(value: Any) -> bool:
    # Within float32 and its reciprocal, whatever the precision of the network.
    return isinstance(value, Real) and value is not True and 1e-30 <= float(value) <= 1e30


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
    return float(t) if decay == 1.0 else (1.0 - decay**t) / (1.0 - decay)


def swap(value: Tensor, path: Tensor) -> Tensor:
    """Return `value` in the forward pass with the gradient of `path` in the backward pass."""
    return value.detach() + path - path.detach()


class _Rescale(torch.autograd.Function):
    """value·x forward, grad·g backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: float, grad: float) -> Tensor:
        ctx.grad = grad
        return x * value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return grads[0] if ctx.grad == 1.0 else grads[0] * ctx.grad, None, None


def rescale(x: Tensor, value: float, grad: float) -> Tensor:
    """Return value·x whose derivative with respect to x is `grad`."""
    return _Rescale.apply(x, value, grad)  # type: ignore[no-any-return]


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


class _Spike(torch.autograd.Function):
    """H(x) forward, a given derivative backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, derivative: Tensor) -> Tensor:
        ctx.save_for_backward(derivative)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (derivative,) = ctx.saved_tensors
        return grads[0] * derivative, None


def spike(x: Tensor, p: LIFParams) -> Tensor:
    """Return H(x), firing at equality, with derivative σ'(x) in the backward pass."""
    return _Spike.apply(x, surrogate_derivative(x.detach(), p))  # type: ignore[no-any-return]


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
    return _Spike.apply(x, inside.to(x.dtype) / p.threshold)  # type: ignore[no-any-return]


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


def accumulate(s: Tensor, decay: float) -> Tensor:
    """Return â[t] = λ·â[t−1] + s[t] for a whole train s of shape (T, *shape)."""
    a = torch.zeros_like(s[0])
    out = []
    for now in s.unbind():
        a = decay * a + now
        out.append(a)
    return torch.stack(out)


def spikes_from_accumulation(a: Tensor, decay: float) -> Tensor:
    """Return s[t] = â[t] − λ·â[t−1] for a whole train â of shape (T, *shape)."""
    before = torch.cat([torch.zeros_like(a[:1]), a[:-1]])
    return a - decay * before
