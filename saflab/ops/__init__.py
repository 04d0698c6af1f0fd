"""The time loop: `scan` advances a population of neurons through a chunk of time.

`reference` spells the loop out with the equations of `saflab.neurons` and plain autograd;
`cpu` computes the same with in-place arithmetic and a hand-written backward pass, `gpu` with
Triton kernels. Each is tested against the one before.
"""

from __future__ import annotations

from saflab.ops.scan import IMPLEMENTATIONS, choose, has_triton, kinds, scan, zero_state

__all__ = ["IMPLEMENTATIONS", "choose", "has_triton", "kinds", "scan", "zero_state"]
