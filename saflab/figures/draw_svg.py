"""Draw a `Panel` as an SVG string: light enough to send at every move of a slider.

The string is deterministic (no dates or random names), names itself to screen readers with the
panel's sentence, and scales with the page.
"""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from saflab.figures.panel import INK, PAPER, Mark, Panel

__all__ = ["html", "svg"]

LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 26.0, 38.0


class _Frame:
    """Maps data to pixels."""

    def __init__(self, panel: Panel, width: float, height: float) -> None:
        left, right, low, high = panel.limits()
        self.x0, self.x1 = LEFT, width - RIGHT
        self.y0, self.y1 = height - BOTTOM, TOP
        names = bool(panel.names) and not panel.plane  # room for the first and the last bar
        self.left, self.right = (left - 0.5, right + 0.5) if names else (left, right)
        self.log = panel.log
        self.low, self.high = (math.log10(low), math.log10(high)) if panel.log else (low, high)
        self.flip = panel.plane

    def x(self, value: np.ndarray) -> np.ndarray:
        return self.x0 + (value - self.left) / (self.right - self.left) * (self.x1 - self.x0)

    def y(self, value: np.ndarray) -> np.ndarray:
        if self.log:
            value = np.log10(value, out=np.full(np.shape(value), np.nan), where=value > 0)
        share = (value - self.low) / (self.high - self.low)
        share = 1.0 - share if self.flip else share
        return self.y0 + np.clip(share, -0.02, 1.02) * (self.y1 - self.y0)


def _ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Return about `count` round numbers in [low, high]."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Return about four powers of ten between 10**low and 10**high; if there are few, any four."""
    exponents = range(math.ceil(low), math.floor(high) + 1)
    if len(exponents) < 2:
        return _ticks(10.0**low, 10.0**high, 4)
    return [10.0**k for k in exponents[:: max(1, round(len(exponents) / 4))]]


def _path(x: np.ndarray, y: np.ndarray) -> str:
    keep = np.isfinite(x) & np.isfinite(y)
    return "M" + "L".join(
        f"{a:.1f} {b:.1f}" for a, b in zip(x[keep].tolist(), y[keep].tolist(), strict=True)
    )


def _mark(m: Mark, f: _Frame) -> str:
    stroke = f'stroke="{m.colour}" stroke-width="1.8" fill="none"'
    if m.dashed:
        stroke += ' stroke-dasharray="5 4"'
    if m.kind == "level":
        y = f.y(m.y)[0]
        return f'<path d="M{f.x0:.1f} {y:.1f}H{f.x1:.1f}" {stroke}/>'
    if m.kind == "at":
        x = f.x(m.x)[0]
        return f'<path d="M{x:.1f} {f.y0:.1f}V{f.y1:.1f}" {stroke}/>'
    if not m.y.size:
        return ""
    if m.kind == "grid":
        return _grid(m, f)
    if m.kind == "image":
        return _image(m, f)
    x, y = f.x(m.x), f.y(m.y)
    if m.kind == "line":
        return f'<path d="{_path(x, y)}" {stroke}/>'
    if m.kind == "steps":
        half = (x[1] - x[0]) / 2 if len(x) > 1 else 8.0
        xs = np.stack([x - half, x + half], 1).ravel().clip(f.x0, f.x1)
        return f'<path d="{_path(xs, np.repeat(y, 2))}" {stroke}/>'
    if m.kind == "dots":
        d = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        return (
            f'<path d="{d}" stroke="{m.colour}" stroke-width="6" stroke-linecap="round" '
            'fill="none"/>'
        )
    if m.kind == "ticks":
        half = min(7.0, max(1.8, 0.4 * (f.y0 - f.y1) / (f.high - f.low)))
        wide = min(9.0, max(1.8, 0.12 * (f.x1 - f.x0) / (f.right - f.left)))
        d = "".join(
            f"M{a:.1f} {b - half:.1f}v{2 * half:.1f}"
            for a, b in zip(x.tolist(), y.tolist(), strict=True)
        )
        return f'<path d="{d}" stroke="{m.colour}" stroke-width="{wide:.1f}" fill="none"/>'
    wide = 0.6 * (f.x1 - f.x0) / (f.right - f.left)
    base = float(f.y(np.zeros(1))[0])
    return "".join(
        f'<rect x="{a - wide / 2:.1f}" y="{min(b, base):.1f}" width="{wide:.1f}" '
        f'height="{abs(base - b):.1f}" fill="{m.colour}"/>'
        f'<text x="{a:.1f}" y="{min(b, base) - 4:.1f}" text-anchor="middle">{value:.3g}</text>'
        for a, b, value in zip(x.tolist(), y.tolist(), m.y.tolist(), strict=True)
    )


