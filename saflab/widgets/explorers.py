"""The explorers of the curriculum: each is a scene, its controls and its presets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import traitlets

from saflab.figures import scenes
from saflab.neurons import SURROGATES
from saflab.widgets.controls import Play, Slider, choice, steps, switch
from saflab.widgets.explorer import Explorer, Presets

__all__ = [
    "AccumulationExplorer",
    "ClampExplorer",
    "CostExplorer",
    "DriftExplorer",
    "EnergyExplorer",
    "GradientExplorer",
    "NetworkPlayer",
    "SurrogateExplorer",
]

INPUTS = list(scenes.INPUTS)


class AccumulationExplorer(Explorer):
    """Spikes, their accumulation â, its binary digits at λ = 1/2, and SAF against LIF."""

    scene = staticmethod(scenes.accumulation)
    presets: ClassVar[Presets] = {
        "binary digits": {"decay": 0.5, "strength": 0.7, "kind": "constant", "steps": 12},
        "no decay: a counter": {"decay": 1.0, "strength": 0.4, "kind": "constant", "steps": 40},
        "long memory": {"decay": 0.95, "strength": 0.7, "kind": "pulse", "steps": 200},
    }

    def __init__(self) -> None:
        self.decay = Slider("decay λ", 0.5, 0.0, 1.0)
        self.strength = Slider("input strength", 0.7, -1.0, 3.0)
        self.kind = choice("input kind", INPUTS, "constant")
        self.steps = steps(12, 200)
        super().__init__(decay=self.decay, strength=self.strength, kind=self.kind, steps=self.steps)


class SurrogateExplorer(Explorer):
    """A surrogate derivative, and how much gradient it lets through at a distance from V."""

    scene = staticmethod(scenes.surrogate_curve)
    presets: ClassVar[Presets] = {
        "the course's": {"shape": "sigmoid", "slope": 4.0, "distance": 0.2},
        "blind beyond a window": {"shape": "rectangular", "slope": 1.0, "distance": 0.6},
        "too narrow to learn": {"shape": "sigmoid", "slope": 10.0, "distance": 1.0},
    }

    def __init__(self) -> None:
        self.shape = choice("shape", [s for s in SURROGATES if s != "clamp"], "sigmoid")
        self.slope = Slider("slope α", 4.0, 0.5, 10.0, 0.1)
        self.distance = Slider("distance u − V", 0.2, -2.0, 2.0, 0.05)
        super().__init__(shape=self.shape, slope=self.slope, distance=self.distance)


class GradientExplorer(Explorer):
    """Gradient through time: what BPTT, OTTT and SAF credit every earlier input with.

    With the reset detached all three agree: here is one neuron, and its input is traced.
    """

    scene = staticmethod(scenes.gradient)
    presets: ClassVar[Presets] = {
        "silent neuron": {"decay": 0.8, "strength": 0.1, "steps": 12},
        "busy neuron: BPTT feels the reset": {"decay": 0.8, "strength": 0.6, "steps": 12},
        "reset detached: all equal": {"strength": 0.6, "detach_reset": True},
        "long memory": {"decay": 0.97, "strength": 0.2, "steps": 60},
    }

    def __init__(self) -> None:
        self.decay = Slider("decay λ", 0.8, 0.0, 1.0)
        self.strength = Slider("input strength", 0.4, 0.0, 2.0)
        self.kind = choice("input kind", INPUTS, "constant")
        self.steps = steps(12)
        self.slope = Slider("slope α", 4.0, 0.5, 10.0, 0.1)
        self.detach_reset = switch("detach the reset", False)
        super().__init__(
            decay=self.decay,
            strength=self.strength,
            kind=self.kind,
            steps=self.steps,
            slope=self.slope,
            detach_reset=self.detach_reset,
        )


class DriftExplorer(Explorer):
    """SAF-E and OTTT when the weights move at every step of a sequence."""

    scene = staticmethod(scenes.drift)
    presets: ClassVar[Presets] = {
        "weights at rest: equal": {"lr": 0.0, "steps": 6},
        "weights that move": {"lr": 2.0, "steps": 6},
        "a long sequence": {"lr": 2.0, "steps": 20},
    }

    def __init__(self) -> None:
        self.lr = Slider("learning rate", 1.0, 0.0, 5.0, 0.05)
        self.steps = steps(6, 20)
        self.decay = Slider("decay λ", 0.5, 0.0, 1.0)
        super().__init__(lr=self.lr, steps=self.steps, decay=self.decay)


class ClampExplorer(Explorer):
    """Firing rates against the clamp that they approach as T grows."""

    scene = staticmethod(scenes.clamp)
    presets: ClassVar[Presets] = {
        "few steps": {"steps": 4, "decay": 0.5},
        "no decay, many steps": {"steps": 100, "decay": 1.0},
        "leaky, many steps": {"steps": 100, "decay": 0.5},
    }

    def __init__(self) -> None:
        self.steps = steps(12, 200)
        self.decay = Slider("decay λ", 0.5, 0.0, 1.0)
        self.threshold = Slider("threshold V", 1.0, 0.1, 3.0, 0.05)
        super().__init__(steps=self.steps, decay=self.decay, threshold=self.threshold)


class CostExplorer(Explorer):
    """Passes over each synapse and steps kept in memory, by rule."""

    scene = staticmethod(scenes.cost)
    presets: ClassVar[Presets] = {
        "as published": {"steps": 6, "fused": False},
        "OTTT fused": {"steps": 6, "fused": True},
    }

    def __init__(self) -> None:
        self.steps = steps(6, 200)
        self.fused = switch("OTTT with its two passes fused", False)
        super().__init__(steps=self.steps, fused=self.fused)


class EnergyExplorer(Explorer):
    """Energy and accuracy of a small network trained on digits, by number of steps."""

    scene = staticmethod(scenes.energy)
    presets: ClassVar[Presets] = {"stop early": {"steps": 1}, "take time": {"steps": 20}}

    def __init__(self) -> None:
        self.steps = steps(6, 20)
        super().__init__(steps=self.steps)


class NetworkPlayer(Explorer):
    """A trained network classifies a handwritten digit, spike by spike.

    Play shows one step after another; it is `explorer.play`.
    """

    scene = staticmethod(scenes.player)

    def __init__(self) -> None:
        self.image = Slider("test image", 0, 0, 359, 1)
        self.step = steps(4, 8, "shown up to step")
        self.play = Play("step by step", 4, 1, 8)
        self._link = traitlets.link((self.play, "value"), (self.step, "value"))
        super().__init__(image=self.image, step=self.step)

    def extra(self) -> Sequence[Play]:
        """Return the player's button."""
        return (self.play,)
