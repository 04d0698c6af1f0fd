"""What every explorer is: named controls → a scene of `saflab.figures` → a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import ipywidgets
import torch
import traitlets

from saflab.figures.draw_svg import svg
from saflab.figures.panel import Panel
from saflab.widgets import reruns
from saflab.widgets.controls import Code, Picture, bundle, choice
from saflab.widgets.threads import release_threads, trainings

__all__ = ["Explorer", "Presets"]

NO_PRESET = "choose…"
Presets = dict[str, dict[str, Any]]  # name → values of controls


class Explorer(ipywidgets.VBox):
    """Controls above a picture that follows them.

    Subclasses name a scene, its presets, and make one control per argument of the scene. Controls
    are attributes: `explorer.decay.value = 0.9` moves the slider and redraws. A cell that is run
    again closes the explorers of its earlier run.

    Args:
        controls: One widget with a `.value` per argument of the scene.
    """

    title: ClassVar[str] = ""
    scene: ClassVar[Callable[..., tuple[Panel, ...]]]
    presets: ClassVar[Presets] = {}

    def __init__(self, **controls: Any) -> None:
        self.controls: dict[str, Any] = controls
        self.view, self.code_button = Picture(), Code(lambda: self.code)
        self.panels: tuple[Panel, ...] = ()
        self._held = False
        self._first = self.values
        self.preset = choice("Preset", [NO_PRESET, *self.presets], NO_PRESET)
        self.preset.observe(self._apply, "value")
        for control in controls.values():
            control.observe(self._changed, "value")
        head = [self.preset] if self.presets else []
        super().__init__([*head, *controls.values(), *self.extra(), self.view, self.code_button])
        self.refresh()
        reruns.replace(self)

    def extra(self) -> Sequence[ipywidgets.Widget]:
        """Return further widgets shown between the controls and the picture."""
        return ()

    @property
    def values(self) -> dict[str, Any]:
        """The current value of every control, by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def sentence(self) -> str:
        """What the picture shows, computed from its data."""
        return self.view.sentence

    @property
    def error(self) -> str:
        """The message shown instead of a picture, or empty."""
        return self.view.error

    @property
    def code(self) -> str:
        """Lines that reproduce the current view in a notebook cell."""
        scene = type(self).scene.__name__
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"from saflab.figures import scenes, show\n\nshow(scenes.{scene}({arguments}));"

    def set(self, **values: Any) -> None:
        """Set several controls at once and redraw once.

        Raises:
            ValueError: If there is no such control, or a value lies outside its range.
        """
        for name in values:
            if name not in self.controls:
                raise ValueError(
                    f"Expected a control in {list(self.controls)}, but found {name!r}."
                )
        self._held = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
        finally:
            self._held = False
        self.refresh()

    def _apply(self, change: Any) -> None:
        """Set every control: a preset says how it departs from the explorer's first view."""
        if change["new"] in self.presets:
            self.set(**{**self._first, **self.presets[change["new"]]})

    def _changed(self, change: Any) -> None:
        if not self._held:
            self.preset.value = NO_PRESET  # so that the same preset can be chosen again
            self.refresh()

    def shown(self) -> tuple[Panel, ...]:
        """Return the panels for the current controls."""
        return type(self).scene(**self.values)

    def refresh(self) -> None:
        """Draw the current view; an error of the library is shown in place of the picture."""
        with self.view.hold_sync(), _one_thread():
            try:
                self.panels = self.shown()
            except (ValueError, traitlets.TraitError) as error:
                self.view.error = str(error)
                return
            self.view.error = ""
            self.view.pictures = [svg(panel) for panel in self.panels]
            self.view.sentence = " ".join(panel.says for panel in self.panels)

    def close(self) -> None:
        """Close the explorer and free its pictures."""
        self.panels, self.view.pictures = (), []
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return bundle(super()._repr_mimebundle_(**kwargs), self.view)

    def __repr__(self) -> str:
        """Return one short line that does not depend on addresses or identifiers."""
        shown = ", ".join(f"{k}={_short(v)}" for k, v in self.values.items())
        return f"{type(self).__name__}({shown})"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute without a second thread: a scene is small, and the browser needs the other core.

    The number is the process's, so it is left alone while a training run computes by it; that run
    then gets its cores back.
    """
    if trainings():
        yield
        release_threads()
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
