"""The six training rules: one row each, told apart by four switches."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rule", "get_rule"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What distinguishes one training rule from another.

    Args:
        name: Key in `RULES`.
        title: How papers write it.
        carries: What crosses a synapse: "spikes", "spikes+trace", "accumulation" or "rate".
        graph: Which steps the gradient sees: "time" (through all steps), "step" (each step by
            itself) or "last" (step T alone; the first T−1 steps build no graph).
        loss: "step" for ℓ(o[t])/T at each t, "end" for ℓ(Û_out[T]/Λ[T]) once.
        update: Optimizer steps per batch: "sequence" (one) or "step" (T).
        surrogate: Surrogate this rule needs, or None for the network's own.
        trace: Gradient of biases and input: "official" (as the published OTTT code) or "full".
    """

    name: str
    title: str
    carries: str
    graph: str
    loss: str
    update: str
    surrogate: str | None = None
    trace: str = "official"


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(name="bptt", title="BPTT", carries="spikes", graph="time", loss="step",
             update="sequence"),
        Rule(name="ottt_a", title="OTTT_A", carries="spikes+trace", graph="step", loss="step",
             update="sequence"),
        Rule(name="ottt_o", title="OTTT_O", carries="spikes+trace", graph="step", loss="step",
             update="step"),
        Rule(name="saf_e", title="SAF-E", carries="accumulation", graph="step", loss="step",
             update="sequence"),
        Rule(name="saf_f", title="SAF-F", carries="accumulation", graph="last", loss="end",
             update="sequence", surrogate="clamp", trace="full"),
        Rule(name="spike_representation", title="Spike Representation", carries="rate",
             graph="last", loss="end", update="sequence", surrogate="clamp", trace="full"),
    )
}  # fmt: skip


def get_rule(name: str) -> Rule:
    """Return the rule called `name`.

    Raises:
        ValueError: If there is no such rule.

    >>> get_rule("saf_f").graph
    'last'
    """
    if not isinstance(name, str) or name not in RULES:
        raise ValueError(f"Expected a rule in {sorted(RULES)}, but found {name!r}.")
    return RULES[name]