def _grid(m: Mark, f: _Frame) -> str:
    rows, columns = m.y.shape
    w, h = (f.x1 - f.x0) / columns, (f.y0 - f.y1) / rows
    cells = []
    for r, c in zip(*np.nonzero(m.y > 0), strict=True):
        shade = float(np.clip(m.y[r, c], 0, 1))
        cells.append(
            f'<rect x="{f.x0 + c * w:.1f}" y="{f.y1 + r * h:.1f}" width="{w + 0.2:.1f}" '
            f'height="{h + 0.2:.1f}" fill-opacity="{shade:.2f}"/>'
        )
    return f'<g fill="{m.colour}">{"".join(cells)}</g>'


def _image(m: Mark, f: _Frame) -> str:
    buffer = io.BytesIO()
    Image.fromarray((m.y.clip(0, 1) * 255).astype(np.uint8)).save(buffer, "png")
    return (
        f'<image x="{f.x0:.1f}" y="{f.y1:.1f}" width="{f.x1 - f.x0:.1f}" '
        f'height="{f.y0 - f.y1:.1f}" preserveAspectRatio="none" '
        'style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"/>'
    )


def _names(names: Sequence[str], low: float, high: float) -> list[tuple[float, str]]:
    """Return positions at equal distances in the middle of equal parts, with their names."""
    return [(low + (i + 0.5) * (high - low) / len(names), name) for i, name in enumerate(names)]


def _axes(panel: Panel, f: _Frame) -> str:
    whole = "step" in panel.x or f.flip
    parts = []
    marks: list[tuple[float, str]] = []
    if panel.names:
        marks = _names(panel.names, f.left, f.right)
    elif not panel.picture:
        marks = [(v, f"{v:g}") for v in _ticks(f.left, f.right, 4 if panel.square else 8, whole)]
    for value, name in marks:
        x = float(f.x(np.array([value]))[0])
        parts.append(
            f'<text x="{x:.1f}" y="{f.y0 + 14:.1f}" text-anchor="middle">{escape(name)}</text>'
        )
    if panel.rows:
        marks = _names(panel.rows, f.low, f.high)
    elif panel.picture:
        marks = []
    else:
        values = _powers(f.low, f.high) if f.log else _ticks(f.low, f.high, 4, f.flip)
        marks = [(value, f"{value:.4g}") for value in values]
    for value, name in marks:
        y = float(f.y(np.array([value]))[0])
        parts.append(
            f'<path d="M{f.x0:.1f} {y:.1f}H{f.x1:.1f}" stroke="#DDDDDD"/>'
            f'<text x="{f.x0 - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        )
    if not panel.picture:
        parts.append(
            f'<path d="M{f.x0:.1f} {f.y1:.1f}V{f.y0:.1f}H{f.x1:.1f}" stroke="{INK}" fill="none"/>'
        )
    middle = (f.y0 + f.y1) / 2
    parts.append(
        f'<text x="{(f.x0 + f.x1) / 2:.1f}" y="{f.y0 + 31:.1f}" text-anchor="middle">'
        f"{escape(panel.x)}</text>"
        f'<text transform="translate(13 {middle:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(panel.y)}</text>"
        f'<text x="{f.x0:.1f}" y="16" font-weight="bold">{escape(panel.title)}</text>'
    )
    return "".join(parts)


def _legend(panel: Panel, f: _Frame) -> str:
    """Return the names of the series, right-aligned beside the title, in their colours."""
    parts, x = [], f.x1
    for m in reversed([m for m in panel.marks if m.label]):
        parts.append(
            f'<text x="{x:.1f}" y="16" text-anchor="end" fill="{m.colour}" font-weight="bold">'
            f"{escape(m.label)}</text>"
        )
        x -= 7.2 * len(m.label) + 14
    return "".join(parts)


def svg(panel: Panel, width: int = 640, height: int = 190) -> str:
    """Return `panel` as SVG text, `width` × `height` pixels at 100 % zoom."""
    width = height + 12 if panel.square else width
    if panel.picture:
        rows, columns = panel.picture
        height = round(TOP + BOTTOM + (width - LEFT - RIGHT) * rows / columns)
    f = _Frame(panel, width, height)
    marks = "".join(_mark(m, f) for m in panel.marks)
    says = escape(f"{panel.title}. {panel.says}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{says}" style="width:100%;max-width:{width}px;display:block">'
        f'<rect width="{width}" height="{height}" rx="6" fill="{PAPER}" stroke="#CCCCCC"/>'
        f'<g font-family="system-ui,sans-serif" font-size="11.5" fill="{INK}">'
        f"{_axes(panel, f)}{_legend(panel, f)}{marks}</g></svg>"
    )


def html(panels: Sequence[Panel], width: int = 640, height: int = 190) -> str:
    """Return `panels` under one another."""
    return "".join(svg(panel, width, height) for panel in panels)
