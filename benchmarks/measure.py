"""Measurements of one row: agreement with the reference, counted passes, kept bytes, memory."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.rows import ROWS, Row, wait
from saflab.analysis.cost import Convolutions, saved_storages
from saflab.analysis.theorems import gradients
from saflab.data.encoders import constant
from saflab.machine import peak_memory
from saflab.models import vgg11
from saflab.network.network import Network

__all__ = [
    "convolutions",
    "disagreement",
    "kept_bytes",
    "network_and_batch",
    "peak",
    "seconds",
    "stepper",
]

Batch = tuple[Tensor, Tensor]


def network_and_batch(
    batch: int,
    size: int,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    seed: int = 0,
) -> tuple[Network, Batch]:
    """Return vgg11 with biases that keep all its layers firing, and random images and labels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = vgg11((3, size, size))
        layers: list[Any] = [synapse.layer for synapse in network.synapses]
        for layer in layers:
            nn.init.uniform_(layer.bias, 0.0, 0.4)
        images, labels = torch.randn(batch, 3, size, size), torch.randint(10, (batch,))
    return network.to(device, dtype), (images.to(device, dtype), labels.to(device))


def _gradients(row: Row, network: Network, data: Batch, steps: int, half: bool) -> list[Tensor]:
    parameters, run = row.build(network)
    for p in parameters:
        p.grad = None
    with torch.autocast(data[0].device.type, torch.bfloat16, enabled=half):
        for _ in run(*data, steps):
            pass
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]


def disagreement(
    row: Row,
    *,
    steps: int = 6,
    size: int = 8,
    precision: str = "float64",
    device: str = "cpu",
    seed: int = 0,
) -> float:
    """Return ‖g − g_ref‖/‖g_ref‖ of all gradients, the reference in plain float64 autograd.

    At a lower precision a spike within rounding of the threshold flips, and the layers behind it
    multiply that: there the error says more about the batch than about the row. In bfloat16 many
    flip, and what is returned is 1 − cos(g, g_ref): NaN for a gradient of zeros, 2 for a negated.
    """
    truth, (images, labels) = network_and_batch(2, size, torch.float64, device, seed)
    reference = gradients(truth, constant(images, steps), labels, row.rule, row.reference)
    half = precision == "bfloat16"
    network, data = network_and_batch(
        2, size, torch.float64 if precision == "float64" else torch.float32, device, seed
    )
    found = _gradients(row, network, data, steps, half)
    pairs = [
        (a.double().flatten(), b.flatten()) for a, b in zip(found, reference.values(), strict=True)
    ]
    a, b = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    if half:
        return float(1.0 - a @ b / (a.norm() * b.norm()))
    return float((a - b).norm() / b.norm())


def convolutions(row: Row, steps: int) -> dict[str, int]:
    """Return the convolutions of one training step, forward and backward, as they are called.

    Counted at a batch of 2 and small images, which change no call.
    """
    network, data = network_and_batch(2, 8)
    with Convolutions(len(data[1])) as counted:
        _gradients(row, network, data, steps, half=False)
    return {"forward": counted.forward, "backward": counted.backward}


def _kept(row: Row, batch: int, steps: int, size: int, half: bool) -> int:
    network, data = network_and_batch(batch, size)
    with saved_storages() as saved:
        _gradients(row, network, data, steps, half)
    return sum(size for _, size in saved.values())


def kept_bytes(row: Row, *, steps: int = 6, size: int = 32, half: bool = False) -> float:
    """Return bytes saved for backward per neuron and step that has a graph, without the weights.

    Each storage counts once. Weights and what derives from them do not depend on the batch, so
    the difference between batches of 2 and 1 leaves them out.
    """
    seen: list[int] = []
    network, (images, _) = network_and_batch(1, size)
    with torch.no_grad():
        network(constant(images, 1), observe=lambda k, _, out: seen.append(out.numel()))
    neurons = sum(seen[:-1])
    more = _kept(row, 2, steps, size, half) - _kept(row, 1, steps, size, half)
    with_graph = 1 if row.rule in ("saf_f", "spike_representation") else steps
    return more / neurons / with_graph


def stepper(row: Row, network: Network, data: Batch, steps: int, half: bool) -> Callable[[], None]:
    """Return a function that makes one training step: forward, backward, SGD with momentum.

    The learning rate is 0, so that all rows keep the same weights; the work is the same.
    """
    parameters, run = row.build(network)
    optimizer = torch.optim.SGD(parameters, lr=0.0, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(data[0].device.type, torch.bfloat16, enabled=half):
            for _ in run(*data, steps):
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

    return step


def _allocated(step: Callable[[], None]) -> int:
    """Return the peak of the bytes in tensors during `step`, above those before it."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    profiler: Any = seen.profiler
    events = [e for e in profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def peak(row: Row, *, batch: int, steps: int, precision: str, device: str) -> dict[str, float]:
    """Return the peak memory of a training step in bytes: run it in a process of its own.

    "tensors" counts allocations above network, momentum and batch, which are there before;
    "resident" the growth of the process on a CPU, with what the libraries reserve.
    """
    where = torch.device(device)
    network, data = network_and_batch(batch, 32, device=device)
    step = stepper(row, network, data, steps, precision == "bfloat16")
    gc.collect()
    if where.type == "cuda":
        step()  # makes the momentum
        wait(where)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(where)
        before = torch.cuda.memory_allocated(where)
        step()
        wait(where)
        return {"tensors": peak_memory(where) - before}
    before = peak_memory(where)
    step()
    resident = peak_memory(where) - before
    return {"tensors": _allocated(step), "resident": resident}


def seconds(step: Callable[[], None], device: torch.device) -> float:
    """Return the wall time of `step`."""
    wait(device)
    begin = time.perf_counter()
    step()
    wait(device)
    return time.perf_counter() - begin


if __name__ == "__main__":  # python -m benchmarks.measure ROW OPTIONS, see `step`
    print(json.dumps(peak(ROWS[sys.argv[1]], **json.loads(sys.argv[2]))))
