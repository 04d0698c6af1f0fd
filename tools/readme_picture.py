"""Draw the README's picture, assets/neuron.svg: python -m tools.readme_picture."""

from __future__ import annotations

from pathlib import Path

import torch

__all__ = ["run"]


def run(path: Path = Path("assets/neuron.svg")) -> int:
    """Draw one neuron as potential and spikes, and as accumulation; return the exit status."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from saflab.analysis.recording import record_neuron
    from saflab.figures import plot_accumulation, plot_membrane
    from saflab.neurons import LIFParams

    current = 0.35 + 0.35 * torch.sin(torch.arange(40.0) / 4.0)
    seen = record_neuron(current, LIFParams(decay=0.8, threshold=1.0))
    with mpl.rc_context({"svg.hashsalt": "saflab"}):
        figure = Figure(figsize=(9, 6), layout="constrained", facecolor="white")
        upper, lower = figure.subplots(2, 1)
        plot_membrane(seen, ax=upper)
        plot_accumulation(seen, ax=lower)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    print(f"Wrote {path}.")
    return 0
