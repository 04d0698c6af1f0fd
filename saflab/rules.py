"""The six training rules, one row each, and how a network runs under a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["RULES", "Mode", "Rule", "get_rule", "mode_of"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What distinguishes one training rule from another.

    Args:
        name: Key in `RULES`.
        title: Name in the publications.
        carries: What crosses a synapse: "spikes", "spikes+trace", "accumulation" or "rate".
        graph: Which steps the graph of autograd spans: "time" (all steps together), "step" (each
            step on its own) or "last" (step T; the first T − 1 steps build no graph).
        loss: "step" for ℓ(o[t])/T at each t, "end" for ℓ(Û_out[T]/Λ[T]) once.
        update: Optimizer steps per batch: "sequence" (one) or "step" (T).
        surrogate: Surrogate that this rule needs, or None for that of the network.
        trace: Gradient of biases and input: "official" (as in the published OTTT code) or "full"
            (with their trace), see docs/theory.md.
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


class Mode(NamedTuple):
    """How a network runs: kind of neuron, trace of biases and input, implementation.

    Args:
        kind: "lif", "ottt" or "saf".
        trace: Gradient of biases and input: "official" or "full", see `Network.forward`.
        surrogate: Surrogate in place of that of the network, or None.
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
    """Return how a network runs under `rule`, as an argument of `Network.forward`.

    Args:
        rule: One of `RULES`, or its name.
        trace: Gradient of biases and input, "official" or "full"; None takes the rule's own.
        surrogate: One of `SURROGATES`; None takes the rule's own, else that of the network.
        impl: Implementation of the time loop, one of `saflab.ops.IMPLEMENTATIONS`.
        fused: For OTTT: value and gradient in one forward pass instead of two.
        detach_reset: For BPTT: no gradient through the reset.

    Raises:
        ValueError: If there is no such rule, or its neurons have no clamp surrogate.

    >>> mode_of("saf_e").trace, mode_of("saf_f").trace
    ('official', 'full')
    """
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
