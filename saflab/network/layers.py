"""LIF, OTTT and SAF neurons as PyTorch layers, for networks that are wired by hand.

State goes in and comes out; there is none to forget. `Network` does the wiring for you and lets
one network serve every rule; these layers are for those who want the neurons alone. On a CPU they
refuse currents that are not finite, which a threshold would hide.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from saflab import machine
from saflab.neurons import LIFParams, LIFState
from saflab.ops import scan
from saflab.ops.finite import require_finite

__all__ = ["LIF", "OTTT", "SAF"]


class _Neurons(nn.Module):
    def __init__(self, neuron: LIFParams | None = None, *, impl: str = "auto", **values: Any):
        super().__init__()
        if neuron is not None and values:
            raise ValueError(
                f"Expected either neuron=LIFParams(…) or its values, but found both ({values})."
            )
        self.neuron = neuron or LIFParams(**values)
        self.impl = impl

    def _scan(self, kind: str, current: Tensor, state: NamedTuple | None, **rest: Any) -> Any:
        if not isinstance(current, Tensor):
            raise ValueError(
                "Expected a tensor of currents (T, B, *features), but found "
                f"{type(current).__name__}. Use torch.as_tensor(…)."
            )
        if not machine.on_gpu(current.device):  # where to look would mean to wait
            remedy = "Check the input and the weights before this layer."
            require_finite("currents", [("the current", current)], remedy)
        return scan(kind, current, state, self.neuron, impl=self.impl, **rest)

    def extra_repr(self) -> str:
        """Show the constants and the implementation."""
        return f"{self.neuron}, impl={self.impl!r}"


class LIF(_Neurons):
    """Spiking neurons with gradient through time (BPTT).

        u[t] = λ·(u[t−1] − V·s[t−1]) + I[t]        s[t] = H(u[t] − V)

    Args:
        neuron: Constants; or pass decay, threshold, surrogate, slope by keyword.
        impl: "auto", "reference", "cpu" or "gpu".
        detach_reset: Cut the gradient through the reset term.
    """

    def __init__(
        self,
        neuron: LIFParams | None = None,
        *,
        impl: str = "auto",
        detach_reset: bool = False,
        **values: Any,
    ) -> None:
        super().__init__(neuron, impl=impl, **values)
        self.detach_reset = detach_reset

    def forward(self, current: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return spikes s[t] and the state after currents I[t], shape (T, B, *features)."""
        return self._scan("lif", current, state, detach_reset=self.detach_reset)


class OTTT(_Neurons):
    """Spiking neurons with a trace, each step's gradient by itself.

        u, s as in `LIF`        â[t] = λ·â[t−1] + s[t]

    Use s for the value and â for the gradient of the next synapse: `neurons.swap(W(s), W(â))`.

    Args:
        neuron: Constants; or pass decay, threshold, surrogate, slope by keyword.
        impl: "auto", "reference", "cpu" or "gpu".

    Reference: Xiao et al., arXiv:2210.04195.
    """

    def forward(
        self, current: Tensor, state: NamedTuple | None = None
    ) -> tuple[tuple[Tensor, Tensor], Any]:
        """Return (s[t], â[t]) and the state after currents I[t], shape (T, B, *features)."""
        return self._scan("ottt", current, state)


class SAF(_Neurons):
    """Neurons that receive and send accumulations, each step's gradient by itself.

        s[t] = H(Û[t] − V·(λ·â[t−1] + 1))        â[t] = λ·â[t−1] + s[t]

    A bias b of the synapse before must enter as Λ[t]·b (`neurons.total_weight`).

    Args:
        neuron: Constants; or pass decay, threshold, surrogate, slope by keyword.
        impl: "auto", "reference", "cpu" or "gpu".

    Reference: Saiin et al., arXiv:2310.02772.
    """

    def forward(
        self, current: Tensor, state: NamedTuple | None = None, *, start: int = 0
    ) -> tuple[Tensor, Any]:
        """Return â[t] and the state after accumulated currents Û[t], shape (T, B, *features).

        Args:
            current: Û[t].
            state: State after the first `start` steps, or None.
            start: Steps already taken; sets Λ[t] for the clamp surrogate.
        """
        return self._scan("saf", current, state, start=start)
