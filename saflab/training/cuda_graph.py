"""A function of tensors as a CUDA graph: recorded once, then replayed without Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Captured"]

# Calls that run as they are before one is recorded: kernels get compiled, libraries choose their
# algorithms and the optimizer makes its buffers, none of which a recording may contain.
WARM_UP = 3


def _base(x: Tensor) -> Tensor:
    """Return the slice of which x is a repetition, else x."""
    return x[:1] if x.stride(0) == 0 else x


class Captured:
    """Run `function`, from the fourth call on as a CUDA graph.

    Every call does the work of one call of `function`, those that warm up included. Inputs are
    copied to where the graph reads them, one that repeats its first slice (a constant image) as
    that slice. Inputs of another shape than the first (the last batch of an epoch) run as they are.

    Args:
        function: Of tensors, with a tensor as result. It must not look at a value on the device,
            and what it changes in place (parameters, optimizer buffers) must stay where it is.
        device: Where it runs.
        generators: What `function` draws from; seeded anew between calls, a replay draws anew.

    Raises:
        ValueError: If `device` is not a CUDA device.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        device: torch.device,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        if device.type != "cuda":
            raise ValueError(
                f"Expected a CUDA device for a CUDA graph, but found {device}. Leave cuda_graph "
                "at False."
            )
        self.function, self.device, self.generators = function, device, generators
        self.inputs: tuple[Tensor, ...] = ()
        self.output: Tensor | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls = 0

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return the result; it is overwritten by the next call."""
        if not self.inputs:
            self.inputs = tuple(_base(x).clone().expand_as(x) for x in inputs)
        if any(x.shape != own.shape for x, own in zip(inputs, self.inputs, strict=True)):
            return self.function(*inputs)
        for own, x in zip(self.inputs, inputs, strict=True):
            _base(own).copy_(_base(x))
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._beside()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            for generator in self.generators:
                self.graph.register_generator_state(generator)
            with torch.cuda.device(self.device), torch.cuda.graph(self.graph):
                self.output = self.function(*self.inputs)
        self.graph.replay()
        assert self.output is not None
        return self.output

    def _beside(self) -> Tensor:
        """Run on a stream of its own, as a recording does."""
        here = torch.cuda.current_stream(self.device)
        side = torch.cuda.Stream(self.device)
        side.wait_stream(here)
        with torch.cuda.stream(side):
            output = self.function(*self.inputs)
        here.wait_stream(side)
        output.record_stream(here)
        return output
