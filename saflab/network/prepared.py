"""A synapse made ready for one sequence, and tensors held while several backward passes add up."""

from __future__ import annotations

import torch
from torch import Tensor

from saflab import machine
from saflab.ops.finite import poison

__all__ = ["Held", "Prepared"]


class Held:
    """Tensors held as leaves while several backward passes add to their gradients."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def hold(self, x: Tensor) -> Tensor:
        """Return a leaf with the value of `x`, whose gradient `flush` passes on to `x`."""
        if x.is_leaf or not x.requires_grad:
            return x
        leaf = x.detach().requires_grad_()
        self._pairs.append((x, leaf))
        return leaf

    def flush(self, *, last: bool) -> None:
        """Pass the gathered gradients on, latest first; the last time, free the graphs too."""
        for x, leaf in reversed(self._pairs):
            grad, leaf.grad = leaf.grad, None  # each sum is freed as soon as it is passed on
            if grad is not None:
                torch.autograd.backward(x, grad, retain_graph=not last)
        if last:
            self._pairs.clear()


class Prepared:
    """A synapse made ready for one sequence.

    The effective weight and the response to a constant input are computed once, not T times. With
    `hold=True` they are held as leaves while T backward passes add to their gradients; `flush`
    then passes the sums on to the parameters. Without it they stay in the graph.

    Attributes:
        masks: Of `SequenceDropout`, by position in the synapse; those of `NetworkState`.
        generator: What draws them, `Mode.generator`.
        poison: 0, or NaN if a weight on a GPU is not finite: for the readout, since the host would
            have to wait for an error.
    """

    def __init__(self, weight: Tensor | None, bias: Tensor | None, *, hold: bool = False) -> None:
        self._held = Held() if hold else None
        self.masks: dict[int, Tensor] = {}
        self.generator: torch.Generator | None = None
        self.first: Tensor | None = None
        self.poison: Tensor | float = 0.0
        if weight is not None and machine.on_gpu(weight.device):
            self.poison = poison(weight, bias)
            if weight.dim() == 4:
                # The layout of tensor cores, arranged once per sequence; signals follow.
                weight = weight.contiguous(memory_format=torch.channels_last)
        self.weight = None if weight is None else self.hold(weight)
        self.bias = None if bias is None else self.hold(bias)

    def hold(self, x: Tensor) -> Tensor:
        """Return `x`, or with `hold=True` a leaf in its place."""
        return x if self._held is None else self._held.hold(x)

    def begin(
        self, masks: dict[int, Tensor], generator: torch.Generator | None, *, first: bool
    ) -> None:
        """Take the dropout masks of the sequence; `first` says that it begins.

        Raises:
            ValueError: If it begins, but another sequence has been run before.
        """
        if first and self.first is not None:
            raise ValueError(
                "Expected synapses prepared for this sequence, but found those of another. Call "
                "network.prepare() once per sequence."
            )
        self.masks, self.generator = masks, generator

    def flush(self, *, last: bool = True) -> None:
        """Pass the gradients gathered since the last flush on to the parameters."""
        if self._held is not None:
            self._held.flush(last=last)
