"""The events of a training run, and the controls that steer it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

__all__ = ["Controls", "EpochEnd", "Event", "RunEnd", "RunStart", "StepEnd"]


def _real(x: Any) -> bool:
    return isinstance(x, Real) and not isinstance(x, bool)


@dataclass
class Controls:
    """How a run is carried out; may change while it is going on, from any thread.

    Args:
        lr: Learning rate from the next step on; None follows the schedule.
        running: Cleared to pause the run before the next step, set to go on.
        save_every: Seconds ≥ 0 between checkpoints within an epoch; one more at each epoch's end.
        evaluate_all: Measure the test accuracy after each epoch, not after the last alone.
        wait: Yield each step before the next begins, on a GPU too; costs it idle time.
        overwrite: Replace the run that the folder holds.

    Raises:
        ValueError: If a number is out of range.
    """

    lr: float | None = None
    running: threading.Event = field(default_factory=threading.Event, repr=False)
    save_every: float = 30.0
    evaluate_all: bool = True
    wait: bool = False
    overwrite: bool = False
    _stop: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if not (_real(self.save_every) and self.save_every >= 0.0):
            raise ValueError(
                f"Expected save_every ≥ 0 seconds, but found {self.save_every!r}. Use e.g. 30.0."
            )
        self.rate(0.0)
        self.running.set()

    def rate(self, scheduled: float) -> float:
        """Return the learning rate of the next step, of which the schedule is `scheduled`.

        Raises:
            ValueError: If `lr` is not a finite number ≥ 0.
        """
        lr = self.lr
        if lr is None:
            return scheduled
        if not (_real(lr) and 0.0 <= lr < math.inf):
            raise ValueError(
                f"Expected a finite learning rate ≥ 0, but found {lr!r}. Use e.g. 0.1."
            )
        return float(lr)

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
