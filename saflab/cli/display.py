"""What `saflab train` shows and logs: a line per epoch, a progress bar, log.jsonl."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from saflab.cli.output import shows_progress
from saflab.files import append_line
from saflab.training.checkpoints import not_writable
from saflab.training.config import TrainConfig
from saflab.training.events import EpochEnd, Event, RunStart, StepEnd

__all__ = ["Display"]


class Display:
    """Prints and logs the events of a run.

    Args:
        config: Of the run.
        out: Folder of log.jsonl.
        resume: Whether the log goes on.
    """

    def __init__(self, config: TrainConfig, out: Path, *, resume: bool) -> None:
        self.config, self.out, self.resume = config, out, resume
        self.bar: tqdm[Any] | None = None

    def __call__(self, event: Event) -> None:
        """Print and log one event."""
        self._log(event)
        if isinstance(event, RunStart):
            print(
                f"{self.config.rule} on {self.config.model}, T = {self.config.steps}, "
                f"{event.parameters:,} parameters, seed {self.config.seed}, in {self.out}"
                + (f", resumed at step {event.resumed_at}" if event.resumed_at else ""),
                flush=True,
            )
        elif isinstance(event, StepEnd):
            self._step(event)
        elif isinstance(event, EpochEnd):
            if self.bar is not None:
                self.bar.clear()
            test = event.test_accuracy
            shown = "" if test is None else f"test {100 * test:.2f} %, "
            print(
                f"epoch {event.epoch}: loss {event.loss:.4f}, train "
                f"{100 * event.train_accuracy:.2f} %, {shown}{event.seconds:.1f} s",
                flush=True,
            )

    def _log(self, event: Event) -> None:
        path = self.out / "log.jsonl"
        line = json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False)
        try:
            append_line(path, line, restart=isinstance(event, RunStart) and not self.resume)
        except OSError as error:
            raise not_writable(path, error) from error

    def _step(self, event: StepEnd) -> None:
        if self.bar is None:
            self.bar = tqdm(total=event.steps, initial=event.step - 1, unit="step", leave=False,
                            disable=not shows_progress())  # fmt: skip
        self.bar.update()
        self.bar.set_postfix(loss=f"{event.loss:.3f}", acc=f"{event.accuracy:.2f}")

    def close(self) -> None:
        """Remove the progress bar."""
        if self.bar is not None:
            self.bar.close()
