"""What crosses a synapse under each family of rules: spikes, traces, accumulations or rates.

A carrier knows how its signal crosses a synapse, how a population fires on what arrives, how the
readout follows, and what is kept for the next step. `Network` does the wiring and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from saflab.network.prepared import Prepared
from saflab.network.signals import InputState, Signal
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams, accumulate, rescale, total_weight
from saflab.ops import scan
from saflab.rules import Mode

__all__ = [
    "Accumulation",
    "Carrier",
    "Increment",
    "Rate",
    "Spikes",
    "Trace",
    "carrier_of",
]


class Carrier:
    """What all carriers share.

    Args:
        neuron: Constants of the spiking populations.
        mode: How to run.
        start: Steps taken before.
        steps: C, the steps of this call.
    """

    form: ClassVar[str]  # the form of the neuron, see `ops.scan`

    def __init__(self, neuron: LIFParams, mode: Mode, start: int, steps: int) -> None:
        self.neuron, self.mode, self.start, self.steps = neuron, mode, start, steps
        self.totals = [total_weight(neuron.decay, start + c + 1) for c in range(steps)]
        self.values, self.grads = self.source_weights()

    def source_weights(self) -> tuple[list[float], list[float]]:
        """Return what a source that is on at every step (a bias, a constant image) weighs.

        The first list weighs its value at each step, the second its gradient: Λ[t] with the full
        trace, 1 with the official one.
        """
        ones = [1.0] * self.steps
        return ones, self.totals if self.mode.trace == "full" else ones

    def receive(self, x: Tensor, before: InputState) -> tuple[Signal, InputState]:
        """Return the input as a signal, and what was received up to the last step."""
        # Of a constant image, a gradient differs from step to step.
        constant = x.stride(0) == 0 and not x.requires_grad
        if constant and (self.start == 0 or before.continues(x)):
            return Signal(x[:1], constant=True), InputState(image=x[:1])
        past = before.accumulated
        if before.image is not None:
            past = total_weight(self.neuron.decay, self.start) * before.image[0]
        accumulated = accumulate(x, self.neuron.decay, past)
        return self.enter(x, accumulated), InputState(accumulated=accumulated[-1])

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return a varying input x[t] as a signal; `accumulated` is x̂[t]."""
        raise NotImplementedError

    def cross(self, synapse: Synapse, ready: Prepared, signal: Signal) -> Tensor:
        """Return the current that a signal causes behind a synapse, (C, B, *features)."""
        if signal.constant:
            return self._constant(synapse, ready, signal.value)
        return synapse(
            signal.value,
            ready,
            signal.path,
            values=self.values,
            grads=self.grads,
            fused=self.mode.fused,
        )

    def _constant(self, synapse: Synapse, ready: Prepared, x: Tensor) -> Tensor:
        """Return (W x + b)·values[t]: computed once per sequence, since both are always on."""
        if ready.first is None:
            with torch.enable_grad():
                ready.first = ready.hold(synapse(x, ready, values=[1.0], grads=[1.0]))
        pairs = zip(self.values, self.grads, strict=True)
        parts = [rescale(ready.first, value, grad) for value, grad in pairs]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Advance a population through the C steps; return its signal and its new state."""
        raise NotImplementedError

    def _scan(self, current: Tensor, state: Any) -> tuple[Any, Any]:
        return scan(
            self.form,
            current,
            state,
            self.neuron,
            start=self.start,
            impl=self.mode.impl,
            detach_reset=self.mode.detach_reset,
        )

    def read(self, current: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return o[t] of each step, and Û_out of the last."""
        for now in current:
            before = now if before is None else self.neuron.decay * before + now
        assert before is not None
        return current, before

    def keep(self, signal: Signal) -> Signal:
        """Return what feedback carries into the next step."""
        return signal.detach()


class Spikes(Carrier):
    """Spikes s[t] cross; the gradient runs through time (BPTT), or not at all (SLTT)."""

    form = "lif"

    def source_weights(self) -> tuple[list[float], list[float]]:
        """Return 1 at every step: autograd sees the whole recursion."""
        return [1.0] * self.steps, [1.0] * self.steps

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return x[t]."""
        return Signal(x)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Return s[t]; online, step t sees the state before as a constant."""
        if not self.mode.online:
            spikes, state = self._scan(current, state)
            return Signal(spikes), state
        outs = []
        for now in current.split(1):
            spikes, state = self._scan(now, state)
            outs.append(spikes)
            state = type(state)(*(x.detach() for x in state))
        return Signal(outs[0] if len(outs) == 1 else torch.cat(outs)), state

    def keep(self, signal: Signal) -> Signal:
        """Return the signal with its graph: feedback is part of the gradient through time."""
        return signal.detach() if self.mode.online else signal


