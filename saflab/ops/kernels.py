"""The time loop as Triton kernels: one program advances a block of neurons through all steps.

Each tensor of a chunk is C gapless blocks of n neurons in one common order, so that a kernel sees
flat memory whatever the strides are. Potentials and accumulations are carried in float32 registers
(float64 for float64 input); what is stored takes the type of the tensor it is stored in. The
arithmetic runs in the order of `neurons` and, but for the explicit `fma` of `torch.sub(alpha=…)`,
without contraction (`enable_fp_fusion=False`), so that spikes agree bit for bit. Constants of the
neuron are compiled in: as arguments of a launch they would be rounded to float32.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["lif_backward", "lif_forward", "ottt_forward", "saf_forward"]


@triton.jit
def _derivative(
    x, current, bound,
    SURROGATE: tl.constexpr, SLOPE: tl.constexpr, THRESHOLD: tl.constexpr,
):  # fmt: skip
    """Return σ'(u − V) or, for "clamp", (1/V)·1[0 < Û < VΛ], as in `neurons`."""
    if SURROGATE == "sigmoid":
        # σ'(x) is even; with exp(−|αx|) nothing overflows.
        e = tl.exp(-SLOPE * tl.abs(x))
        derivative = SLOPE * e / ((1.0 + e) * (1.0 + e))
    elif SURROGATE == "rectangular":
        derivative = (tl.abs(x) < 0.5 / SLOPE).to(x.dtype) * SLOPE
    elif SURROGATE == "triangular":
        inside = 1.0 - SLOPE * tl.abs(x)
        derivative = SLOPE * tl.where(inside > 0.0, inside, 0.0)
    elif SURROGATE == "arctan":
        scaled = (0.5 * 3.141592653589793 * SLOPE) * x
        derivative = (0.5 * SLOPE) / (1.0 + scaled * scaled)
    else:
        derivative = ((current > 0.0) & (current < bound)).to(x.dtype) / THRESHOLD
    return derivative


@triton.jit
def saf_forward(
    currents, before, out, last, kept, n,
    STEPS: tl.constexpr, DECAY: tl.constexpr, THRESHOLD: tl.constexpr, SURROGATE: tl.constexpr,
    SLOPE: tl.constexpr, TOTAL: tl.constexpr, KEEP: tl.constexpr, LAST: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Û[1..C], â[0] → â[1..C], σ'[1..C] (if KEEP) and â[C] unrounded (if LAST); TOTAL is Λ[0]."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    size = tl.cast(n, tl.int64)  # C·n may not fit 32 bits
    a = tl.load(before + at, mask=inside, other=0.0)
    # In float64, as on the host, so that V·Λ[t] is rounded once.
    total = tl.full((), TOTAL, tl.float64)
    for t in range(STEPS):
        here = at + t * size
        current = tl.load(currents + here, mask=inside, other=0.0).to(a.dtype)
        past = DECAY * a
        x = tl.fma(past, tl.full(past.shape, -THRESHOLD, past.dtype), current) - THRESHOLD
        a = past + (x >= 0.0).to(a.dtype)
        tl.store(out + here, a, mask=inside)
        if KEEP:
            total = DECAY * total + 1.0
            bound = (THRESHOLD * total).to(a.dtype)
            derivative = _derivative(x, current, bound, SURROGATE, SLOPE, THRESHOLD)
            tl.store(kept + here, derivative, mask=inside)
    if LAST:
        tl.store(last + at, a, mask=inside)


@triton.jit
def ottt_forward(
    currents, u_before, s_before, a_before, spikes, traces, u_last, a_last, kept, n,
    STEPS: tl.constexpr, DECAY: tl.constexpr, THRESHOLD: tl.constexpr, SURROGATE: tl.constexpr,
    SLOPE: tl.constexpr, KEEP: tl.constexpr, LAST: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """I[1..C], u, s, â → s[1..C], â[1..C], u[C], σ'[1..C] (if KEEP), â[C] unrounded (if LAST)."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    size = tl.cast(n, tl.int64)  # C·n may not fit 32 bits
    u = tl.load(u_before + at, mask=inside, other=0.0)
    s = tl.load(s_before + at, mask=inside, other=0.0)
    a = tl.load(a_before + at, mask=inside, other=0.0)
    for t in range(STEPS):
        here = at + t * size
        current = tl.load(currents + here, mask=inside, other=0.0).to(u.dtype)
        u = DECAY * (u - THRESHOLD * s) + current
        x = u - THRESHOLD
        s = (x >= 0.0).to(u.dtype)
        a = DECAY * a + s
        tl.store(spikes + here, s, mask=inside)
        tl.store(traces + here, a, mask=inside)
        if KEEP:
            derivative = _derivative(x, current, 0.0, SURROGATE, SLOPE, THRESHOLD)
            tl.store(kept + here, derivative, mask=inside)
    tl.store(u_last + at, u, mask=inside)
    if LAST:
        tl.store(a_last + at, a, mask=inside)


@triton.jit
def lif_forward(
    currents, u_before, s_before, spikes, u_last, kept, n,
    STEPS: tl.constexpr, DECAY: tl.constexpr, THRESHOLD: tl.constexpr, SURROGATE: tl.constexpr,
    SLOPE: tl.constexpr, KEEP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """I[1..C], u, s → s[1..C], u[C], σ'[1..C] (if KEEP)."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    size = tl.cast(n, tl.int64)  # C·n may not fit 32 bits
    u = tl.load(u_before + at, mask=inside, other=0.0)
    s = tl.load(s_before + at, mask=inside, other=0.0)
    for t in range(STEPS):
        here = at + t * size
        current = tl.load(currents + here, mask=inside, other=0.0).to(u.dtype)
        u = DECAY * (u - THRESHOLD * s) + current
        x = u - THRESHOLD
        s = (x >= 0.0).to(u.dtype)
        tl.store(spikes + here, s, mask=inside)
        if KEEP:
            derivative = _derivative(x, current, 0.0, SURROGATE, SLOPE, THRESHOLD)
            tl.store(kept + here, derivative, mask=inside)
    tl.store(u_last + at, u, mask=inside)


@triton.jit
def lif_backward(
    kept, grads, grads_u, out, u_out, s_out, n,
    STEPS: tl.constexpr, DECAY: tl.constexpr, THRESHOLD: tl.constexpr, DETACH: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """∂ℓ/∂s[1..C], ∂ℓ/∂u[C] → ∂ℓ/∂I[1..C], ∂ℓ/∂u[0], ∂ℓ/∂s[0]; see `cpu._LIF`."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    size = tl.cast(n, tl.int64)  # C·n may not fit 32 bits
    g_u = tl.load(grads_u + at, mask=inside, other=0.0)
    g_s = tl.zeros_like(g_u)
    for back in range(STEPS):
        here = at + (STEPS - 1 - back) * size
        derivative = tl.load(kept + here, mask=inside, other=0.0).to(g_u.dtype)
        g_s += tl.load(grads + here, mask=inside, other=0.0).to(g_u.dtype)
        g_u += derivative * g_s
        tl.store(out + here, g_u, mask=inside)
        g_u = DECAY * g_u
        g_s = tl.zeros_like(g_u) if DETACH else -THRESHOLD * g_u
    tl.store(u_out + at, g_u, mask=inside)
    tl.store(s_out + at, g_s, mask=inside)
