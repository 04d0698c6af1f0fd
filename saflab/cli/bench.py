"""`saflab bench`: reproduce the figures in the README."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "reproduce the figures in the README"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "what",
        choices=["class", "kernels", "lab", "picture", "widgets"],
        help="class: grade 100 synthetic submissions (10 minutes); kernels: memory and start of "
        "student kernels (10 minutes); lab: four rules on CIFAR-10 (40 minutes); picture: the "
        "README's figure; widgets: latency of the explorers in Chromium",
    )
    parser.add_argument("--root", help="folder with the data")


def run(options: argparse.Namespace) -> int:
    """Run one benchmark; return its exit status."""
    if options.what == "picture":
        from saflab.bench import picture

        return picture.run()
    if options.what == "class":
        from saflab.bench import classroom

        return classroom.run()
    if options.what == "kernels":
        from saflab.bench import kernels

        return kernels.run()
    if options.what == "widgets":
        from saflab.bench import widgets

        return widgets.main([])
    from saflab.bench import lab

    return lab.run(options.root)
