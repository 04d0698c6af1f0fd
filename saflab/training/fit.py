"""The only training loop: `fit` is a generator of events that everything else consumes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from saflab.analysis.evaluation import Evaluation
from saflab.data.dataset import Dataset
from saflab.machine import describe_machine, peak_memory
from saflab.network.network import Network
from saflab.ops import choose
from saflab.training import checkpoints
from saflab.training.config import TrainConfig, build_model
from saflab.training.distributed import team
from saflab.training.events import Controls, EpochEnd, Event, RunEnd, RunStart, StepEnd
from saflab.training.run import Run, schedule

__all__ = ["Controls", "EpochEnd", "Event", "RunEnd", "RunStart", "StepEnd", "build_model", "fit"]


def fit(
    config: TrainConfig,
    data: Dataset,
    *,
    model: Network | None = None,
    controls: Controls | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    save_every: float = 30.0,
    evaluate_all: bool = True,
    wait: bool = False,
) -> Iterator[Event]:
    """Train and yield an event after each step and epoch.

    Order of images, augmentation, encoding, dropout masks and learning rate depend on the seed and
    the step number alone (masks on the process too), so that a run resumed on the CPU ends with
    bit-identical weights. Within `distributed.members` each process takes its share of every batch,
    and the first writes.

    Args:
        config: What to do.
        data: What to learn.
        model: A network to train in place; None builds the one in `config`.
        controls: Changed from elsewhere to pause, stop or change the learning rate.
        out: Folder for checkpoint.pt; None saves nothing.
        resume: Go on from `out`/checkpoint.pt.
        save_every: Seconds between checkpoints within an epoch; one more at each epoch's end.
        evaluate_all: Measure the test accuracy after each epoch, not after the last alone.
        wait: Yield each step before the next begins, on a GPU too; costs it idle time.

    Yields:
        `RunStart`, then `StepEnd` and `EpochEnd`, at last `RunEnd`.

    Raises:
        ValueError: If the configuration does not fit the data, or the loss is not finite.
        CheckpointError: If a checkpoint cannot be read or written, or is of another run.

    >>> from saflab.data.images import digits
    >>> config = TrainConfig(model="mlp", channels=(8,), epochs=1, batch=500, device="cpu")
    >>> [type(event).__name__ for event in fit(config, digits())]
    ['RunStart', 'StepEnd', 'StepEnd', 'StepEnd', 'EpochEnd', 'RunEnd']
    """
    out = None if out is None else Path(out)
    # One process of a run writes, so one claims; a folder to resume from must be there already.
    claims = out is not None and team().leads and (out.is_dir() or not resume)
    with checkpoints.claim(out) if out and claims else contextlib.nullcontext():
        yield from _events(
            Run(config, data, model), controls or Controls(), out, resume, save_every,
            evaluate_all, wait,
        )  # fmt: skip


def _events(
    run: Run,
    controls: Controls,
    out: Path | None,
    resume: bool,
    save_every: float,
    evaluate_all: bool,
    wait: bool,
) -> Iterator[Event]:
    config, data = run.config, run.data
    path = None if out is None else out / "checkpoint.pt"
    if resume:
        if path is None:
            raise ValueError("Expected a folder to resume from, but found out=None.")
        run.resume(checkpoints.load(path, run.device))
    else:
        run.save(path)  # a folder that cannot be written fails now
    yield RunStart(
        config=asdict(config),
        data=data.name,
        source=data.source,
        images=run.images,
        parameters=sum(p.numel() for p in run.model.parameters()),
        network=repr(run.model),
        impl=choose(config.impl, run.device),
        resumed_at=run.step,
        machine=describe_machine(run.device),
    )
    saved = time.monotonic()
    last: Evaluation | None = None
    while run.step < run.total and not controls.stopping:
        controls.running.wait()
        if controls.stopping:
            break
        run.train_step(
            schedule(config, run.step, run.total) if controls.lr is None else controls.lr
        )
        ended = run.step % run.per_epoch == 0
        due = time.monotonic() - saved > save_every
        yield from run.arrived(wait=wait or ended or due)
        if ended:
            last = run.evaluate() if evaluate_all or run.step == run.total else None
            end = EpochEnd(
                epoch=run.step // run.per_epoch, loss=run.sums[0] / run.images,
                train_accuracy=run.sums[1] / run.images, test_accuracy=last and last.accuracy,
                test_images=last.images if last else 0,
                firing_rates=last.firing_rates if last else [], seconds=run.sums[2],
                peak_memory=peak_memory(run.device),
            )  # fmt: skip
            run.history.append(asdict(end))
            run.sums = [0.0, 0.0, 0.0]
            run.save(path)
            saved = time.monotonic()
            yield end
        elif due:
            run.save(path)
            saved = time.monotonic()
    yield from run.arrived(wait=True)
    finished = run.step >= run.total
    if not finished:
        run.save(path)
    accuracy = run.history[-1]["test_accuracy"] if run.history else None
    yield RunEnd(finished=finished, step=run.step, test_accuracy=accuracy)
