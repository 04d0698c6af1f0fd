"""What the benchmark `step` compares: a training step of each rule, each peer, and the floor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import peers
from saflab.data.encoders import constant
from saflab.gradients import accumulate_gradients, sequence
from saflab.network.linear_maps import Conv2d
from saflab.network.network import Network
from saflab.rules import RULES, Mode, get_rule, mode_of

__all__ = ["FLOOR", "ROWS", "Row", "floor", "ours", "wait"]

FLOOR = "Bare convolutions"
Run = Callable[[Tensor, Tensor, int], Iterator[None]]


class Row(NamedTuple):
    """One way to train a network.

    Args:
        build: build(network) → parameters in the order of `network.parameters()` with the same
            values, and run(images, labels, steps), which yields where the optimizer steps.
        rule: Rule whose gradient this must be.
        reference: How the reference network runs that rule; the plain `impl="reference"`.
    """

    build: Callable[[Network], tuple[list[nn.Parameter], Run]]
    rule: str
    reference: Mode


def ours(
    rule: str, mode: Mode | None = None
) -> Callable[[Network], tuple[list[nn.Parameter], Run]]:
    """Return the builder of a saflab row."""

    def build(network: Network) -> tuple[list[nn.Parameter], Run]:
        each = get_rule(rule).update == "step"

        def run(images: Tensor, labels: Tensor, steps: int) -> Iterator[None]:
            x = constant(images, steps)
            if not each:
                accumulate_gradients(network, x, labels, rule, mode=mode)
                yield
                return
            for _ in sequence(network, x, labels, rule, mode=mode):
                yield

        return list(network.parameters()), run

    return build


def _plain(rule: str, *, detach_reset: bool = False) -> Mode:
    return mode_of(rule, impl="reference", fused=False, detach_reset=detach_reset)


_OTTT, _BPTT = _plain("ottt_a"), _plain("bptt")
# The other of two rules that a theorem calls equal is the stricter reference: no shared path.
_TWIN = {
    "bptt": ("bptt", _BPTT),
    "sltt": ("sltt", _plain("sltt")),
    "ottt_a": ("ottt_a", _OTTT),
    "ottt_o": ("ottt_a", _OTTT),
    "saf_e": ("ottt_a", _OTTT),
    "saf_f": ("spike_representation", _plain("spike_representation")),
    "spike_representation": ("saf_f", _plain("saf_f")),
}

ROWS: dict[str, Row] = {
    **{RULES[r].title: Row(ours(r), *_TWIN[r]) for r in RULES},
    "OTTT_A as published": Row(
        ours("ottt_a", mode_of("ottt_a", fused=False)), "saf_e", _plain("saf_e")
    ),
    "SpikingJelly OTTT": Row(peers.spikingjelly_ottt, "ottt_a", _OTTT),
    "SpikingJelly BPTT": Row(peers.spikingjelly_bptt, "bptt", _BPTT),
    "snnTorch BPTT": Row(peers.snntorch_bptt, "bptt", _plain("bptt", detach_reset=True)),
    "Norse BPTT": Row(peers.norse_bptt, "bptt", _BPTT),
}


def wait(device: torch.device) -> None:
    """Wait until a GPU has done what was queued on it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class _Bare(NamedTuple):
    x: Tensor
    weight: nn.Parameter
    bias: nn.Parameter
    grad: Tensor
    padding: int

    def run(self) -> None:
        F.conv2d(self.x, self.weight, self.bias, padding=self.padding).backward(self.grad)
        self.x.grad = self.weight.grad = self.bias.grad = None

    def seconds(self) -> float:
        times = []
        for _ in range(4):
            wait(self.x.device)
            begin = time.perf_counter()
            self.run()
            wait(self.x.device)
            times.append(time.perf_counter() - begin)
        return min(times[1:])


def _bare(layer: Conv2d, x: Tensor, out: Tensor, last: bool) -> _Bare:
    layout = torch.channels_last if last else torch.contiguous_format
    first = not x.requires_grad  # the image itself needs no gradient
    x = torch.randn(x.shape, dtype=out.dtype, device=x.device)
    weight = nn.Parameter(layer.weight.detach().to(out.dtype, memory_format=layout))
    bias = nn.Parameter(torch.zeros(layer.out_channels, dtype=out.dtype, device=x.device))
    grad = torch.randn_like(out).contiguous(memory_format=layout)
    x = x.contiguous(memory_format=layout).requires_grad_(not first)
    assert isinstance(layer.padding[0], int)
    return _Bare(x, weight, bias, grad, layer.padding[0])


def floor(network: Network, images: Tensor, steps: int, dtype: torch.dtype) -> Callable[[], None]:
    """Return a function that makes each convolution `steps` times, forward and backward.

    Shapes are those met in a run of `network`; each layer gets the faster of both memory layouts,
    tried beforehand, so that the floor is as low as the library makes it.
    """
    shapes: list[tuple[Conv2d, Tensor, Tensor]] = []
    hooks = []
    for synapse in network.synapses:
        layer = synapse.layer
        if isinstance(layer, Conv2d):
            original = layer.apply_to

            def seen(
                x: Tensor, weight: Tensor, bias: Tensor | None, layer=layer, original=original
            ) -> Tensor:
                out = original(x, weight, bias)
                shapes.append((layer, x, out.detach().to(dtype)))
                return out

            layer.apply_to = seen
            hooks.append(layer)
    try:
        network(constant(images, 1), None, mode_of("saf_e"))
    finally:
        for layer in hooks:
            del layer.apply_to
    layers = []
    for layer, x, out in shapes:
        choices = [_bare(layer, x, out, last) for last in (False, True)]
        layers.append(min(choices, key=_Bare.seconds))

    def run() -> None:
        for _ in range(steps):
            for layer in layers:
                layer.run()

    return run
