"""The time loop on a GPU: Triton kernels as PyTorch operators, with their derivatives.

A forward pass reads the currents once and writes the outputs and, where a gradient will be asked
for, one tensor for it: the surrogate derivative, in the type of the currents. No spikes, potentials
or traces are kept. State and arithmetic have the type of the state (float32, for float64 currents
float64), outputs that of the currents. At λ = 1/2 an accumulation of T steps has T bits, so that
its bfloat16 copy is exact for T ≤ 8.

For SAF and OTTT the gradient is one product, g·σ', for which PyTorch's own kernel moves no more
bytes than one of ours would; LIF's recursion through time is a kernel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

from saflab.neurons import LIFParams, LIFState, OTTTState, SAFState, first_order, total_weight
from saflab.ops import kernels
from saflab.ops.cpu import grows_graph

__all__ = ["lif", "ottt", "saf"]

BLOCK = 1024


def _flat(x: Tensor) -> Tensor:
    """Return x, copied only if its steps are not gapless blocks of memory in the order of time."""
    expected = 1
    for stride, size in sorted(zip(x.stride()[1:], x.shape[1:], strict=True)):
        if size != 1 and stride != expected:
            return x.contiguous()
        expected *= size
    return x if x.shape[0] == 1 or x.stride(0) == expected else x.contiguous()


def _like(x: Tensor, model: Tensor, dtype: torch.dtype) -> Tensor:
    """Return x as `dtype` in the memory order of `model`, which has its shape."""
    strides = zip(x.shape, x.stride(), model.stride(), strict=True)
    if all(size == 1 or own == wanted for size, own, wanted in strides):
        return x.to(dtype)
    return torch.empty_like(model, dtype=dtype).copy_(x)


def _room(model: Tensor, needed: bool, dtype: torch.dtype | None = None) -> Tensor:
    """Return an unwritten tensor like `model`, or an empty one where it is not needed."""
    return torch.empty_like(model, dtype=dtype) if needed else model.new_empty(0, dtype=dtype)


def _launch(kernel: Any, *tensors: Tensor, **rest: Any) -> None:
    """Run `kernel` over the neurons of `tensors`, the first of shape (C, B, *features)."""
    steps, n = tensors[0].shape[0], tensors[0][0].numel()
    if n == 0:
        return
    # A launch goes to the current device, which need not be that of the tensors.
    with torch.cuda.device_of(tensors[0]):
        kernel[(-(-n // BLOCK),)](
            *tensors, n=n, STEPS=steps, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=False, **rest
        )


def _neuron(decay: float, threshold: float, surrogate: str, slope: float) -> dict[str, Any]:
    return {"DECAY": decay, "THRESHOLD": threshold, "SURROGATE": surrogate, "SLOPE": slope}


def _saf_room(currents: Tensor, before: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    rounded = currents.dtype != before.dtype  # else the last output is the state
    return (
        torch.empty_like(currents),
        _room(currents[0], rounded, before.dtype),
        _room(currents, keep),
    )


@custom_op("saflab::saf", mutates_args=())
def _saf(
    currents: Tensor, before: Tensor, decay: float, threshold: float, surrogate: str,
    slope: float, total: float, keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Û[1..C], â[0] → â[1..C], â[C] unrounded where that differs, σ'[1..C] if `keep`.

    `total` is Λ of the steps before, for the clamp surrogate.
    """
    currents = _flat(currents)
    out, last, kept = _saf_room(currents, before, keep)
    before = _like(before, currents[0], before.dtype)
    _launch(
        kernels.saf_forward, currents, before, out, last, kept, TOTAL=total, KEEP=keep,
        LAST=last.numel() > 0, **_neuron(decay, threshold, surrogate, slope),
    )  # fmt: skip
    return out, last, kept


@_saf.register_fake
def _(currents, before, decay, threshold, surrogate, slope, total, keep):
    return _saf_room(_flat(currents), before, keep)


def _saf_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(output[-1])


@first_order
def _saf_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    (kept,) = ctx.saved_tensors
    return None if grads[0] is None else grads[0] * kept, *(None,) * 7


_saf.register_autograd(_saf_backward, setup_context=_saf_context)


def _ottt_room(currents: Tensor, u: Tensor, keep: bool) -> tuple[Tensor, ...]:
    return (
        torch.empty_like(currents),
        torch.empty_like(currents),
        _room(currents[0], True, u.dtype),
        _room(currents[0], currents.dtype != u.dtype, u.dtype),
        _room(currents, keep),
    )


@custom_op("saflab::ottt", mutates_args=())
def _ottt(
    currents: Tensor, u: Tensor, s: Tensor, a: Tensor, decay: float, threshold: float,
    surrogate: str, slope: float, keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """I[1..C], u, s, â → s[1..C], â[1..C], u[C], â[C] unrounded, σ'[1..C] if `keep`."""
    currents = _flat(currents)
    spikes, traces, u_last, a_last, kept = _ottt_room(currents, u, keep)
    before = (_like(x, currents[0], u.dtype) for x in (u, s, a))
    _launch(
        kernels.ottt_forward, currents, *before, spikes, traces, u_last, a_last, kept,
        KEEP=keep, LAST=a_last.numel() > 0, **_neuron(decay, threshold, surrogate, slope),
    )  # fmt: skip
    return spikes, traces, u_last, a_last, kept


@_ottt.register_fake
def _(currents, u, s, a, decay, threshold, surrogate, slope, keep):
    return _ottt_room(_flat(currents), u, keep)


def _ottt_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[2:])
    ctx.save_for_backward(output[-1])


