"""What the live trainer shows of a training: panels, sentences and progress; no widgets here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saflab.figures import learnt
from saflab.figures.curves import firing_rates, number, progress
from saflab.figures.panel import Panel
from saflab.figures.traces import raster
from saflab.rules import RULES
from saflab.widgets.background import Training

__all__ = ["about", "curves", "duration", "inside", "layers", "say", "status"]


def curves(training: Training | None) -> tuple[Panel, ...]:
    """Return loss and accuracy over the updates, and the angle between two rules' gradients."""
    if training is None:
        return (progress({}, "Loss", "loss"),)
    names = [RULES[c.rule].title for c in training.configs]
    runs = dict(zip(names, training.progress, strict=True))
    total = training.progress[0].steps or None
    loss = {n: p.loss for n, p in runs.items()}
    right = {n: _smooth(p.accuracy) for n, p in runs.items()}
    panels = [
        progress(loss, "Loss per batch", "loss", total),
        progress(right, "Accuracy, mean of the last 20 batches", "accuracy (1)", total),
    ]
    if len(names) > 1:
        angles = {"angle": training.progress[0].angles}
        panels.append(progress(angles, f"Angle between {names[0]} and {names[1]}", "degrees"))
    return tuple(panels)


def layers(training: Training | None) -> tuple[Panel, ...]:
    """Return the spikes of one image: of each neuron in the last layer, and the rate in each."""
    if training is None or training.latest is None:
        return ()
    last = raster(training.latest[-1], "Last hidden layer, first test image")
    return last, firing_rates([float(s.mean()) for s in training.latest])


def inside(training: Training | None) -> tuple[Panel, ...]:
    """Return what the network makes of the test images: predictions, mistakes, filters, spikes."""
    if training is None or training.data is None or training.predicted is None:
        return ()
    data, predicted = training.data, training.predicted
    images, labels = data.test_images[: len(predicted)], data.test_labels[: len(predicted)]
    panels = [
        learnt.predictions(images, labels, predicted, data.classes),
        learnt.mistakes(images, labels, predicted, data.classes),
        learnt.confusion(labels, predicted, data.classes),
        learnt.filters(training.models[0], data.shape),
        learnt.spike_map(images[0], training.latest[0]) if training.latest else None,
    ]
    return tuple(panel for panel in panels if panel is not None)


def _smooth(values: list[float], window: int = 20) -> NDArray[np.float64]:
    """Return the mean of each value and those before it, `window` at most."""
    total = np.cumsum([0.0, *values])
    end = np.arange(1, len(total))
    start = np.maximum(end - window, 0)
    return (total[end] - total[start]) / (end - start)


def about(training: Training) -> str:
    """Return which data a training learns, how many images, and where they came from."""
    name, source, train, test = training.about
    return f"{name} ({source}), {train} training and {test} test images"


def duration(seconds: float) -> str:
    """Return "40 s", "3 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def status(state: str, training: Training | None, changed: bool) -> str:
    """Return the progress bar with the time left, and why controls are disabled, as HTML."""
    if training is None:
        return ""
    now = training.progress[0]
    parts = []
    if now.steps:
        done = f"update {now.step} of {now.steps} ({now.step / now.steps:.0%})"
        left = training.seconds_left
        if left is not None and state in ("running", "paused"):
            done += f", about {duration(left)} left"
        parts.append(
            f'<progress aria-label="training" max="{now.steps}" value="{now.step}" '
            f'style="width:300px;vertical-align:middle"></progress> {done}'
        )
    if state in ("running", "paused"):
        parts.append(
            "Rule, model, data and their sizes are fixed while a training runs: "
            "press Stop to change them."
        )
    if changed:
        parts.append(
            "The choice differs from that of the stopped training: press Start for a "
            "new one, or choose as before to resume."
        )
    return "".join(f'<div style="line-height:1.5">{part}</div>' for part in parts)


def say(state: str, training: Training | None) -> str:
    """Return how a training stands, in words."""
    if training is None:
        return "Nothing trained yet. Choose, then press Start."
    parts = [f"Data: {about(training)}"]
    for config, now in zip(training.configs, training.progress, strict=True):
        name = RULES[config.rule].title
        text = f"{name}: {state} at update {now.step} of {now.steps}"
        if now.loss:
            text += f", loss {number(now.loss[-1])}, learning rate {now.lr:.3g}"
        if now.test_accuracy is not None:
            text += f", test accuracy {100.0 * now.test_accuracy:.1f} %"
        parts.append(text)
    angles = training.progress[0].angles
    if angles:
        last = "0° to rounding" if angles[-1] < 1e-5 else f"{angles[-1]:.2f}°"
        parts.append(f"angle between their gradients at equal weights: {last}")
    return "; ".join(parts) + "."
