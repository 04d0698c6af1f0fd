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
    parser.add_argument("--root", help="folder with the data")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Evaluate, and return the exit status."""
    from saflab import checkpoints
    from saflab.config import TrainConfig
    from saflab.evaluation import compare, evaluate
    from saflab.events import load
    from saflab.training import build_model

    content = checkpoints.load(options.checkpoint)
    values = {**content["config"], "device": "cpu"}
    values["channels"] = values["channels"] and tuple(values["channels"])
    config = TrainConfig(**values)
    model = build_model(config, tuple(content["shape"]), len(content["classes"]))
    checkpoints.restore(model, content["model"])
    data = load(content["data"], options.root, steps=config.steps, limit=1)
    common = {
        "mean": content["mean"], "std": content["std"], "steps": config.steps,
        "encoder": config.encoder, "seed": config.seed,
    }  # fmt: skip
    result: dict[str, Any] = asdict(
        evaluate(model, data.test_images, data.test_labels, rule=options.rule or config.rule,
                 **common)
    )  # fmt: skip
    if options.compare:
        result |= asdict(compare(model, data.test_images, data.test_labels, **common))
    if options.json:
        print(json.dumps(result))
        return 0
    print(
        f"{content['data']}: {100 * result['accuracy']:.2f} % of {result['images']:,} test "
        f"images, run as {options.rule or config.rule}."
    )
    rates = ", ".join(f"{rate:.3f}" for rate in result["firing_rates"])
    print(f"Spikes per neuron and step, by layer: {rates}.")
    if options.compare:
        print(
            f"SAF {100 * result['saf_accuracy']:.2f} %, as LIF "
            f"{100 * result['lif_accuracy']:.2f} %; {result['flips']:,} of "
            f"{result['spikes']:,} spikes differ, {result['changed_predictions']} predictions."
        )
    return 0
