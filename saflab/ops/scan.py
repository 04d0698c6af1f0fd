"""One door to every implementation of the time loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from saflab.neurons import LIFParams, LIFState, OTTTState, SAFState, total_weight
from saflab.ops import cpu, reference

__all__ = ["IMPLEMENTATIONS", "choose", "kinds", "scan", "zero_state"]

IMPLEMENTATIONS = ("auto", "reference", "cpu")
_STATES: dict[str, type[Any]] = {"lif": LIFState, "ottt": OTTTState, "saf": SAFState}


def kinds() -> tuple[str, ...]:
    """Return the names of the three neurons: "lif", "ottt", "saf"."""
    return tuple(_STATES)


def zero_state(kind: str, like: Tensor) -> Any:
    """Return the state before the first step: u[0] = s[0] = â[0] = 0."""
    state = _STATES[kind]
    return state(*(torch.zeros_like(like) for _ in state._fields))


def choose(impl: str, device: torch.device) -> str:
    """Return the implementation that `impl` means on `device`.

    Raises:
        ValueError: If `impl` is unknown or cannot run on `device`.
    """
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f"Expected an implementation in {IMPLEMENTATIONS}, but found {impl!r}.")
    if impl == "auto":
        return "cpu"
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

    Values are not looked at, which would cost as much as a step: a NaN stays in u and is silence
    in s. `Network`, `record_neuron` and the encoders refuse one.

    Args:
        kind: "lif" (gradient through time), "ottt" or "saf" (each step by itself).
        currents: I[t] or, for "saf", Û[t]; shape (C, B, *features).
        state: State at `start`, or None for zeros.
        p: Neuron constants.
        start: Number of steps already taken; sets Λ[t] for the clamp surrogate.
        impl: "auto", "reference" or "cpu".
        detach_reset: For "lif": no gradient through the reset.

    Returns:
        Outputs of every step — s, (s, â) or â — of shape (C, B, *features), and the state.

    Raises:
        ValueError: If `kind` or `impl` is unknown, C is 0, shapes differ, or a current is not a
            floating-point tensor.

    >>> import torch
    >>> spikes, state = scan("lif", torch.full((4, 1, 1), 0.8), None, LIFParams())
    >>> spikes.flatten().tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    if kind not in _STATES:
        raise ValueError(f"Expected a neuron in {kinds()}, but found {kind!r}.")
    if currents.dim() < 2 or currents.shape[0] == 0:
        raise ValueError(
            "Expected currents of shape (T, B, *features) with T ≥ 1, but found "
            f"{tuple(currents.shape)}. Put time first."
        )
    if not currents.is_floating_point():
        raise ValueError(
            f"Expected floating-point currents, but found {currents.dtype}. Convert with .float()."
        )
    if torch.is_autocast_enabled(currents.device.type):
        currents = currents.float()  # the state stays float32 under autocast
    if state is None:
        state = zero_state(kind, currents[0])
    elif state[0].shape != currents.shape[1:]:
        raise ValueError(
            f"Expected a state of shape {tuple(currents.shape[1:])}, but found "
            f"{tuple(state[0].shape)}. Start every new sequence or batch size with state=None."
        )
    ops: Any = reference if choose(impl, currents.device) == "reference" else cpu
    if kind == "lif":
        return ops.lif(currents, state, p, detach_reset=detach_reset)
    if kind == "ottt":
        return ops.ottt(currents, state, p)
    totals = [total_weight(p.leak, start + c + 1) for c in range(currents.shape[0])]
    return ops.saf(currents, state, p, totals)
