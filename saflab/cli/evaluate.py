"""`saflab eval`: accuracy of a checkpoint, run by any rule, also as an LIF network."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

__all__ = ["HELP", "configure", "run"]

HELP = "evaluate a checkpoint, also as an LIF network"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("checkpoint", help="folder of a run, or its checkpoint.pt")
    parser.add_argument("--rule", help="run as this rule does; bptt runs as LIF")
    parser.add_argument("--compare", action="store_true", help="SAF against LIF: count flips")
    parser.add_argument("--energy", action="store_true", help="operations and energy per image")
    parser.add_argument("--root", help="folder with the data")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Evaluate, and return the exit status."""
    from saflab import checkpoints
    from saflab.energy import SpikeCounter
    from saflab.evaluation import compare, evaluate
    from saflab.events import load
    from saflab.gradients import mode_of
    from saflab.saved import network_of

    content = checkpoints.load(options.checkpoint)
    config, model = network_of(content)
    data = load(content["data"], options.root, steps=config.steps, limit=1)
    common = {
        "mean": content["mean"], "std": content["std"], "steps": config.steps,
        "encoder": config.encoder, "seed": config.seed,
    }  # fmt: skip
    rule = options.rule or config.rule
    counter = SpikeCounter(model, mode_of(rule).kind)
    result: dict[str, Any] = asdict(
        evaluate(model, data.test_images, data.test_labels, rule=rule, counter=counter, **common)
    )
    energy = counter.energy() if options.energy else None
    if energy:
        result["energy"] = {
            **asdict(energy), "spiking_nj": energy.spiking_nj, "synaptic_nj": energy.synaptic_nj,
            "update_nj": energy.update_nj, "dense_nj": energy.dense_nj,
        }  # fmt: skip
    if options.compare:
        result |= asdict(compare(model, data.test_images, data.test_labels, **common))
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