class Trace(Carrier):
    """Spikes s[t] cross, and their trace â[t] beside them for the gradient (OTTT)."""

    form = "ottt"

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return x[t], with the gradient at x̂[t] (full trace) or at x[t] (official)."""
        return Signal(x, accumulated if self.mode.trace == "full" else None)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Return s[t], with the gradient at â[t]."""
        (spikes, traces), state = self._scan(current, state)
        return Signal(spikes.detach(), traces), state


class Accumulation(Carrier):
    """Accumulations â[t] cross, and nothing else (SAF)."""

    form = "saf"

    def source_weights(self) -> tuple[list[float], list[float]]:
        """Return Λ[t] for the value: what is always on has accumulated to that."""
        return self.totals, super().source_weights()[1]

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return x̂[t], with the gradient at x̂[t] (full trace) or at x[t] (official)."""
        return Signal(accumulated, None if self.mode.trace == "full" else x)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Return â[t]."""
        accumulations, state = self._scan(current, state)
        return Signal(accumulations), state

    def read(self, current: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return o[t] = Û_out[t] − λ·Û_out[t−1], and Û_out of the last step."""
        out = []
        for now in current:
            past = None if before is None else self.neuron.decay * before.detach()
            out.append(now if past is None else now - past)
            before = now
        assert before is not None
        return torch.stack(out), before


class Increment(Carrier):
    """Increments of accumulations cross: SAF-E's recursive form, right while the weights move.

        Û[t] = λ·Û[t−1] + W[t] (â_in[t] − λ·â_in[t−1]) + b[t]

    What crosses, â[t] − λ·â[t−1], is s[t]; the gradient is taken at â[t]. A population keeps
    â[t] and Û[t], one tensor more than the closed form.
    """

    form = "saf"

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return x[t], with the gradient at x̂[t] (full trace) or at x[t] (official)."""
        return Signal(x, accumulated if self.mode.trace == "full" else None)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Return s[t], with the gradient at â[t]; one step at a time."""
        before, potential = (None, None) if state is None else state
        current = current.float() if current.element_size() < 4 else current
        if potential is not None:
            current = current + self.neuron.decay * potential
        accumulation, after = self._scan(current, before)
        old = 0.0 if before is None else self.neuron.decay * before.a
        spikes = (accumulation.detach() - old).to(accumulation.dtype)
        return Signal(spikes, accumulation), (after, current.detach())


class Rate(Carrier):
    """Firing rates a[T] cross; the gradient is that of the clamp network (Spike Representation).

        a ← clamp((W a_in + b)/V, 0, 1), its value replaced by the measured rate

    The "state" of a population is its measured rate, shape (1, B, *features).

    Reference: Meng et al., arXiv:2205.00459.
    """

    def source_weights(self) -> tuple[list[float], list[float]]:
        """Return 1: a rate has no time."""
        return [1.0], [1.0]

    def enter(self, x: Tensor, accumulated: Tensor) -> Signal:
        """Return the weighted mean input x̂[T]/Λ[T]."""
        return Signal(x)

    def fire(self, current: Tensor, state: Any) -> tuple[Signal, Any]:
        """Return the measured rate with the gradient of the clamp."""
        z = current / self.neuron.threshold
        # Strictly inside (0, 1), as in the clamp surrogate; torch.clamp counts the edges in.
        inside = ((z > 0) & (z < 1)).to(z.dtype)
        return Signal(state + inside * (z - z.detach())), state


_CARRIERS: dict[str, type[Carrier]] = {
    "spikes": Spikes,
    "trace": Trace,
    "accumulation": Accumulation,
    "increment": Increment,
    "rate": Rate,
}


def carrier_of(neuron: LIFParams, mode: Mode, start: int, steps: int) -> Carrier:
    """Return the carrier of `mode` for the steps start+1 … start+steps.

    Raises:
        ValueError: If there is no such carrier.
    """
    if mode.carrier not in _CARRIERS:
        raise ValueError(f"Expected a carrier in {list(_CARRIERS)}, but found {mode.carrier!r}.")
    if mode.surrogate is not None:
        neuron = replace(neuron, surrogate=mode.surrogate)
    return _CARRIERS[mode.carrier](neuron, mode, start, steps)
