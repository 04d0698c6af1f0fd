"""The seven training rules, one row each, and how a network runs under a rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # the table of rules is read without PyTorch
    from torch import Generator

__all__ = ["RULES", "Mode", "Rule", "get_rule", "mode_of"]


_SWITCHES = {
    "carrier": ("spikes", "trace", "accumulation", "rate"),
    "graph": ("time", "step", "last"),
    "update": ("sequence", "step"),
    "trace": ("official", "full"),
    "form": ("recursive", "closed"),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What distinguishes one training rule from another.

    Args:
        name: Key in `RULES`.
        title: Name in the publications.
        carrier: What crosses a synapse: "spikes", "trace" (spikes with their trace),
            "accumulation" or "rate"; see `network.carriers`.
        graph: Which steps the graph of autograd spans: "time" (all steps together), "step" (each
            step on its own) or "last" (step T; the first T − 1 steps build no graph). The loss is
            ℓ(o[t])/T at each t, but for "last" ℓ(Û_out[T]/Λ[T]) once.
        update: Optimizer steps per batch: "sequence" (one) or "step" (T, for graph "step").
        surrogate: Surrogate that this rule needs, or None for that of the network.
        trace: Gradient of biases and input: "official" (as in the published OTTT code) or "full"
            (with their trace), see docs/theory.md.
        chunk: Time steps per backward pass, for graph "step" and update "sequence"; gradients do
            not depend on it, and with 1 memory does not grow with T.
        form: How SAF-E follows weights that move at every step, for update "step": "recursive"
            (Û[t] = λÛ[t−1] + W[t] s_in[t] + b[t]: equal to OTTT_O) or "closed"
            (Û[t] = W[t] â_in[t] + Λ[t] b[t]: the history is evaluated anew with the new weights).
        backward_steps: K, the number of steps, drawn at random, that a backward pass is made for,
            for graph "step"; None makes one for every step.

    Raises:
        ValueError: If the fields do not fit together.
    """

    name: str
    title: str
    carrier: str
    graph: str
    update: str = "sequence"
    surrogate: str | None = None
    trace: str = "official"
    chunk: int = 1
    form: str = "recursive"
    backward_steps: int | None = None

    def __post_init__(self) -> None:
        for switch, allowed in _SWITCHES.items():
            if getattr(self, switch) not in allowed:
                raise ValueError(
                    f"Expected {switch} in {list(allowed)}, but found {getattr(self, switch)!r}."
                )
        if self.chunk > 1 and self.graph != "step":
            raise ValueError(
                f"Expected chunk 1 for {self.name!r}, which makes one backward pass, but found "
                f"{self.chunk}. Leave it out."
            )
        if self.update == "step" and self.graph != "step":
            raise ValueError(
                f"Expected update 'sequence' for {self.name!r}, whose gradient is complete only "
                "at the end, but found 'step'. Use ottt_o or saf_e."
            )
        if self.chunk < 1 or (self.chunk > 1 and self.update == "step"):
            raise ValueError(
                f"Expected chunk ≥ 1, and 1 with update='step', but found {self.chunk}."
            )
        if self.backward_steps is not None:
            _check_backward_steps(self)


def _check_backward_steps(rule: Rule) -> None:
    if rule.graph != "step" or rule.chunk > 1 or rule.update == "step":
        raise ValueError(
            f"Expected backward_steps with a rule whose gradient is a sum over steps, chunk 1 and "
            f"update 'sequence', but found {rule.name!r}, chunk {rule.chunk} and update "
            f"{rule.update!r}. Use sltt, ottt_a or saf_e."
        )
    if not isinstance(rule.backward_steps, int) or rule.backward_steps < 1:
        raise ValueError(
            f"Expected at least one backward step, but found {rule.backward_steps!r}. Use e.g. 2, "
            "or None for all."
        )


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(name="bptt", title="BPTT", carrier="spikes", graph="time"),
        Rule(name="sltt", title="SLTT", carrier="spikes", graph="step"),
        Rule(name="ottt_a", title="OTTT_A", carrier="trace", graph="step"),
        Rule(name="ottt_o", title="OTTT_O", carrier="trace", graph="step", update="step"),
        Rule(name="saf_e", title="SAF-E", carrier="accumulation", graph="step"),
        Rule(
            name="saf_f",
            title="SAF-F",
            carrier="accumulation",
            graph="last",
            surrogate="clamp",
            trace="full",
        ),
        Rule(
            name="spike_representation",
            title="Spike Representation",
            carrier="rate",
            graph="last",
            surrogate="clamp",
            trace="full",
        ),
    )
}


def get_rule(name: str | Rule, **changes: Any) -> Rule:
    """Return the rule called `name`, with some fields changed; a change to None keeps the field.

    Raises:
        ValueError: If there is no such rule or field, or the fields do not fit together.

    >>> get_rule("saf_f").graph
    'last'
    >>> get_rule("saf_e", update="step").update
    'step'
    """
    if not isinstance(name, Rule) and (not isinstance(name, str) or name not in RULES):
        raise ValueError(f"Expected a rule in {sorted(RULES)}, but found {name!r}.")
    rule = name if isinstance(name, Rule) else RULES[name]
    changes = {field: value for field, value in changes.items() if value is not None}
    unknown = [field for field in changes if field not in Rule.__dataclass_fields__]
    if unknown:
        raise ValueError(f"Expected fields of a rule, but found {unknown}. See help(Rule).")
    return replace(rule, **changes)


class Mode(NamedTuple):
    """How a network runs.

    Args:
        carrier: What crosses a synapse, as in `Rule`, or "increment" (SAF-E's recursive form).
        trace: Gradient of sources. "official" gives a bias the gradient δ[t] and an input synapse
            δ[t] x[t]ᵀ, as the published OTTT code does; "full" treats both as sources with a
            trace, δ[t] Λ[t] and δ[t] x̂[t]ᵀ. The gradient of the input x[t] is Wᵀ δ[t] or
            Σ_{k≥t} λ^{k−t} Wᵀ δ[k]; with "spikes" and not online it is exact.
        surrogate: Surrogate in place of that of the network, or None.
        detach_reset: For "spikes": no gradient through the reset.
        online: For "spikes": no gradient through time at all (SLTT).
        fused: For "trace": value and gradient in one forward pass instead of two.
        impl: Implementation of the time loop.
        generator: Source of dropout masks; None is PyTorch's global one.
    """

    carrier: str = "spikes"
    trace: str = "official"
    surrogate: str | None = None
    detach_reset: bool = False
    fused: bool = True
    impl: str = "auto"
    generator: Generator | None = None
    online: bool = False


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
        ValueError: If there is no such rule, or it cannot take the surrogate.

    >>> mode_of("saf_e").trace, mode_of("saf_f").trace
    ('official', 'full')
    """
    rule = get_rule(rule, trace=trace)
    # Rates are measured on a run with spikes and traces.
    carrier = "trace" if rule.carrier == "rate" else rule.carrier
    if carrier == "accumulation" and rule.update == "step" and rule.form == "recursive":
        carrier = "increment"
    if surrogate is None and rule.carrier != "rate":
        surrogate = rule.surrogate
    if surrogate == "clamp" and rule.carrier != "accumulation":
        raise ValueError(
            f"Expected a surrogate of u − V for the rule {rule.name!r}, but found 'clamp'. "
            "Use it with saf_e or saf_f, or choose 'sigmoid'."
        )
    online = rule.carrier == "spikes" and rule.graph == "step"
    return Mode(carrier, rule.trace, surrogate, detach_reset, fused, impl, online=online)
