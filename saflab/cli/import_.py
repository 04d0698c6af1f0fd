"""`saflab import`: a network that another library wrote, as a checkpoint."""

from __future__ import annotations

import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--nir", action="store_true", required=True, help="the only format yet")
    parser.add_argument("file", help="NIR file")
    parser.add_argument("--out", default="runs/imported", help="folder for the checkpoint")
    parser.add_argument("--data", help="cifar10, cifar100, digits, nmnist, dvsgesture or "
                        "cifar10dvs (default: what the file says)")  # fmt: skip
    parser.add_argument("--root", help="folder with the data")
    parser.add_argument("--steps", type=int, help="T, also of recordings (default: the file's)")
    parser.add_argument("--encoder", help="default: what the file says, else constant")
    parser.add_argument("--dt", type=float, help="seconds per step (default: the file's, or 1e-4)")
    parser.add_argument(
        "--reset",
        default="as written",
        help="'subtract' vouches that the writer's neurons subtract V before the decay",
    )


def run(options: argparse.Namespace) -> int:
    """Import, and return the exit status."""
    from saflab.data.catalogue import load
    from saflab.interop.nir import import_graph, notes, read_graph

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
