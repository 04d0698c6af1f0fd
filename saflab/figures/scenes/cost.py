"""What each rule computes and keeps, counted from the switches of its row in `RULES`."""

from __future__ import annotations

from saflab.figures.curves import bars
from saflab.figures.panel import Panel
from saflab.rules import RULES, Rule

__all__ = ["cost", "kept_steps", "passes"]


def passes(rule: Rule, steps: int, *, fused: bool = True) -> int:
    """Return forward and backward passes over each synapse for T = `steps` steps.

    One forward pass per step, two when value and gradient travel separately; two backward
    passes (input and weights) per step that the gradient sees, per gradient path as well.

    Args:
        rule: A row of `RULES`.
        steps: T ≥ 1.
        fused: OTTT with one forward pass instead of the published two.
    """
    if steps < 1:
        raise ValueError(f"Expected T ≥ 1 steps, but found {steps}. Use e.g. 6.")
    forward = 2 if rule.carries == "spikes+trace" and not fused else 1
    # The published second path adds a forward pass; backward stays at input and weights.
    seen = 1 if rule.graph == "last" else steps
    return forward * steps + 2 * seen


def kept_steps(rule: Rule, steps: int) -> int:
    """Return for how many steps the tensors of backward are kept at once."""
    return steps if rule.graph == "time" else 1


def cost(steps: int = 6, fused: bool = False) -> tuple[Panel, ...]:
    """Passes over each synapse and steps kept in memory, by rule.

    Args:
        steps: T ≥ 1.
        fused: Count OTTT with its two paths fused, as `saflab` can run it.
    """
    rules = [r for r in RULES.values() if r.carries != "rate"]
    counted = {r.title: float(passes(r, steps, fused=fused)) for r in rules}
    kept = {r.title: float(kept_steps(r, steps)) for r in rules}
    saving = 1.0 - counted["SAF-F"] / counted["OTTT_A"]
    says = (
        f"For T = {steps}, OTTT makes {counted['OTTT_A']:.0f} passes over each synapse, SAF-E "
        f"{counted['SAF-E']:.0f} and SAF-F {counted['SAF-F']:.0f}, {saving:.0%} fewer than OTTT."
    )
    held = f"For its backward pass BPTT keeps {kept['BPTT']:.0f} steps, every other rule 1."
    return (
        bars(counted, "Passes over each synapse per sequence", "passes", says),
        bars(kept, "Time steps kept for the backward pass", "steps", held),
    )
