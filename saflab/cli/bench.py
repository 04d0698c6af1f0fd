"""`saflab bench`: reproduce the figures in the README and the documentation."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "reproduce the figures in the README"
WHAT = {
    "lab": "four rules on CIFAR-10, lab network (40 minutes)",
    "connections": "skip and feedback networks, three rules, three seeds (40 minutes)",
    "scaling": "images per second by 1 and 2 processes, bytes sent per rule (5 minutes)",
    "picture": "the README's figure",
    "widgets": "latency of the explorers in Chromium",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    listed = "; ".join(f"{name}: {text}" for name, text in WHAT.items())
    parser.add_argument("what", choices=list(WHAT), help=listed)
    parser.add_argument("--root", help="folder with the data")


def run(options: argparse.Namespace) -> int:
    """Run one benchmark; return its exit status."""
    from saflab.bench import connections, lab, picture, scaling, widgets

    if options.what == "picture":
        return picture.run()
    if options.what == "widgets":
        return widgets.main([])
    if options.what == "scaling":
        return scaling.run()
    return {"lab": lab, "connections": connections}[options.what].run(options.root)
