"""The time loop in plain autograd, any dtype and device: read this one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from saflab.neurons import (
    LIFParams,
    LIFState,
    OTTTState,
    SAFState,
    lif_step,
    ottt_step,
    saf_step,
)

__all__ = ["lif", "ottt", "saf"]


def lif(
    currents: Tensor, state: LIFState, p: LIFParams, *, detach_reset: bool
) -> tuple[Tensor, LIFState]:
    """Return the spikes s of every step and the last state."""
    spikes = []
    for current in currents:
        state = lif_step(current, state, p, detach_reset=detach_reset)
        spikes.append(state.s)
    return torch.stack(spikes), state


def ottt(
    currents: Tensor, state: OTTTState, p: LIFParams
) -> tuple[tuple[Tensor, Tensor], OTTTState]:
    """Return the spikes s and traces â of every step, and the last state."""
    spikes, traces = [], []
    for current in currents:
        state = ottt_step(current, state, p)
        spikes.append(state.s)
        traces.append(state.a)
    return (torch.stack(spikes), torch.stack(traces)), OTTTState(*(x.detach() for x in state))


def saf(
    currents: Tensor, state: SAFState, p: LIFParams, totals: Sequence[float]
) -> tuple[Tensor, SAFState]:
    """Return the accumulations â of every step and the last state."""
    accumulations = []
    for current, total in zip(currents, totals, strict=True):
        state = saf_step(current, state, p, total=total)
        accumulations.append(state.a)
    return torch.stack(accumulations), SAFState(state.a.detach())
