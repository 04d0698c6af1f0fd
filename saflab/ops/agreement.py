"""An implementation of the time loop against the reference, on the machine at hand."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import torch

from saflab.neurons import LIFParams
from saflab.ops.scan import kinds, scan

__all__ = ["Agreement", "agreement"]


class Agreement(NamedTuple):
    """Neuron-steps compared, outputs that differ, and the largest error of a gradient.

    The error is relative to the largest gradient, in units of the precision of its type, so that
    a few units are rounding and more are a fault.
    """

    compared: int
    flips: int
    error: float


def agreement(impl: str, device: torch.device, steps: int = 6) -> Agreement:
    """Run every neuron in float32 and bfloat16 with `impl` and as reference, forward and backward.

    At λ = 1/2 and up to 8 steps an output is exact in both types, so that one that differs is a
    spike that flipped.

    Raises:
        ValueError: If `impl` cannot run on `device`.
    """
    p, shape = LIFParams(decay=0.5, threshold=1.0), (steps, 8, 3, 33, 35)
    draws = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).to(device)
    compared = flips = 0
    error = 0.0
    for kind, dtype in product(kinds(), (torch.float32, torch.bfloat16)):
        currents, weights = draws.to(dtype)
        found = []
        for which in ("reference", impl):
            x = currents.clone().requires_grad_()
            out, _ = scan(kind, x, None, p, impl=which)
            out = out[1] if isinstance(out, tuple) else out
            (out * weights).sum().backward()
            assert x.grad is not None
            found.append((out.detach(), x.grad.float()))
        (slow, true), (fast, grad) = found
        compared += slow.numel()
        flips += int((fast != slow).sum())
        largest = float(true.abs().max()) * torch.finfo(dtype).eps
        error = max(error, float((grad - true).abs().max()) / largest)
    return Agreement(compared, flips, error)
