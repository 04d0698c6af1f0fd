"""The pretrained digits network at work: spike by spike, and what its spikes cost.

It runs in float64, where its sums are exact for T ≤ 20 (see `saflab.pretrained`), so that a scene
is the same on every processor.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from torch import Tensor

from saflab.analysis.energy import ADD_PJ, MAC_PJ, SpikeCounter
from saflab.analysis.recording import record
from saflab.data.encoders import constant
from saflab.data.images import digits
from saflab.figures.curves import bars, firing_rates
from saflab.figures.panel import BLUE, ORANGE, Panel, mark
from saflab.figures.traces import raster, readout
from saflab.gradients import predict
from saflab.network import Network
from saflab.training.pretrained import pretrained

__all__ = ["energy", "player"]


@lru_cache(maxsize=1)
def _test() -> tuple[Tensor, Tensor]:
    """Return the test digits as float64 input of one step, and their labels."""
    data = digits()
    return pretrained("digits").inputs(data.test_images)[0].double(), data.test_labels


@lru_cache(maxsize=4)
def _network(decay: float = 0.5) -> Network:
    network = pretrained("digits").network.double()
    network.neuron = replace(network.neuron, decay=decay)
    return network


def player(image: int = 0, step: int = 4, steps: int = 8) -> tuple[Panel, ...]:
    """A test image, the spikes of every layer up to `step`, and the answer so far.

    Args:
        image: Index of a test image, 0…359.
        step: Step shown, 1…T.
        steps: T ≥ 1.
    """
    images, labels = _test()
    step = max(1, min(step, steps))
    image = image % len(images)
    seen = record(_network(), constant(images[image : image + 1], step))
    truth = str(int(labels[image]))
    picture = Panel(
        title=f"Test image {image}",
        x="column (pixels)",
        y="row (pixels)",
        marks=(mark("grid", images[image, 0], colour="#222222"),),
        says=f"A handwritten {truth}, 8 by 8 pixels.",
        square=True,
    )
    layers = (
        raster(population, f"Spikes of layer {i}")
        for i, population in enumerate(seen.populations, 1)
    )
    return picture, *layers, readout(seen, tuple("0123456789"), step)


def energy(steps: int = 6, decay: float = 0.5) -> tuple[Panel, ...]:
    """Energy of an inference, spiking against not, and the accuracy after each step.

    Args:
        steps: T ≥ 1.
        decay: λ in [0, 1]; the weights were trained at λ = 1/2.
    """
    network = _network(decay)
    images, labels = (part[:200] for part in _test())
    x = constant(images, steps)
    seen = record(network, x)
    counter = SpikeCounter(network)
    counter.start(x)
    for population, run in enumerate(seen.populations, 1):
        counter(population, run.U, run.s)
    spent = counter.energy()
    right = [
        float((predict(seen.readout[:t]) == labels).double().mean()) * 100.0
        for t in range(1, steps + 1)
    ]
    cost = {"spiking": spent.spiking_nj, "same network, not spiking": spent.dense_nj}
    anytime = Panel(
        title="Accuracy if stopped early",
        x="time (steps)",
        y="accuracy (%)",
        marks=(mark("line", right, colour=BLUE), mark("dots", right, colour=ORANGE)),
        says=(
            f"{right[0]:.1f} % of 200 digits are right after step 1, {right[-1]:.1f} % after "
            f"step {steps}."
        ),
        xlim=(0.5, steps + 0.5),
        ylim=(0.0, 105.0),
    )
    says = (
        f"{spent.additions:.0f} synaptic additions and {spent.multiplications:.0f} "
        f"multiplications cost {spent.synaptic_nj:.1f} nJ per image, the membranes "
        f"{spent.update_nj:.1f} nJ, against {spent.dense_nj:.1f} nJ without spikes "
        f"(arithmetic alone, {ADD_PJ} pJ per addition and {MAC_PJ} pJ per multiplication, 45 nm)."
    )
    if decay != 0.5:
        says += f" The weights, trained at λ = 0.5, run here at λ = {decay:g}."
    return bars(cost, "Energy per image", "nJ", says), firing_rates(seen), anytime
