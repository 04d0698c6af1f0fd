"""A training that diverges ends before its weights are lost."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["check_update"]


@torch.no_grad()
def check_update(model: nn.Module, optimizer: torch.optim.SGD, step: int) -> None:
    """Refuse an optimizer step that would make weights NaN or infinite.

        |w|∞ + η·(|g|∞ + μ·|m|∞) finite        momentum buffer m, learning rate η, momentum μ

    Args:
        model: The network, its gradients in `.grad`.
        optimizer: Of all its parameters, in one group.
        step: Number of the step, for the error.

    Raises:
        ValueError: If the bound is not finite; names a gradient that is not.
    """
    group, weights = optimizer.param_groups[0], list(model.parameters())
    moved = _largest(w.grad for w in weights) + group["momentum"] * _largest(
        optimizer.state[w].get("momentum_buffer") for w in weights
    )
    if _largest(weights) + float(group["lr"]) * moved <= torch.finfo(torch.float32).max:
        return
    bad = [
        name
        for name, w in model.named_parameters()
        if not (torch.isfinite(w).all() and (w.grad is None or torch.isfinite(w.grad).all()))
    ]
    found = f"NaN or infinity in {bad[0]} or its gradient" if bad else "numbers too large"
    raise ValueError(
        f"Expected finite weights after step {step}, but found {found}. Lower the learning rate or "
        f"check the input; the weights are those before this update of step {step}."
    )


def _largest(tensors: Iterable[Tensor | None]) -> float:
    """Return the largest absolute value in any of `tensors`; NaN if one holds NaN."""
    norms = [
        torch.linalg.vector_norm(x.detach(), math.inf)
        for x in tensors
        if x is not None and x.numel()
    ]
    return float(torch.stack(norms).max()) if norms else 0.0
