"""Gradients: who is credited, and how two rules drift apart within a sequence."""

from __future__ import annotations

import torch
from torch import nn

from saflab.analysis.gradient_angles import credit, step_angles
from saflab.analysis.recording import record_neuron
from saflab.data.encoders import constant
from saflab.figures.curves import gradient_through_time
from saflab.figures.panel import BLUE, GREY, Panel, mark
from saflab.figures.scenes.neuron import current
from saflab.figures.traces import membrane
from saflab.network.linear_maps import Linear
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

__all__ = ["drift", "gradient"]


def gradient(
    decay: float = 0.8,
    strength: float = 0.4,
    kind: str = "constant",
    steps: int = 12,
    slope: float = 4.0,
    detach_reset: bool = False,
) -> tuple[Panel, ...]:
    """What BPTT, OTTT and SAF credit each earlier input with, and the potential itself.

    Args:
        decay: λ in [0, 1].
        strength: Factor of the input.
        kind: One of `INPUTS`.
        steps: T ≥ 1.
        slope: Steepness α > 0 of the sigmoid surrogate.
        detach_reset: Cut BPTT's gradient through the reset.
    """
    p = LIFParams(decay=decay, slope=slope)
    train = current(kind, strength, steps)
    parts = credit(train, p, detach_reset=detach_reset)
    return gradient_through_time(parts), membrane(record_neuron(train, p))


def _small_network(p: LIFParams, generator: torch.Generator) -> Network:
    """Return 64 → 32 → 10 neurons, drawn in float64, whatever a notebook's default type is."""
    with torch.device("meta"):  # where an initial value costs no draw
        hidden, readout = Linear(64, 32), Linear(32, 10)
    ends = [Connection(0, 1, Synapse(nn.Flatten(), hidden)), Connection(1, 2, Synapse(readout))]
    network = Network(ends, p).double().to_empty(device="cpu")
    for layer in (hidden, readout):
        for weights in layer.parameters():
            nn.init.uniform_(
                weights, -(layer.in_features**-0.5), layer.in_features**-0.5, generator
            )
    return network


def drift(lr: float = 0.1, steps: int = 6, decay: float = 0.5, seed: int = 0) -> tuple[Panel, ...]:
    """Angle between SAF-E's and OTTT's gradient when the weights move at every step.

    Args:
        lr: Learning rate ≥ 0 of the step taken after every time step.
        steps: T ≥ 1.
        decay: λ in [0, 1].
        seed: Of the weights and the random batch.
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(16, 1, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (16,), generator=generator)
    network = _small_network(LIFParams(decay=decay), generator)
    angles = step_angles(network, constant(images, steps), labels, lr)
    if max(angles) < 1e-6:
        verdict = f"the two gradients are equal to rounding at all {steps} steps"
    else:
        verdict = f"the angle is {angles[0]:.2f}° at step 1 and {angles[-1]:.2f}° at step {steps}"
    says = f"With learning rate {lr:g} {verdict}."
    panel = Panel(
        title="Angle between SAF-E and OTTT within a sequence",
        x="time (steps)",
        y="angle (degrees)",
        marks=(
            mark("level", 0.0, colour=GREY, dashed=True),
            mark("line", angles, colour=BLUE),
            mark("dots", angles, colour=BLUE),
        ),
        says=says,
        xlim=(0.5, steps + 0.5),
        ylim=(-0.05 * max(1.0, *angles), 1.1 * max(1.0, *angles)),
    )
    return (panel,)
