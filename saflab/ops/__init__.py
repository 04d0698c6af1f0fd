"""The time loop: `scan` advances a population of neurons through a chunk of time.

`reference` spells the loop out with the equations of `saflab.neurons` and plain autograd;
`cpu` computes the same with in-place arithmetic and a hand-written backward pass.
"""

from __future__ import annotations

from saflab.ops.scan import IMPLEMENTATIONS, choose, kinds, scan, zero_state

__all__ = ["IMPLEMENTATIONS", "choose", "kinds", "scan", "zero_state"]
