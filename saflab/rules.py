"""The six training rules: one row each, told apart by four switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["RULES", "Mode", "Rule", "get_rule", "mode_of"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What distinguishes one training rule from another.

    Args:
        name: Key in `RULES`.
        title: How papers write it.
        carries: What crosses a synapse: "spikes", "spikes+trace", "accumulation" or "rate".
        graph: Which steps the gradient sees: "time" (through all steps), "step" (each step by
            itself), both with the loss ℓ(o[t])/T at each t, or "last" (step T alone, with the loss
            ℓ(Û_out[T]/Λ[T]); the first T−1 steps build no graph).
        update: Optimizer steps per batch: "sequence" (one) or "step" (T).
        surrogate: Surrogate this rule needs, or None for the network's own.
        trace: Gradient of biases and input: "official" (as the published OTTT code) or "full".
    """

    name: str
    title: str
    carries: str
    graph: str
    update: str
    surrogate: str | None = None
    trace: str = "official"


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(name="bptt", title="BPTT", carries="spikes", graph="time", update="sequence"),
        Rule(name="ottt_a", title="OTTT_A", carries="spikes+trace", graph="step",
             update="sequence"),
        Rule(name="ottt_o", title="OTTT_O", carries="spikes+trace", graph="step", update="step"),
        Rule(name="saf_e", title="SAF-E", carries="accumulation", graph="step",
             update="sequence"),
        Rule(name="saf_f", title="SAF-F", carries="accumulation", graph="last",
             update="sequence", surrogate="clamp", trace="full"),
        Rule(name="spike_representation", title="Spike Representation", carries="rate",
             graph="last", update="sequence", surrogate="clamp", trace="full"),
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


class Mode(NamedTuple):
    """How to run: neuron kind, trace of biases and input, and implementation.

    Args:
        kind: "lif", "ottt" or "saf".
        trace: Gradient of sources (input, bias): "official" or "full", see `Network.forward`.
        surrogate: Surrogate that replaces the network's own, or None.
        detach_reset: For "lif": no gradient through the reset.
        fused: For "ottt": value and gradient in one forward pass instead of two.
        impl: Implementation of the time loop.
    """

    kind: str = "lif"
    trace: str = "official"
    surrogate: str | None = None
    detach_reset: bool = False
    fused: bool = True
    impl: str = "auto"


_KINDS = {"spikes": "lif", "spikes+trace": "ottt", "accumulation": "saf", "rate": "ottt"}


def mode_of(
    rule: str | Rule,
    *,
    trace: str | None = None,
    surrogate: str | None = None,
    impl: str = "auto",
    fused: bool = True,
    detach_reset: bool = False,
) -> Mode:
    """Return how the network runs under `rule`; None keeps the rule's own choice."""
    rule = rule if isinstance(rule, Rule) else get_rule(rule)
    kind = _KINDS[rule.carries]
    if surrogate is None and rule.carries != "rate":
        surrogate = rule.surrogate
    if surrogate == "clamp" and kind != "saf":
        raise ValueError(
            f"Expected a surrogate of u − V for the rule {rule.name!r}, but found 'clamp'. "
            "Use it with saf_e or saf_f, or choose 'sigmoid'."
        )
    return Mode(kind, trace or rule.trace, surrogate, detach_reset, fused, impl)
