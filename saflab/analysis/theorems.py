"""Measure every proposition and theorem of docs/theory.md on random networks, in float64."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from saflab.analysis.gradient_angles import step_angles
from saflab.analysis.plain import plain_gradients
from saflab.analysis.random_networks import generator_of, random_case, random_network
from saflab.analysis.recording import record
from saflab.gradients import accumulate_gradients, sequence
from saflab.network.network import Network
from saflab.neurons import LIFParams, accumulate, total_weight
from saflab.rules import Mode, get_rule, mode_of

__all__ = ["TOLERANCE", "Claim", "drift", "gradients", "relative", "verify"]

TOLERANCE = 1e-10


class Claim(NamedTuple):
    """One claim: largest relative error over `cases` cases, and whether it holds."""

    name: str
    error: float
    cases: int
    holds: bool
    note: str = ""


def gradients(
    network: Network, x: Tensor, y: Tensor, rule: str, mode: Mode | None = None
) -> dict[str, Tensor]:
    """Return the gradient of each parameter, summed over the sequence, under `rule`."""
    network.zero_grad(set_to_none=True)
    accumulate_gradients(network, x, y, get_rule(rule, update="sequence"), mode=mode)
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in network.named_parameters()
    }


def relative(a: Tensor, b: Tensor) -> float:
    """Return max |a − b| / max |b|, or max |a − b| where b vanishes."""
    size = float(b.abs().max())
    return float((a - b).abs().max()) / (size if size > 0 else 1.0)


def _largest(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Return the largest relative error over the parameters, each against its own size."""
    sizes = {name: float(x.abs().max()) for name, x in b.items()}
    # A gradient that is zero but for rounding is measured against the largest one.
    floor = 1e-5 * max(sizes.values(), default=0.0) or 1.0
    errors = (float((a[k] - b[k]).abs().max()) / max(size, floor) for k, size in sizes.items())
    return max(errors, default=0.0)


def _lif_is_saf(network: Network, x: Tensor, y: Tensor) -> float:
    lif, saf = record(network, x, "bptt"), record(network, x, "saf_e")
    errors = [relative(saf.readout, lif.readout)]
    for a, b in zip(saf.populations, lif.populations, strict=True):
        errors += [relative(a.s, b.s), relative(a.u, b.u), relative(a.a, b.a), relative(a.U, b.U)]
    return max(errors)


def _theorem_1(trace: str) -> Callable[[Network, Tensor, Tensor], float]:
    def check(network: Network, x: Tensor, y: Tensor) -> float:
        saf = gradients(network, x, y, "saf_e", mode_of("saf_e", trace=trace))
        ottt = gradients(network, x, y, "ottt_a", mode_of("ottt_a", trace=trace, fused=False))
        return _largest(saf, ottt)

    return check


def _bias_trace(network: Network, x: Tensor, y: Tensor) -> float:
    """At one step t the two traces of a bias differ by exactly the factor Λ[t]."""
    steps = x.shape[0]
    weight = total_weight(network.neuron.decay, steps)
    found = {}
    for trace in ("official", "full"):
        network.zero_grad(set_to_none=True)
        mode = mode_of("saf_e", trace=trace, impl="reference")
        with torch.no_grad():
            state = network(x[:-1], None, mode)[1] if steps > 1 else None
        network(x[-1:], state, mode)[0].square().sum().backward()
        found[trace] = {
            name: p.grad.clone()
            for name, p in network.named_parameters()
            if name.endswith("bias") and p.grad is not None
        }
    return _largest(found["full"], {k: weight * g for k, g in found["official"].items()})


def _theorem_2(network: Network, x: Tensor, y: Tensor) -> float:
    saf = gradients(network, x, y, "saf_f")
    return _largest(saf, gradients(network, x, y, "spike_representation"))


def _hand_written(rule: str) -> Callable[[Network, Tensor, Tensor], float]:
    def check(network: Network, x: Tensor, y: Tensor) -> float:
        fast = gradients(network, x, y, rule, mode_of(rule, impl="cpu"))
        return _largest(fast, gradients(network, x, y, rule, mode_of(rule, impl="reference")))

    return check


def _formulas(rule: str, trace: str | None = None) -> Callable[[Network, Tensor, Tensor], float]:
    def check(network: Network, x: Tensor, y: Tensor) -> float:
        network.zero_grad(set_to_none=True)
        done = list(sequence(network, x, y, get_rule(rule, trace=trace)))
        plain = plain_gradients(network, x, y, rule, trace=trace or "full")
        loss = torch.stack([d.loss for d in done]).sum()
        named = network.named_parameters()
        own = {k: torch.zeros_like(p) if p.grad is None else p.grad for k, p in named}
        return max(
            relative(torch.cat([d.readout for d in done]), plain.readout),
            relative(loss, plain.loss),
            _largest(own, plain.gradients),
        )

    return check


