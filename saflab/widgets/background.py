"""A training run in a background thread, watched through snapshots; no widgets here."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from saflab.analysis.gradient_angles import gradient_angle
from saflab.analysis.recording import spikes
from saflab.data.batches import mixed_seed
from saflab.data.dataset import Dataset
from saflab.data.inputs import Inputs
from saflab.gradients import predict
from saflab.rules import mode_of
from saflab.training.config import TrainConfig, build_model
from saflab.training.events import Controls, EpochEnd, RunEnd, StepEnd
from saflab.training.fit import fit
from saflab.widgets import threads

__all__ = ["Progress", "Training"]

# A frame every INTERVAL seconds, but at most a share FRAMES of this thread's time goes into frames,
# ANGLES into angles and TESTS into tests; a browser on the same cores takes more.
INTERVAL, FRAMES, ANGLES, TESTS = 0.18, 0.03, 0.01, 0.01
TESTED = 200  # images of the test set that are predicted while the training goes on


@dataclass
class Progress:
    """What has been measured so far; lists grow by one per batch, or per epoch for `epochs`."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    epochs: list[EpochEnd] = field(default_factory=list)
    angles: list[float] = field(default_factory=list)
    step: int = 0
    steps: int = 0
    lr: float = 0.0
    end: RunEnd | None = None

    @property
    def test_accuracy(self) -> float | None:
        """Test accuracy of the last evaluated epoch, in [0, 1]."""
        found = [e.test_accuracy for e in self.epochs if e.test_accuracy is not None]
        return found[-1] if found else None


