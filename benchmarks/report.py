"""`python -m benchmarks report`: a table, targets and figures from the results of `step`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.rows import FLOOR
from benchmarks.step import MEASURES
from saflab.figures import plot_bars
from tools.markdown import RESULTS, put

__all__ = ["FOLDER", "TARGETS", "run", "table", "targets"]

FOLDER = Path("assets/bench")
Rows = dict[str, dict[str, Any]]


class Target(NamedTuple):
    """A ratio that must not exceed `most` ("cpu", "cuda")."""

    name: str
    value: Callable[[Rows], float]
    most: dict[str, float]


def _time(a: str, b: str) -> Callable[[Rows], float]:
    return lambda rows: rows[a]["seconds"] / rows[b]["seconds"]


def _growth(a: str) -> Callable[[Rows], float]:
    return lambda rows: (
        rows[a]["memory_steps"]["32"]["tensors"] / rows[a]["memory_steps"]["4"]["tensors"]
    )


def _both(limit: float, gpu: float | None = None) -> dict[str, float]:
    return {"cpu": limit, "cuda": limit if gpu is None else gpu}


TARGETS = (
    Target("SAF-E step / bare convolutions", _time("SAF-E", FLOOR), _both(1.15)),
    Target("SAF-E / SpikingJelly OTTT", _time("SAF-E", "SpikingJelly OTTT"), _both(0.6, 0.5)),
    Target("SAF-F / SpikingJelly OTTT", _time("SAF-F", "SpikingJelly OTTT"), _both(0.25)),
    *(
        Target(f"{rule} / {peer} BPTT", _time(rule, f"{peer} BPTT"), _both(most))
        for peer, e, f in (("SpikingJelly", 0.9, 0.45), ("snnTorch", 0.8, 0.4), ("Norse", 0.8, 0.4))
        for rule, most in (("SAF-E", e), ("SAF-F", f))
    ),
    Target(
        "SAF-E peak memory / OTTT_A as published",
        lambda rows: (
            rows["SAF-E"]["memory"]["tensors"] / rows["OTTT_A as published"]["memory"]["tensors"]
        ),
        _both(0.6),
    ),
    Target("SAF-E peak memory, T = 32 / T = 4", _growth("SAF-E"), _both(1.02)),
    Target("SAF-F peak memory, T = 32 / T = 4", _growth("SAF-F"), _both(1.02)),
)
BYTES = Target(
    "SAF-E kept bytes per neuron-step", lambda rows: rows["SAF-E"]["kept_bytes"], _both(4.0)
)


def targets(result: dict[str, Any]) -> list[tuple[str, float, float, bool]]:
    """Return (measure, value, at most, met) for each target whose rows are there."""
    device = "cuda" if result["machine"]["gpu"] else "cpu"
    wanted = (*TARGETS, BYTES) if result["precision"] == "bfloat16" else TARGETS
    out = []
    for target in wanted:
        try:
            value = target.value(result["rows"])
        except KeyError:
            continue  # a row that was refused, or memory that was not measured
        out.append((target.name, value, target.most[device], value <= target.most[device]))
    return out


def _cell(row: dict[str, Any], key: str, form: Callable[[Any], str]) -> str:
    return form(row[key]) if key in row else "–"


def table(result: dict[str, Any]) -> str:
    """Return a result as Markdown: rows, what was compared, targets, machine."""
    rows, machine = result["rows"], result["machine"]
    bare = rows[FLOOR]["seconds"]
    lines = [
        "| row | seconds per step | / bare convolutions | convolutions forward + backward "
        "| kept for backward, bytes per neuron-step | peak memory of tensors |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in sorted(rows.items(), key=lambda item: item[1]["seconds"]):
        cells = [
            name,
            f"{row['seconds']:.3f}",
            f"{row['seconds'] / bare:.2f}",
            _cell(row, "convolutions", lambda c: f"{c['forward']} + {c['backward']}"),
            _cell(row, "kept_bytes", lambda b: f"{b:.2f}"),
            _cell(row, "memory", lambda m: f"{m['tensors'] / 2**20:.0f} MiB"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| target | measured | at most | |", "|---|---|---|---|"]
    for name, value, most, met in targets(result):
        lines.append(f"| {name} | {value:.3f} | {most:g} | {'met' if met else 'missed'} |")
    gates = " and ".join(
        f"{MEASURES[kind]} ≤ {result['tolerances'][kind]:g} in {kind}"
        for kind in dict.fromkeys(("float64", result["precision"]))
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += [
        "",
        f"{result['network']}, batch {result['batch']}, T = {result['steps']}, "
        f"{result['precision']}, medians of {result['rounds']} interleaved rounds of forward, "
        "backward and SGD with momentum; bare convolutions are T times forward and backward in the "
        "faster memory layout of each layer, without any optimizer. Memory is the peak of tensors "
        "above weights, momentum and batch. A row is shown only if its gradient g agrees with the "
        f"reference: {gates} (below float64, in the best of three batches).",
        f"{machine['gpu'] or machine['processor']}, {machine['threads']} threads, torch "
        f"{machine['torch']}, {versions}, Python {machine['python']}, {machine['date']}.",
    ]
    lines += [f"Refused: {name} ({why})." for name, why in result["refused"].items()]
    return "\n".join(lines)


def _figure(result: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = sorted(result["rows"].items(), key=lambda item: item[1]["seconds"])
    network, batch, steps = result["network"], result["batch"], result["steps"]
    title = f"{network}, batch {batch}, T = {steps}, {result['precision']}"
    pictures = [({n: r["seconds"] for n, r in rows}, f"Training step: {title}", "seconds")]
    if any("memory" in r for _, r in rows):
        memory = {n: r["memory"]["tensors"] / 2**20 for n, r in rows if "memory" in r}
        pictures.append((memory, "Peak memory of tensors", "MiB"))
    with mpl.rc_context({"svg.hashsalt": "saflab"}):
        figure = Figure(figsize=(11, 4 * len(pictures)), layout="constrained")
        axes = figure.subplots(len(pictures), squeeze=False)[:, 0]
        for ax, picture in zip(axes, pictures, strict=True):
            plot_bars(*picture, ax=ax)
            ax.tick_params(axis="x", rotation=25)
        figure.savefig(path, metadata={"Date": None})


def run(folder: Path = FOLDER, page: Path = RESULTS) -> int:
    """Write report.md and one figure per result in `folder`, and the CPU's table into `page`.

    Raises:
        ValueError: If there is no result, or `page` has no place for it.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ValueError(
            f"Expected results in {folder}, but found none. Run python -m benchmarks step."
        )
    parts = []
    for file in files:
        result = json.loads(file.read_text(encoding="utf-8"))
        _figure(result, file.with_suffix(".svg"))
        parts.append(f"## {file.stem}\n\n{table(result)}\n")
        if file.stem == "cpu_float32":
            put("step", table(result), page)
    text = "\n".join(parts)
    (folder / "report.md").write_text(text, encoding="utf-8")
    print(text)
    return 0
