"""`saflab import`: a network that another library wrote, as a checkpoint."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "make a checkpoint of a network from elsewhere (NIR)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--nir", action="store_true", required=True, help="the only format yet")
    parser.add_argument("file", help="NIR file")
    parser.add_argument("--out", default="runs/imported", help="folder for the checkpoint")
    parser.add_argument("--data", help="cifar10, cifar100 or digits (default: what the file says)")
    parser.add_argument("--root", help="folder with the data")
    parser.add_argument("--steps", type=int, help="T (default: what the file says)")
    parser.add_argument("--encoder", help="default: what the file says, else constant")
    parser.add_argument("--dt", type=float, help="seconds per step (default: the file's, or 1e-4)")
    parser.add_argument(
        "--reset",
        default="as written",
        help="'subtract' vouches that the writer's neurons subtract V before the decay",
    )


def run(options: argparse.Namespace) -> int:
    """Import, and return the exit status."""
    from saflab.data import load
    from saflab.nir import import_file, read_graph

    facts = read_graph(options.file).metadata
    named = facts.get("data", "auto")
    name = options.data or (named.decode() if isinstance(named, bytes) else str(named))
    # Training images are needed for their moments alone, where the file does not say them.
    limit = 1 if "mean" in facts and "std" in facts else None
    checkpoint = import_file(
        options.file,
        options.out,
        load(name, options.root, limit=limit),
        steps=options.steps,
        encoder=options.encoder,
        dt=options.dt,
        reset=options.reset,
    )
    print(f"Wrote {checkpoint}. Next: saflab eval {options.out}")
    return 0
