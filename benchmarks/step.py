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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import measure
from benchmarks.rows import FLOOR, ROWS, Row, floor
from saflab.machine import describe_machine
from saflab.network.network import Network
from tools.markdown import store

__all__ = ["MEASURES", "TOLERANCES", "Settings", "check", "run", "timed"]

# Disagreement allowed: float64 proves the equations; in float32 the best of three batches (one
# without a flipped spike) proves the fast path; in bfloat16 many spikes flip, so that only a
# gradient that has lost its direction is refused: 0 is the reference's, 1 none at all.
TOLERANCES = {"float64": 1e-6, "float32": 1e-2, "bfloat16": 0.6}
_DISTANCE = "‖g − g_ref‖/‖g_ref‖"
MEASURES = {"float64": _DISTANCE, "float32": _DISTANCE, "bfloat16": "1 − cos(g, g_ref)"}
BATCHES = {"float64": 1, "float32": 3, "bfloat16": 3}
PEERS = ("spikingjelly", "snntorch", "norse")
LONG = (4, 32)  # steps at which the memory of SAF must not differ


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the rows are measured.

    Args:
        device: "cpu" or "cuda".
        precision: "float32" or "bfloat16" (autocast, state in float32).
        batch: Images per step.
        steps: T.
        size: Height and width of the images.
        rounds: Interleaved rounds of timing; the table shows medians.
        memory: Measure peak memory too.
    """

    device: str = "cpu"
    precision: str = "float32"
    batch: int = 16
    steps: int = 6
    size: int = 32
    rounds: int = 5
    memory: bool = True

    @property
    def half(self) -> bool:
        """Whether the rows run in bfloat16."""
        return self.precision == "bfloat16"


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


def _counted(
    names: Sequence[str], table: Mapping[str, Row], settings: Settings
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return the counts of each row with the right gradient, and why others are refused."""
    found: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    bar = tqdm(names, desc="check", disable=None)
    for name in bar:
        bar.set_postfix_str(name)
        try:
            errors = check(table[name], settings.precision, settings.device)
        except (ValueError, RuntimeError, ImportError) as error:
            refused[name] = f"{type(error).__name__}: {error}"
            tqdm.write(f"{name} is refused: {error}", file=sys.stderr)
            continue
        kept = measure.kept_bytes(table[name], steps=2, size=settings.size, half=settings.half)
        found[name] = {
            "disagreement": errors,
            "convolutions": measure.convolutions(table[name], settings.steps),
            "kept_bytes": kept,
        }
    return found, refused


def _seconds(
    names: Sequence[str], table: Mapping[str, Row], settings: Settings
) -> dict[str, list[float]]:
    """Return the seconds of each round of the floor and of the rows."""
    steps, half = settings.steps, settings.half

    def network_and_batch() -> tuple[Network, measure.Batch]:
        return measure.network_and_batch(settings.batch, settings.size, device=settings.device)

    network, data = network_and_batch()
    bare = floor(network, data[0], steps, torch.bfloat16 if half else torch.float32)
    work: dict[str, Callable[[], None]] = {FLOOR: bare}
    for name in names:
        work[name] = measure.stepper(table[name], network_and_batch()[0], data, steps, half)
    return timed(work, settings.rounds, torch.device(settings.device))


def _peak(name: str, settings: Settings, steps: int) -> dict[str, float]:
    """Return the peak memory of a row, measured in a process of its own."""
    options = {"batch": settings.batch, "steps": steps, "precision": settings.precision}
    text = json.dumps({**options, "device": settings.device})
    command = [sys.executable, "-m", "benchmarks.measure", name, text]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"Expected the memory of {name}, but found: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _memory(names: Sequence[str], settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the peak memory of each row; of SAF also at the numbers of steps in `LONG`."""
    found: dict[str, dict[str, Any]] = {}
    bar = tqdm(names, desc="memory", disable=None)
    for name in bar:
        bar.set_postfix_str(name)
        found[name] = {"memory": _peak(name, settings, settings.steps)}
        if name in ("SAF-E", "SAF-F"):
            found[name]["memory_steps"] = {str(t): _peak(name, settings, t) for t in LONG}
    return found


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PEERS}


def run(
    settings: Settings,
    *,
    rows: Sequence[str] | None = None,
    table: Mapping[str, Row] = ROWS,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure the rows, write the result as JSON to `out` and return it.

    Args:
        settings: How they are measured.
        rows: Names from `table`; None takes all.
        table: The rows there are.
        out: Where to write; None writes nothing.

    Raises:
        ValueError: If a name is unknown or the device is absent.
    """
    if unknown := set(rows or ()) - set(table):
        raise ValueError(f"Expected rows in {list(table)}, but found {sorted(unknown)}.")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("Expected a CUDA GPU, but found none. Use --device cpu.")
    torch.backends.cudnn.benchmark = settings.device == "cuda"
    found, refused = _counted(list(rows or table), table, settings)
    peaks = _memory(list(found), settings) if settings.memory else {}
    for name, spent in _seconds(list(found), table, settings).items():
        times = {"seconds": statistics.median(spent), "rounds": spent}
        found[name] = found.get(name, {}) | times | peaks.get(name, {})
    result = {
        "machine": describe_machine(torch.device(settings.device)),
        "versions": _versions(),
        "network": "vgg11",
        **asdict(settings),
        "tolerances": TOLERANCES,
        "rows": found,
        "refused": refused,
    }
    if out is not None:
        store(result, out)
    return result
