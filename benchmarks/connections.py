"""`python -m benchmarks connections`: skip and feedback networks trained, three seeds, three rules.

The publications prove SAF for such networks and train none. Writes assets/connections.json and
the table in docs/results.md. Finished runs are kept, so an interrupted benchmark goes on.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from benchmarks.cifar10 import events
from saflab.machine import describe_machine
from tools.markdown import machine_line, put, store

__all__ = ["run", "table"]

RULES = ("saf_e", "ottt_a", "bptt")
MODELS = {"resnet": ["8", "16", "32"], "vgg11f": ["8"]}
SEEDS = 3
EPOCHS = 4
OPTIONS = [
    *("--data", "cifar10", "--limit", "3000", "--steps", "4", "--epochs", str(EPOCHS)),
    *("--batch", "50", "--no-augmentation", "--device", "cpu", "--eval-last"),
]
RESULT = Path("assets/connections.json")


def _last_epoch(log: Path) -> dict[str, Any] | None:
    """Return the last epoch of a finished run, else None."""
    logged = events(log) if log.exists() else []
    if not logged or not logged[-1].get("finished"):
        return None
    return next(e for e in reversed(logged) if e["event"] == "EpochEnd")


def _one(model: str, rule: str, seed: int, root: list[str]) -> dict[str, Any]:
    out = Path("runs") / "connections" / f"{model}-{rule}-{seed}"
    command = [sys.executable, "-m", "saflab", "train", "--rule", rule, "--seed", str(seed)]
    command += ["--model", model, "--channels", *MODELS[model], "--out", str(out)]
    command += [*OPTIONS, *root]
    if _last_epoch(out / "log.jsonl") is None:
        subprocess.run(command, check=True)
    end = _last_epoch(out / "log.jsonl")
    assert end is not None
    measured = {name: end[name] for name in ("test_accuracy", "test_images", "loss")}
    return {"model": model, "rule": rule, "seed": seed, **measured}


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of Markdown."""
    rows = result["rows"]
    lines = [f"| network | {' | '.join(RULES)} |", "|---|" + "---|" * len(RULES)]
    for model, title in (("resnet", "`resnet`, skips"), ("vgg11f", "`vgg11f`, feedback")):
        cells = []
        for rule in RULES:
            found = [
                100 * r["test_accuracy"] for r in rows if (r["model"], r["rule"]) == (model, rule)
            ]
            cells.append(f"{mean(found):.2f} ± {stdev(found):.2f} %")
        lines.append(f"| {title} ({'-'.join(result['models'][model])}) | {' | '.join(cells)} |")
    lines += [
        "",
        f"Test accuracy of the last epoch, mean ± sd over {SEEDS} seeds; 3,000 training images, "
        f"{EPOCHS} epochs, T = 4, no augmentation, {rows[0]['test_images']:,} test images of JPEG "
        "CIFAR-10.",
        machine_line(result["machine"]),
    ]
    return "\n".join(lines)


def run(root: str | None = None) -> int:
    """Run the benchmark from the repository's root; return the exit status."""
    where = [] if root is None else ["--root", root]
    rows = [
        _one(model, rule, seed, where)
        for seed in range(SEEDS)
        for model in MODELS
        for rule in RULES
    ]
    machine = describe_machine(torch.device("cpu"))
    result = {"machine": machine, "models": MODELS, "options": OPTIONS, "rows": rows}
    store(result, RESULT)
    print(table(result))
    put("connections", table(result))
    return 0