@first_order
def _ottt_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    (kept,) = ctx.saved_tensors
    parts = [g for g in grads[:2] if g is not None]
    return sum(parts) * kept if parts else None, *(None,) * 8


_ottt.register_autograd(_ottt_backward, setup_context=_ottt_context)


def _lif_room(currents: Tensor, u: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(currents),
        _room(currents[0], True, u.dtype),
        _room(currents, keep),
    )


@custom_op("saflab::lif", mutates_args=())
def _lif(
    currents: Tensor, u: Tensor, s: Tensor, decay: float, threshold: float, surrogate: str,
    slope: float, detach_reset: bool, keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """I[1..C], u, s → s[1..C], u[C], σ'[1..C] if `keep`."""
    currents = _flat(currents)
    spikes, u_last, kept = _lif_room(currents, u, keep)
    before = (_like(x, currents[0], u.dtype) for x in (u, s))
    _launch(
        kernels.lif_forward, currents, *before, spikes, u_last, kept, KEEP=keep,
        **_neuron(decay, threshold, surrogate, slope),
    )  # fmt: skip
    return spikes, u_last, kept


@_lif.register_fake
def _(currents, u, s, decay, threshold, surrogate, slope, detach_reset, keep):
    return _lif_room(_flat(currents), u, keep)


@custom_op("saflab::lif_backward", mutates_args=())
def _lif_backward(
    kept: Tensor, g_spikes: Tensor, g_u: Tensor, decay: float, threshold: float, detach_reset: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """σ'[1..C], ∂ℓ/∂s[1..C], ∂ℓ/∂u[C] → ∂ℓ/∂I[1..C], ∂ℓ/∂u[0], ∂ℓ/∂s[0]."""
    kept = _flat(kept)
    out, u_out, s_out = _lif_backward_room(kept, g_u)
    _launch(
        kernels.lif_backward, kept, _like(g_spikes, kept, kept.dtype),
        _like(g_u, kept[0], g_u.dtype), out, u_out, s_out,
        DECAY=decay, THRESHOLD=threshold, DETACH=detach_reset,
    )  # fmt: skip
    return out, u_out, s_out


def _lif_backward_room(kept: Tensor, g_u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    first = kept[0]
    return torch.empty_like(kept), _room(first, True, g_u.dtype), _room(first, True, g_u.dtype)


@_lif_backward.register_fake
def _(kept, g_spikes, g_u, decay, threshold, detach_reset):
    return _lif_backward_room(_flat(kept), g_u)


def _lif_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[-1])
    ctx.save_for_backward(output[-1])
    _, u, _, ctx.decay, ctx.threshold, _, _, ctx.detach, _ = inputs
    ctx.wide = u.dtype


@first_order
def _lif_gradient(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    (kept,) = ctx.saved_tensors
    g_spikes = torch.zeros_like(kept) if grads[0] is None else grads[0]
    g_u = torch.zeros_like(kept[0], dtype=ctx.wide) if grads[1] is None else grads[1]
    g, u, s = _lif_backward(kept, g_spikes, g_u, ctx.decay, ctx.threshold, ctx.detach)
    return g, u, None if ctx.detach else s, *(None,) * 6


_lif.register_autograd(_lif_gradient, setup_context=_lif_context)


def _constants(p: LIFParams) -> tuple[float, float, str, float]:
    return p.decay, p.threshold, p.surrogate, p.slope


def saf(currents: Tensor, state: SAFState, p: LIFParams, start: int) -> tuple[Tensor, SAFState]:
    """As `reference.saf`, for steps start+1 … start+C."""
    keep = grows_graph(currents)
    # A kernel is compiled for each Λ[start], so one is named only where it matters.
    total = total_weight(p.decay, start) if keep and p.surrogate == "clamp" else 0.0
    out, last, _ = _saf(currents, state.a.detach(), *_constants(p), total, keep)
    return out, SAFState(last if last.numel() else out[-1].detach())


def ottt(
    currents: Tensor, state: OTTTState, p: LIFParams
) -> tuple[tuple[Tensor, Tensor], OTTTState]:
    """As `reference.ottt`."""
    before = (x.detach() for x in state)
    spikes, traces, u, a, _ = _ottt(currents, *before, *_constants(p), grows_graph(currents))
    a = a if a.numel() else traces[-1].detach()
    return (spikes, traces), OTTTState(u, spikes[-1].detach().to(u.dtype), a)


def lif(
    currents: Tensor, state: LIFState, p: LIFParams, *, detach_reset: bool
) -> tuple[Tensor, LIFState]:
    """As `reference.lif`."""
    keep = grows_graph(currents, *state)
    spikes, u, _ = _lif(currents, *state, *_constants(p), detach_reset, keep)
    return spikes, LIFState(u, spikes[-1].to(u.dtype))
