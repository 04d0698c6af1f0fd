"""The cost of one batch under a rule: operations, saved and live bytes, processor time.

Operations and bytes are counted while the batch runs and do not depend on the machine.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from saflab.gradients import accumulate_gradients, sequence
from saflab.network.network import Network
from saflab.network.prepared import Prepared
from saflab.rules import Rule, get_rule, mode_of

__all__ = [
    "VARIANTS",
    "Convolutions",
    "Variant",
    "kept_bytes",
    "kept_steps",
    "live_bytes",
    "operations",
    "passes",
    "run",
    "saved_storages",
    "seconds",
]


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
    after: Callable[[], None] | None = None,
) -> None:
    """Run one batch, forward and backward, as a training does.

    Args:
        network: Any network; its gradients are cleared first.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        variant: Rule, and whether fused.
        impl: Implementation of the time loop.
        after: Called once per backward pass, with all gradients complete.
    """
    network.zero_grad(set_to_none=True)
    mode = mode_of(variant.rule, fused=variant.fused, impl=impl)
    if after is None and get_rule(variant.rule).update == "sequence":
        accumulate_gradients(network, x, y, variant.rule, mode=mode)
        return
    for _ in sequence(network, x, y, variant.rule, mode=mode):
        if after is not None:
            after()


def operations(network: Network, x: Tensor, y: Tensor, variant: Variant) -> int:
    """Return the floating-point operations of all convolutions and matrix products that run."""
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, slow

    with FlopCounterMode(display=False) as counter:
        run(network, x, y, variant)
    return counter.get_total_flops()


class Convolutions(TorchDispatchMode):
    """Count the convolutions that run, forward and backward, one per batch of images.

    A convolution of several time steps at once counts as many. Backward counts one into the input
    and one into the weights, where they are asked for.

    Args:
        batch: Images of a batch.
    """

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.forward = self.backward = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.forward += args[0].shape[0] // self.batch
        elif func is torch.ops.aten.convolution_backward.default:
            self.backward += args[0].shape[0] // self.batch * sum(args[-1][:2])
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def saved_storages() -> Iterator[dict[int, tuple[torch.UntypedStorage, int]]]:
    """Collect what autograd saves for backward inside the block.

    Yields:
        Storage and bytes by the storage's address: those of the largest tensor saved from it. The
        storage is held, so that its address is not used again while it is listed.
    """
    saved: dict[int, tuple[torch.UntypedStorage, int]] = {}

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        size = min(t.numel() * t.element_size(), storage.nbytes())  # a view, or expanded
        key = storage.data_ptr()
        saved[key] = storage, max(size, saved[key][1] if key in saved else 0)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        yield saved


def kept_bytes(
    network: Network, x: Tensor, y: Tensor, variant: Variant, *, impl: str = "auto"
) -> int:
    """Return the peak of the bytes that autograd saves for one backward pass.

    Activations only: weights and tensors saved to standardise them are left out, and a tensor that
    two operations share is counted once. Measured with saved-tensor hooks.
    """
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    peak, prepare = 0, network.prepare

    def uncounted(**options: bool) -> list[Prepared]:
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            ready = prepare(**options)
        held = [p.weight for p in ready if p.weight is not None]
        weights.update(t.untyped_storage().data_ptr() for t in held)
        return ready

    def after() -> None:
        nonlocal peak
        peak = max(peak, sum(size for key, (_, size) in saved.items() if key not in weights))
        saved.clear()

    network.prepare = uncounted
    try:
        with saved_storages() as saved:
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
