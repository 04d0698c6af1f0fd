"""The cost scene: what each rule computes and keeps."""

from __future__ import annotations

from saflab.analysis.cost import kept_steps, passes
from saflab.figures.curves import bars
from saflab.figures.panel import Panel
from saflab.rules import RULES

__all__ = ["cost"]


def cost(steps: int = 6, fused: bool = False) -> tuple[Panel, ...]:
    """Passes over each synapse and steps kept in memory, by rule.

    Args:
        steps: T ≥ 1.
        fused: Count OTTT with its two paths fused, as `saflab` can run it.
    """
    rules = [r for r in RULES.values() if r.carrier != "rate"]
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
