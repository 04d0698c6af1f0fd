"""`python -m benchmarks step`: one training step under every rule, beside the peers and the floor.

Time is taken in interleaved rounds within one process, memory in a process per row. A row whose
gradient does not agree with the reference is not measured and not printed.
"""

from __future__ import annotations

import importlib.metadata
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import measure
from benchmarks.rows import FLOOR, ROWS, Row, floor
from saflab.machine import describe_machine
from tools.markdown import store

__all__ = ["MEASURES", "TOLERANCES", "check", "run", "timed"]

# Disagreement allowed: float64 proves the equations; in float32 the best of three batches (one
# without a flipped spike) proves the fast path; in bfloat16 many spikes flip, so that only a
# gradient that has lost its direction is refused: 0 is the reference's, 1 none at all.
TOLERANCES = {"float64": 1e-6, "float32": 1e-2, "bfloat16": 0.6}
MEASURES = {
    "float64": "‖g − g_ref‖/‖g_ref‖", "float32": "‖g − g_ref‖/‖g_ref‖",
    "bfloat16": "1 − cos(g, g_ref)",
}  # fmt: skip
BATCHES = {"float64": 1, "float32": 3, "bfloat16": 3}
PEERS = ("spikingjelly", "snntorch", "norse")
LONG = (4, 32)  # steps at which memory must not differ for an online rule


def check(row: Row, precision: str, device: str = "cpu") -> dict[str, float]:
    """Return the disagreement with the reference in float64 and at `precision`.

    Raises:
        ValueError: If it is above `TOLERANCES`.
    """
    found: dict[str, float] = {}
    for kind in dict.fromkeys(("float64", precision)):
        errors = (
            measure.disagreement(row, precision=kind, device=device, seed=seed)
            for seed in range(BATCHES[kind])
        )
        found[kind] = next((e for e in errors if e <= TOLERANCES[kind]), float("nan"))
        if not found[kind] <= TOLERANCES[kind]:
            raise ValueError(
                f"Expected gradients within {TOLERANCES[kind]:g} of the reference in {kind}, as "
                f"{MEASURES[kind]}, but found more. The row is left out; mend it first."
            )
    return found


def timed(
    steps: Mapping[str, Callable[[], None]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Return the seconds of each step in interleaved rounds, after one round that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    with tqdm(total=(rounds + 1) * len(steps), desc="time", disable=None) as bar:
        for turn in range(rounds + 1):
            for name, step in steps.items():
                bar.set_postfix_str(name)
                spent = measure.seconds(step, device)
                if turn:
                    seconds[name].append(spent)
                bar.update()
    return seconds


def _memory(name: str, options: Mapping[str, Any]) -> dict[str, float]:
    """Return the peak memory of a row, measured in a process of its own."""
    call = f"from benchmarks.step import _print_peak; _print_peak({name!r}, {dict(options)!r})"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"Expected the memory of {name}, but found: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _print_peak(name: str, options: dict[str, Any]) -> None:
    print(json.dumps(measure.peak(ROWS[name], **options)))


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PEERS}


def run(
    *,
    device: str = "cpu",
    precision: str = "float32",
    batch: int = 16,
    steps: int = 6,
    rounds: int = 5,
    rows: Sequence[str] | None = None,
    memory: bool = True,
    size: int = 32,
    table: Mapping[str, Row] = ROWS,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure the rows, write the result as JSON to `out` and return it.

    Args:
        device: "cpu" or "cuda".
        precision: "float32" or "bfloat16" (autocast, state in float32).
        batch: Images per step.
        steps: T.
        rounds: Interleaved rounds of timing; the table shows medians.
        rows: Names from `table`; None takes all.
        memory: Measure peak memory too.
        size: Height and width of the images.
        table: The rows there are.
        out: Where to write; None writes nothing.

    Raises:
        ValueError: If a name is unknown or the device is absent.
    """
    unknown = set(rows or ()) - set(table)
    if unknown:
        raise ValueError(f"Expected rows in {list(table)}, but found {sorted(unknown)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("Expected a CUDA GPU, but found none. Use --device cpu.")
    where, half = torch.device(device), precision == "bfloat16"
    torch.backends.cudnn.benchmark = where.type == "cuda"
    found: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    bar = tqdm(list(rows or table), desc="check", disable=None)
    for name in bar:
        bar.set_postfix_str(name)
        row = table[name]
        try:
            errors = check(row, precision, device)
        except (ValueError, RuntimeError, ImportError) as error:
            refused[name] = f"{type(error).__name__}: {error}"
            tqdm.write(f"{name} is refused: {error}", file=sys.stderr)
            continue
        found[name] = {
            "disagreement": errors,
            "convolutions": measure.passes(row, steps),
            "kept_bytes": measure.kept_bytes(row, steps=2, size=size, half=half),
        }
    network, data = measure.network_and_batch(batch, size, device=device)
    bare = floor(network, data[0], steps, torch.bfloat16 if half else torch.float32)
    work: dict[str, Callable[[], None]] = {FLOOR: bare}
    for name in found:
        own, _ = measure.network_and_batch(batch, size, device=device)
        work[name] = measure.stepper(table[name], own, data, steps, half)
    seconds = timed(work, rounds, where)
    for name, spent in seconds.items():
        row_result = found.setdefault(name, {})
        row_result["seconds"], row_result["rounds"] = statistics.median(spent), spent
    if memory:
        options = {"batch": batch, "precision": precision, "device": device}
        bar = tqdm([n for n in found if n != FLOOR], desc="memory", disable=None)
        for name in bar:
            bar.set_postfix_str(name)
            found[name]["memory"] = _memory(name, {**options, "steps": steps})
            if name in ("SAF-E", "SAF-F"):
                found[name]["memory_steps"] = {
                    str(t): _memory(name, {**options, "steps": t}) for t in LONG
                }
    result = {
        "machine": describe_machine(where), "versions": _versions(), "network": "vgg11",
        "batch": batch, "steps": steps, "size": size, "precision": precision, "rounds": rounds,
        "tolerances": TOLERANCES, "rows": found, "refused": refused,
    }  # fmt: skip
    if out is not None:
        store(result, out)
    return result
