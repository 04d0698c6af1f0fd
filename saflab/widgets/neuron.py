"""The neuron explorer, with a mode in which the student predicts before looking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np

from saflab.figures import scenes
from saflab.figures.panel import Panel
from saflab.figures.traces import count, first_spike
from saflab.widgets.explorer import Explorer, choice, steps, switch
from saflab.widgets.parts import Slider

__all__ = ["NeuronExplorer"]


class NeuronExplorer(Explorer):
    """One LIF neuron: leak, threshold and input on sliders, its potential and spikes below.

    Prediction: tick "Predict before looking" (`explorer.predict.value = True`), state the step of
    the first spike (0 for never) and the number of spikes, then reveal.
    """

    scene = staticmethod(scenes.neuron)
    presets = {  # noqa: RUF012
        "leaks too much to fire": {"leak": 0.5, "threshold": 1.0, "strength": 0.45},
        "no leak: a counter": {"leak": 1.0, "threshold": 1.0, "strength": 0.25},
        "pulse, then decay": {"leak": 0.95, "strength": 0.2, "kind": "pulse", "steps": 100},
        "waves": {"leak": 0.9, "strength": 0.3, "kind": "sine", "steps": 200},
        "random spikes in": {"leak": 0.8, "strength": 0.5, "kind": "spikes", "steps": 100},
    }

    def __init__(self) -> None:
        self.leak = Slider("leak λ", 0.9, 0.0, 1.0)
        self.threshold = Slider("threshold V", 1.0, 0.1, 3.0, 0.05)
        self.strength = Slider("input strength", 0.3, -1.0, 3.0)
        self.kind = choice("input kind", list(scenes.INPUTS), "constant")
        self.steps = steps(50, 200)
        self.predict = switch("Predict before looking", False)
        wide: dict[str, Any] = {
            "style": {"description_width": "230px"}, "layout": {"width": "330px"}
        }  # fmt: skip
        self.first = ipywidgets.BoundedIntText(
            0, 0, 200, description="first spike at step (0: never)", **wide
        )
        self.number = ipywidgets.BoundedIntText(0, 0, 200, description="number of spikes", **wide)
        self.reveal_button = ipywidgets.Button(description="Reveal")
        self.answer = ipywidgets.VBox([self.first, self.number, self.reveal_button])
        self.answer.layout.display = "none"
        self._verdict = ""
        self.predict.observe(self._changed, "value")
        self.reveal_button.on_click(lambda _: self.reveal())
        super().__init__(leak=self.leak, threshold=self.threshold, strength=self.strength,
                         kind=self.kind, steps=self.steps)  # fmt: skip

    def extra(self) -> Sequence[ipywidgets.Widget]:
        """Return the prediction's controls."""
        return (self.predict, self.answer)

    def _changed(self, change: Any) -> None:
        self._verdict = ""
        self.answer.layout.display = "" if self.predict.value else "none"
        super()._changed(change)

    def shown(self) -> tuple[Panel, ...]:
        """Return the panels; while a prediction is awaited, the input alone."""
        panels = super().shown()
        return panels[1:] if self.predict.value and not self._verdict else panels

    def guess(self, first: int, number: int) -> str:
        """Predict the step of the first spike (0: never) and the number of spikes, and reveal."""
        self.predict.value = True
        self.first.value, self.number.value = first, number
        return self.reveal()

    def reveal(self) -> str:
        """Show the spikes and return how far the prediction was off."""
        s = np.asarray(scenes.neuron_record(**self.values).s).ravel()
        first, number = first_spike(s) or 0, int(s.sum())
        self._verdict = " ".join(
            (_compare_first(self.first.value, first), _compare_number(self.number.value, number))
        )
        self.refresh()
        self.view.sentence = f"{self._verdict} {self.view.sentence}"
        return self._verdict


def _compare_first(guessed: int, first: int) -> str:
    if guessed == first:
        return f"First spike: right, {f'step {first}' if first else 'never'}."
    if not guessed or not first:
        said, found = (f"step {n}" if n else "never" for n in (guessed, first))
        return f"First spike: you said {said}, it is {found}."
    late = "late" if guessed > first else "early"
    off = count(abs(guessed - first), "step")
    return f"First spike: step {first}; your {guessed} is {off} too {late}."


def _compare_number(guessed: int, number: int) -> str:
    if guessed == number:
        return f"Count: right, {number}."
    more = "many" if guessed > number else "few"
    return f"Count: {number}; your {guessed} is {abs(guessed - number)} too {more}."
