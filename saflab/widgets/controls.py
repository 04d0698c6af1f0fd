"""The browser parts of every explorer: slider, choice, switch, picture, player, code to copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

__all__ = ["Code", "Picture", "Play", "Slider", "bundle", "choice", "source", "steps", "switch"]

_HERE = Path(__file__).parent / "js"


def source(name: str) -> str:
    """Return the text of a JavaScript file in js/."""
    return (_HERE / name).read_text(encoding="utf-8")


def bundle(data: Any, view: Picture) -> Any:
    """Return `data`, what ipywidgets shows of a container, with the static picture of its `view`.

    The picture stays where widgets do not run (saved HTML, GitHub). The metadata are those of an
    AnyWidget: without them Colab would look for its code in its own widget manager, in vain.
    """
    if not isinstance(data, dict):  # a container without a view
        return data
    _, metadata = view._repr_mimebundle_()  # type: ignore[misc]
    return {**data, "text/html": view.static()}, metadata


class Slider(anywidget.AnyWidget):
    """A slider with an accessible name and an exact number beside it.

    Args:
        label: Name on screen and for screen readers, with the unit.
        value: First value.
        low: Least value.
        high: Greatest value.
        step: Distance of two values; a whole `step` and `low` make the value a whole number.
        logarithmic: Move by factors; `low` must be above 0.
    """

    _esm = source("slider.js")
    label = traitlets.Unicode().tag(sync=True)
    value: Any = traitlets.Union([traitlets.Int(), traitlets.Float()]).tag(sync=True)
    low = traitlets.Float().tag(sync=True)
    high = traitlets.Float().tag(sync=True)
    step = traitlets.Float().tag(sync=True)
    logarithmic = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        label: str,
        value: float,
        low: float,
        high: float,
        step: float = 0.01,
        logarithmic: bool = False,
    ) -> None:
        self._whole = float(step).is_integer() and float(low).is_integer()
        shape = {"low": low, "high": high, "step": step, "logarithmic": logarithmic}
        super().__init__(label=label, value=value, **shape)

    @traitlets.validate("value")
    def _within(self, proposal: Any) -> float:
        value = proposal["value"]
        if not self.low <= value <= self.high:
            raise ValueError(
                f"Expected {self.label} in [{self.low:g}, {self.high:g}], but found {value:g}. "
                "Choose a value within the range of the slider."
            )
        return int(value) if self._whole else float(value)

    def __repr__(self) -> str:
        return f"Slider({self.label!r}, {self.value:g})"


class Picture(anywidget.AnyWidget):
    """SVGs with their sentence, and an error message if there is one.

    `live` says whether screen readers announce every new sentence ("polite" or "off").
    """

    _esm = source("picture.js")
    pictures: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    live = traitlets.Unicode("polite").tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    @property
    def picture(self) -> str:
        """All SVGs, under one another."""
        return "".join(self.pictures)

    def static(self) -> str:
        """Return what stays where widgets do not run: saved notebooks, HTML exports, GitHub."""
        return f"{self.picture}<p>{escape(self.error or self.sentence)}</p>"

    def __repr__(self) -> str:
        return "Picture()"


class Play(anywidget.AnyWidget):
    """A button that moves `value` from `low` to `high`, a step every `interval` milliseconds.

    It is pressed by mouse or keyboard; where less motion is asked for, it makes one step.

    Args:
        label: What is played, for screen readers.
        value: First value.
        low: First value of a run.
        high: Last value of a run.
    """

    _esm = source("play.js")
    label = traitlets.Unicode().tag(sync=True)
    value = traitlets.Int().tag(sync=True)
    low = traitlets.Int().tag(sync=True)
    high = traitlets.Int().tag(sync=True)
    interval = traitlets.Int(700).tag(sync=True)

    def __init__(self, label: str, value: int, low: int, high: int) -> None:
        super().__init__(label=label, value=value, low=low, high=high)

    def __repr__(self) -> str:
        return f"Play({self.label!r}, {self.value})"


class Code(anywidget.AnyWidget):
    """A "Copy as code" button; the lines are made when it is pressed.

    Args:
        source: Returns the lines.
    """

    _esm = source("code.js")
    code = traitlets.Unicode().tag(sync=True)

    def __init__(self, source: Callable[[], str]) -> None:
        super().__init__()
        self._source = source
        self.on_msg(self._asked)

    def _asked(self, *_: Any) -> None:
        self.code = self._source()
        self.send({"kind": "code"})

    def __repr__(self) -> str:
        return "Code()"


WIDE: dict[str, Any] = {"style": {"description_width": "152px"}, "layout": {"width": "480px"}}


def choice(label: str, options: Sequence[Any], value: Any) -> ipywidgets.Dropdown:
    """Return a named drop-down list."""
    return ipywidgets.Dropdown(options=options, value=value, description=label, **WIDE)


def switch(label: str, value: bool) -> ipywidgets.Checkbox:
    """Return a named check box."""
    layout = {"margin": "0 0 0 160px", "width": "320px"}
    return ipywidgets.Checkbox(value=value, description=label, indent=False, layout=layout)


def steps(value: int, high: int = 60, label: str = "steps T") -> Slider:
    """Return a slider for the number of time steps."""
    return Slider(label, value, 1, high, 1)
