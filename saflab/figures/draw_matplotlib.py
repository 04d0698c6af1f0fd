"""Draw a `Panel` with matplotlib, in the course's one style.

Matplotlib belongs to the extra `course`: it is imported when something is drawn, so that panels,
scenes and SVGs do without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saflab.figures.panel import INK, PAPER, Mark, Panel
from saflab.machine import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DASHES", "card", "draw", "new_axes", "pyplot", "show"]


# Gaps as wide as the dashes, so that a line below shows as much as the one on it.
DASHES: Any = (0, (4.0, 4.0))


def pyplot() -> Any:
    """Return the module `matplotlib.pyplot`.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    with optional("course"):
        from matplotlib import pyplot
    return pyplot


def new_axes(height: float = 2.6) -> Axes:
    """Return the axes of a new figure as wide as the text, `height` inches high."""
    return pyplot().subplots(figsize=(7.0, height), layout="constrained")[1]


def card(ax: Axes) -> None:
    """Give `ax` the course's card: light paper, dark ink, no box."""
    figure = ax.get_figure()
    if figure is not None:
        figure.patch.set_facecolor(PAPER)  # type: ignore[union-attr]
    ax.set_facecolor(PAPER)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(INK)
    ax.tick_params(colors=INK, labelsize=9)
    ax.grid(True, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)


def _draw_mark(ax: Axes, m: Mark, span: tuple[float, float, float, float]) -> None:
    style: dict[str, Any] = {"color": m.colour, "label": m.label or None}
    dashes = DASHES if m.dashed else "-"
    if m.kind == "line":
        ax.plot(m.x, m.y, linestyle=dashes, linewidth=1.6, **style)
    elif m.kind == "steps":
        ax.step(m.x, m.y, where="mid", linestyle=dashes, linewidth=1.6, **style)
    elif m.kind == "dots":
        ax.plot(m.x, m.y, "o", markersize=4, **style)
    elif m.kind == "ticks":
        half = _tick_half(span)
        ax.vlines(m.x, m.y - half, m.y + half, linewidth=1.6, **style)
    elif m.kind == "bars":
        ax.bar(m.x, m.y, width=0.6, **style)
    elif m.kind == "level":
        ax.axhline(float(m.y[0]), linestyle=dashes, linewidth=1.2, **style)
    elif m.kind == "at":
        ax.axvline(float(m.x[0]), linestyle=dashes, linewidth=1.2, **style)
    else:
        rows, columns = m.y.shape[:2]
        extent = (0.5, columns + 0.5, rows + 0.5, 0.5)
        grid = m.kind == "grid"
        ax.imshow(
            m.y,
            cmap="Greys" if grid else "gray",
            vmin=0,
            vmax=1,
            extent=extent,
            aspect="auto" if grid else "equal",
            label=m.label,
        )


def _tick_half(span: tuple[float, float, float, float]) -> float:
    """Half the height of a spike's stroke: one neuron's row, or a fraction of the axis."""
    return min(0.4, 0.045 * (span[3] - span[2]))


def draw(panel: Panel, ax: Axes | None = None) -> Axes:
    """Draw `panel` on `ax` (a new figure if None) and return the axes.

    The panel's sentence becomes the artist's gid "says: …", so that it travels with the figure.
    """
    ax = ax or new_axes()
    card(ax)
    span = panel.limits()
    for m in panel.marks:
        _draw_mark(ax, m, span)
    if panel.log:
        ax.set_yscale("log")
    left, right, low, high = span
    half = 0.5 if panel.names and not panel.plane else 0.0  # room for the outer bars, as in svg
    ax.set_xlim(left - half, right + half)
    ax.set_ylim((high, low) if panel.plane else (low, high))
    ax.set_title(panel.title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel(panel.x, color=INK)
    ax.set_ylabel(panel.y, color=INK)
    if panel.names:
        ax.set_xticks(_middles(len(panel.names), left - half, right + half), panel.names)
    elif panel.picture:
        ax.set_xticks([])
    elif "step" in panel.x:
        ax.locator_params(axis="x", integer=True)
    if panel.rows:
        ax.set_yticks(_middles(len(panel.rows), low, high), panel.rows)
    elif panel.picture:
        ax.set_yticks([])
    _legend(ax, panel)
    ax.set_gid(f"says: {panel.says}")
    return ax


def _middles(parts: int, low: float, high: float) -> list[float]:
    """Return the middles of equal parts of an axis."""
    return [low + (i + 0.5) * (high - low) / parts for i in range(parts)]


def _legend(ax: Axes, panel: Panel) -> None:
    """Put the legend beside the title or beside the axes, where it hides no curve or spike."""
    named = sum(bool(m.label) for m in panel.marks if m.kind not in ("grid", "image"))
    if not named:
        return
    place: dict[str, Any] = {"loc": "upper left"}
    if named <= 4:
        place = {"loc": "lower right", "ncols": 4, "borderaxespad": 0.2}
    ax.legend(frameon=False, fontsize=9, labelcolor=INK, bbox_to_anchor=(1.0, 1.0), **place)


def show(panels: Sequence[Panel]) -> Figure:
    """Draw `panels` under one another in a new figure and return it."""
    figure, axes = pyplot().subplots(
        len(panels), 1, figsize=(7.0, 2.4 * len(panels)), layout="constrained", squeeze=False
    )
    for panel, ax in zip(panels, axes[:, 0], strict=True):
        draw(panel, ax)
    return figure
