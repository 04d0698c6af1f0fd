"""The live trainer: choose, start, steer and stop a training, and see it learn."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

import ipywidgets

from saflab.data.catalogue import DATASETS, load
from saflab.figures.draw_svg import svg
from saflab.figures.panel import Panel
from saflab.models import MODELS
from saflab.rules import RULES
from saflab.training.config import TrainConfig
from saflab.widgets import trainer_view as view
from saflab.widgets.background import Training
from saflab.widgets.controls import Picture, Slider, bundle, choice, steps
from saflab.widgets.reruns import close_all

__all__ = ["LiveTrainer"]


class LiveTrainer(ipywidgets.VBox):
    """Train a network in the background and steer it.

    Choose on screen or by name (`trainer.rule.value = "saf_e"`), then press Start, or call
    `trainer.start()`; `trainer.run()` trains in the cell and returns when done. Only one trainer
    is alive: making another, as when a cell is run again, closes the one before.

    Args:
        settings: Fields of `TrainConfig` beyond those with a control, e.g. `channels=(8, 16, 32)`.
        root: Folder with the data, None for the usual places.
    """

    _alive: ClassVar[weakref.ref[LiveTrainer] | None] = None

    def __init__(self, root: str | None = None, **settings: Any) -> None:
        before = LiveTrainer._alive() if LiveTrainer._alive else None
        if before is not None:
            before.end()
        LiveTrainer._alive = weakref.ref(self)
        defaults = TrainConfig(**settings)
        self.settings, self.root = settings, root
        self.training: Training | None = None
        rules = {rule.title: name for name, rule in RULES.items()}
        self.rule = choice("rule", list(rules.items()), defaults.rule)
        self.beside = choice("compare with", [("nothing", ""), *rules.items()], "")
        self.model = choice("model", list(MODELS), settings.get("model", "mlp"))
        said = {"auto": "auto: CIFAR-10 if it is found, else digits"}
        self.data = choice("data", [(said.get(name, name), name) for name in DATASETS], "auto")
        self.images = Slider("training images", 1000, 50, 50000, 50)
        self.epochs = Slider("epochs", settings.get("epochs", 2), 1, 300, 1)
        self.steps = steps(defaults.steps, 32)
        self.lr = Slider("learning rate", defaults.lr, 1e-4, 1.0, 1e-4, logarithmic=True)
        self.start_button = ipywidgets.Button(description="Start", button_style="primary")
        self.pause_button = ipywidgets.Button(description="Pause", disabled=True)
        self.resume_button = ipywidgets.Button(description="Resume", disabled=True)
        self.stop_button = ipywidgets.Button(description="Stop", disabled=True)
        names = ("rule", "beside", "model", "data", "images", "epochs", "steps")
        self.fixed = tuple(getattr(self, name) for name in names)
        self.status, self.view, self.inside = ipywidgets.HTML(), Picture(), Picture(live="off")
        more = ipywidgets.Accordion(
            [self.inside], titles=["What the network makes of the test images"], selected_index=0
        )
        self._shown_test = 0
        self.panels: tuple[Panel, ...] = ()
        self._started_with: tuple[Any, ...] = ()
        self.start_button.on_click(lambda _: self.start())
        self.pause_button.on_click(lambda _: self.pause())
        self.resume_button.on_click(lambda _: self.resume())
        self.stop_button.on_click(lambda _: self.training and self.training.stop(0.0))
        self.lr.observe(self._steer, "value")
        for control in self.fixed:
            control.observe(lambda _: self._buttons(self.state), "value")
        buttons = (self.start_button, self.pause_button, self.resume_button, self.stop_button)
        super().__init__(
            [*self.fixed, self.lr, ipywidgets.HBox(buttons), self.status, self.view, more]
        )
        self._draw("ready", None)

    @property
    def config(self) -> TrainConfig:
        """The configuration that the controls say."""
        names = ("rule", "model", "steps", "lr", "epochs")
        chosen = {name: getattr(self, name).value for name in names}
        return TrainConfig(**{**self.settings, **chosen})

    @property
    def state(self) -> str:
        """One of "ready", "running", "paused", "stopped", "finished", "failed"."""
        return self.training.state if self.training else "ready"

    @property
    def sentence(self) -> str:
        """How the training stands, in words."""
        return self.view.sentence

    @property
    def error(self) -> str:
        """What went wrong and what to do, or empty."""
        return self.view.error

    @property
    def accuracy(self) -> float | None:
        """Test accuracy of the last evaluated epoch, in [0, 1], or None before it."""
        return self.training.progress[0].test_accuracy if self.training else None

    def start(self) -> None:
        """Start a new training in the background; returns at once."""
        if self._prepare():
            assert self.training is not None
            self.training.start()
            self._watch(self.training)

    def run(self) -> float | None:
        """Train to the end before returning; return the test accuracy in [0, 1].

        Raises:
            ValueError: What `fit` raises; the message is shown in the widget as well.
        """
        if not self._prepare():
            raise ValueError(self.view.error)
        assert self.training is not None
        self.training.run()
        return self.accuracy

    def pause(self) -> None:
        """Hold before the next batch."""
        if self.training:
            self.training.pause()
            self._watch(self.training)

    def resume(self) -> None:
        """Go on after a pause or a stop, with the learning rate of the slider if it was moved."""
        if self.training:
            self.training.start()
            self._watch(self.training)

    def stop(self) -> None:
        """End after the current batch; Resume goes on from there."""
        if self.training:
            self.training.stop()
            self._watch(self.training)

    def end(self) -> None:
        """Stop, free networks and data, and close the widget."""
        if self.training:
            self.training.close()
            self.training = None
        close_all(self)

    def _prepare(self) -> bool:
        if self.training:
            self.training.close()
            self.training = None
        try:
            data = load(str(self.data.value), self.root, limit=self.images.value)
            other = self.beside.value or None
            self.training = Training(self.config, data, other, self._watch)
            self._started_with = self._chosen()
        except Exception as error:
            self._fail(error)
            return False
        return True

    def _steer(self, change: Any) -> None:
        if self.training and self.state in ("running", "paused", "stopped"):
            self.training.controls.lr = change["new"]

    def _fail(self, error: Exception) -> None:
        text = str(error)
        if not isinstance(error, ValueError):
            text = (
                f"Expected training to go on, but found {type(error).__name__}: {error}. "
                "Choose fewer images, a smaller model or another rule, and press Start."
            )
        self.view.error = text
        self._buttons("failed")

    def _chosen(self) -> tuple[Any, ...]:
        return tuple(control.value for control in self.fixed)

    def _buttons(self, state: str) -> None:
        at_work = state in ("running", "paused")
        changed = state == "stopped" and self._chosen() != self._started_with
        self.start_button.disabled = at_work
        self.pause_button.disabled = state != "running"
        self.resume_button.disabled = state not in ("paused", "stopped") or changed
        self.stop_button.disabled = not at_work
        for control in self.fixed:
            control.disabled = at_work
        self.status.value = view.status(state, self.training, changed)

    def _watch(self, training: Training) -> None:
        if training is not self.training:
            return
        if training.error is not None:
            self._fail(training.error)
            return
        self._draw(training.state, training)

    def _draw(self, state: str, training: Training | None) -> None:
        self.panels = view.curves(training) + view.layers(training)
        with self.view.hold_sync():
            self.view.error = ""
            self.view.pictures = [svg(panel, height=150) for panel in self.panels]
            self.view.sentence = view.say(state, training)
            self.view.live = "off" if state == "running" else "polite"
        self._show_inside(training)
        self._buttons(state)

    def _show_inside(self, training: Training | None) -> None:
        """Draw the test images anew if they have been predicted again."""
        tests = training.tests if training else 0
        if tests and tests != self._shown_test:
            panels = view.inside(training)
            with self.inside.hold_sync():
                self.inside.pictures = [svg(panel, height=200) for panel in panels]
                self.inside.sentence = " ".join(panel.says for panel in panels)
        self._shown_test = tests

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return bundle(super()._repr_mimebundle_(**kwargs), self.view)

    def __repr__(self) -> str:
        """Return one stable line."""
        return f"LiveTrainer(rule={self.rule.value!r}, model={self.model.value!r})"
