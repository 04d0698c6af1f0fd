"""The time loop with in-place arithmetic and hand-written backward passes.

Autograd keeps every intermediate of the reference loop. Here each neuron-step keeps one tensor,
the surrogate derivative, and the forward pass reuses one buffer. The forward arithmetic runs in
the order of the reference, so that spikes agree bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from saflab.neurons import LIFParams, LIFState, OTTTState, SAFState, first_order

__all__ = ["grows_graph", "lif", "ottt", "saf"]


def _derivative_(x: Tensor, p: LIFParams) -> Tensor:
    """Overwrite x = u − V with σ'(x) (the equations of `neurons.surrogate_derivative`)."""
    alpha = p.slope
    if p.surrogate == "sigmoid":
        sig = x.mul_(alpha).sigmoid_()
        return sig.addcmul_(sig, sig, value=-1.0).mul_(alpha)
    if p.surrogate == "rectangular":
        return x.abs_().lt_(0.5 / alpha).mul_(alpha)
    if p.surrogate == "triangular":
        return x.abs_().mul_(-alpha).add_(1.0).clamp_(min=0.0).mul_(alpha)
    if p.surrogate == "arctan":
        return x.mul_(0.5 * math.pi * alpha).square_().add_(1.0).reciprocal_().mul_(0.5 * alpha)
    raise ValueError(f"Expected a surrogate of u − V, but found {p.surrogate!r}.")


def _kept_dtype(currents: Tensor) -> torch.dtype:
    """Return the format of the derivative: that of the convolutions under autocast.

    Autocast leaves float64 alone.
    """
    device = currents.device.type
    half = torch.is_autocast_enabled(device) and currents.dtype != torch.float64
    return torch.get_autocast_dtype(device) if half else currents.dtype


def _place(kept: Tensor | None, t: int, scratch: Tensor) -> Tensor:
    """Return where step t computes its derivative: where it is kept, if the format allows."""
    return kept[t] if kept is not None and kept.dtype == scratch.dtype else scratch


def _keep(derivative: Tensor, kept: Tensor) -> None:
    if derivative.dtype != kept.dtype:
        kept.copy_(derivative)


class _SAF(torch.autograd.Function):
    """Û[1..T] → â[1..T]; backward: ∂ℓ/∂Û[t] = ∂ℓ/∂â[t] · σ'[t], nothing through time."""

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, a: Tensor, p: LIFParams, totals: Sequence[float], keep: bool
    ) -> Tensor:
        out = torch.empty_like(currents)
        kept = torch.empty_like(currents, dtype=_kept_dtype(currents)) if keep else None
        scratch = torch.empty_like(currents[0])
        narrow = torch.empty_like(scratch) if kept is not None and kept.dtype != out.dtype else None
        for t, total in enumerate(totals):
            current, now = currents[t], out[t]
            x = scratch if kept is None else kept[t] if narrow is None else narrow
            torch.mul(a, p.decay, out=now)
            torch.sub(current, now, alpha=p.threshold, out=x)
            # Compared into floats: adding booleans costs three times as much.
            now.add_(torch.ge(x, p.threshold, out=scratch))
            a = now
            if kept is None:
                continue
            if p.surrogate == "clamp":
                torch.gt(current, 0.0, out=x)
                x.mul_(torch.lt(current, p.threshold * total, out=scratch)).div_(p.threshold)
            else:
                _derivative_(x.sub_(p.threshold), p)
            if narrow is not None:
                kept[t].copy_(narrow)
        if kept is not None:
            ctx.save_for_backward(kept)
        return out

    @staticmethod
    @first_order
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (kept,) = ctx.saved_tensors
        return grads[0] * kept, None, None, None, None


