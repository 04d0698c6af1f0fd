"""`saflab import`: a network that another library wrote, as a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from saflab.cli.arguments import at_least, path, real

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--nir", action="store_true", required=True, help="the format (required)")
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
        help="'subtract' says that the writer's neurons subtract V before the decay, as only "
        "snnTorch's Leaky(…, reset_mechanism='subtract', reset_delay=False) and SpikingJelly's "
        "LIFNode(…, v_reset=None, decay_input=False) do",
    )


def run(options: argparse.Namespace) -> int:
    """Import, and return the exit status."""
    from saflab.data.catalogue import load
    from saflab.interop.nir import (
        check_free,
        from_nir,
        graph_inputs,
        import_network,
        noted_steps,
        notes,
        read_graph,
    )

    check_free(Path(options.out), options.overwrite)
    graph = read_graph(options.file)
    network = from_nir(graph, dt=options.dt, reset=options.reset)
    steps = noted_steps(graph) if options.steps is None else options.steps
    facts = notes(graph)
    # Training images are needed for their moments alone, where the file does not say them.
    limit = 1 if {"mean", "std"} <= facts.keys() else None
    name = options.data or str(facts.get("data", "auto"))
    data = load(name, options.root, steps=steps, limit=limit)
    inputs = graph_inputs(graph, data, steps=steps, encoder=options.encoder)
    checkpoint = import_network(network, data, inputs, options.out, overwrite=options.overwrite)
    if options.reset == "subtract":
        print(
            "Taken on your word: the writer's neurons subtract V before the decay. A NIR file "
            "cannot show it; snnTorch's default (reset_delay=True) does not and fires otherwise."
        )
    print(f"Wrote {checkpoint}. Next: saflab eval {options.out}")
    return 0
