"""Measure a trained network: accuracy, firing rates, and SAF against LIF with the same weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from saflab.analysis.energy import Energy, SpikeCounter
from saflab.analysis.recording import record
from saflab.data.dataset import check
from saflab.data.inputs import Inputs
from saflab.gradients import predict
from saflab.network.network import Network
from saflab.rules import Mode, mode_of

__all__ = ["Comparison", "Evaluation", "compare", "evaluate", "evaluating"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy in [0, 1] over `images` images, and spikes per neuron and step, per layer."""

    accuracy: float
    images: int
    firing_rates: list[float]
    counter: SpikeCounter | None = None

    def energy(self) -> Energy:
        """Return the operations and the energy per image.

        Raises:
            ValueError: If no spikes were counted, or as `SpikeCounter.energy`.
        """
        if self.counter is None:
            raise ValueError(
                "Expected counted spikes, but found an evaluation shared by several processes. "
                "Evaluate the checkpoint in one: saflab eval --energy."
            )
        return self.counter.energy()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The same weights run with SAF and as LIF: accuracies in [0, 1], spikes that differ."""

    saf_accuracy: float
    lif_accuracy: float
    images: int
    spikes: int
    flips: int
    changed_predictions: int


@torch.no_grad()
def evaluate(
    model: Network,
    images: Tensor,
    labels: Tensor,
    inputs: Inputs,
    *,
    rule: str | Mode = "bptt",
    batch: int = 50,
) -> Evaluation:
    """Classify images, and count correct predictions and spikes.

    Runs in the precision of the surrounding `torch.autocast`, if any.

    Args:
        model: The network.
        images: uint8, shape (N, C, H, W) or (N, T, C, H, W).
        labels: Shape (N,).
        inputs: How images become input, as in training.
        rule: Decides what crosses a synapse; "bptt" runs the network as LIF.
        batch: Images at a time.

    Raises:
        ValueError: If there are no images, or as the encoder says.
    """
    check(images, labels)
    if len(images) == 0:
        raise ValueError("Expected at least one image to evaluate, but found none.")
    mode = rule if isinstance(rule, Mode) else mode_of(rule)
    # Counted on the device and read at the end: no synchronisation in each batch.
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    counter = SpikeCounter(model, mode.carrier)
    with evaluating(model):
        for x, y in _encoded_batches(images, labels, inputs, batch):
            counter.start(x)
            state, prepared, o = model.zero_state(), model.prepare(), []
            for t in range(inputs.steps):  # step by step: memory does not grow with T
                now, state = model.advance(x[t : t + 1], state, mode, prepared, counter)
                o.append(now)
            correct += (predict(torch.cat(o)) == y).sum()
    return Evaluation(
        accuracy=int(correct) / len(images),
        images=len(images),
        firing_rates=counter.rates(),
        counter=counter,
    )


@contextlib.contextmanager
def evaluating(model: Network) -> Iterator[None]:
    """Put `model` into evaluation mode within the block."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _encoded_batches(
    images: Tensor, labels: Tensor, inputs: Inputs, batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    if batch < 1:
        raise ValueError(f"Expected batches of at least one image, but found {batch}.")
    # The same random spikes at every evaluation.
    generator = torch.Generator(images.device).manual_seed(0)
    for first in range(0, len(images), batch):
        part = slice(first, first + batch)
        yield inputs(images[part], generator), labels[part]


@torch.no_grad()
def compare(
    model: Network, images: Tensor, labels: Tensor, inputs: Inputs, *, batch: int = 50
) -> Comparison:
    """Run the same weights with SAF and as LIF, and count the spikes that differ.

    The two round differently, so a spike may flip where u lies within rounding of V.

    Args:
        model: The network.
        images: uint8, shape (N, C, H, W) or (N, T, C, H, W).
        labels: Shape (N,).
        inputs: How images become input, as in training.
        batch: Images at a time.
    """
    hits, flips, spikes, changed = {"saf_e": 0, "bptt": 0}, 0, 0, 0
    with evaluating(model):
        for x, y in _encoded_batches(images, labels, inputs, batch):
            trains: dict[str, list[Tensor]] = {}
            predictions = {}
            for rule in hits:
                seen = record(model, x, rule)
                trains[rule] = [population.s for population in seen.populations]
                predictions[rule] = predict(seen.readout)
                hits[rule] += int((predictions[rule] == y).sum())
            for saf, lif in zip(trains["saf_e"], trains["bptt"], strict=True):
                flips += int((saf != lif).sum())
                spikes += int(lif.sum())
            changed += int((predictions["saf_e"] != predictions["bptt"]).sum())
    return Comparison(
        saf_accuracy=hits["saf_e"] / len(images),
        lif_accuracy=hits["bptt"] / len(images),
        images=len(images),
        spikes=spikes,
        flips=flips,
        changed_predictions=changed,
    )
