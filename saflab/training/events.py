"""What a training run tells, and what it may be told: events, and controls."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Controls", "EpochEnd", "Event", "RunEnd", "RunStart", "StepEnd"]


@dataclass
class Controls:
    """What may change while a run is going on, from any thread.

    Args:
        lr: Learning rate from the next step on; None follows the schedule.
        running: Cleared to pause the run before the next step, set to go on.
    """

    lr: float | None = None
    running: threading.Event = field(default_factory=threading.Event)
    _stop: bool = False

    def __post_init__(self) -> None:
        self.running.set()

    def stop(self) -> None:
        """End the run after the current step, with a checkpoint."""
        self._stop = True
        self.running.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """A run begins or goes on: its configuration, data and machine."""

    config: dict[str, Any]
    data: str
    source: str
    images: int
    parameters: int
    network: str
    impl: str
    resumed_at: int
    machine: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StepEnd:
    """One batch is done; `step` of `steps` counts through all epochs, loss is per batch.

    On a GPU the event comes when its numbers have, some steps after the host queued the work, and
    `seconds` is the time of the host; over an epoch they add up to the time it took.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    lr: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """One epoch is done: accuracies in [0, 1], seconds of training, peak memory in bytes.

    `test_accuracy` is None where the epoch was not evaluated.
    """

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float | None
    test_images: int
    firing_rates: list[float]
    seconds: float
    peak_memory: int


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """The run is over: `finished` is False if it was stopped before the last epoch."""

    finished: bool
    step: int
    test_accuracy: float | None


Event = RunStart | StepEnd | EpochEnd | RunEnd
