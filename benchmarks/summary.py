"""`python -m benchmarks summary`: the README's five lines, from the result files in assets/."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

from tools.markdown import README, put

__all__ = ["run", "summary"]

ASSETS = Path("assets")


def _read(name: str, assets: Path) -> dict[str, Any]:
    return json.loads((assets / f"{name}.json").read_text(encoding="utf-8"))


def _accuracy(result: dict[str, Any]) -> str:
    found = {row["rule"]: f"{100 * row['test_accuracy']:.1f} %" for row in result["rows"]}
    lif = result["as_lif"]
    return (
        f"SAF-E {found['saf_e']}, OTTT_A {found['ottt_a']}, BPTT {found['bptt']}, SAF-F "
        f"{found['saf_f']}; the SAF-E weights run as LIF: {lif['changed_predictions']} of "
        f"{lif['images']:,} predictions differ"
    )


def _step(result: dict[str, Any]) -> str:
    rows = result["rows"]
    ottt, bare = (rows[name]["seconds"] for name in ("SpikingJelly OTTT", "Bare convolutions"))
    memory = rows["SAF-E"]["memory"]["tensors"] / rows["OTTT_A as published"]["memory"]["tensors"]
    return (
        f"SAF-E takes {rows['SAF-E']['seconds'] / ottt:.2f} and SAF-F "
        f"{rows['SAF-F']['seconds'] / ottt:.2f} of the time of SpikingJelly's OTTT "
        f"({rows['SAF-E']['seconds'] / bare:.2f} and {rows['SAF-F']['seconds'] / bare:.2f} of its "
        f"convolutions alone); SAF-E {memory:.2f} of the memory of OTTT as published"
    )


def _connections(result: dict[str, Any]) -> str:
    def accuracy(model: str, rule: str) -> str:
        rows = [r for r in result["rows"] if (r["model"], r["rule"]) == (model, rule)]
        return f"{100 * mean(r['test_accuracy'] for r in rows):.1f} %"

    parts = [
        f"{kind} SAF-E {accuracy(model, 'saf_e')}, BPTT {accuracy(model, 'bptt')}"
        for model, kind in (("resnet", "skips"), ("vgg11f", "feedback"))
    ]
    return f"{'; '.join(parts)} (means of {len({r['seed'] for r in result['rows']})} seeds)"


def _latency(result: dict[str, Any]) -> str:
    slowest = max(result["rows"], key=lambda row: row["median_ms"])
    worst = max(row["p95_ms"] for row in result["rows"])
    return (
        f"from a change to the painted picture at most {slowest['median_ms']:.0f} ms (median) and "
        f"{worst:.0f} ms (95 %), over {len(result['rows'])} explorers"
    )


def _watching(result: dict[str, Any]) -> str:
    return "; ".join(
        f"{row['cost_percent']:.0f} % more time if {row['threads']} of "
        f"{result['machine']['cores']} cores train"
        for row in result["threads"]
    )


# Title of a line, its anchor in docs/results.md, its result file, and what it says of it.
LINES = (
    ("Accuracy, small CIFAR-10 runs", "cifar10", "lab", _accuracy),
    ("One training step of vgg11", "step", "bench/cpu_float32", _step),
    ("Skips and feedback trained", "connections", "connections", _connections),
    ("Slider latency", "slider_latency", "widgets", _latency),
    ("Watching a training", "watching", "watch", _watching),
)


def summary(assets: Path = ASSETS) -> str:
    """Return one item of Markdown for each result, with a link to its table."""
    return "\n".join(
        f"- [{title}](docs/results.md#{anchor}): {text(_read(file, assets))}."
        for title, anchor, file, text in LINES
    )


def run() -> int:
    """Write the summary into README.md; return the exit status."""
    put("summary", summary(), README)
    return 0
