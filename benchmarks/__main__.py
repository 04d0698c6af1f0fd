"""Reproduce every measured figure of the documentation: python -m benchmarks NAME."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from benchmarks import summary
from saflab.cli.arguments import Parser, at_least

__all__ = ["main"]

WHAT = {
    "step": "a training step of every rule beside its peers and the floor (the default)",
    "report": "table and figures of step's results",
    "cifar10": "four rules on CIFAR-10, lab network (20 minutes)",
    "connections": "skip and feedback networks, three rules, three seeds (10 minutes)",
    "scaling": "images per second by 1 and 2 processes, bytes sent per rule (2 minutes)",
    "grading": "grade 100 synthetic submissions (5 minutes)",
    "student_kernels": "memory and start time of student kernels (3 minutes)",
    "slider_latency": "latency of the explorers in Chromium",
    "watching": "cost of watching a training",
    "summary": "the README's summary, from the stored results; written after each of the others",
}
ROOTED = ("cifar10", "connections", "watching")  # need a folder with data


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    listed = "; ".join(f"{name}: {text}" for name, text in WHAT.items())
    parser.add_argument("what", nargs="?", default="step", choices=list(WHAT), help=listed)
    parser.add_argument("--root", help="cifar10, connections, watching: folder with the data")
    step = parser.add_argument_group("step")
    step.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    step.add_argument("--all", action="store_true", help="both precisions, then the report")
    step.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    step.add_argument(
        "--batch", type=at_least(1), metavar="N", help="images per step (CPU 16, GPU 128)"
    )
    step.add_argument("--steps", type=at_least(1), default=6, metavar="N", help="T")
    step.add_argument(
        "--rounds", type=at_least(1), default=5, metavar="N", help="interleaved rounds of timing"
    )
    step.add_argument("--rows", nargs="+", help="names of rows; default all")
    step.add_argument("--no-memory", action="store_true", help="leave out peak memory")


def _step(options: argparse.Namespace) -> int:
    from benchmarks import report, step

    precisions = ["float32", "bfloat16"] if options.all else [options.precision]
    for precision in precisions:
        settings = step.Settings(
            device=options.device,
            precision=precision,
            batch=options.batch or (128 if options.device == "cuda" else 16),
            steps=options.steps,
            rounds=options.rounds,
            memory=not options.no_memory,
        )
        out = report.FOLDER / f"{options.device}_{precision}.json"
        result = step.run(settings, rows=options.rows, out=out)
        print(report.table(result))
    return report.run() if options.all else 0


def _run(options: argparse.Namespace) -> int:
    if options.what == "step":
        try:
            return _step(options)
        except ValueError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 2
    run = importlib.import_module(f"benchmarks.{options.what}").run
    status = run(root=options.root) if options.what in ROOTED else run()
    return status if isinstance(status, int) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; return its exit status."""
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    configure(parser)
    options = parser.parse_args(arguments)
    status = _run(options)
    summary.run()
    return status


if __name__ == "__main__":
    raise SystemExit(main())