class Training:
    """One run of `fit` (two with `other`, on the same batches) that can be steered.

    Args:
        config: What to do.
        data: What to learn.
        other: A second rule trained beside the first from the same weights, or None.
        watch: Called from the training thread, with the spikes of one test image in `latest`.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset,
        other: str | None = None,
        watch: Callable[[Training], None] | None = None,
    ) -> None:
        self.configs = [config] + ([replace(config, rule=other, update=None)] if other else [])
        self.data: Dataset | None = data
        self.about = data.name, data.source, len(data.train_images), len(data.test_images)
        self._inputs = Inputs.of(data, steps=config.steps, encoder=config.encoder)
        self.models = [build_model(c, data.shape, len(data.classes)) for c in self.configs]
        self.progress = [Progress() for _ in self.configs]
        self.watch = watch
        self.controls = Controls()
        self.error: Exception | None = None
        self.latest: tuple[torch.Tensor, ...] | None = None
        self.predicted: torch.Tensor | None = None
        self.tests = 0
        self.frames = 0
        self.seconds = 0.0  # at work, without pauses
        self._folder = tempfile.TemporaryDirectory(prefix="saflab-")
        self._thread: threading.Thread | None = None
        self._image: torch.Tensor | None = None
        self._tested: torch.Tensor | None = None
        self._next = self._next_angle = self._next_test = 0.0
        self._inside = False

    @property
    def alive(self) -> bool:
        """Whether the thread is at work or paused."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def state(self) -> str:
        """One of "ready", "running", "paused", "stopped", "finished", "failed"."""
        if self.error is not None:
            return "failed"
        if self._inside:
            return "running" if self.controls.running.is_set() else "paused"
        end = self.progress[0].end
        return "ready" if end is None else "finished" if end.finished else "stopped"

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, from the updates done; None before the fifth."""
        now = self.progress[0]
        return self.seconds / now.step * (now.steps - now.step) if now.step >= 5 else None

    def start(self) -> None:
        """Begin, or go on after a stop from the checkpoint, in a background thread."""
        if self._inside:
            self.controls.running.set()
            return
        self._renew()
        self._inside = True
        threads.release_threads()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Train to the end in the calling thread; raise what goes wrong."""
        self._renew()
        self._work()
        if self.error is not None:
            raise self.error

    def _renew(self) -> None:
        if self._thread is not None:
            self._thread.join()
        lr = self.controls.lr
        self.controls, self.error = Controls(lr=lr), None

    def pause(self) -> None:
        """Hold before the next batch."""
        if self._inside:
            self.controls.running.clear()

    def stop(self, timeout: float | None = 30.0) -> None:
        """End after the current batch; waits for the thread up to `timeout` seconds."""
        self.controls.stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def close(self) -> None:
        """Stop, and free data, networks and checkpoints."""
        self.watch = None
        self.stop()
        self.data, self.latest, self.predicted = None, None, None
        self._image, self._tested = None, None
        self.models = []
        self._folder.cleanup()

    def _work(self) -> None:
        self._inside = True
        try:
            with threads.training():
                self._train()
        except Exception as error:
            self.error = error
        finally:
            self._inside = False
        self._look(force=True)

    def _train(self) -> None:
        assert self.data is not None
        resume = self.progress[0].end is not None
        # Changed between two batches alone, so that both runs stop, or change their learning
        # rate, at the same one; and both wait for their numbers, so that a GPU that runs ahead
        # has not begun more batches of one than of the other.
        paired = len(self.configs) > 1
        controls = Controls(lr=self.controls.lr, wait=paired, overwrite=True)
        folders = [f"{self._folder.name}/{index}" for index in range(len(self.configs))]
        runs = [
            fit(c, self.data, model=m, controls=controls, out=folder, resume=resume)
            for c, m, folder in zip(self.configs, self.models, folders, strict=True)
        ]
        # In step: event k of every run belongs to the same batch.
        rows = zip(*runs, strict=True)
        while True:
            self.controls.running.wait()
            began = time.monotonic()
            controls.lr = self.controls.lr
            if self.controls.stopping:
                controls.stop()
            events = next(rows, None)
            if events is None:
                return
            for progress, event in zip(self.progress, events, strict=True):
                _take(progress, event)
            if isinstance(events[0], StepEnd):
                self._look()
            self.seconds += time.monotonic() - began

    def _look(self, force: bool = False) -> None:
        """Record and show, unless it is too early."""
        now, began = time.monotonic(), time.thread_time()
        if self.watch is None or not (force or now >= self._next):
            return
        self.frames += 1
        if self.error is None and self.data is not None:
            if len(self.configs) > 1 and (force or now >= self._next_angle):
                self._compare(self.data)
                self._next_angle = now + (time.thread_time() - began) / ANGLES
                began = time.thread_time()
            if force or now >= self._next_test:
                self._test(self.data)
                self._next_test = now + (time.thread_time() - began) / TESTS
                began = time.thread_time()
            if self._image is None:
                self._image = self._encoded(self.data.test_images[:1])
            self.latest = spikes(self.models[0], self._image)
        if self.watch is not None:
            self.watch(self)
        # Counted from when this frame was due, so that long batches do not slow the clock.
        due = max(self._next + INTERVAL, now)
        pause = (time.thread_time() - began) / FRAMES
        if self.frames == 1:
            pause = min(pause, 1.0)  # the first takes long, and a viewer waits for the second
        self._next = max(due, time.monotonic() + pause)

    def _compare(self, data: Dataset) -> None:
        images, labels = self._encoded(data.train_images[:16]), data.train_labels[:16]
        config, other = self.configs[0], self.configs[1].rule
        rules = (config.rule, other)
        found = gradient_angle(
            self.models[0], images, labels.to(images.device), rules, trace=config.trace
        )
        self.progress[0].angles.append(found)

    @torch.no_grad()
    def _test(self, data: Dataset) -> None:
        if self._tested is None:
            self._tested = self._encoded(data.test_images[:TESTED])
        readout, _ = self.models[0](self._tested, None, mode_of("bptt"))
        self.predicted = predict(readout).cpu()
        self.tests += 1

    def _encoded(self, images: torch.Tensor) -> torch.Tensor:
        """Return images as input of the networks, the same at every call."""
        device = next(self.models[0].parameters()).device
        seed = mixed_seed("picture", self.configs[0].seed)
        generator = torch.Generator(device).manual_seed(seed)
        return self._inputs(images.to(device), generator)


def _take(progress: Progress, event: Any) -> None:
    if isinstance(event, StepEnd):
        progress.loss.append(event.loss)
        progress.accuracy.append(event.accuracy)
        progress.step, progress.steps, progress.lr = event.step, event.steps, event.lr
    elif isinstance(event, EpochEnd):
        progress.epochs.append(event)
    elif isinstance(event, RunEnd):
        progress.end = event
