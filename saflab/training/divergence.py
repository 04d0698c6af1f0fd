"""A training that diverges ends before its weights are lost."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from saflab.ops.finite import require_finite

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
    remedy = f"Lower the learning rate; the weights are those before this update of step {step}."
    named = list(model.named_parameters())
    require_finite("gradients", ((n, w.grad) for n, w in named if w.grad is not None), remedy)
    require_finite("weights", named, remedy)
    raise ValueError(f"Expected finite weights, but found that step {step} overflows. {remedy}")


def _largest(tensors: Iterable[Tensor | None]) -> float:
    """Return the largest absolute value in any of `tensors`; NaN if one holds NaN."""
    norms = [
        torch.linalg.vector_norm(x.detach(), math.inf)
        for x in tensors
        if x is not None and x.numel()
    ]
    return float(torch.stack(norms).max()) if norms else 0.0
