"""The neuron explorer, with a mode in which the student predicts before looking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np

from saflab.figures import scenes
from saflab.figures.panel import Panel
from saflab.widgets.controls import Slider, choice, steps, switch
from saflab.widgets.explorer import Explorer, Presets
from saflab.widgets.prediction import Strip, compare_drawn, compare_first, compare_number

__all__ = ["NeuronExplorer"]


class NeuronExplorer(Explorer):
    """One LIF neuron: decay, threshold and input on sliders, its potential and spikes below.

    Prediction: tick "Predict before looking" (`explorer.predict.value = True`), draw the spikes on
    the time axis, or state the step of the first (0 for never) and their number, then reveal.
    """

    scene = staticmethod(scenes.neuron)
    presets: ClassVar[Presets] = {
        "leaks too much to fire": {"decay": 0.5, "threshold": 1.0, "strength": 0.45},
        "no decay: a counter": {"decay": 1.0, "threshold": 1.0, "strength": 0.25},
        "pulse, then decay": {"decay": 0.95, "strength": 0.2, "kind": "pulse", "steps": 100},
        "waves": {"decay": 0.9, "strength": 0.3, "kind": "sine", "steps": 200},
        "random spikes in": {"decay": 0.8, "strength": 0.5, "kind": "spikes", "steps": 100},
    }

    def __init__(self) -> None:
        self.decay = Slider("decay λ", 0.9, 0.0, 1.0)
        self.threshold = Slider("threshold V", 1.0, 0.1, 3.0, 0.05)
        self.strength = Slider("input strength", 0.3, -1.0, 3.0)
        self.kind = choice("input kind", list(scenes.INPUTS), "constant")
        self.steps = steps(50, 200)
        self.predict = switch("Predict before looking", False)
        wide: dict[str, Any] = {
            "style": {"description_width": "230px"},
            "layout": {"width": "330px"},
        }
        self.first = ipywidgets.BoundedIntText(
            0, 0, 200, description="first spike at step (0: never)", **wide
        )
        self.number = ipywidgets.BoundedIntText(0, 0, 200, description="number of spikes", **wide)
        self.reveal_button = ipywidgets.Button(description="Reveal")
        self.again_button = ipywidgets.Button(description="Try again", disabled=True)
        self.strip = Strip()
        self.strip.observe(self._drawn, "predicted")
        buttons = ipywidgets.HBox([self.reveal_button, self.again_button])
        self.answer = ipywidgets.VBox([self.strip, self.first, self.number, buttons])
        self.answer.layout.display = "none"
        self._verdict = ""
        self.predict.observe(self._changed, "value")
        self.reveal_button.on_click(lambda _: self.reveal())
        self.again_button.on_click(lambda _: self.again())
        super().__init__(
            decay=self.decay,
            threshold=self.threshold,
            strength=self.strength,
            kind=self.kind,
            steps=self.steps,
        )

    def extra(self) -> Sequence[ipywidgets.Widget]:
        """Return the prediction's controls."""
        return (self.predict, self.answer)

    def _changed(self, change: Any) -> None:
        self._hide()
        self.answer.layout.display = "" if self.predict.value else "none"
        super()._changed(change)

    def again(self) -> None:
        """Hide the spikes and take the drawn ones away, for another prediction."""
        self._hide()
        self.refresh()

    def _hide(self) -> None:
        self._verdict = ""
        self.strip.clear(self.steps.value)
        self.first.value = self.number.value = 0
        self.reveal_button.disabled, self.again_button.disabled = False, True

    def _drawn(self, change: Any) -> None:
        # A drawing states both numbers; emptied by `clear`, it states nothing.
        self.first.value = min(change["new"], default=0)
        self.number.value = len(change["new"])

    def shown(self) -> tuple[Panel, ...]:
        """Return the panels; while a prediction is awaited, the input alone."""
        panels = super().shown()
        return panels[1:] if self.predict.value and not self._verdict else panels

    def guess(self, first: int, number: int) -> str:
        """Predict the step of the first spike (0: never) and the number of spikes, and reveal."""
        self.predict.value = True
        self.again()
        self.first.value, self.number.value = first, number
        return self.reveal()

    def reveal(self) -> str:
        """Show the spikes and return how far the prediction was off."""
        s = np.asarray(scenes.neuron_record(**self.values).s).ravel()
        actual = [int(t) + 1 for t in np.flatnonzero(s > 0)]
        said = [
            compare_first(self.first.value, min(actual, default=0)),
            compare_number(self.number.value, len(actual)),
        ]
        if self.strip.predicted:
            said.append(compare_drawn(self.strip.predicted, actual))
        self.strip.reveal(actual)
        self._verdict = " ".join(said)
        self.reveal_button.disabled, self.again_button.disabled = True, False
        self.refresh()
        self.view.sentence = f"{self._verdict} {self.view.sentence}"
        return self._verdict
