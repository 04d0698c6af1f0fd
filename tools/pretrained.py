"""Train the weights that come with saflab, and write them with their card.

python -m tools.pretrained digits     writes saflab/training/weights/digits.safetensors and .md

Digits: why its arithmetic is exact. A pixel is a multiple of 1/16, a weight or bias one of 1/64,
and λ = 1/2, so every u[t], Û[t] and o[t] is a multiple of g = 1/16 · 1/64 · 2^−(T−1). No partial
sum exceeds 2·(Σ|w| + |b|) + 2 over the inputs of a neuron, whatever the order of summation (the
factor 2 for Λ < 2 and â < 2, the summand for the threshold, V·(λâ + 1) < 2). Where that bound is
at most 2²⁴ g, all of them are integers of 24 bits times g, which float32 holds without rounding.
`bits` measures the bound.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from saflab.analysis import compare, evaluate
from saflab.data import Dataset, Inputs, digits
from saflab.files import write
from saflab.gradients import sequence
from saflab.machine import describe_machine
from saflab.network import Connection, Linear, Network, Synapse
from saflab.rules import get_rule
from saflab.training.pretrained import WEIGHTS, Pretrained, save_pretrained

__all__ = ["GRID", "bits", "main", "make_digits"]

GRID, LEVELS, STEPS, EPOCHS, SEED = 2.0**-6, 16, 6, 30, 0


def bits(network: Network, steps: int, levels: int = LEVELS) -> int:
    """Return how many bits hold every partial sum of T steps at λ = 1/2, in units of the grid."""
    most = 0.0
    for index in range(network.readout):  # a chain: one synapse for each population
        weight, bias = (
            network.get_parameter(f"synapses.{index}.layer.{name}").detach().double()
            for name in ("weight", "bias")
        )
        largest = 2.0 * float((weight.abs().sum(1) + bias.abs()).max()) + 2.0
        unit = GRID / (1 if index else levels) * 2.0 ** -(steps - 1)
        most = max(most, largest / unit)
    return math.ceil(math.log2(most))


def _network(sizes: Sequence[int] = (64, 64, 48, 10)) -> Network:
    connections = []
    for index, (before, after) in enumerate(pairwise(sizes)):
        layer = Linear(before, after)
        spread = 0.3 if after == sizes[-1] else 1.0  # small, so that few neurons fire
        nn.init.normal_(layer.weight, 0.0, spread / math.sqrt(before))
        nn.init.zeros_(layer.bias)
        flat = [] if index else [nn.Flatten()]
        connections.append(Connection(index, index + 1, Synapse(*flat, layer)))
    return Network(connections)


@torch.no_grad()
def _round(parameters: Sequence[Tensor], fine: Sequence[Tensor]) -> None:
    for parameter, value in zip(parameters, fine, strict=True):
        parameter.copy_((value / GRID).round() * GRID)


def _train(network: Network, data: Dataset, inputs: Inputs) -> None:
    """Train with SAF-E: gradients at the rounded weights, steps on fine copies of them."""
    rule = get_rule("saf_e", chunk=STEPS)  # all steps in one backward pass: equal, and faster
    parameters = list(network.parameters())
    fine = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.SGD(fine, lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(data.train_labels)).split(64):
            _round(parameters, fine)
            network.zero_grad()
            x, y = inputs(data.train_images[index]), data.train_labels[index]
            for _ in sequence(network, x, y, rule):
                pass
            for value, parameter in zip(fine, parameters, strict=True):
                value.grad = parameter.grad
            optimizer.step()
        schedule.step()
    _round(parameters, fine)


def _faults(network: Network, data: Dataset, inputs: Inputs) -> dict[str, Any]:
    """Return what the network confuses most, and how well it does on images moved by a pixel."""
    with torch.no_grad():
        found = network(inputs(data.test_images))[0].sum(0).argmax(-1)
        moved = network(inputs(data.test_images.roll(1, -1)))[0].sum(0).argmax(-1)
    wrong = [(int(t), int(f)) for t, f in zip(data.test_labels, found, strict=True) if t != f]
    often = sorted(set(wrong), key=lambda pair: (-wrong.count(pair), pair))[:3]
    return {
        "wrong": [f"{t} taken for {f}: {wrong.count((t, f))}" for t, f in often],
        "accuracy, images moved by one pixel": float((moved == data.test_labels).float().mean()),
    }


def make_digits() -> Pretrained:
    """Return the digits network, trained anew, and its card."""
    data = digits()
    inputs = Inputs(mean=(0.0,), std=(1.0,), steps=STEPS, levels=LEVELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = _network()
        _train(network, data, inputs)
    network.eval()
    found = evaluate(network, data.test_images, data.test_labels, inputs)
    both = compare(network, data.test_images, data.test_labels, inputs)
    energy = found.energy()
    card = {
        "network": "64-64-48-10, fully connected; λ = 1/2, V = 1; weights are multiples of 1/64",
        "data": f"{data.source}; {len(data.train_labels)} images to train, {found.images} to test",
        "made": f"SAF-E, T = {STEPS}, {EPOCHS} epochs of batches of 64; gradients at weights "
        f"rounded to 1/64, SGD (lr 0.1 on a cosine, momentum 0.9) on fine copies; seed {SEED}",
        "command": "python -m tools.pretrained digits",
        "machine": describe_machine(),
        "accuracy": found.accuracy,
        "firing rates": found.firing_rates,
        "additions per image": energy.additions,
        "energy (nJ, arithmetic alone, 45 nm)": energy.spiking_nj,
        "energy of the same network without spikes (nJ)": energy.dense_nj,
        "spikes that differ between SAF and LIF": both.flips,
        "bits of the largest sum, T = 8": bits(network, 8),
        "licence": "weights: MIT, as saflab; the digits: CC BY 4.0 (Alpaydin, Kaynak, UCI)",
        **_faults(network, data, inputs),
    }
    return Pretrained(network, inputs, card)


def _page(name: str, made: Pretrained) -> str:
    lines = [f"# Pretrained: {name}", "", f'`saflab.pretrained("{name}")`', ""]
    for key, value in made.card.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items() if v is not None)
        elif isinstance(value, list):
            value = "; ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in value)
        lines.append(f"- **{key}**: {f'{value:.4g}' if isinstance(value, float) else value}")
    lines += [
        "", "It knows centred digits of 8×8 pixels, white on black, in 17 grey levels, and nothing "
        "else: it answers with a digit to any image. Sums are exact for T ≤ 8 in float32, and for "
        "T ≤ 20 in float64; at another λ than a power of 1/2 they round as in any network.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments != ["digits"]:
        print(f"Expected `digits`, but found {arguments}.", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    made = make_digits()
    save_pretrained(WEIGHTS / "digits.safetensors", made)
    write(WEIGHTS / "digits.md", _page("digits", made))
    print(_page("digits", made))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
