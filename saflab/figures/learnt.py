"""Panels of what a network has learnt: predictions, mistakes, filters, spikes over the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saflab.figures.panel import BLUE, Panel, mark
from saflab.network.network import Network
from saflab.network.synapses import Synapse

__all__ = ["confusion", "filters", "mistakes", "predictions", "spike_map"]


def _row(images: Tensor, gap: int = 1) -> NDArray[np.float64]:
    """Return images (N, C, H, W) in [0, 1] beside one another, shape (H, columns[, 3])."""
    if images.shape[1] not in (1, 3):
        images = images.mean(1, keepdim=True)
    # Half a gap on both sides, so that equal parts of the row hold one image each.
    wide = torch.nn.functional.pad(images.double(), (gap, gap), value=1.0)
    row = wide.permute(2, 0, 3, 1).flatten(1, 2).numpy()
    return row[..., 0] if row.shape[-1] == 1 else row


def _images(title: str, images: Tensor, names: Sequence[str], says: str) -> Panel:
    picture = mark("image", _row(images, max(1, images.shape[-1] // 8)))
    return Panel(title=title, x="", y="", marks=(picture,), names=tuple(names), says=says)


def _still(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) in [0, 1]; of images over time the mean over their frames."""
    images = images.double()
    images = images.mean(1) if images.dim() == 5 else images
    return images / 255.0


def predictions(
    images: Tensor, labels: Tensor, predicted: Tensor, classes: Sequence[str], limit: int = 8
) -> Panel:
    """The first test images, each with the class that the network predicts.

    Args:
        images: uint8, shape (N, C, H, W), or (N, T, C, H, W) over time.
        labels: True classes, shape (N,).
        predicted: Predicted classes, shape (N,).
        classes: Their names.
        limit: Images shown.
    """
    right = int((predicted[:limit] == labels[:limit]).sum())
    names = [
        f"{classes[p]} ✓" if p == y else f"{classes[p]} ✗ {classes[y]}"
        for p, y in zip(predicted[:limit].tolist(), labels[:limit].tolist(), strict=True)
    ]
    says = f"The network classifies {right} of these {len(names)} correctly: {', '.join(names)}."
    return _images("Test images, predicted (✗ true) class", _still(images[:limit]), names, says)


def mistakes(
    images: Tensor, labels: Tensor, predicted: Tensor, classes: Sequence[str], limit: int = 8
) -> Panel | None:
    """The first test images that the network gets wrong, None if there is none.

    Args:
        images: As of `predictions`, and so are the others.
        labels: True classes, shape (N,).
        predicted: Predicted classes, shape (N,).
        classes: Their names.
        limit: Images shown.
    """
    wrong = (predicted != labels).nonzero().flatten()
    if not len(wrong):
        return None
    shown = wrong[:limit]
    pairs = zip(predicted[shown].tolist(), labels[shown].tolist(), strict=True)
    names = [f"{classes[p]} ✗ {classes[y]}" for p, y in pairs]
    says = f"It gets {len(wrong)} of {len(labels)} test images wrong, such as {', '.join(names)}."
    # Always as many places, so that the picture keeps its size while a training goes on.
    blank = torch.full_like(images[:1], 255).expand(limit - len(names), *images.shape[1:])
    still = _still(torch.cat([images[shown], blank]))
    names += [""] * (limit - len(names))
    return _images("What it gets wrong, predicted ✗ true class", still, names, says)


def confusion(labels: Tensor, predicted: Tensor, classes: Sequence[str]) -> Panel:
    """How often each class is taken for each: rows are true, columns predicted classes.

    Args:
        labels: True classes, shape (N,).
        predicted: Predicted classes, shape (N,).
        classes: Their names.
    """
    n = len(classes)
    counts = torch.bincount(labels * n + predicted, minlength=n * n).view(n, n).double()
    wrong = counts.clone().fill_diagonal_(0.0)
    most = int(wrong.argmax())
    right = int(counts.diagonal().sum())
    says = f"It classifies {right} of {len(labels)} test images correctly"
    if wrong.sum():
        times = int(wrong.flatten()[most])
        says += f"; most often {classes[most // n]} is taken for {classes[most % n]} ({times} of "
        says += f"{int(counts[most // n].sum())} times)"
    short = tuple(name[:5] for name in classes)
    return Panel(
        title="Confusion matrix (share of each true class)",
        x="predicted class",
        y="true class",
        marks=(mark("grid", counts / counts.sum(1, keepdim=True).clamp(min=1.0), colour=BLUE),),
        says=f"{says}.",
        names=short,
        rows=short,
    )


def filters(network: Network, shape: Sequence[int], limit: int = 16) -> Panel | None:
    """The weights of the first neurons on the image: grey is 0, brighter is positive.

    Args:
        network: Its first synapse is convolutional, or linear on all pixels.
        shape: Of an image, (C, H, W).
        limit: Filters shown.

    Returns:
        The panel, or None if the first synapse has weights of another shape.
    """
    synapse = network.synapses[0]
    if not isinstance(synapse, Synapse) or synapse.layer is None:
        return None
    weight = synapse.layer.weight.detach()[:limit].double().cpu()
    if weight.dim() == 2 and weight.shape[1] == int(np.prod(shape)):
        weight = weight.view(-1, *shape)
    if weight.dim() != 4:
        return None
    size = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    spread = float(weight.std())
    return _images(
        f"First {len(weight)} filters of the first layer",
        0.5 + 0.5 * weight / size,
        [str(i + 1) for i in range(len(weight))],
        f"The weights of {len(weight)} filters spread by {spread:.3f} around "
        f"{float(weight.mean()):.3f}.",
    )


def spike_map(image: Tensor, spikes: Tensor) -> Panel | None:
    """A test image and, step by step, where the first layer fires over it.

    Args:
        image: uint8, shape (C, H, W), or (T, C, H, W) over time.
        spikes: s[t] of the first layer, shape (T, 1, channels, rows, columns).

    Returns:
        The panel, or None if the layer's neurons have no place over the image.
    """
    if spikes.dim() != 5:
        return None
    fired = spikes[:, 0].double().mean(1, keepdim=True).cpu()
    still = _still(image[None]).mean(1, keepdim=True).cpu()
    over = torch.nn.functional.interpolate(fired, still.shape[-2:])
    most = float(over.max())
    shown = torch.cat([still, over / max(most, 1e-12)])
    t = int(fired.mean((1, 2, 3)).argmax()) + 1
    return _images(
        "Spikes of the first layer over the image",
        shown,
        ["image", *(f"t = {k + 1}" for k in range(len(fired)))],
        f"The first layer fires most at step {t}; at the busiest place and step {most:.0%} of its "
        "channels fire.",
    )
