"""Numbers that are finite, or an error that names the tensor.

A threshold turns a NaN into "no spike", and the gradient of a silent neuron may still be finite:
looked at too late, a NaN trains on unnoticed. On a GPU a look would make the host wait; there,
`Network` adds what is not finite to the readout, and `skip_if_broken` skips the update.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["is_finite", "poison", "require_finite", "skip_if_broken"]


def is_finite(x: Tensor) -> bool:
    """Return whether no number of `x` is NaN or infinite; for a tensor on a GPU, the host waits.

    >>> is_finite(torch.tensor([1.0, float("nan")]))
    False
    """
    if x.numel() == 0 or not x.is_floating_point():
        return True
    low, high = torch.aminmax(x.detach())  # one pass, and no memory
    return math.isfinite(low) and math.isfinite(high)


def require_finite(kind: str, tensors: Iterable[tuple[str, Tensor]], remedy: str) -> None:
    """Raise for the first of the named tensors that holds NaN or infinity.

    Args:
        kind: What they are, such as "weights".
        tensors: Names and tensors.
        remedy: What to do, a sentence.

    Raises:
        ValueError: If one is not finite.
    """
    for name, x in tensors:
        if not is_finite(x):
            found = "NaN" if x.isnan().any() else "infinity"
            raise ValueError(f"Expected finite {kind}, but found {found} in {name}. {remedy}")


def poison(*tensors: Tensor | None) -> Tensor | float:
    """Return 0, or NaN if a tensor is not finite; the host of a GPU does not wait."""
    found = [0.0 * x.detach().abs().amax() for x in tensors if x is not None and x.numel()]
    return sum(found, start=0.0)


def skip_if_broken(grads: Iterable[Tensor], broken: Tensor) -> None:
    """Set `broken`, the `found_inf` of a fused optimizer, to 1 if a gradient is not finite.

    The optimizer then leaves weights and momentum as they are, from here on.

    Args:
        grads: The gradients.
        broken: Scalar on their device, 0 at first; never set back.
    """
    largest = torch.nn.utils.get_total_norm(grads, math.inf)
    broken.copy_(torch.maximum(broken, (~torch.isfinite(largest)).to(broken)))
