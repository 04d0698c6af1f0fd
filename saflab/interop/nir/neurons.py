"""NIR's spiking neurons as ours: one decay and threshold, and a reset by subtraction or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from saflab.interop.nir.values import numbers, one, plain
from saflab.interop.nir.wires import Path
from saflab.interop.nir.writing import NEXT_TO_ONE
from saflab.neurons import LIFParams

__all__ = ["NEURONS", "QUALIFIES", "Neuron", "common", "neuron_of", "without_resets"]

NEURONS = ("LIF", "IF", "CubaLIF")
# The only settings whose neurons reset as ours do; no field of NIR tells them from others.
QUALIFIES = (
    'snnTorch\'s Leaky(…, reset_mechanism="subtract", reset_delay=False) while u < 2V (its default '
    "reset_delay=True subtracts V after the decay), or SpikingJelly's LIFNode(…, v_reset=None, "
    "decay_input=False)"
)
# What a writer may note about its neurons beside them without contradicting a subtraction.
_AGREE = {
    "decay_input": ("false", "0"),
    "hard_reset": ("false", "0"),
    "reset": ("subtract", "soft"),
    "reset_delay": ("false", "0"),
    "reset_mechanism": ("subtract", "soft"),
    "soft_reset": ("true", "1"),
    "v_reset": ("none",),
}
_WRITER_NOTES = ("exporter", "framework", "generator", "library", "producer", "writer")
_HARD_WRITERS = ("norse", "spikingjelly")  # what they write resets to a value


class Neuron(NamedTuple):
    """Decay, threshold (of >), gain of the input, and what a spike does to the state."""

    decay: float
    threshold: float
    gain: float
    reset: str  # "none" (of what the state remembers) or "hard"


def neuron_of(name: str, node: Any, dt: float) -> Neuron:
    """Return the neuron of a node, integrated with forward Euler steps of dt.

    Raises:
        ValueError: If it has two time constants, another resting value or an impossible number.
    """
    kind = type(node).__name__
    threshold, gain = one(name, node, "v_threshold"), one(name, node, "r")
    if kind != "IF" and one(name, node, "v_leak") != 0.0:
        raise ValueError(
            f"Expected v_leak 0 in node {name!r}, but found another resting value. Shift input "
            "and threshold, so that neurons rest at 0."
        )
    if kind == "IF":
        # snnTorch and Norse write R = 1 for an input that is added as it is, SpikingJelly 1/dt.
        return _checked(name, Neuron(1.0, threshold, 1.0 if gain == 1.0 else gain * dt, "hard"))
    decay = {}
    for field in ("tau",) if kind == "LIF" else ("tau_syn", "tau_mem"):
        tau = one(name, node, field)
        if not tau >= dt * (1.0 - 1e-6):
            raise ValueError(
                f"Expected {field} of at least dt = {dt:g} s in node {name!r}, but found "
                f"{tau:g} s, {'a decay below 0' if tau > 0.0 else 'which is no time'}. "
                + ("Give the writer's own dt." if tau > 0.0 else "Mend the file.")
            )
        decay[field] = _near(1.0 - dt / tau)
        gain *= dt / tau
    if kind == "LIF":
        remembers = decay["tau"] > 0.0
        neuron = Neuron(decay["tau"], threshold, gain, "hard" if remembers else "none")
        return _checked(name, neuron)
    gain *= one(name, node, "w_in")
    if decay["tau_mem"] == 0.0:
        return _checked(name, Neuron(decay["tau_syn"], threshold, gain, "none"))
    if decay["tau_syn"] == 0.0:
        return _checked(name, Neuron(decay["tau_mem"], threshold, gain, "hard"))
    raise ValueError(
        f"Expected a neuron with one time constant, but found node {name!r} with decays "
        f"{decay['tau_syn']:g} of its current and {decay['tau_mem']:g} of its potential, both "
        f"above 0 for dt = {dt:g} s. A saflab neuron has no synaptic current of its own; retrain "
        "with τ_syn = dt."
    )


def _checked(name: str, neuron: Neuron) -> Neuron:
    """Return the neuron with a gain of exactly 1 where the writer rounded."""
    if not 0.0 < neuron.threshold < float(np.finfo(np.float32).max):
        raise ValueError(
            f"Expected a threshold above 0 in float32, but found {neuron.threshold:g} in node "
            f"{name!r}. Shift the potential, so that neurons rest at 0 and fire above it."
        )
    if not 0.0 < neuron.gain < np.inf:
        raise ValueError(
            f"Expected a gain of the input above 0 in node {name!r}, but found {neuron.gain:g} "
            "(dt·R/τ, times w_in in a CubaLIF). Scale the weights before it instead."
        )
    return neuron._replace(gain=1.0) if abs(neuron.gain - 1.0) < 1e-6 else neuron


def _near(value: float) -> float:
    """Return `value`, or the round number that a division by dt has missed by rounding."""
    if value >= NEXT_TO_ONE - 1e-12 and value < 1.0 + 1e-12:
        return 1.0
    rounded = round(value, 12)
    return rounded if abs(value - rounded) < 1e-9 else value


def common(neurons: Mapping[str, Neuron]) -> LIFParams:
    """Return the constants that all neurons share.

    Raises:
        ValueError: If there are none, or they differ.
    """
    kinds = {(round(n.decay, 9), float(np.float32(n.threshold))) for n in neurons.values()}
    if len(kinds) != 1:
        raise ValueError(
            "Expected spiking neurons (LIF, IF, CubaLIF) of one decay and threshold, but found "
            f"{sorted(kinds) or 'none'}. A saflab network has one for all its neurons; retrain "
            "with shared values."
        )
    first = next(iter(neurons.values()))
    above = np.nextafter(np.float32(first.threshold), np.float32(np.inf))
    return LIFParams(decay=max(0.0, first.decay), threshold=float(above))


def without_resets(
    graph: Any, wires: list[Path], neurons: Mapping[str, Neuron], p: LIFParams, reset: str
) -> list[Path]:
    """Return the wires without the loops that subtract λV; check that each neuron resets so.

    Raises:
        ValueError: If one does not, or a field contradicts the caller who says that it does.
    """
    loops = {w.source: w for w in wires if _is_reset(graph, w, neurons, p)}
    for name, neuron in neurons.items():
        node = graph.nodes[name]
        if neuron.reset == "none":
            if name not in loops and neuron.decay > 0.0:
                raise ValueError(
                    f"Expected a loop of −λV that resets node {name!r}, but found none: its "
                    "current is never reset. Only files with that loop (as `saflab export` "
                    "writes) import."
                )
        elif reset != "subtract" or name in loops:
            raise ValueError(
                f"Expected a reset by subtraction, but found node {name!r} "
                f"({type(node).__name__}) with NIR's reset to a value, which forgets by how much u "
                f"exceeded V. Say --reset subtract only if it was written by {QUALIFIES}."
            )
        elif found := _contradiction(name, node, neuron, graph.metadata):
            raise ValueError(
                f"Expected a reset by subtraction before the decay, as --reset subtract says, but "
                f"found {found}. It holds only for {QUALIFIES}. Retrain with that setting."
            )
    return [w for w in wires if w is not loops.get(w.source)]


def _contradiction(name: str, node: Any, neuron: Neuron, metadata: Mapping[str, Any]) -> str | None:
    """Return what in the file contradicts a reset by subtraction before the decay."""
    kind = type(node).__name__
    if node.v_reset is not None and numbers(name, node, "v_reset").any():
        value = numbers(name, node, "v_reset").reshape(-1)
        return f"v_reset = {value[value != 0.0][0]:g} in node {name!r}, a value to which u is set"
    if kind == "IF":
        return (
            f"node {name!r} of type IF, which SpikingJelly and Norse write for neurons that are "
            "reset to v_reset"
        )
    if neuron.gain != 1.0:
        return (
            f"an input scaled by dt·R/τ = {neuron.gain:g} in node {name!r}, as Norse and "
            "SpikingJelly (decay_input=True) write for neurons that are reset to v_reset"
        )
    for key, value in {**metadata, **node.metadata}.items():
        note, text = key.rpartition("/")[2].lower(), str(plain(value)).lower()
        says_so = note in _AGREE and text in _AGREE[note]
        if ("reset" in note or note in _AGREE) and not says_so:
            return f"the note {key} = {text!r} in the file"
        if note in _WRITER_NOTES and any(writer in text for writer in _HARD_WRITERS):
            return f"the note {key} = {text!r} in the file, whose neurons are reset to v_reset"
    return None


def _is_reset(graph: Any, wire: Path, neurons: Mapping[str, Neuron], p: LIFParams) -> bool:
    if wire.source != wire.target or wire.source not in neurons:
        return False
    nodes = [(name, graph.nodes[name]) for name in wire.nodes]
    weights = [(name, node) for name, node in nodes if type(node).__name__ != "Flatten"]
    if len(weights) != 1 or type(weights[0][1]).__name__ not in ("Linear", "Affine", "Conv2d"):
        return False
    name, node = weights[0]
    w = numbers(name, node, "weight")
    if w.ndim not in (2, 4) or (w.ndim == 4 and w.shape[2:] != (1, 1)):
        return False
    w, bias = w.reshape(len(w), -1), np.asarray(getattr(node, "bias", 0.0))
    wanted = -p.decay * p.threshold / neurons[wire.source].gain
    square = w.shape[0] == w.shape[1] and not bias.any()
    return square and np.allclose(w, wanted * np.eye(len(w)), rtol=1e-6, atol=0.0)
