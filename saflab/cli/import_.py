"""`saflab import`: a network that another library wrote, as a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from saflab.cli.arguments import at_least, path, real

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--nir", action="store_true", required=True, help="the format, which has to be named"
    )
    parser.add_argument("file", type=path, help="NIR file")
    parser.add_argument("--out", type=path, default="runs/imported", metavar="FOLDER",
                        help="folder for the checkpoint (default: runs/imported)")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    parser.add_argument("--data", help="cifar10, cifar100, digits, nmnist, dvsgesture or "
                        "cifar10dvs (default: what the file says)")  # fmt: skip
    parser.add_argument("--root", type=path, metavar="FOLDER", help="folder with the data")
    parser.add_argument("--steps", type=at_least(1), metavar="N",
                        help="T, also of recordings (default: the file's)")  # fmt: skip
    parser.add_argument("--encoder", help="default: what the file says, else constant")
    parser.add_argument("--dt", type=real, metavar="X",
                        help="seconds per step (default: the file's, or 1e-4)")  # fmt: skip
    parser.add_argument(
        "--reset",
        default="as written",
        help="'subtract' vouches that the writer's neurons subtract V before the decay",
    )


def run(options: argparse.Namespace) -> int:
    """Import, and return the exit status."""
    from saflab.data.catalogue import load
    from saflab.interop.nir import import_graph, notes, read_graph
    from saflab.training.folders import check_free

    if not options.overwrite:
        check_free(Path(options.out))
    graph = read_graph(options.file)
    facts = notes(graph)
    steps = facts.get("steps") if options.steps is None else options.steps
    if not isinstance(steps, int):
        raise ValueError(
            f"Expected a number of steps, but found {steps} in the file. Add --steps 6."
        )
    # Training images are needed for their moments alone, where the file does not say them.
    limit = 1 if "mean" in facts and "std" in facts else None
    name = options.data or str(facts.get("data", "auto"))
    checkpoint = import_graph(
        graph,
        options.out,
        load(name, options.root, steps=steps, limit=limit),
        steps=steps,
        encoder=options.encoder,
        dt=options.dt,
        reset=options.reset,
    )
    print(f"Wrote {checkpoint}. Next: saflab eval {options.out}")
    return 0
