"""One network for every rule: populations of neurons, and connections between them.

Population 0 is the input, the last is the non-spiking readout, those between are LIF neurons. A
connection to a later population acts within the step (skips included); one to the same or an
earlier population is feedback and carries the signal of the step before. What travels along a
connection — spikes, spikes and trace, or accumulations — is the rule's choice, so one
`state_dict` serves all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from saflab import machine
from saflab.network.synapses import Prepared, Synapse
from saflab.neurons import LIFParams, rescale, total_weight
from saflab.ops import choose, scan
from saflab.rules import Mode

__all__ = ["Connection", "Network", "NetworkState", "Signal"]


class Connection(NamedTuple):
    """A synapse from population `source` to population `target`."""

    source: int
    target: int
    synapse: Synapse


class Signal(NamedTuple):
    """What crosses a synapse: a value and, where they differ, the path of the gradient."""

    value: Tensor
    path: Tensor | None = None


class NetworkState(NamedTuple):
    """Steps taken, accumulated input, neuron states, last signals, and Û of the readout."""

    t: int
    input: Tensor | None
    neurons: tuple[Any, ...]
    signals: tuple[Signal | None, ...]
    readout: Tensor | None


Observer = Callable[[int, Tensor, Tensor], None]


def _add(x: Tensor | None, y: Tensor) -> Tensor:
    if x is None:
        return y
    if x.shape != y.shape:
        raise ValueError(
            f"Expected connections to one population to give one shape, but found "
            f"{tuple(x.shape)} and {tuple(y.shape)}. Pool or pad one of them."
        )
    return x + y


class Network(nn.Module):
    """A spiking network, whatever the rule that trains it.

    Args:
        connections: All synapses; together they reach every population from 1 to the readout.
        neuron: Constants of every spiking population.

    Raises:
        ValueError: If a population has no input, the readout feeds back, or feedback has a bias.

    >>> from saflab.network.synapses import Linear
    >>> network = Network([
    ...     Connection(0, 1, Synapse(Linear(3, 5))),
    ...     Connection(1, 1, Synapse(Linear(5, 5, bias=False))),  # feedback
    ...     Connection(1, 2, Synapse(Linear(5, 2))),
    ... ])
    >>> o, state = network(torch.rand(4, 7, 3))  # 4 steps of 7 inputs
    >>> o.shape, state.t
    (torch.Size([4, 7, 2]), 4)
    """

    def __init__(self, connections: Sequence[Connection], neuron: LIFParams | None = None) -> None:
        super().__init__()
        connections = [Connection(*c) for c in connections]
        targets = {c.target for c in connections}
        last = max(targets, default=0)
        if targets != set(range(1, last + 1)):
            raise ValueError(
                f"Expected connections into each population 1…{last}, but found targets "
                f"{sorted(targets)}. Number populations from 0 (the input) without gaps."
            )
        for c in connections:
            if not 0 <= c.source < last:
                raise ValueError(
                    f"Expected sources in 0…{last - 1}, but found {c.source}. The readout (the "
                    "last population) does not spike and feeds nothing."
                )
            biased = c.synapse.layer is not None and c.synapse.layer.bias is not None
            if biased and c.source >= c.target:
                # Silent at t = 1, such a bias would weigh Λ[t−1] in SAF, not Λ[t] as all others.
                raise ValueError(
                    f"Expected feedback {c.source}→{c.target} without bias, but found one. Use "
                    "bias=False; the population's other synapses carry its bias."
                )
        self.neuron = neuron or LIFParams()
        self.ends = [(c.source, c.target) for c in connections]
        self.synapses = nn.ModuleList(c.synapse for c in connections)
        self.readout = last
        self.has_feedback = any(source >= target for source, target in self.ends)

    def prepare(self, *, hold: bool = False) -> list[Prepared]:
        """Return all synapses made ready for one sequence (`hold`: see `Prepared`)."""
        return [synapse.prepare(hold=hold) for synapse in self.synapses]  # type: ignore[operator]

    def zero_state(self) -> NetworkState:
        """Return the state before the first step."""
        return NetworkState(0, None, (None,) * self.readout, (None,) * self.readout, None)

    def forward(
        self,
        x: Tensor,
        state: NetworkState | None = None,
        mode: Mode | None = None,
        prepared: list[Prepared] | None = None,
        observe: Observer | None = None,
    ) -> tuple[Tensor, NetworkState]:
        """Run the steps of `x` and return the readout o[t] of each, and the state.

        In SAF the readout is o[t] = Û_out[t] − λ·Û_out[t−1].

        Args:
            x: Input of C steps, shape (C, B, *features). A constant image is an expanded view
                (`encoders.constant`): its first synapse is then evaluated once per sequence.
            state: State of the steps before, or None for a new sequence.
            mode: How to run; default LIF. `trace="official"` gives a bias the gradient δ[t] and
                an input synapse δ[t] x[t]ᵀ, as the published OTTT code does; `"full"` treats both
                as sources with a trace, δ[t] Λ[t] and δ[t] x̂[t]ᵀ. Values do not depend on it.
            prepared: From `prepare`, once per sequence; None prepares anew, so that a plain
                `loss.backward()` reaches every parameter.
            observe: Called as observe(population, current, output) after each scan.

        Returns:
            Readout of shape (C, B, classes) and the state after the last step.

        Raises:
            ValueError: If shapes, mode or values of the input are not as above. On a GPU, where to
                look at values would mean to wait, an input that is not finite gives a NaN readout.
        """
        mode = mode or Mode()
        self._check(x, mode, first=state is None)
        state = state or self.zero_state()
        prepared = prepared or self.prepare()
        if self.has_feedback and x.shape[0] > 1:
            outs = []
            for t in range(x.shape[0]):
                o, state = self._chunk(x[t : t + 1], state, mode, prepared, observe)
                outs.append(o)
            return torch.cat(outs), state
        return self._chunk(x, state, mode, prepared, observe)

    def _check(self, x: Tensor, mode: Mode, *, first: bool) -> None:
        if x.dim() < 3 or x.shape[0] == 0:
            raise ValueError(
                "Expected input of shape (T, B, *features) with T ≥ 1, but found "
                f"{tuple(x.shape)}. Encode images with saflab.data.encoders first."
            )
        if mode.trace not in ("official", "full"):
            raise ValueError(f"Expected trace 'official' or 'full', but found {mode.trace!r}.")
        # A threshold hides a NaN, so look for one before it is turned into silence. To look would
        # stall a GPU: there, `_chunk` lets it through to the readout.
        if first and not machine.on_gpu(x.device) and not torch.isfinite(x[0]).all():
            raise ValueError(
                "Expected finite input, but found NaN or infinity. Check the data and its "
                "normalisation."
            )

    def _chunk(
        self,
        x: Tensor,
        state: NetworkState,
        mode: Mode,
        prepared: list[Prepared],
        observe: Observer | None,
    ) -> tuple[Tensor, NetworkState]:
        p = (
            self.neuron
            if mode.surrogate is None
            else replace(self.neuron, surrogate=mode.surrogate)
        )
        steps, saf = x.shape[0], mode.kind == "saf"
        totals = [total_weight(p.decay, state.t + c + 1) for c in range(steps)]
        ones = [1.0] * steps
        # What a source that is on at every step (a bias, a constant image) weighs at step t.
        values = totals if saf else ones
        grads = values if mode.kind == "lif" else totals if mode.trace == "full" else ones

        constant = x.stride(0) == 0
        accumulated = None if constant else self._accumulate_input(x, state.input, p.decay)
        neurons, signals = list(state.neurons), list(state.signals)
        if not constant:
            signals[0] = self._varying_input(x, accumulated, mode)
        current: Tensor | None = None
        for target in range(1, self.readout + 1):
            current = None
            for index, (source, end) in enumerate(self.ends):
                if end != target:
                    continue
                synapse, ready = self.synapses[index], prepared[index]
                if source == 0 and constant:
                    part = self._constant_input(x, synapse, ready, values, grads)
                elif signals[source] is None:
                    continue  # feedback before the first step carries nothing
                else:
                    value, path = signals[source]  # type: ignore[misc]
                    part = synapse(value, ready, path, values=values, grads=grads, fused=mode.fused)
                current = _add(current, part)
            if current is None:
                raise ValueError(
                    f"Expected population {target} to receive input at the first step, but found "
                    "feedback only. Add a connection from an earlier population."
                )
            if target == self.readout:
                break
            out, neurons[target] = scan(
                mode.kind, current, neurons[target], p, start=state.t, impl=mode.impl,
                detach_reset=mode.detach_reset,
            )  # fmt: skip
            signals[target] = (
                Signal(out[0].detach(), out[1]) if mode.kind == "ottt" else Signal(out)
            )
            if observe:
                observe(target, current, signals[target].value)  # type: ignore[union-attr]
        assert current is not None
        current = current.float() if current.element_size() < 4 else current
        if machine.on_gpu(x.device):
            current = current + (0.0 * x[0]).sum()  # NaN if the input is not finite
        o, readout = self._read(current, state.readout, p.decay, saf)
        if observe:
            observe(self.readout, current, o)
        last = None if accumulated is None else accumulated[-1]
        return o, NetworkState(
            state.t + steps, last, tuple(neurons), self._kept(signals, mode), readout
        )

    def _kept(self, signals: list[Signal | None], mode: Mode) -> tuple[Signal | None, ...]:
        """Keep of the last step what feedback needs; only BPTT keeps its graph."""
        if not self.has_feedback:
            return (None,) * self.readout
        if mode.kind == "lif":
            return tuple(signals)
        return tuple(
            s and Signal(s.value.detach(), None if s.path is None else s.path.detach())
            for s in signals
        )

    @staticmethod
    def _accumulate_input(x: Tensor, before: Tensor | None, decay: float) -> Tensor:
        out, a = [], before
        for now in x:
            a = now if a is None else decay * a + now
            out.append(a)
        return torch.stack(out)

    @staticmethod
    def _constant_input(
        x: Tensor, synapse: nn.Module, ready: Prepared, values: list[float], grads: list[float]
    ) -> Tensor:
        """Return (W x + b)·values[t]: input and bias are both on at every step."""
        if ready.first is None:
            with torch.enable_grad():
                ready.first = ready.hold(synapse(x[:1], ready, values=[1.0], grads=[1.0]))
        parts = [rescale(ready.first, v, g) for v, g in zip(values, grads, strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    @staticmethod
    def _varying_input(x: Tensor, accumulated: Tensor | None, mode: Mode) -> Signal:
        """Return x̂[t] or x[t] as value, and x̂[t] (full) or x[t] (official) as path."""
        if accumulated is None or mode.kind == "lif":
            return Signal(x)
        value = accumulated if mode.kind == "saf" else x
        path = accumulated if mode.trace == "full" else x
        return Signal(value, None if value is path else path)

    @staticmethod
    def _read(
        current: Tensor, before: Tensor | None, decay: float, saf: bool
    ) -> tuple[Tensor, Tensor]:
        """Return o[t] of each step and Û_out of the last."""
        out = []
        for now in current:
            if saf:
                out.append(now if before is None else now - decay * before.detach())
                before = now
            else:
                out.append(now)
                before = now if before is None else decay * before + now
        assert before is not None
        return torch.stack(out), before

    def forward_rates(
        self,
        x: Tensor,
        rates: Sequence[Tensor],
        prepared: list[Prepared] | None = None,
        feedback: Sequence[Tensor | None] = (),
    ) -> Tensor:
        """Return the readout W a + b of the clamp network at measured firing rates.

            a ← clamp((W a_in + b)/V, 0, 1), value replaced by the measured rate

        Args:
            x: Weighted mean input x̂[T]/Λ[T], shape (B, *features).
            rates: a[T] of each population, index 0 (the input) unused.
            prepared: From `prepare`.
            feedback: â[T−1]/Λ[T] of each population, for feedback connections.

        Reference: Meng et al., arXiv:2205.00459.
        """
        prepared = prepared or self.prepare()
        signals: list[Tensor] = [x]
        for target in range(1, self.readout + 1):
            z: Tensor | None = None
            for index, (source, end) in enumerate(self.ends):
                if end != target:
                    continue
                value = signals[source] if source < target else feedback[source]
                if value is None:
                    continue
                synapse, ready = self.synapses[index], prepared[index]
                z = _add(z, synapse(value[None], ready, values=[1.0], grads=[1.0])[0])
            assert z is not None
            if target == self.readout:
                return z
            z = z / self.neuron.threshold
            # Strictly inside (0, 1), as in the clamp surrogate; torch.clamp counts the edges in.
            inside = ((z > 0) & (z < 1)).to(z.dtype)
            signals.append(rates[target] + inside * (z - z.detach()))
        raise AssertionError("unreachable: the readout returns")

    def extra_repr(self) -> str:
        """Show the wiring, the neuron, and the time loop that "auto" means if not the plain one."""
        wires = ", ".join(f"{source}→{target}" for source, target in self.ends)
        parameter = next(self.parameters(), None)
        loop = "cpu" if parameter is None else choose("auto", parameter.device)
        return f"{wires}; {self.neuron}" + ("" if loop == "cpu" else f"; impl='auto' is {loop!r}")
