"""Checks of what a network is given: shapes, labels, and finite numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from saflab import machine
from saflab.ops.finite import is_finite, require_finite
from saflab.rules import Mode

__all__ = ["check_batch", "check_input", "require_finite_input"]


def check_input(x: Tensor, mode: Mode) -> None:
    """Raise if the input x (T, B, *features) or the mode is not what a network takes."""
    if x.dim() < 3 or x.shape[0] == 0:
        raise ValueError(
            "Expected input of shape (T, B, *features) with T ≥ 1, but found "
            f"{tuple(x.shape)}. Encode images with saflab.encode first."
        )
    if mode.trace not in ("official", "full"):
        raise ValueError(f"Expected trace 'official' or 'full', but found {mode.trace!r}.")
    # The threshold would hide a NaN: it neither fires nor shows in the readout. Reading values
    # would stall a GPU: there, `_advance` makes the readout NaN.
    if not machine.on_gpu(x.device):
        require_finite_input(x)


def require_finite_input(x: Tensor) -> None:
    """Raise if a number of the input x, (T, B, *features), is not finite.

    Raises:
        ValueError: If one is not; the message names the first such step.
    """
    different = x[:1] if x.stride(0) == 0 else x
    if not is_finite(different):
        steps = ((f"step {t + 1} of x", now) for t, now in enumerate(different))
        require_finite("input", steps, "Check the data and its normalisation.")


def check_batch(x: Tensor, y: Tensor) -> None:
    """Raise if labels y (B,) do not fit the input x (T, B, *features), or x is not finite."""
    if y.shape != x.shape[1:2]:
        raise ValueError(
            f"Expected one label per image, shape {tuple(x.shape[1:2])}, but found "
            f"{tuple(y.shape)}."
        )
    # On a GPU, checking values would synchronise; `Dataset` has checked them.
    seen = not machine.on_gpu(y.device) and y.numel() and not y.is_floating_point()
    if y.dtype != torch.int64 or (seen and int(y.min()) < 0):
        raise ValueError(
            f"Expected class indices ≥ 0 in int64, but found {y.dtype}"
            f"{f' from {int(y.min())} on' if seen else ''}. Number the classes from 0 and use "
            "y.long()."
        )
    if not machine.on_gpu(x.device):
        require_finite_input(x)
