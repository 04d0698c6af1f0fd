"""Dispatch of `scan` to an implementation of the time loop."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from saflab.neurons import LIFParams, LIFState, OTTTState, SAFState, total_weight
from saflab.ops import cpu, reference

__all__ = ["IMPLEMENTATIONS", "choose", "has_triton", "kinds", "scan", "zero_state"]

IMPLEMENTATIONS = ("auto", "reference", "cpu", "gpu")
_STATES: dict[str, type[Any]] = {"lif": LIFState, "ottt": OTTTState, "saf": SAFState}


def kinds() -> tuple[str, ...]:
    """Return the names of the three neurons: "lif", "ottt", "saf"."""
    return tuple(_STATES)


def zero_state(kind: str, like: Tensor) -> Any:
    """Return the state before the first step: u[0] = s[0] = â[0] = 0, in float32 or float64."""
    state = _STATES[kind]
    return state(*(torch.zeros_like(like, dtype=_wide(like)) for _ in state._fields))


def _wide(x: Tensor) -> torch.dtype:
    """Return the type of state and arithmetic: float32, or float64 for float64 currents."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


@cache
def has_triton() -> bool:
    """Whether Triton is installed; there is none for macOS and Windows."""
    return find_spec("triton") is not None


def choose(impl: str, device: torch.device) -> str:
    """Return the implementation that `impl` means on `device`.

    "auto" is "gpu" on a CUDA device where Triton is installed, else "cpu", which runs anywhere.

    Raises:
        ValueError: If `impl` is unknown or cannot run on `device`.
    """
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f"Expected an implementation in {IMPLEMENTATIONS}, but found {impl!r}.")
    if impl == "auto":
        return "gpu" if device.type == "cuda" and has_triton() else "cpu"
    if impl == "gpu":
        interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        if not has_triton() or (device.type != "cuda" and not interpreted):
            found = f"the device {device}" if has_triton() else "no Triton"
            raise ValueError(
                f"Expected Triton and a CUDA device for impl='gpu', but found {found}. "
                "Use impl='auto', which takes what there is."
            )
    return impl


def scan(
    kind: str,
    currents: Tensor,
    state: NamedTuple | None,
    p: LIFParams,
    *,
    start: int = 0,
    impl: str = "auto",
    detach_reset: bool = False,
) -> tuple[Any, Any]:
    """Advance a population through the steps start+1 … start+C.

    A chunk of one step at a time is the online mode (memory constant in T); one chunk of all T
    steps is the layer-by-layer mode. OTTT and SAF give equal gradients for every chunk.

    Values are not checked, which would cost as much as a step: a neuron whose u is NaN does not
    fire. `Network`, the layers `LIF`, `OTTT` and `SAF`, `record_neuron` and the encoders check.

    Args:
        kind: "lif" (gradient through time), "ottt" or "saf" (each step by itself).
        currents: I[t] or, for "saf", Û[t]; shape (C, B, *features).
        state: State at `start`, or None for zeros.
        p: Neuron constants.
        start: Number of steps already taken; sets Λ[t] for the clamp surrogate.
        impl: "auto", "reference", "cpu" or "gpu", see `choose`.
        detach_reset: For "lif": no gradient through the reset.

    Returns:
        Outputs of every step — s, (s, â) or â — of shape (C, B, *features) and the type of the
        currents, and the state. For bfloat16 and float16 currents, state and arithmetic are
        float32 and an output is rounded once: exactly at λ = 1/2 for T ≤ 8 and T ≤ 11.

    Raises:
        ValueError: If `kind` or `impl` is unknown, C is 0, shapes differ, a current is not a
            floating-point tensor, or a neuron other than "saf" has the clamp surrogate.

    >>> import torch
    >>> spikes, state = scan("lif", torch.full((4, 1, 1), 0.8), None, LIFParams())
    >>> spikes.flatten().tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    _check(kind, currents, p)
    impl, dtype, wide = choose(impl, currents.device), currents.dtype, _wide(currents)
    before = _state_before(kind, state, currents)
    if impl == "gpu":
        return _scan_gpu(kind, currents, before, p, start, detach_reset)
    ops: Any = reference if impl == "reference" else cpu
    currents = currents.to(wide)
    if kind == "lif":
        out, state = ops.lif(currents, before, p, detach_reset=detach_reset)
    elif kind == "ottt":
        (spikes, traces), state = ops.ottt(currents, before, p)
        return (spikes.to(dtype), traces.to(dtype)), state
    else:
        totals = [total_weight(p.decay, start + c + 1) for c in range(currents.shape[0])]
        out, state = ops.saf(currents, before, p, totals)
    return out.to(dtype), state


def _check(kind: str, currents: Tensor, p: LIFParams) -> None:
    if kind not in _STATES:
        raise ValueError(f"Expected a neuron in {kinds()}, but found {kind!r}.")
    if p.surrogate == "clamp" and kind != "saf":
        raise ValueError(
            f"Expected a surrogate of u − V for the neuron {kind!r}, but found 'clamp', which "
            "needs the accumulated current Û. Use it with 'saf', or choose 'sigmoid'."
        )
    if currents.dim() < 2 or currents.shape[0] == 0:
        raise ValueError(
            "Expected currents of shape (T, B, *features) with T ≥ 1, but found "
            f"{tuple(currents.shape)}. Put time first."
        )
    if not currents.is_floating_point():
        raise ValueError(
            f"Expected floating-point currents, but found {currents.dtype}. Convert with .float()."
        )


def _state_before(kind: str, state: NamedTuple | None, currents: Tensor) -> Any:
    """Return the state before the first of the steps, in the type of the arithmetic."""
    before: Any = zero_state(kind, currents[0]) if state is None else state
    if before[0].shape != currents.shape[1:]:
        raise ValueError(
            f"Expected a state of shape {tuple(currents.shape[1:])}, but found "
            f"{tuple(before[0].shape)}. Start every new sequence or batch size with state=None."
        )
    return _STATES[kind](*(x.to(_wide(currents)) for x in before))


def _scan_gpu(
    kind: str, currents: Tensor, state: Any, p: LIFParams, start: int, detach_reset: bool
) -> tuple[Any, Any]:
    from saflab.ops import gpu  # needs Triton

    if kind == "lif":
        return gpu.lif(currents, state, p, detach_reset=detach_reset)
    return gpu.ottt(currents, state, p) if kind == "ottt" else gpu.saf(currents, state, p, start)
