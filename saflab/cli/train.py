"""`saflab train`: events of `training.fit` become a progress bar, a log and a last line."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from saflab.cli.arguments import at_least, path, real, seed, whole
from saflab.cli.signals import Interrupted, stopping
from saflab.cli.train_help import DESCRIPTION, HELP

if TYPE_CHECKING:
    from saflab.data.dataset import Dataset
    from saflab.training.config import TrainConfig
    from saflab.training.events import Controls

__all__ = ["configure", "run"]

# What `saflab train` reduces so that it ends within two minutes on two cores.
QUICK: dict[str, Any] = {"limit": 5000, "channels": (16, 32, 64), "augmentation": False}


_SEEDS = 10_000  # at most; each gets a folder


def _add_config(parser: argparse.ArgumentParser) -> None:
    from saflab.training.config import TrainConfig

    kinds = {int: whole, float: real}
    for field in fields(TrainConfig):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        if field.name == "augmentation":
            parser.add_argument(
                "--no-augmentation",
                dest="augmentation",
                action="store_false",
                help="train on the images as they are",
            )
        elif default is False:
            parser.add_argument(flag, action="store_true", help=HELP[field.name])
        elif field.name == "channels":
            parser.add_argument(flag, type=whole, nargs="+", metavar="C", help=HELP[field.name])
        else:
            kind = seed if field.name == "seed" else kinds.get(type(default), str)
            shown = "" if default is None else f" (default {default})"
            parser.add_argument(
                flag,
                type=kind,
                default=default,
                help=HELP[field.name] + shown,
                metavar={whole: "N", seed: "N", real: "X"}.get(kind, "NAME"),
            )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.description = DESCRIPTION
    _add_config(parser)
    parser.add_argument(
        "--tau", type=real, metavar="X", help="time constant in steps, in place of --decay"
    )
    parser.add_argument(
        "--data",
        default="auto",
        metavar="NAME",
        help="auto, cifar10, cifar100, digits, or recordings: nmnist, dvsgesture, cifar10dvs",
    )
    parser.add_argument(
        "--root",
        type=path,
        metavar="FOLDER",
        help="folder with the data (default: SAFLAB_DATA, ./data, …)",
    )
    parser.add_argument("--download", action="store_true", help="download missing data")
    parser.add_argument(
        "--limit", type=at_least(0), metavar="N", help="number of training images; 0 takes all"
    )
    parser.add_argument(
        "--seeds",
        type=at_least(1, _SEEDS),
        default=1,
        metavar="N",
        help="train N seeds, report mean ± sd",
    )
    parser.add_argument(
        "--out",
        type=path,
        metavar="FOLDER",
        help="folder for checkpoint and log "
        "(default: a new one in runs, to which runs/latest points)",
    )
    old = parser.add_mutually_exclusive_group()
    old.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in --out (default: runs/latest)",
    )
    old.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    parser.add_argument(
        "--save-every",
        type=real,
        default=30.0,
        metavar="S",
        help="seconds between checkpoints (default 30)",
    )
    parser.add_argument("--eval-last", action="store_true", help="test after the last epoch alone")


def run(options: argparse.Namespace) -> int:
    """Train, alone or as one of the processes of `torchrun`; return the exit status."""
    from saflab.training.distributed import launched, members

    configs = _configs(options)
    device = configs[0].torch_device()
    if not launched():
        return _train(configs, options)
    with members(device) as team:
        if team.leads:
            return _train(configs, options)
        with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
            return _train(configs, options)


def _quick(options: argparse.Namespace) -> bool:
    return options.limit is None and options.channels is None and options.model == "convnet"


def _configs(options: argparse.Namespace) -> list[TrainConfig]:
    """Return the configuration of each seed."""
    from saflab.training.config import TrainConfig

    values = {f.name: getattr(options, f.name) for f in fields(TrainConfig)}
    values["tau"] = options.tau
    if _quick(options):
        values |= {name: QUICK[name] for name in ("channels", "augmentation")}
    elif values["channels"] is not None:
        values["channels"] = tuple(values["channels"])
    seeds = range(options.seed, options.seed + options.seeds)
    return [TrainConfig(**{**values, "seed": seed}) for seed in seeds]


def _controls(options: argparse.Namespace) -> Controls:
    from saflab.training.events import Controls

    return Controls(
        save_every=options.save_every,
        evaluate_all=not options.eval_last,
        overwrite=options.overwrite,
    )


def _train(configs: list[TrainConfig], options: argparse.Namespace) -> int:
    from saflab.data.catalogue import load

    _controls(options)  # refuses numbers out of range before the data are read
    resume, out = _folder(options)
    limit = QUICK["limit"] if _quick(options) else (options.limit or None)
    data = load(
        options.data, options.root, steps=options.steps, download=options.download, limit=limit
    )
    if _quick(options):
        print(
            f"Quick defaults: channels {QUICK['channels']} instead of (32, 64, 128), no "
            f"augmentation, at most {limit:,} training images. "
            "For more: --limit 0 --channels 32 64 128 --epochs 20."
        )
    print(
        f"Data: {data.name}, {len(data.train_labels):,} training and "
        f"{len(data.test_labels):,} test images ({data.source})."
    )
    with _made(out, configs[0].rule) as folder:
        accuracies = []
        for config in configs:
            place = folder if len(configs) == 1 else folder / f"seed{config.seed}"
            again = resume and (len(configs) == 1 or (place / "checkpoint.pt").exists())
            accuracies.append(_train_one(config, data, place, options, resume=again))
    if len(accuracies) > 1:
        print(
            f"Test accuracy of the last epoch over {len(accuracies)} seeds: "
            f"{100 * mean(accuracies):.2f} ± {100 * stdev(accuracies):.2f} % (mean ± sd)."
        )
    return 0


def _folder(options: argparse.Namespace) -> tuple[bool, Path | None]:
    """Return whether to resume, and the run's folder; None is a new one.

    Raises:
        CheckpointError: If there is nothing to resume from, or the folder holds a run.
    """
    from saflab.training.distributed import team
    from saflab.training.folders import LATEST, check_free, located, pointed

    out = None if options.out is None else Path(options.out).expanduser()
    # After torchrun has replaced a process, all go on from the last checkpoint.
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0:
        last = pointed(LATEST) if out is None else out
        if (last / "checkpoint.pt").exists() or options.seeds > 1:
            return True, last
    if options.resume:
        out = pointed(LATEST if out is None else out)
        if options.seeds == 1:
            out = located(out).parent
        return True, out
    if out is not None and not options.overwrite and team().leads:
        check_free(out)
    return False, out


@contextlib.contextmanager
def _made(out: Path | None, rule: str) -> Iterator[Path]:
    """Yield `out`, or a new folder, which goes again if nothing is written to it."""
    from saflab.training.distributed import team
    from saflab.training.folders import LATEST, new_folder

    if out is not None or not team().leads:
        yield out or LATEST
        return
    folder = new_folder(rule)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # not empty: it holds a run
            folder.rmdir()
            folder.parent.rmdir()


def _train_one(
    config: TrainConfig, data: Dataset, out: Path, options: argparse.Namespace, *, resume: bool
) -> float:
    """Train one seed and return its test accuracy; a signal saves and raises `Interrupted`."""
    from saflab.cli.display import Display
    from saflab.training import fit
    from saflab.training.distributed import DistributedError, team
    from saflab.training.events import RunEnd, RunStart
    from saflab.training.folders import set_latest

    controls, leads, accuracy = _controls(options), team().leads, 0.0
    # Several processes cannot agree on a step at which to stop: the first stops, saves and leaves.
    events = fit(
        config, data, out=out if leads or resume else None, controls=controls, resume=resume
    )
    show = Display(config, out, resume=resume) if leads else None
    with stopping(controls.stop if leads else _wait, at_once=team().size == 1) as received:
        try:
            with contextlib.closing(events):  # type: ignore[type-var]
                for event in events:
                    if isinstance(event, RunEnd):
                        accuracy = event.test_accuracy or 0.0
                    if show:
                        show(event)
                    if isinstance(event, RunStart) and leads and options.out is None and not resume:
                        set_latest(out if options.seeds == 1 else out.parent)
        except (KeyboardInterrupt, DistributedError) as error:
            if isinstance(error, DistributedError) and not received:
                raise
            number = received[0] if received else signal.SIGINT
            raise Interrupted(number, _how_to_go_on(out, options)) from None
        finally:
            if show:
                show.close()
    if received:
        raise Interrupted(received[0], _how_to_go_on(out, options))
    return accuracy


def _wait() -> None:
    """Go on until the first process has saved and left."""


def _how_to_go_on(out: Path, options: argparse.Namespace) -> str:
    given = [a for a in options.arguments if a not in ("--overwrite", "--resume")]
    if options.out is None:
        given += ["--out", str(out if options.seeds == 1 else out.parent)]
    command = shlex.join(["saflab", *given, "--resume"])
    return f"stopped; the training so far is kept in {out}. Go on with:\n  {command}"
