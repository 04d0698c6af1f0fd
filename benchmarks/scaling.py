"""`python -m benchmarks scaling`: what a second process brings, and what each rule sends.

Writes assets/scaling.json and the tables in docs/scaling.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from saflab.machine import describe_machine
from saflab.models import vgg11
from saflab.rules import RULES
from tools.markdown import machine_line, put, rows, store

__all__ = ["projection", "run", "step_seconds", "tables", "volume"]

RESULT, PAGE = Path("assets/scaling.json"), Path("docs/scaling.md")
# (processes, threads of each): what one core does, and two ways to use two.
LAYOUTS = ((1, 1), (1, 2), (2, 1))
BATCH, IMAGES = 64, 640
# Assumptions of the projection, from the publications and data sheets named in docs/scaling.md.
PUBLISHED = {"saf_e": 0.468, "ottt_o": 0.666, "saf_f": 0.247, "ottt_a": 0.661}
BANDWIDTH = {8: 450e9, 64: 50e9}  # bytes per second and GPU: within a node, between nodes


def volume(rule: str, parameters: int, steps: int) -> int:
    """Return the gradient bytes (float32) that a rule hands to the all-reduce per batch."""
    return 4 * parameters * (steps if RULES[rule].update == "step" else 1)


def step_seconds(compute: float, sent: int, processes: int, bandwidth: float) -> float:
    """Return compute + 2·(R − 1)/R · bytes / bandwidth: a ring all-reduce, nothing overlapped."""
    return compute + 2.0 * (processes - 1) / processes * sent / bandwidth


def projection(steps: int = 6) -> list[dict[str, Any]]:
    """Return, per rule, the efficiency of 8 and 64 GPUs on paper: seconds alone / seconds each."""
    parameters = sum(p.numel() for p in vgg11().parameters())
    found = []
    for rule, compute in PUBLISHED.items():
        sent = volume(rule, parameters, steps)
        row = {"rule": rule, "compute_s": compute, "bytes": sent}
        for processes, bandwidth in BANDWIDTH.items():
            row[f"efficiency_{processes}"] = compute / step_seconds(
                compute, sent, processes, bandwidth
            )
        found.append(row)
    return found


def _images_per_second(processes: int, threads: int, rule: str) -> float:
    """Train the lab network on random images of CIFAR-10's size; median over its steps."""
    with tempfile.TemporaryDirectory() as out:
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        worker = ["-m", "benchmarks.scaling", rule, str(threads), f"{out}/seconds.json"]
        command = [sys.executable, *launch, *worker]
        subprocess.run(command, check=True)
        return BATCH / median(json.loads(Path(f"{out}/seconds.json").read_text())[1:])


def _worker(rule: str, threads: int, out: str) -> None:
    from saflab.data.dataset import Dataset
    from saflab.training.config import TrainConfig
    from saflab.training.distributed import members
    from saflab.training.events import StepEnd
    from saflab.training.fit import fit

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images = torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(10, (IMAGES,))
    data = Dataset(
        name="random",
        source="torch.randint",
        classes=tuple("0123456789"),
        train_images=images,
        train_labels=labels,
        test_images=images[:2],
        test_labels=labels[:2],
    )
    config = TrainConfig(rule=rule, epochs=1, batch=BATCH, device="cpu", augmentation=False)
    with members(torch.device("cpu")) as team:
        seconds = [e.seconds for e in fit(config, data) if isinstance(e, StepEnd)]
        if team.leads:
            Path(out).write_text(json.dumps(seconds))


def tables(result: dict[str, Any]) -> dict[str, str]:
    """Return the tables of docs/scaling.md by the name of their markers."""
    measured = [
        [
            *(r[k] for k in ("rule", "processes", "threads")),
            f"{r['images_per_second']:.1f}",
            f"{r['speedup']:.2f}",
        ]
        for r in result["measured"]
    ]
    header = ["rule", "processes", "threads of each", "images per second", "against one thread"]
    lines = [*rows(header, measured), "", machine_line(result["machine"])]
    paper = [
        [
            r["rule"],
            f"{r['bytes'] / 1e6:.1f} MB",
            *(f"{100 * r[f'efficiency_{n}']:.1f} %" for n in BANDWIDTH),
        ]
        for r in result["projection"]
    ]
    header = ["rule", "bytes per batch", *(f"efficiency, {n} GPUs" for n in BANDWIDTH)]
    return {"measured": "\n".join(lines), "projection": "\n".join(rows(header, paper))}


def run() -> int:
    """Run the benchmark from the repository's root; return the exit status."""
    measured = []
    for rule in ("saf_e", "ottt_o"):
        rates = {layout: _images_per_second(*layout, rule) for layout in LAYOUTS}
        for (processes, threads), rate in rates.items():
            row = {"rule": rule, "processes": processes, "threads": threads}
            row |= {"images_per_second": rate, "speedup": rate / rates[LAYOUTS[0]]}
            measured.append(row)
    result = {
        "machine": describe_machine(torch.device("cpu")),
        "batch": BATCH,
        "measured": measured,
        "projection": projection(),
    }
    store(result, RESULT)
    for name, text in tables(result).items():
        put(name, text, PAGE)
        print(text)
    return 0


if __name__ == "__main__":
    _worker(sys.argv[1], int(sys.argv[2]), sys.argv[3])
