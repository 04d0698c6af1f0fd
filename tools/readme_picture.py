"""Draw the README's two pictures: python -m tools.readme_picture.

assets/explorer.svg is the neuron explorer, assets/trainer.svg the live trainer after a short
training on the digits. Both are drawn from the widgets' own controls and panels, on a light card
that can be read on a dark page too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from saflab.figures import svg
from saflab.figures.panel import BLUE, Panel

__all__ = ["card", "explorer", "run", "trainer"]

ASSETS = Path("assets")
# Of the whole picture, between its parts, of a row of controls, of a panel; the first row's place.
WIDTH, MARGIN, ROW, HEIGHT, TOP = 864, 12, 26, 170, 56


class Control(NamedTuple):
    """A control as the picture shows it: its label, its value, and where a slider's knob stands."""

    label: str
    value: str
    share: float | None = None


def _slider(control: Any) -> Control:
    scale = math.log if control.logarithmic else float
    low, value, high = map(scale, (control.low, control.value, control.high))
    return Control(control.label, f"{control.value:g}", (value - low) / (high - low))


def _choice(control: Any) -> Control:
    return Control(control.description, str(control.label))


def _drawn(control: Control, x: float, y: float) -> str:
    name = f'<text x="{x + 108}" y="{y}" text-anchor="end">{escape(control.label)}</text>'
    if control.share is None:
        return (
            f'{name}<rect x="{x + 120}" y="{y - 14}" width="160" height="20" rx="3" fill="none" '
            f'stroke="#999999"/><text x="{x + 128}" y="{y}">{escape(control.value)} ▾</text>'
        )
    left, right = x + 120, x + 330
    knob = left + control.share * (right - left)
    return (
        f'{name}<path d="M{left} {y - 4}H{right}" stroke="#BBBBBB" stroke-width="4" '
        f'stroke-linecap="round"/><circle cx="{knob:.1f}" cy="{y - 4}" r="7" fill="{BLUE}"/>'
        f'<text x="{right + 14}" y="{y}">{escape(control.value)}</text>'
    )


def _placed(panel: Panel, x: float, y: float, width: int) -> str:
    """Return the panel's SVG as a part of another SVG."""
    inside = re.sub(r' style="[^"]*"', "", svg(panel, width, HEIGHT), count=1)
    wide = HEIGHT + 12 if panel.square else width
    place = f'<svg x="{x}" y="{y}" width="{wide}" height="{HEIGHT}" '
    return inside.replace("<svg ", place, 1)


def card(
    title: str, says: str, controls: Sequence[Control], panels: Sequence[Panel], columns: int
) -> str:
    """Return the SVG of a widget: its controls in two columns, its panels below in `columns`.

    Args:
        title: Name of the widget.
        says: What the picture shows, for screen readers.
        controls: Controls in their order.
        panels: Panels in their order.
        columns: Panels beside one another.
    """
    parts = [
        _drawn(control, MARGIN + i % 2 * WIDTH // 2, TOP + i // 2 * ROW)
        for i, control in enumerate(controls)
    ]
    top = TOP + (len(controls) - 1) // 2 * ROW + 16
    width = (WIDTH - MARGIN * (columns + 1)) // columns
    for i, panel in enumerate(panels):
        x = MARGIN + i % columns * (width + MARGIN)
        parts.append(_placed(panel, x, top + i // columns * (HEIGHT + MARGIN), width))
    bottom = top + -(-len(panels) // columns) * (HEIGHT + MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" '
        f'height="{bottom}" role="img" aria-label="{escape(f"{title}: {says}", quote=True)}">'
        f'<rect width="{WIDTH}" height="{bottom}" rx="10" fill="#F3F3F0"/>'
        '<g font-family="system-ui,sans-serif" font-size="13" fill="#222222">'
        f'<text x="{MARGIN + 4}" y="26" font-size="15" font-weight="bold">{escape(title)}</text>'
        f"{''.join(parts)}</g></svg>\n"
    )


def explorer() -> str:
    """Return the picture of the neuron explorer."""
    from saflab.widgets import NeuronExplorer

    shown = NeuronExplorer()
    shown.set(decay=0.9, strength=0.35, kind="sine", steps=100)
    controls = [
        _slider(control) if hasattr(control, "low") else _choice(control)
        for control in shown.controls.values()
    ]
    return card("NeuronExplorer", shown.sentence, controls, shown.panels, columns=1)


def trainer(epochs: int = 8) -> str:
    """Return the picture of the live trainer after `epochs` epochs on the digits."""
    from saflab.widgets import LiveTrainer

    shown = LiveTrainer(channels=(64, 64), steps=12, epochs=epochs, lr=0.1)
    shown.data.value = "digits"
    shown.run()
    choices = [_choice(control) for control in (shown.rule, shown.model, shown.data)]
    sliders = [_slider(control) for control in (shown.epochs, shown.steps, shown.lr)]
    text = card("LiveTrainer", shown.sentence, [*choices, *sliders], shown.panels, columns=2)
    shown.end()
    return text


def run(assets: Path = ASSETS) -> int:
    """Write both pictures into the folder `assets`; return the exit status."""
    assets.mkdir(exist_ok=True)
    for name, text in (("explorer", explorer()), ("trainer", trainer())):
        path = assets / f"{name}.svg"
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(run())
