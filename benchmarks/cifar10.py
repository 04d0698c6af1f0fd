"""`python -m benchmarks cifar10`: four rules on CIFAR-10 at lab size, each in a process of its own.

Writes assets/lab.json and the table in docs/results.md. About 20 minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from saflab.machine import describe_machine
from tools.markdown import machine_line, put, store

__all__ = ["events", "run", "table"]

RULES = ("saf_e", "saf_f", "ottt_a", "bptt")
OPTIONS = [
    *("--data", "cifar10", "--limit", "10000", "--channels", "32", "64", "128", "--steps", "4"),
    *("--epochs", "5", "--batch", "50", "--no-augmentation", "--device", "cpu", "--eval-last"),
]
RESULT = Path("assets/lab.json")


def events(log: Path) -> list[dict[str, Any]]:
    """Return the events of a run's log."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def _one(rule: str, folder: Path, root: list[str]) -> dict[str, Any]:
    out = folder / rule
    command = [sys.executable, "-m", "saflab", "train", "--rule", rule, "--out", str(out)]
    subprocess.run([*command, *OPTIONS, *root], check=True)
    logged = events(out / "log.jsonl")
    epochs = [e for e in logged if e["event"] == "EpochEnd"]
    return {
        "rule": rule,
        "test_accuracy": epochs[-1]["test_accuracy"],
        "test_images": epochs[-1]["test_images"],
        "seconds_per_epoch": sum(e["seconds"] for e in epochs) / len(epochs),
        "peak_memory": epochs[-1]["peak_memory"],
        "firing_rates": epochs[-1]["firing_rates"],
        "epochs": len(epochs),
        "source": Path(logged[0]["source"]).name,
    }


def _compare(folder: Path, root: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "saflab", "eval", str(folder / "saf_e"), "--compare", "--json"]
    done = subprocess.run([*command, *root], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of Markdown."""
    lines = [
        "| rule | test accuracy | seconds per epoch | peak memory of the process |",
        "|---|---|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['rule']} | {100 * row['test_accuracy']:.2f} % | "
            f"{row['seconds_per_epoch']:.1f} | {row['peak_memory'] / 2**20:.0f} MiB |"
        )
    lif = result["as_lif"]
    lines += [
        "",
        f"Lab network 32-64-AP-128-AP-128-AP, T = 4, 10,000 training images, "
        f"{result['rows'][0]['epochs']} epochs, no augmentation, seed 0, last epoch, "
        f"{result['rows'][0]['test_images']:,} test images of JPEG CIFAR-10 (quality 75, so not "
        "comparable digit for digit with the original).",
        machine_line(result["machine"]),
        f"The SAF-E weights run as LIF: {100 * lif['lif_accuracy']:.2f} % against "
        f"{100 * lif['saf_accuracy']:.2f} % with SAF; {lif['flips']:,} of {lif['spikes']:,} spikes "
        f"and {lif['changed_predictions']} of {lif['images']:,} predictions differ.",
    ]
    return "\n".join(lines)


def run(root: str | None = None) -> int:
    """Run the benchmark from the repository's root; return the exit status.

    Args:
        root: Folder with CIFAR-10; None searches the usual places.
    """
    folder, where = Path("runs") / "lab", [] if root is None else ["--root", root]
    rows = [_one(rule, folder, where) for rule in RULES]
    result = {
        "machine": describe_machine(torch.device("cpu")),
        "options": OPTIONS,
        "rows": rows,
        "as_lif": _compare(folder, where),
    }
    store(result, RESULT)
    print(table(result))
    put("lab", table(result))
    return 0
