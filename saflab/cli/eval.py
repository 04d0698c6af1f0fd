"""`saflab eval`: accuracy of a checkpoint, run by any rule, also as an LIF network."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from saflab.cli.arguments import path

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("checkpoint", type=path, help="folder of a run, or its checkpoint.pt")
    parser.add_argument("--rule", metavar="NAME", help="run as this rule does; bptt runs as LIF")
    parser.add_argument("--compare", action="store_true", help="SAF against LIF: count flips")
    parser.add_argument("--energy", action="store_true", help="operations and energy per image")
    parser.add_argument("--root", type=path, metavar="FOLDER", help="folder with the data")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Evaluate, and return the exit status."""
    from saflab.analysis.evaluation import compare, evaluate
    from saflab.data.catalogue import load
    from saflab.rules import get_rule
    from saflab.training import checkpoints
    from saflab.training.checkpoints import inputs_of, network_of

    if options.rule is not None:
        get_rule(options.rule)
    content = checkpoints.load(options.checkpoint)
    config, model = network_of(content)
    data = load(content["data"], options.root, steps=config.steps, limit=1)
    inputs = inputs_of(content)
    rule = options.rule or config.rule
    test = (data.test_images, data.test_labels)
    found = evaluate(model, *test, inputs, rule=rule)
    result: dict[str, Any] = {
        "accuracy": found.accuracy, "images": found.images, "firing_rates": found.firing_rates,
    }  # fmt: skip
    energy = found.energy() if options.energy else None
    if energy:
        result["energy"] = {
            **asdict(energy), "spiking_nj": energy.spiking_nj, "synaptic_nj": energy.synaptic_nj,
            "update_nj": energy.update_nj, "dense_nj": energy.dense_nj,
        }  # fmt: skip
    if options.compare:
        result |= asdict(compare(model, *test, inputs))
    if options.json:
        print(json.dumps(result))
        return 0
    print(
        f"{content['data']}: {100 * result['accuracy']:.2f} % of {result['images']:,} test "
        f"images, run as {rule}."
    )
    rates = ", ".join(f"{rate:.3f}" for rate in result["firing_rates"])
    print(f"Spikes per neuron and step, by layer: {rates}.")
    if energy:
        print(energy.table())
    if options.compare:
        print(
            f"SAF {100 * result['saf_accuracy']:.2f} %, as LIF "
            f"{100 * result['lif_accuracy']:.2f} %; {result['flips']:,} of "
            f"{result['spikes']:,} spikes differ, {result['changed_predictions']} predictions."
        )
    return 0
