"""`saflab train`: events of `training.fit` become a progress bar, a log and a last line."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import redirect_stdout
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

__all__ = ["configure", "run"]

DESCRIPTION = (
    "Train a network. Without options: a small convolutional network by SAF-E on "
    "5,000 CIFAR-10 images where CIFAR-10 is found, else on scikit-learn's digits."
)
_HELP = {
    "rule": "training rule: bptt, ottt_a, ottt_o, saf_e, saf_f, spike_representation",
    "update": "optimizer steps per batch: sequence (one) or step (T); default: the rule's own",
    "trace": "gradient of biases and input: official or full; default: the rule's own",
    "surrogate": "sigmoid, rectangular, triangular, arctan or clamp; default: the rule's own",
    "steps": "time steps T",
    "model": "mlp, convnet (lab size), vgg11 (the papers'), vgg11f (feedback), resnet (skips)",
    "channels": "sizes: three for convnet, one for vgg11 and vgg11f, any number for mlp and resnet",
    "encoder": "constant, poisson or latency",
    "decay": "decay λ of the potential per step, in [0, 1]",
    "threshold": "firing threshold V",
    "epochs": "passes over the training images",
    "batch": "images per batch",
    "lr": "initial learning rate; falls to 0 along a cosine",
    "momentum": "momentum of SGD",
    "mse": "coefficient of the squared error in the loss",
    "seed": "seed of weights, order and augmentation",
    "device": "auto, cpu or cuda",
    "precision": "float32 or bfloat16",
    "impl": "time loop: auto, reference, cpu or gpu (Triton)",
    "chunk": "time steps per backward pass (OTTT, SAF-E)",
    "cuda_graph": "record the training step as a CUDA graph (CUDA GPU only)",
}
# What `saflab train` reduces so that it ends within two minutes on two cores.
QUICK: dict[str, Any] = {"limit": 5000, "channels": (16, 32, 64), "augmentation": False}


def _add_config(parser: argparse.ArgumentParser) -> None:
    from saflab.training.config import TrainConfig

    for field in fields(TrainConfig):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        if field.name == "augmentation":
            parser.add_argument("--no-augmentation", dest="augmentation", action="store_false")
        elif default is False:
            parser.add_argument(flag, action="store_true", help=_HELP[field.name])
        elif field.name == "channels":
            parser.add_argument(flag, type=int, nargs="+", help=_HELP[field.name])
        else:
            kind = str if default is None or default is MISSING else type(default)
            shown = "" if default is None else f" (default {default})"
            parser.add_argument(flag, type=kind, default=default, help=_HELP[field.name] + shown)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.description = DESCRIPTION
    _add_config(parser)
    parser.add_argument("--tau", type=float, help="time constant in steps, in place of --decay")
    parser.add_argument("--data", default="auto", help="auto, cifar10, cifar100, digits, or "
                        "recordings: nmnist, dvsgesture, cifar10dvs")  # fmt: skip
    parser.add_argument("--root", help="folder with the data (default: SAFLAB_DATA, ./data, …)")
    parser.add_argument("--download", action="store_true", help="fetch the data if it is missing")
    parser.add_argument("--limit", type=int, help="number of training images; 0 takes all")
    parser.add_argument("--seeds", type=int, default=1, help="train N seeds, report mean ± sd")
    parser.add_argument("--out", default="runs/latest", help="folder for checkpoint and log")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument(
        "--save-every", type=float, default=30.0, help="seconds between checkpoints"
    )
    parser.add_argument("--eval-last", action="store_true", help="test after the last epoch alone")


def run(options: argparse.Namespace) -> int:
    """Train, alone or as one of the processes of `torchrun`; return the exit status."""
    from saflab.training.distributed import launched, members

    if not launched():
        return _train(options)
    from saflab.training.config import TrainConfig

    with members(TrainConfig(device=options.device).torch_device()) as team:
        if team.leads:
            return _train(options)
        with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
            return _train(options)


def _train(options: argparse.Namespace) -> int:
    from saflab.data.catalogue import load
    from saflab.training.config import TrainConfig

    quick = options.limit is None and options.channels is None and options.model == "convnet"
    limit = QUICK["limit"] if quick else (options.limit or None)
    data = load(
        options.data, options.root, steps=options.steps, download=options.download, limit=limit
    )
    values = {f.name: getattr(options, f.name) for f in fields(TrainConfig)}
    values["tau"] = options.tau
    if quick:
        values |= {name: QUICK[name] for name in ("channels", "augmentation")}
        print(
            f"Quick defaults: channels {QUICK['channels']} instead of (32, 64, 128), no "
            f"augmentation, at most {limit:,} training images. "
            "For more: --limit 0 --channels 32 64 128 --epochs 20."
        )
    elif values["channels"] is not None:
        values["channels"] = tuple(values["channels"])
    print(
        f"Data: {data.name}, {len(data.train_labels):,} training and "
        f"{len(data.test_labels):,} test images ({data.source})."
    )
    if options.seeds < 1:
        raise ValueError(f"Expected --seeds of at least 1, but found {options.seeds}.")
    accuracies = []
    for seed in range(options.seed, options.seed + options.seeds):
        config = TrainConfig(**{**values, "seed": seed})
        out = Path(options.out) if options.seeds == 1 else Path(options.out) / f"seed{seed}"
        accuracies.append(_train_one(config, data, out, options))
    if len(accuracies) > 1:
        print(
            f"Test accuracy of the last epoch over {len(accuracies)} seeds: "
            f"{100 * mean(accuracies):.2f} ± {100 * stdev(accuracies):.2f} % (mean ± sd)."
        )
    return 0


def _train_one(config: Any, data: Any, out: Path, options: argparse.Namespace) -> float:
    from tqdm import tqdm

    from saflab.training import checkpoints, fit
    from saflab.training.distributed import team
    from saflab.training.events import EpochEnd, RunEnd, RunStart, StepEnd

    # After torchrun has replaced a process, all go on from the last checkpoint.
    replaced = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    resume = options.resume or (replaced and (out / "checkpoint.pt").exists())
    accuracy, bar = 0.0, None
    events = fit(
        config,
        data,
        out=out,
        resume=resume,
        save_every=options.save_every,
        evaluate_all=not options.eval_last,
    )
    for event in events:
        if isinstance(event, RunEnd):
            accuracy = event.test_accuracy or 0.0
        if not team().leads:
            continue
        checkpoints.append(
            out / "log.jsonl",
            json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False),
            anew=isinstance(event, RunStart) and not resume,
        )
        if isinstance(event, RunStart):
            print(
                f"{config.rule} on {config.model}, T = {config.steps}, "
                f"{event.parameters:,} parameters, seed {config.seed}, in {out}"
                + (f", resumed at step {event.resumed_at}" if event.resumed_at else "")
            )
        elif isinstance(event, StepEnd):
            bar = bar or tqdm(total=event.steps, initial=event.step - 1, unit="step", leave=False)
            bar.update()
            bar.set_postfix(loss=f"{event.loss:.3f}", acc=f"{event.accuracy:.2f}")
        elif isinstance(event, EpochEnd):
            if bar is not None:
                bar.clear()
            test = event.test_accuracy
            shown = "" if test is None else f"test {100 * test:.2f} %, "
            print(
                f"epoch {event.epoch}: loss {event.loss:.4f}, train "
                f"{100 * event.train_accuracy:.2f} %, {shown}{event.seconds:.1f} s",
                flush=True,
            )
    if bar is not None:
        bar.close()
    return accuracy
