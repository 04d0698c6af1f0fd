"""Record a run of a network: every membrane potential, spike and accumulation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saflab.network.network import Network
from saflab.neurons import (
    LIFParams,
    accumulate,
    spikes_from_accumulation,
    to_potential,
    total_weight,
)
from saflab.ops import scan
from saflab.rules import Mode, mode_of

__all__ = ["PopulationRecord", "Record", "record", "record_neuron", "spikes"]


@dataclass(frozen=True, kw_only=True)
class PopulationRecord:
    """One population over time, each of shape (T, B, *features).

    Args:
        u: Membrane potential u[t], before the reset of step t.
        s: Spikes s[t], 0 or 1.
        a: Spike accumulation â[t].
        U: Potential accumulation Û[t].
        neuron: Constants of the population.
    """

    u: Tensor
    s: Tensor
    a: Tensor
    U: Tensor
    neuron: LIFParams

    @property
    def steps(self) -> int:
        """T."""
        return self.s.shape[0]

    @property
    def rate(self) -> Tensor:
        """Weighted firing rate a[T] = â[T]/Λ[T], in [0, 1], shape (B, *features)."""
        return self.a[-1] / total_weight(self.neuron.decay, self.steps)

    @property
    def firing_rate(self) -> float:
        """Spikes per neuron and step, averaged."""
        return float(self.s.mean())


@dataclass(frozen=True, kw_only=True)
class Record:
    """A network over time: spiking populations in order, and the readout o[t] (T, B, classes)."""

    populations: tuple[PopulationRecord, ...]
    readout: Tensor


def _complete(carrier: str, current: Tensor, out: Tensor, p: LIFParams) -> PopulationRecord:
    """Derive u, s, â and Û from the two of them that a run computes."""
    if carrier == "accumulation":
        U, a = current, out
        s = spikes_from_accumulation(a, p.decay).round()
    else:
        U, s = accumulate(current, p.decay), out
        a = accumulate(s, p.decay)
    before = torch.cat([torch.zeros_like(a[:1]), a[:-1]])
    return PopulationRecord(u=to_potential(U, before, p), s=s, a=a, U=U, neuron=p)


def _observed(
    model: Network, x: Tensor, mode: Mode
) -> tuple[list[tuple[list[Tensor], list[Tensor]]], Tensor]:
    """Return the currents and outputs of each spiking population, in order, and the readout."""
    seen: dict[int, tuple[list[Tensor], list[Tensor]]] = {}

    def observe(population: int, current: Tensor, out: Tensor) -> None:
        currents, outs = seen.setdefault(population, ([], []))
        currents.append(current)
        outs.append(out)

    readout, _ = model(x, None, mode, observe=observe)
    return [seen[population] for population in range(1, model.readout)], readout


@torch.no_grad()
def record(model: Network, x: Tensor, rule: str = "bptt") -> Record:
    """Run `model` on the encoded input `x` and return u, s, â and Û of every step.

    Args:
        model: A network.
        x: Encoded input, shape (T, B, *features).
        rule: Decides what crosses a synapse: spikes (LIF) for "bptt", accumulations for "saf_e".

    Raises:
        ValueError: As `Network.forward` and `get_rule`.

    >>> from saflab.data.encoders import constant
    >>> from saflab.models import mlp
    >>> seen = record(mlp((3,), 2, (4,)), constant(torch.rand(5, 3), 6), "saf_e")
    >>> seen.populations[0].a.shape, seen.readout.shape
    (torch.Size([6, 5, 4]), torch.Size([6, 5, 2]))
    """
    mode = mode_of(rule)
    seen, readout = _observed(model, x, mode)
    return Record(
        populations=tuple(
            _complete(mode.carrier, torch.cat(currents), torch.cat(outs), model.neuron)
            for currents, outs in seen
        ),
        readout=readout,
    )


@torch.no_grad()
def spikes(model: Network, x: Tensor) -> tuple[Tensor, ...]:
    """Return s[t] of each population, shape (T, B, *features), of `model` run as LIF.

    Cheaper than `record`, which also derives u, â and Û.
    """
    seen, _ = _observed(model, x, mode_of("bptt"))
    return tuple(torch.cat(outs) for _, outs in seen)


@torch.no_grad()
def record_neuron(current: Tensor, p: LIFParams | None = None) -> PopulationRecord:
    """Run LIF neurons on an input current I[t] and return u, s, â and Û of every step.

    Args:
        current: I[t], shape (T,) for one neuron or (T, B, *features).
        p: Neuron constants.

    Raises:
        ValueError: If T is 0 or a value is not finite.
    """
    if current.dim() == 0 or current.shape[0] == 0:
        raise ValueError(
            f"Expected a current of shape (T, …) with T ≥ 1, but found {tuple(current.shape)}."
        )
    if not torch.isfinite(current).all():
        raise ValueError("Expected a finite current, but found NaN or infinity. Check the input.")
    p = p or LIFParams()
    train = current.view(-1, 1, 1) if current.dim() == 1 else current
    spikes, _ = scan("lif", train, None, p)
    return _complete("spikes", train, spikes, p)
