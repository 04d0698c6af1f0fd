"""One network for every rule: populations of neurons, and connections between them.

Population 0 is the input, the last is the non-spiking readout, those between are LIF neurons. A
connection to a later population acts within the step (skips included); one to the same or an
earlier population is feedback and carries the signal of the step before. What travels along a
connection is the rule's choice (`carriers`), so one `state_dict` serves all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from saflab import machine
from saflab.network.carriers import Carrier, carrier_of
from saflab.network.prepared import Prepared
from saflab.network.signals import InputState, Signal, release, total_current
from saflab.network.synapses import Synapse
from saflab.network.validation import check_input
from saflab.neurons import LIFParams
from saflab.ops import choose
from saflab.ops.finite import poison
from saflab.rules import Mode

__all__ = [
    "Connection",
    "Network",
    "NetworkState",
    "Observer",
]

Observer = Callable[[int, Tensor, Tensor], None]


class Connection(NamedTuple):
    """A synapse from population `source` to population `target`."""

    source: int
    target: int
    synapse: Synapse


@dataclass
class NetworkState:
    """What a network remembers between two steps.

    Args:
        t: Steps taken.
        input: x̂[t], or the image of a constant input.
        neurons: State of each population.
        signals: What feedback carries into the next step, by population.
        readout: Û_out[t].
        masks: Of the dropout drawn for this sequence, by synapse and position in it.
    """

    t: int
    input: InputState
    neurons: list[Any]
    signals: list[Signal | None]
    readout: Tensor | None
    masks: list[dict[int, Tensor]]

    def copy(self) -> NetworkState:
        """Return a state of its own that shares the tensors."""
        return NetworkState(
            self.t,
            self.input,
            list(self.neurons),
            list(self.signals),
            self.readout,
            [dict(masks) for masks in self.masks],
        )


class Network(nn.Module):
    """A spiking network, whatever the rule that trains it.

    Args:
        connections: All synapses; together they reach every population from 1 to the readout.
        neuron: Constants of every spiking population.

    Raises:
        ValueError: If a population has no input, the readout feeds back, or feedback has a bias.

    >>> from saflab.network import Linear
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
        _check_connections(connections)
        self.neuron = neuron or LIFParams()
        self.ends = [(c.source, c.target) for c in connections]
        self.synapses = nn.ModuleList(c.synapse for c in connections)
        self.readout = max(c.target for c in connections)
        self.fed_back = {source for source, target in self.ends if source >= target}

    def incoming(self, target: int) -> Iterator[tuple[int, int, Synapse]]:
        """Yield index, source and synapse of each connection into a population."""
        for index, (source, end) in enumerate(self.ends):
            if end == target:
                yield index, source, cast(Synapse, self.synapses[index])

    def prepare(self, *, hold: bool = False) -> list[Prepared]:
        """Return all synapses made ready for one sequence, as `Synapse.prepare` does."""
        synapses = (cast(Synapse, synapse) for synapse in self.synapses)
        return [s.prepare(hold=hold, name=f"synapses.{k}") for k, s in enumerate(synapses)]

    def zero_state(self) -> NetworkState:
        """Return the state before the first step."""
        masks: list[dict[int, Tensor]] = [{} for _ in self.synapses]
        none: list[None] = [None] * self.readout
        return NetworkState(0, InputState(), [*none], [*none], None, masks)

    def forward(
        self,
        x: Tensor,
        state: NetworkState | None = None,
        mode: Mode | None = None,
        prepared: list[Prepared] | None = None,
        observe: Observer | None = None,
    ) -> tuple[Tensor, NetworkState]:
        """Run the steps of `x` and return the readout o[t] of each, and the state.

        Args:
            x: Input of C steps, shape (C, B, *features); of a constant image, an expanded view
                (`saflab.encode`), the first synapse is evaluated once per sequence.
            state: State of the steps before, or None for a new sequence; it stays as it is.
            mode: How to run; default LIF. It changes gradients only, not values; see `Mode`.
            prepared: From `prepare`, once per sequence; None prepares anew.
            observe: Called as observe(population, current, output) after each population.

        Returns:
            Readout (in SAF Û_out[t] − λ·Û_out[t−1]), shape (C, B, classes), and the last state.

        Raises:
            ValueError: If shapes or mode are not as above, or input or weights are not finite
                (on a GPU, where a check would synchronise, the readout is NaN from there on).
        """
        state = self.zero_state() if state is None else state.copy()
        return self.advance(x, state, mode or Mode(), prepared or self.prepare(), observe)

    def advance(
        self,
        x: Tensor,
        state: NetworkState,
        mode: Mode,
        prepared: list[Prepared],
        observe: Observer | None = None,
    ) -> tuple[Tensor, NetworkState]:
        """Run as `forward`, and use `state` up, so that its memory is free for what follows."""
        check_input(x, mode)
        for ready, masks in zip(prepared, state.masks, strict=True):
            ready.begin(masks, mode.generator, first=state.t == 0)
        one_by_one = self.fed_back or mode.carrier == "increment"
        parts = x.split(1) if one_by_one else (x,)
        outs = [self._advance(part, state, mode, prepared, observe) for part in parts]
        return outs[0] if len(outs) == 1 else torch.cat(outs), state

    def _advance(
        self,
        x: Tensor,
        state: NetworkState,
        mode: Mode,
        prepared: list[Prepared],
        observe: Observer | None,
    ) -> Tensor:
        carrier = carrier_of(self.neuron, mode, state.t, x.shape[0])
        signals = list(state.signals)
        signals[0], state.input = carrier.receive(x, state.input)
        for target in range(1, self.readout):
            current = self._current(target, signals, carrier, prepared)
            release(signals, self.ends, target)
            signal, state.neurons[target] = carrier.fire(current, state.neurons[target])
            signals[target] = signal
            if observe:
                observe(target, current, signal.value)
        current = self._current(self.readout, signals, carrier, prepared)
        current = current.float() if current.element_size() < 4 else current
        if machine.on_gpu(x.device):
            # x̂ stays NaN after a NaN in the input.
            current = current + poison(x[:1] if x.stride(0) == 0 else x, state.input.accumulated)
            current = current + sum(ready.poison for ready in prepared)
        o, state.readout = carrier.read(current, state.readout)
        if observe:
            observe(self.readout, current, o)
        for source in self.fed_back:
            signal = signals[source]
            state.signals[source] = None if signal is None else carrier.keep(signal)
        state.t += x.shape[0]
        return o

    def _current(
        self,
        target: int,
        signals: list[Signal | None],
        carrier: Carrier,
        prepared: list[Prepared],
    ) -> Tensor:
        """Return the current into a population; feedback is absent before the first step."""
        parts = [
            carrier.cross(synapse, prepared[index], signal)
            for index, source, synapse in self.incoming(target)
            if (signal := signals[source]) is not None
        ]
        return total_current(parts, target)

    def extra_repr(self) -> str:
        """Show the wiring, the neuron, and the time loop that "auto" means if not the plain one."""
        wires = ", ".join(f"{source}→{target}" for source, target in self.ends)
        parameter = next(self.parameters(), None)
        loop = "cpu" if parameter is None else choose("auto", parameter.device)
        return f"{wires}; {self.neuron}" + ("" if loop == "cpu" else f"; impl='auto' is {loop!r}")


def _check_connections(connections: list[Connection]) -> None:
    targets = {c.target for c in connections}
    last = max(targets, default=0)
    if not targets or targets != set(range(1, last + 1)):
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
            # Absent at t = 1, such a bias would weigh Λ[t−1] in SAF, not Λ[t] as all others.
            raise ValueError(
                f"Expected feedback {c.source}→{c.target} without bias, but found one. Use "
                "bias=False; the population's other synapses carry its bias."
            )