class _OTTT(torch.autograd.Function):
    """I[1..T] → s[1..T], â[1..T]; backward: ∂ℓ/∂I[t] = (∂ℓ/∂s[t] + ∂ℓ/∂â[t]) · σ'[t]."""

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, u: Tensor, s: Tensor, a: Tensor, p: LIFParams, keep: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        spikes, traces = torch.empty_like(currents), torch.empty_like(currents)
        kept = torch.empty_like(currents, dtype=_kept_dtype(currents)) if keep else None
        scratch = torch.empty_like(currents[0])
        u = u.clone()
        for t in range(currents.shape[0]):
            u.sub_(s, alpha=p.threshold).mul_(p.decay).add_(currents[t])
            x = torch.sub(u, p.threshold, out=_place(kept, t, scratch))
            s = torch.ge(x, 0.0, out=spikes[t])
            torch.mul(a, p.decay, out=traces[t]).add_(s)
            a = traces[t]
            if kept is not None:
                _keep(_derivative_(x, p), kept[t])
        if kept is not None:
            ctx.save_for_backward(kept)
        ctx.mark_non_differentiable(u)
        ctx.set_materialize_grads(False)  # mostly the trace alone has a gradient
        return spikes, traces, u

    @staticmethod
    @first_order
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (kept,) = ctx.saved_tensors
        given = [g for g in grads[:2] if g is not None]
        return sum(given[1:], start=given[0]) * kept, None, None, None, None, None


class _LIF(torch.autograd.Function):
    """I[1..T] → s[1..T], u[T]; backward runs the recursion through time from T to 1.

    g_s[t] = ∂ℓ/∂s[t] − λV·g_u[t+1]          (second term only if the reset is not detached)
    g_u[t] = σ'[t]·g_s[t] + λ·g_u[t+1]       = ∂ℓ/∂I[t]
    """

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, u: Tensor, s: Tensor, p: LIFParams, detach: bool, keep: bool
    ) -> tuple[Tensor, Tensor]:
        spikes = torch.empty_like(currents)
        kept = torch.empty_like(currents, dtype=_kept_dtype(currents)) if keep else None
        scratch = torch.empty_like(currents[0])
        u = u.clone()
        for t in range(currents.shape[0]):
            u.sub_(s, alpha=p.threshold).mul_(p.decay).add_(currents[t])
            x = torch.sub(u, p.threshold, out=_place(kept, t, scratch))
            s = torch.ge(x, 0.0, out=spikes[t])
            if kept is not None:
                _keep(_derivative_(x, p), kept[t])
        if kept is not None:
            ctx.save_for_backward(kept)
        ctx.p, ctx.detach = p, detach
        return spikes, u

    @staticmethod
    @first_order
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (kept,) = ctx.saved_tensors
        g_spikes, g_u_last = grads
        decay, reset = ctx.p.decay, 0.0 if ctx.detach else ctx.p.decay * ctx.p.threshold
        out = torch.empty_like(kept, dtype=g_u_last.dtype)
        g_u = torch.addcmul(g_u_last, g_spikes[-1], kept[-1], out=out[-1])
        for t in range(kept.shape[0] - 2, -1, -1):
            g_s = torch.sub(g_spikes[t], g_u, alpha=reset) if reset else g_spikes[t]
            g_u = torch.mul(g_s, kept[t], out=out[t]).add_(g_u, alpha=decay)
        first = g_u * decay
        return out, first, (None if ctx.detach else g_u * -reset), None, None, None


def grows_graph(*tensors: Tensor) -> bool:
    """Whether a gradient may be asked for, so that its derivative must be kept."""
    return torch.is_grad_enabled() and any(x.requires_grad for x in tensors)


def saf(
    currents: Tensor, state: SAFState, p: LIFParams, totals: Sequence[float]
) -> tuple[Tensor, SAFState]:
    """As `reference.saf`."""
    out = _SAF.apply(currents, state.a.detach(), p, tuple(totals), grows_graph(currents))
    return out, SAFState(out[-1].detach())


def ottt(
    currents: Tensor, state: OTTTState, p: LIFParams
) -> tuple[tuple[Tensor, Tensor], OTTTState]:
    """As `reference.ottt`."""
    before = (x.detach() for x in state)
    spikes, traces, u = _OTTT.apply(currents, *before, p, grows_graph(currents))
    return (spikes, traces), OTTTState(u.detach(), spikes[-1].detach(), traces[-1].detach())


def lif(
    currents: Tensor, state: LIFState, p: LIFParams, *, detach_reset: bool
) -> tuple[Tensor, LIFState]:
    """As `reference.lif`."""
    keep = grows_graph(currents, *state)
    spikes, u = _LIF.apply(currents, *state, p, detach_reset, keep)
    return spikes, LIFState(u, spikes[-1])
