"""Measure a trained network: accuracy, firing rates, and SAF against LIF with the same weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saflab.augment import normalise
from saflab.data import check
from saflab.encoders import encode, over_time
from saflab.energy import SpikeCounter
from saflab.gradients import mode_of, predict
from saflab.network import Network
from saflab.record import record

__all__ = ["Comparison", "Evaluation", "compare", "encoded", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy in [0, 1] over `images` images, and spikes per neuron and step, per layer."""

    accuracy: float
    images: int
    firing_rates: list[float]


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
    *,
    mean: list[float],
    std: list[float],
    rule: str = "bptt",
    steps: int = 4,
    encoder: str = "constant",
    precision: str = "float32",
    batch: int = 50,
    seed: int = 0,
    counter: SpikeCounter | None = None,
) -> Evaluation:
    """Classify images and count correct answers and spikes.

    Args:
        model: The network.
        images: uint8, shape (N, C, H, W) or (N, T, C, H, W).
        labels: Shape (N,).
        mean: Per channel, as in training.
        std: Per channel, as in training.
        rule: Decides what travels; "bptt" runs the network as LIF.
        steps: Time steps T.
        encoder: One of `ENCODERS`.
        precision: "float32" or "bfloat16".
        batch: Images at a time.
        seed: Of a random encoder.
        counter: Counts the spikes, for `SpikeCounter.energy` afterwards; made for `rule`.

    Raises:
        ValueError: If there are no images, or as the encoder says.
    """
    check(images, labels)
    if len(images) == 0:
        raise ValueError("Expected at least one image to evaluate, but found none.")
    if batch < 1:
        raise ValueError(f"Expected batches of at least one image, but found {batch}.")
    mode, training = mode_of(rule), model.training
    model.eval()
    # Counted on the device and read at the end, so that a GPU need not wait for the host.
    correct = torch.zeros((), dtype=torch.int64, device=images.device)
    counter = counter or SpikeCounter(model, mode.kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for first in range(0, len(images), batch):
            part = images[first : first + batch]
            x = encoded(part, mean, std, steps, encoder)
            counter.start(x)
            with torch.autocast(
                images.device.type, torch.bfloat16, enabled=precision == "bfloat16"
            ):
                state, prepared, o = None, model.prepare(), []
                for t in range(steps):  # step by step: memory does not grow with T
                    now, state = model(x[t : t + 1], state, mode, prepared, counter)
                    o.append(now)
            correct += (predict(torch.cat(o)) == labels[first : first + batch]).sum()
    model.train(training)
    return Evaluation(
        accuracy=int(correct) / len(images), images=len(images), firing_rates=counter.rates()
    )


def encoded(
    images: Tensor, mean: list[float], std: list[float], steps: int, encoder: str
) -> Tensor:
    """Return uint8 images as network input: normalised for a constant current, else in [0, 1].

    Images over time, (B, T, C, H, W), are normalised, and frame t is the current of step t.
    """
    if images.dim() == 5:
        if encoder != "constant":
            raise ValueError(
                f"Expected encoder 'constant' for data over time, but found {encoder!r}. Leave the "
                "encoder out: the frames are the input."
            )
        return over_time(normalise(images, mean, std), steps, check=False)
    floats = normalise(images, mean, std) if encoder == "constant" else images.float() / 255.0
    return encode(floats, steps, encoder, check=False)  # bytes are finite and in range


@torch.no_grad()
def compare(
    model: Network,
    images: Tensor,
    labels: Tensor,
    *,
    mean: list[float],
    std: list[float],
    steps: int = 4,
    encoder: str = "constant",
    batch: int = 50,
    seed: int = 0,
) -> Comparison:
    """Run the same weights with SAF and as LIF, and count the spikes that differ.

    The two round differently, so a spike may flip where u lies within rounding of V.

    Args:
        model: The network.
        images: uint8, shape (N, C, H, W) or (N, T, C, H, W).
        labels: Shape (N,).
        mean: Per channel, as in training.
        std: Per channel, as in training.
        steps: Time steps T.
        encoder: One of `ENCODERS`.
        batch: Images at a time.
        seed: Of a random encoder.
    """
    training = model.training
    model.eval()
    hits, flips, spikes, changed = {"saf_e": 0, "bptt": 0}, 0, 0, 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for first in range(0, len(images), batch):
            x = encoded(images[first : first + batch], mean, std, steps, encoder)
            y = labels[first : first + batch]
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
    model.train(training)
    return Comparison(
        saf_accuracy=hits["saf_e"] / len(images),
        lif_accuracy=hits["bptt"] / len(images),
        images=len(images),
        spikes=spikes,
        flips=flips,
        changed_predictions=changed,
    )