CLAIMS: dict[str, Callable[[Network, Tensor, Tensor], float]] = {
    "LIF = SAF: s, u, â, Û, o": _lif_is_saf,
    "Theorem 1: SAF-E = OTTT, official trace": _theorem_1("official"),
    "Theorem 1: SAF-E = OTTT, full trace": _theorem_1("full"),
    "Bias: full trace = Λ[t] · official": _bias_trace,
    "Theorem 2: SAF-F = Spike Representation": _theorem_2,
    "Hand-written backward = autograd (SAF-E)": _hand_written("saf_e"),
    "Hand-written backward = autograd (BPTT)": _hand_written("bptt"),
    "Plain formulas: BPTT": _formulas("bptt"),
    "Plain formulas: SLTT": _formulas("sltt"),
    "Plain formulas: OTTT_A, official trace": _formulas("ottt_a", "official"),
    "Plain formulas: OTTT_A, full trace": _formulas("ottt_a", "full"),
    "Plain formulas: SAF-E, official trace": _formulas("saf_e", "official"),
    "Plain formulas: SAF-E, full trace": _formulas("saf_e", "full"),
    "Plain formulas: SAF-F": _formulas("saf_f"),
    "Plain formulas: Spike Representation": _formulas("spike_representation"),
}


def drift(lr: float, steps: int = 6, seed: int = 0, form: str = "closed") -> list[float]:
    """Return, for t = 1…T, the cosine between the SAF-E and OTTT gradients under step updates.

    Args:
        lr: Learning rate of the step after every t.
        steps: T ≥ 1.
        seed: Of the network and the batch.
        form: Of SAF-E, "closed" or "recursive".
    """
    rng = random.Random(seed)
    network, generator = random_network(rng, "conv", "chain"), generator_of(rng)
    network.neuron = LIFParams()
    images = torch.randn(8, 5, 6, 6, generator=generator, dtype=torch.float64)
    x, y = images.expand(steps, 8, 5, 6, 6), torch.randint(4, (8,), generator=generator)
    return [math.cos(math.radians(angle)) for angle in step_angles(network, x, y, lr, form)]


def _drift_claims() -> list[Claim]:
    fixed = max(abs(1.0 - c) for c in drift(0.0))
    moving = drift(1.0)
    first, later = abs(1.0 - moving[0]), 1.0 - min(moving[1:])
    cosines = ", ".join(f"{c:.4f}" for c in moving)
    recursive = max(abs(1.0 - c) for c in drift(1.0, form="recursive"))
    return [
        Claim("Step updates, lr 0: no drift", fixed, 1, fixed <= TOLERANCE),
        Claim(
            "Step updates, lr 1, closed form: equal at t = 1, then drift", first, 1,
            first <= TOLERANCE and 0.001 < later < 0.9, f"cosines {cosines}",
        ),
        Claim(
            "Step updates, lr 1, recursive form: no drift", recursive, 1, recursive <= TOLERANCE
        ),
    ]  # fmt: skip


def _exact_bits(rng: random.Random) -> Claim:
    """At λ = 1/2, â[t] has t bits: exact in bfloat16 for T ≤ 8, in float16 for T ≤ 11."""
    error = 0.0
    for dtype, steps in ((torch.bfloat16, 8), (torch.float16, 11)):
        spikes = (torch.rand(steps, 1000, generator=generator_of(rng)) < 0.5).double()
        exact = accumulate(spikes, 0.5)
        error = max(error, float((accumulate(spikes.to(dtype), 0.5).double() - exact).abs().max()))
    # The next step must be inexact, else the claim would not be about the format.
    ones = torch.ones(9, 1, dtype=torch.bfloat16)
    beyond = float((accumulate(ones, 0.5).double() - accumulate(ones.double(), 0.5)).abs().max())
    return Claim("λ = 1/2: T bits are exact (bf16 8, fp16 11)", error, 2, error == 0.0 < beyond)


def verify(cases: int = 20, seed: int = 0) -> list[Claim]:
    """Measure each claim over random networks, decays, thresholds and lengths in float64.

    Args:
        cases: Random networks per claim, kind (linear, conv) and wiring (chain, skip, feedback).
        seed: Of all of them.

    Returns:
        A row per claim; `holds` if the largest relative error is at most `TOLERANCE`.

    Raises:
        ValueError: If `cases` is below 1.

    >>> all(claim.holds for claim in verify(cases=1))
    True
    """
    if cases < 1:
        raise ValueError(f"Expected at least 1 case, but found {cases}.")
    rng = random.Random(seed)
    rows = []
    for wiring in ("chain", "skip", "feedback"):
        worst = dict.fromkeys(CLAIMS, 0.0)
        for kind in ("linear", "conv"):
            for number in range(cases):
                exact = number % 2 == 1
                case = random_case(rng, kind, wiring, exact=exact)
                for name, check in CLAIMS.items():
                    if exact and check is _theorem_2:
                        continue  # at Û[T] = V·Λ[T] the clamp has no derivative
                    worst[name] = max(worst[name], check(*case))
        rows += [
            Claim(f"{name} [{wiring}]", error, 2 * cases, error <= TOLERANCE)
            for name, error in worst.items()
        ]
    return [*rows, *_drift_claims(), _exact_bits(rng)]
