"""Measure the time from a slider's change to pixels, in JupyterLab in Chromium.

`python -m benchmarks slider_latency` writes assets/widgets.json. Per explorer: single changes
(median and 95th percentile in ms, from the input event until the new picture is painted), new
values and frames per second while the slider is dragged, and the delay of the last frame.
"""

from __future__ import annotations

import json
import os
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from saflab.machine import describe_machine
from tools.browser import open_lab
from tools.markdown import machine_line, put, rows, store

__all__ = ["measure", "run", "table"]

# Explorer, settings before measuring, and the slider that is moved.
CASES = (
    ("NeuronExplorer", "steps=200", "decay λ"),
    ("AccumulationExplorer", "steps=200, decay=0.9", "decay λ"),
    ("ClampExplorer", "steps=200", "decay λ"),
    ("SurrogateExplorer", "", "slope α"),
    ("GradientExplorer", "steps=60", "decay λ"),
    ("DriftExplorer", "steps=6", "learning rate"),
    ("CostExplorer", "", "steps T"),
    ("EnergyExplorer", "steps=20", "steps T"),
    ("NetworkPlayer", "", "shown up to step"),
)
PACKAGES = ("jupyterlab", "ipywidgets", "anywidget", "ipykernel", "playwright")

CHANGE = "{attributes: true, characterData: true, childList: true, subtree: true}"

SINGLE = """async ([name, count]) => {
  const slider = document.querySelector(`input[type=range][aria-label="${name}"]`);
  const picture = document.querySelector(".saflab-picture > div");
  const low = Number(slider.min), high = Number(slider.max), times = [];
  for (let i = 0; i < count; i++) {
    const share = 0.25 + 0.5 * ((i * 0.618034) % 1);
    await new Promise((done) => setTimeout(done, 60 + (i * 37) % 50));
    times.push(await new Promise((done, fail) => {
      const late = setTimeout(() => fail(new Error("no new picture in 5 s")), 5000);
      const seen = new MutationObserver(() => {
        seen.disconnect();
        const painted = new MessageChannel();
        painted.port1.onmessage = () => { clearTimeout(late); done(performance.now() - start); };
        painted.port2.postMessage(0);
      });
      seen.observe(picture, ANY);
      slider.value = low + share * (high - low);
      const start = performance.now();
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }));
  }
  return times;
}""".replace("ANY", CHANGE)

COUNT = """name => {
  const slider = document.querySelector(`input[type=range][aria-label="${name}"]`);
  const picture = document.querySelector(".saflab-picture > div");
  window.saflabValues = 0;
  slider.addEventListener("input", () => window.saflabValues++);
  window.saflabFrames = [];
  new MutationObserver(() => window.saflabFrames.push(performance.now()))
    .observe(picture, ANY);
}""".replace("ANY", CHANGE)


def _drag(page: Any, slider: Any, name: str, seconds: float) -> dict[str, float]:
    """Drag to and fro with the mouse; a slider of few values changes at few of the moves."""
    page.evaluate(COUNT, name)
    box = slider.bounding_box()
    left, width, y = box["x"], box["width"], box["y"] + box["height"] / 2
    page.mouse.move(left + 0.25 * width, y)
    page.mouse.down()
    begin = page.evaluate("performance.now()")
    now, i = begin, 0
    while now - begin < 1000.0 * seconds:
        share = 0.25 + 0.5 * abs((i / 60.0) % 2.0 - 1.0)
        page.mouse.move(left + share * width, y)
        page.wait_for_timeout(10)
        now, i = page.evaluate("performance.now()"), i + 1
    page.mouse.up()
    end = page.evaluate("performance.now()")
    page.wait_for_timeout(1000)
    frames = page.evaluate("window.saflabFrames")
    inside = [f for f in frames if f <= end]
    return {
        "values_per_second": round(
            page.evaluate("window.saflabValues") / (now - begin) * 1000.0, 1
        ),
        "frames_per_second": round(len(inside) / (end - begin) * 1000.0, 1),
        "last_frame_after_release_ms": round(max(0.0, max(frames, default=end) - end), 1),
    }


def measure(
    explorer: str, settings: str, slider: str, *, changes: int = 60, seconds: float = 2.0
) -> dict[str, Any]:
    """Return the latencies of one explorer in a fresh JupyterLab.

    Args:
        explorer: Class in `saflab.widgets`.
        settings: Arguments of `Explorer.set`, as code.
        slider: Accessible name of the slider to move.
        changes: Single changes to time.
        seconds: Length of the drag.

    Raises:
        RuntimeError: If Chromium or JupyterLab is missing.
    """
    cell = f"from saflab import widgets\ne = widgets.{explorer}()\ne.set({settings})\ne"
    with open_lab([cell]) as page:
        handle = page.get_by_role("slider", name=slider)
        handle.wait_for(timeout=60_000)
        page.wait_for_timeout(1500)
        page.evaluate(SINGLE, [slider, 10])  # warm up
        times = page.evaluate(SINGLE, [slider, changes])
        drag = _drag(page, handle, slider, seconds)
    return {
        "explorer": explorer,
        "settings": settings,
        "slider": slider,
        "changes": changes,
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
        **drag,
    }


def table(result: dict[str, Any]) -> str:
    """Return a result as a table of Markdown."""
    cells = []
    for row in result["rows"]:
        few = row["values_per_second"] < result["goal"]["frames_per_second"]
        values = f" of {row['values_per_second']:.1f} values" if few else ""
        times = [f"{row['median_ms']:.0f} ms", f"{row['p95_ms']:.0f} ms"]
        frames = f"{row['frames_per_second']:.1f}{values}"
        cells.append([row["explorer"], row["slider"], *times, frames])
    versions = ", ".join(f"{name} {v}" for name, v in result["versions"].items())
    header = ["explorer", "slider", "change to pixels: median", "95 %", "frames per second"]
    last = f"{versions}; browser and kernel on the same cores."
    return "\n".join([*rows(header, cells), "", last, machine_line(result["machine"])])


def run(out: str | Path = "assets/widgets.json", *, changes: int = 60) -> dict[str, Any]:
    """Measure all cases; write them with machine, versions and date to `out`, and the table."""
    measured = []
    for case in CASES:
        measured.append(measure(*case, changes=changes))
        print(json.dumps(measured[-1], ensure_ascii=False), flush=True)
    result = {
        "machine": describe_machine(torch.device("cpu")),
        "load_after": [round(x, 2) for x in os.getloadavg()],
        "versions": {name: version(name) for name in PACKAGES},
        "goal": {"median_ms": 40, "p95_ms": 80, "frames_per_second": 15},
        "rows": measured,
    }
    store(result, Path(out))
    put("widgets", table(result))
    return result
