"""The only training loop: `fit` returns a generator of events that everything else consumes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from saflab.data.dataset import Dataset
from saflab.machine import describe_machine
from saflab.network.network import Network
from saflab.ops import choose
from saflab.training import checkpoints
from saflab.training.config import TrainConfig, build_model
from saflab.training.distributed import team
from saflab.training.events import Controls, EpochEnd, Event, RunEnd, RunStart, StepEnd
from saflab.training.folders import check_free
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
) -> Iterator[Event]:
    """Return a generator that trains and yields an event after each step and epoch.

    Everything is checked by the call, before a file is written; the training begins with the first
    event. If it is interrupted or left early, it saves once more.

    Order of images, augmentation, encoding, dropout masks and learning rate depend on the seed and
    the step number alone (masks on the process too), so that a run resumed on the CPU ends with
    bit-identical weights. Within `distributed.members` each process takes its share of every batch,
    and the first writes.

    Args:
        config: What to do.
        data: What to learn.
        model: A network to train in place; None builds the one in `config`.
        controls: How it is carried out: how often it saves and evaluates; and, changed from
            elsewhere, pause, stop, and learning rate.
        out: Folder for checkpoint.pt; None saves nothing. One that holds a run is refused without
            `resume` or `Controls(overwrite=True)`.
        resume: Go on from `out`/checkpoint.pt.

    Yields:
        `RunStart`, then `StepEnd` and `EpochEnd`, at last `RunEnd`.

    Raises:
        ValueError: If the arguments do not fit together; later, if the loss or the weights are
            not finite.
        CheckpointError: If a checkpoint cannot be read or written, is of another run, or would be
            overwritten.

    >>> from saflab.data.images import digits
    >>> config = TrainConfig(model="mlp", channels=(8,), epochs=1, batch=500, device="cpu")
    >>> [type(event).__name__ for event in fit(config, digits())]
    ['RunStart', 'StepEnd', 'StepEnd', 'StepEnd', 'EpochEnd', 'RunEnd']
    """
    _check_arguments(config, data, model, controls)
    controls = controls or Controls()
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise ValueError("Expected a folder to resume from, but found out=None. Name one.")
    if folder and team().leads and not (resume or controls.overwrite):
        check_free(folder)
    run = Run(config, data, model)
    run.check()
    return _claimed(run, controls, folder, resume=resume)


def _check_arguments(config: object, data: object, model: object, controls: object) -> None:
    if not isinstance(config, TrainConfig):
        raise ValueError(
            f"Expected a TrainConfig, but found {type(config).__name__}. Call "
            "fit(TrainConfig(rule=…), data)."
        )
    if not isinstance(data, Dataset):
        raise ValueError(
            f"Expected a saflab.Dataset, but found {type(data).__name__}. `fit` makes the batches "
            "itself: pass uint8 images and int64 labels as Dataset(name=…, source=…, "
            "train_images=…, train_labels=…, test_images=…, test_labels=…, classes=…)."
        )
    if model is not None and not isinstance(model, Network):
        raise ValueError(
            f"Expected a saflab.Network as model, but found {type(model).__name__}. Pass the "
            "network itself, neither compiled nor wrapped; one of torch.nn modules is converted "
            "first."
        )
    if controls is not None and not isinstance(controls, Controls):
        raise ValueError(
            f"Expected Controls, but found {type(controls).__name__}. Pass Controls()."
        )


def _claimed(run: Run, controls: Controls, out: Path | None, *, resume: bool) -> Iterator[Event]:
    # One process of a run writes, so one claims; a folder to resume from must be there already.
    claims = out is not None and team().leads and (out.is_dir() or not resume)
    with checkpoints.claim(out) if out and claims else contextlib.nullcontext():
        path = None if out is None else out / "checkpoint.pt"
        if path and resume:
            run.resume(checkpoints.load(path, run.device))
        else:
            if claims and out and not controls.overwrite:
                check_free(out)  # once more: another run may have ended in it meanwhile
            run.save(path)  # a folder that cannot be written fails now
        saved = run.step
        try:
            yield from _events(run, controls, path)
        except (GeneratorExit, KeyboardInterrupt):
            if run.complete and run.step > saved:
                for _ in run.arrived(wait=True):
                    pass
                run.save(path)
            raise


def _events(run: Run, controls: Controls, path: Path | None) -> Iterator[Event]:
    yield RunStart(
        config=asdict(run.config),
        data=run.data.name,
        source=run.data.source,
        images=run.images,
        parameters=sum(p.numel() for p in run.model.parameters()),
        network=repr(run.model),
        impl=choose(run.config.impl, run.device),
        resumed_at=run.step,
        machine=describe_machine(run.device),
    )
    saved = time.monotonic()
    while not (run.finished or controls.stopping):
        if run.epoch_done:
            end = run.end_epoch(evaluates=controls.evaluate_all)
            run.save(path)
            saved = time.monotonic()
            yield end
            continue
        controls.running.wait()
        if controls.stopping:
            break
        run.train_step(controls.rate(schedule(run.config, run.step, run.total)))
        due = run.epoch_done or time.monotonic() - saved > controls.save_every
        yield from run.arrived(wait=controls.wait or due)
        if due:  # at the end of an epoch before its evaluation, which takes a while
            run.save(path)
            saved = time.monotonic()
    yield from run.arrived(wait=True)
    if not run.finished:
        run.save(path)
    accuracy = run.history[-1]["test_accuracy"] if run.history else None
    yield RunEnd(finished=run.finished, step=run.step, test_accuracy=accuracy)
