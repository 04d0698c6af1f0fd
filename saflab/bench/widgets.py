"""Measure the time from a slider's change to pixels, in JupyterLab in Chromium.

`saflab bench widgets` writes assets/widgets.json. Per explorer: single changes (median
and 95th percentile in ms, from the input event until the new picture is painted), frames per
second while the slider is dragged, and how long after the release the last change arrives.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from saflab.bench.browser import open_lab
from saflab.bench.pages import store

__all__ = ["measure", "run"]

# Explorer, settings before measuring, and the slider that is moved.
CASES = (
    ("NeuronExplorer", "steps=200", "leak λ"),
    ("AccumulationExplorer", "steps=200, leak=0.9", "leak λ"),
    ("ClampExplorer", "steps=200", "leak λ"),
    ("SurrogateExplorer", "", "slope α"),
    ("GradientExplorer", "steps=60", "leak λ"),
    ("DriftExplorer", "steps=6", "learning rate"),
    ("CostExplorer", "", "steps T"),
    ("EnergyExplorer", "steps=20", "steps T"),
    ("NetworkPlayer", "", "shown up to step"),
)
PACKAGES = ("jupyterlab", "ipywidgets", "anywidget", "ipykernel", "torch", "playwright")

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
      seen.observe(picture, { childList: true, subtree: true });
      slider.value = low + share * (high - low);
      const start = performance.now();
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }));
  }
  return times;
}"""

COUNT = """() => {
  const picture = document.querySelector(".saflab-picture > div");
  window.saflabFrames = [];
  new MutationObserver(() => window.saflabFrames.push(performance.now()))
    .observe(picture, { childList: true, subtree: true });
}"""


def _drag(page: Any, slider: Any, seconds: float) -> dict[str, float]:
    """Drag to and fro with the mouse, about 60 moves a second."""
    page.evaluate(COUNT)
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
        "moves_per_second": round(i / (now - begin) * 1000.0, 1),
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
        drag = _drag(page, handle, seconds)
    return {
        "explorer": explorer,
        "settings": settings,
        "slider": slider,
        "changes": changes,
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
        **drag,
    }


def run(out: str | Path = "assets/widgets.json", *, changes: int = 60) -> dict[str, Any]:
    """Measure all cases and write them with machine, versions and date to `out`."""
    rows = []
    for case in CASES:
        rows.append(measure(*case, changes=changes))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(), "platform": platform.platform(),
            "load_after": [round(x, 2) for x in os.getloadavg()],
            "niceness": os.nice(0),
        },
        "versions": {
            "python": platform.python_version(), **{name: version(name) for name in PACKAGES}
        },
        "goal": {"median_ms": 40, "p95_ms": 80, "frames_per_second": 15},
        "rows": rows,
    }  # fmt: skip
    store(result, Path(out))
    return result
