"""`saflab export`: a trained network in a format that other libraries read."""

from __future__ import annotations

import argparse

from saflab.cli.arguments import path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--nir", action="store_true", required=True, help="the format, which has to be named"
    )
    parser.add_argument("checkpoint", type=path, help="folder of a run, or its checkpoint.pt")
    parser.add_argument("out", type=path, help="file to write, e.g. network.nir")


def run(options: argparse.Namespace) -> int:
    """Export, and return the exit status."""
    from saflab.interop.nir import export_checkpoint

    graph = export_checkpoint(options.checkpoint, options.out)
    facts = graph.metadata
    print(
        f"Wrote {options.out}: {len(graph.nodes)} nodes, dt = {facts['dt']:g} s per step, "
        f"T = {facts['steps']}, input {facts['encoder']}."
    )
    print(
        "Weight standardisation and scaling are folded into the weights; the soft reset is a "
        "loop of weight −λV; V is written one float32 lower, for readers that fire at >."
    )
    return 0
