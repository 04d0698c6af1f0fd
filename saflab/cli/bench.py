"""`saflab bench`: reproduce the figures in the README."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "reproduce the figures in the README"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "what",
        choices=["lab", "picture", "watch", "widgets"],
        help="lab: four rules on CIFAR-10 (40 minutes); picture: the README's "
        "figure; widgets: latency of the explorers in Chromium; watch: cost of watching a training",
    )
    parser.add_argument("--root", help="folder with the data")


def run(options: argparse.Namespace) -> int:
    """Run one benchmark; return its exit status."""
    if options.what == "picture":
        from saflab.bench import picture

        return picture.run()
    if options.what == "widgets":
        from saflab.bench import widgets

        return widgets.main([])
    if options.what == "watch":
        from saflab.bench import watch

        watch.run(root=options.root)
        return 0
    from saflab.bench import lab

    return lab.run(options.root)
