"""`saflab`: the command line. Each command is a thin shell around one library call."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any

__all__ = ["main"]

_HELP = {
    "rule": "training rule: bptt, ottt_a, ottt_o, saf_e, saf_f, spike_representation",
    "update": "optimizer steps per batch: sequence (one) or step (T); default: the rule's own",
    "trace": "gradient of biases and input: official or full; default: the rule's own",
    "surrogate": "sigmoid, rectangular, triangular, arctan or clamp; default: the rule's own",
    "steps": "time steps T",
    "model": "mlp, convnet (lab size), vgg11 (the papers'), vgg11f (feedback), resnet (skips)",
    "channels": "sizes of convnet (three) or mlp (any number)",
    "encoder": "constant, poisson or latency",
    "leak": "leak λ = 1 − 1/τ, in [0, 1]",
    "threshold": "firing threshold V",
    "epochs": "passes over the training images",
    "batch": "images per batch",
    "lr": "initial learning rate; falls to 0 along a cosine",
    "momentum": "momentum of SGD",
    "mse": "coefficient of the squared error in the loss",
    "seed": "seed of weights, order and augmentation",
    "device": "auto, cpu or cuda",
    "precision": "float32 or bfloat16",
    "impl": "time loop: auto, reference or cpu",
    "chunk": "time steps per backward pass (OTTT, SAF-E)",
}
# What `saflab train` reduces so that it ends within two minutes on two cores.
QUICK: dict[str, Any] = {"limit": 5000, "channels": (16, 32, 64), "augmentation": False}


def _add_config(parser: argparse.ArgumentParser) -> None:
    from saflab.config import TrainConfig

    for field in fields(TrainConfig):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        if field.name == "augmentation":
            parser.add_argument("--no-augmentation", dest="augmentation", action="store_false")
        elif field.name == "channels":
            parser.add_argument(flag, type=int, nargs="+", help=_HELP[field.name])
        else:
            kind = str if default is None or default is MISSING else type(default)
            shown = "" if default is None else f" (default {default})"
            parser.add_argument(flag, type=kind, default=default, help=_HELP[field.name] + shown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="saflab",
        description="Train spiking neural networks by spike accumulation forwarding (SAF).",
        epilog="Start with `saflab lab` (the course) or `saflab train` (under two minutes).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    lab = commands.add_parser("lab", help="open the course in JupyterLab")
    lab.add_argument("options", nargs=argparse.REMAINDER, help="passed on to jupyter lab")

    train = commands.add_parser(
        "train",
        help="train a network",
        description="Train a network. Without options: a small convolutional network by SAF-E on "
        "5,000 CIFAR-10 images where CIFAR-10 is found, else on scikit-learn's digits.",
    )
    _add_config(train)
    train.add_argument("--data", default="auto", help="auto, cifar10, cifar100 or digits")
    train.add_argument("--root", help="folder with the data (default: SAFLAB_DATA, ./data, …)")
    train.add_argument("--download", action="store_true", help="fetch the data if it is missing")
    train.add_argument("--limit", type=int, help="number of training images; 0 takes all")
    train.add_argument("--seeds", type=int, default=1, help="train N seeds, report mean ± sd")
    train.add_argument("--out", default="runs/latest", help="folder for checkpoint and log")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    train.add_argument("--save-every", type=float, default=30.0, help="seconds between checkpoints")

    train.add_argument("--eval-last", action="store_true", help="test after the last epoch alone")

    evaluate = commands.add_parser("eval", help="evaluate a checkpoint, also as an LIF network")
    evaluate.add_argument("checkpoint", help="folder of a run, or its checkpoint.pt")
    evaluate.add_argument("--rule", help="run as this rule does; bptt runs as LIF")
    evaluate.add_argument("--compare", action="store_true", help="SAF against LIF: count flips")
    evaluate.add_argument("--root", help="folder with the data")
    evaluate.add_argument("--json", action="store_true", help="print JSON")

    verify = commands.add_parser("verify", help="measure every theorem on random networks")
    verify.add_argument("--cases", type=int, default=20, help="random networks per claim and kind")
    verify.add_argument("--seed", type=int, default=0)

    bench = commands.add_parser("bench", help="reproduce the figures in the README")
    bench.add_argument(
        "what",
        choices=["lab", "picture", "widgets"],
        help="lab: four rules on CIFAR-10 (40 minutes); picture: the README's "
        "figure; widgets: latency of the explorers in Chromium",
    )
    bench.add_argument("--root", help="folder with the data")

    commands.add_parser("doctor", help="say what this machine has, and what is missing")
    return parser


def _train(options: argparse.Namespace) -> int:
    from saflab.config import TrainConfig
    from saflab.data import load

    quick = options.limit is None and options.channels is None and options.model == "convnet"
    limit = QUICK["limit"] if quick else (options.limit or None)
    data = load(options.data, options.root, download=options.download, limit=limit)
    values = {f.name: getattr(options, f.name) for f in fields(TrainConfig)}
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

    from saflab.training import EpochEnd, RunEnd, RunStart, StepEnd, fit

    accuracy, bar, log = 0.0, None, None
    events = fit(
        config,
        data,
        out=out,
        resume=options.resume,
        save_every=options.save_every,
        evaluate_all=not options.eval_last,
    )
    for event in events:
        if log is None:
            log = (out / "log.jsonl").open("a" if options.resume else "w", encoding="utf-8")
        line = {"event": type(event).__name__, **asdict(event)}
        log.write(json.dumps(line, ensure_ascii=False) + "\n")
        log.flush()
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
        elif isinstance(event, RunEnd):
            accuracy = event.test_accuracy or 0.0
    if bar is not None:
        bar.close()
    if log is not None:
        log.close()
    return accuracy


def _eval(options: argparse.Namespace) -> int:
    from saflab import checkpoints
    from saflab.config import TrainConfig
    from saflab.data import load
    from saflab.evaluation import compare, evaluate
    from saflab.training import build_model

    content = checkpoints.load(options.checkpoint)
    values = {**content["config"], "device": "cpu"}
    values["channels"] = values["channels"] and tuple(values["channels"])
    config = TrainConfig(**values)
    model = build_model(config, tuple(content["shape"]), len(content["classes"]))
    checkpoints.restore(model, content["model"])
    data = load(content["data"], options.root, limit=1)
    common = {
        "mean": content["mean"], "std": content["std"], "steps": config.steps,
        "encoder": config.encoder, "seed": config.seed,
    }  # fmt: skip
    result: dict[str, Any] = asdict(
        evaluate(model, data.test_images, data.test_labels, rule=options.rule or config.rule,
                 **common)
    )  # fmt: skip
    if options.compare:
        result |= asdict(compare(model, data.test_images, data.test_labels, **common))
    if options.json:
        print(json.dumps(result))
        return 0
    print(
        f"{content['data']}: {100 * result['accuracy']:.2f} % of {result['images']:,} test "
        f"images, run as {options.rule or config.rule}."
    )
    rates = ", ".join(f"{rate:.3f}" for rate in result["firing_rates"])
    print(f"Spikes per neuron and step, by layer: {rates}.")
    if options.compare:
        print(
            f"SAF {100 * result['saf_accuracy']:.2f} %, as LIF "
            f"{100 * result['lif_accuracy']:.2f} %; {result['flips']:,} of "
            f"{result['spikes']:,} spikes differ, {result['changed_predictions']} predictions."
        )
    return 0


def _verify(options: argparse.Namespace) -> int:
    from saflab.theory import TOLERANCE, verify

    rows = verify(options.cases, options.seed)
    width = max(len(row.name) for row in rows)
    print(f"{'claim':<{width}}  cases  largest relative error")
    for row in rows:
        verdict = "holds" if row.holds else "FAILS"
        print(f"{row.name:<{width}}  {row.cases:>5}  {row.error:.1e}  {verdict}  {row.note}")
    failed = [row.name for row in rows if not row.holds]
    print(f"{len(rows) - len(failed)} of {len(rows)} hold (float64, tolerance {TOLERANCE:g}).")
    return 1 if failed else 0


def _lab(options: argparse.Namespace) -> int:
    folder = Path.cwd() / "notebooks"
    if not folder.is_dir():
        folder = Path(__file__).resolve().parent.parent / "notebooks"
    if not folder.is_dir():
        raise ValueError(
            "Expected the folder notebooks/, but found none. Run `saflab lab` in a clone of the "
            "repository, which holds the course."
        )
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={folder}", *options.options]
    os.execv(sys.executable, command)


def _doctor() -> int:
    import importlib.metadata as metadata
    import shutil

    import torch

    from saflab.data import DataError, cifar
    from saflab.machine import describe_machine

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name, value in describe_machine(device).items():
        print(f"{name:<12} {value}")
    missing = 0
    for package in ("torchvision", "jupyterlab", "ipywidgets", "matplotlib", "nbval"):
        try:
            print(f"{package:<12} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing += 1
            print(f"{package:<12} missing: run `pip install -e .`")
    try:
        print(f"{'CIFAR-10':<12} {cifar(limit=1).source}")
    except DataError as error:
        print(f"{'CIFAR-10':<12} not found; digits are used instead. {error}")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    print(f"{'browser':<12} {browser or 'no Chromium: browser tests are skipped'}")
    return 1 if missing else 0


def _bench(options: argparse.Namespace) -> int:
    if options.what == "picture":
        from saflab.bench import picture

        return picture.run()
    if options.what == "widgets":
        from saflab.bench import widgets

        return widgets.main([])
    from saflab.bench import lab

    return lab.run(options.root)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    commands = {"train": _train, "eval": _eval, "verify": _verify, "lab": _lab, "bench": _bench}
    try:
        if options.command == "doctor":
            return _doctor()
        return commands[options.command](options)
    except ValueError as error:
        print(f"saflab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nsaflab: stopped. Go on with the same command and --resume.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
