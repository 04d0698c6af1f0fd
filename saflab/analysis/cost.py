"""The cost of one batch under a rule: operations, saved and live bytes, processor time.

Operations and bytes are counted while the batch runs and do not depend on the machine.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from saflab.gradients import sequence
from saflab.network.network import Network
from saflab.network.synapses import Prepared
from saflab.rules import Rule, mode_of

__all__ = ["VARIANTS", "Variant", "kept_bytes", "live_bytes", "operations", "run", "seconds"]


class Variant(NamedTuple):
    """A rule and how it runs: `fused=False` is OTTT with its two published forward passes."""

    rule: str
    fused: bool = True


VARIANTS = {
    "OTTT published": Variant("ottt_a", fused=False),
    "OTTT fused": Variant("ottt_a"),
    "SAF-E": Variant("saf_e"),
    "SAF-F": Variant("saf_f"),
    "BPTT": Variant("bptt"),
}


def passes(rule: Rule, steps: int, *, fused: bool = True) -> int:
    """Return forward and backward passes over each synapse for T = `steps` steps.

    One forward pass per step, or two if value and gradient are computed separately; two backward
    passes, for input and weights, for each step that has a graph.

    Args:
        rule: A row of `RULES`.
        steps: T ≥ 1.
        fused: OTTT with one forward pass instead of the published two.
    """
    if steps < 1:
        raise ValueError(f"Expected T ≥ 1 steps, but found {steps}. Use e.g. 6.")
    forward = 2 if rule.carrier == "trace" and not fused else 1
    seen = 1 if rule.graph == "last" else steps
    return forward * steps + 2 * seen


def kept_steps(rule: Rule, steps: int) -> int:
    """Return the number of steps whose tensors autograd saves at the same time."""
    return steps if rule.graph == "time" else 1


def run(
    network: Network,
    x: Tensor,
    y: Tensor,
    variant: Variant,
    *,
    impl: str = "auto",
    after: Callable[[], None] = lambda: None,
) -> None:
    """Run one batch, forward and backward; `after` is called after each backward pass.

    Args:
        network: Any network; its gradients are cleared first.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        variant: Rule, and whether fused.
        impl: Implementation of the time loop.
        after: Called once per backward pass.
    """
    network.zero_grad(set_to_none=True)
    mode = mode_of(variant.rule, fused=variant.fused, impl=impl)
    for _ in sequence(network, x, y, variant.rule, mode=mode):
        after()


def operations(network: Network, x: Tensor, y: Tensor, variant: Variant) -> int:
    """Return the floating-point operations of all convolutions and matrix products that run."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, slow

    with FlopCounterMode(display=False) as counter:
        run(network, x, y, variant)
    return counter.get_total_flops()


def kept_bytes(
    network: Network, x: Tensor, y: Tensor, variant: Variant, *, impl: str = "auto"
) -> int:
    """Return the peak of the bytes that autograd saves for one backward pass.

    Activations only: weights and tensors saved to standardise them are left out, and a tensor that
    two operations share is counted once. Measured with saved-tensor hooks.
    """
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    seen: dict[int, int] = {}
    peak, prepare = 0, network.prepare

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        size = min(t.numel() * t.element_size(), storage.nbytes())  # a view, or expanded
        key = storage.data_ptr()
        seen[key] = max(size, seen.get(key, 0))
        return t

    def unwatched(**options: bool) -> list[Prepared]:
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            ready = prepare(**options)
        held = [p.weight for p in ready if p.weight is not None]
        weights.update(t.untyped_storage().data_ptr() for t in held)
        return ready

    def after() -> None:
        nonlocal peak
        peak = max(peak, sum(size for key, size in seen.items() if key not in weights))
        seen.clear()

    network.prepare = unwatched  # type: ignore[method-assign]
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            run(network, x, y, variant, impl=impl, after=after)
    finally:
        del network.prepare
    return peak


class _Live(TorchDispatchMode):
    """Follow every tensor that an operation makes until its storage is freed."""

    def __init__(self, *known: Tensor) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen = {t.untyped_storage()._cdata for t in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.follow(leaf.untyped_storage())
        return out

    def follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen:
            return
        self.seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self.freed, key, size)

    def freed(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


def live_bytes(
    network: Network, x: Tensor, y: Tensor, variant: Variant, *, impl: str = "auto"
) -> int:
    """Return the peak of the bytes of all tensors created while the batch runs.

    State, activations, gradients and temporaries, as a GPU's allocator would hold them; without
    weights and input, which existed before, and without the internal workspace of an operation.
    """
    network.zero_grad(set_to_none=True)
    with _Live(x, y, *network.parameters()) as live:
        run(network, x, y, variant, impl=impl)
    return live.peak


def seconds(network: Network, x: Tensor, y: Tensor, rounds: int) -> dict[str, float]:
    """Return the minimum processor time of one batch under each of `VARIANTS`.

    Processor time of this process, variants by turns and the minimum over all rounds depend least
    on the other load of the machine.
    """
    best = dict.fromkeys(VARIANTS, float("inf"))
    for _ in range(rounds):
        for name, variant in VARIANTS.items():
            start = time.process_time()
            run(network, x, y, variant)
            best[name] = min(best[name], time.process_time() - start)
    return best
