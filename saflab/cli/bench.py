"""`saflab bench`: reproduce the figures in the README."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "reproduce the figures in the README"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "what",
        nargs="?",
        default="step",
        choices=["step", "report", "lab", "picture", "widgets"],
        help="step (default): a training step of every rule beside its peers; report: table and "
        "figures of it; lab: four rules on CIFAR-10 (40 minutes); picture: the README's "
        "figure; widgets: latency of the explorers in Chromium",
    )
    parser.add_argument("--root", help="lab: folder with the data")
    step = parser.add_argument_group("step")
    step.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    step.add_argument("--all", action="store_true", help="both precisions, then the report")
    step.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    step.add_argument("--batch", type=int, help="images per step (CPU 16, GPU 128)")
    step.add_argument("--steps", type=int, default=6, help="T")
    step.add_argument("--rounds", type=int, default=5, help="interleaved rounds of timing")
    step.add_argument("--rows", nargs="+", help="names of rows; default all")
    step.add_argument("--no-memory", action="store_true", help="leave out peak memory")


def _step(options: argparse.Namespace) -> int:
    from saflab.bench import report, step

    precisions = ["float32", "bfloat16"] if options.all else [options.precision]
    for precision in precisions:
        result = step.run(
            device=options.device, precision=precision, steps=options.steps, rows=options.rows,
            batch=options.batch or (128 if options.device == "cuda" else 16),
            rounds=options.rounds, memory=not options.no_memory,
            out=report.FOLDER / f"{options.device}_{precision}.json",
        )  # fmt: skip
        print(report.table(result))
    return report.run() if options.all else 0


def run(options: argparse.Namespace) -> int:
    """Run one benchmark; return its exit status."""
    if options.what == "step":
        return _step(options)
    if options.what == "report":
        from saflab.bench import report

        return report.run()
    if options.what == "picture":
        from saflab.bench import picture

        return picture.run()
    if options.what == "widgets":
        from saflab.bench import widgets

        return widgets.main([])
    from saflab.bench import lab

    return lab.run(options.root)
