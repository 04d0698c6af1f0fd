"""An imported network: its input, and the checkpoint that `saflab eval` runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saflab.data.dataset import Dataset
from saflab.data.inputs import Inputs
from saflab.interop.nir.files import notes
from saflab.interop.nir.values import check_finite, shape_of
from saflab.network.network import Network
from saflab.network.wiring import wiring
from saflab.training import checkpoints
from saflab.training.config import TrainConfig

__all__ = ["check_free", "graph_inputs", "import_network", "noted_steps"]


def noted_steps(graph: Any) -> int:
    """Return the number of steps that the writer noted.

    Raises:
        ValueError: If there is none.
    """
    steps = notes(graph).get("steps")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(
            f"Expected a number of steps, but found {steps} in the file. Add --steps 6."
        )
    return steps


def graph_inputs(
    graph: Any, data: Dataset, *, steps: int | None = None, encoder: str | None = None
) -> Inputs:
    """Return how images of `data` become the input of a graph.

    Args:
        graph: As `read_graph` returns it.
        data: Images it classifies; normalised as the graph says, else by their own moments.
        steps: T ≥ 1; None takes the graph's own.
        encoder: One of `ENCODERS`; None takes the graph's own, else a constant current.

    Raises:
        ValueError: If the graph is of other images or classes, or notes what cannot be.
    """
    facts = notes(graph)
    shape, classes = (
        shape_of({"": next(iter((types or {"": ()}).values()))}) or ()
        for types in (graph.input_type, graph.output_type)
    )
    size = int(np.prod(shape))
    fits = shape == data.shape or shape == (int(np.prod(data.shape)),)
    if not fits or classes != (len(data.classes),):
        raise ValueError(
            f"Expected a network for images of {data.shape} in {len(data.classes)} classes "
            f"({data.name}), but found {size} inputs and {int(np.prod(classes))} outputs, shapes "
            f"{shape} and {classes}. Choose its data with --data."
        )
    mean, std = data.moments() if not {"mean", "std"} <= facts.keys() else ([], [])
    return Inputs(
        mean=_per_channel("mean", facts.get("mean", mean), data),
        std=_per_channel("std", facts.get("std", std), data),
        steps=noted_steps(graph) if steps is None else steps,
        encoder=encoder or str(facts.get("encoder", "constant")),
    )


def _per_channel(name: str, values: Any, data: Dataset) -> tuple[float, ...]:
    array = np.asarray(values)
    if (
        array.dtype.kind not in "iuf"
        or array.shape != data.shape[:1]
        or (name == "std" and (array < 0).any())
    ):
        raise ValueError(
            f"Expected {data.shape[0]} numbers (one per channel of {data.name}, std ≥ 0) in the "
            f"note {name!r}, but found {values}. Choose its data with --data, or mend the note."
        )
    check_finite(f"metadata.{name}", array)
    return tuple(float(v) for v in array)


def import_network(
    network: Network, data: Dataset, inputs: Inputs, out: str | Path, *, overwrite: bool = False
) -> Path:
    """Write a network as a checkpoint that `saflab eval` runs; return its path.

    Args:
        network: As `from_nir` returns it.
        data: Images it classifies.
        inputs: As `graph_inputs` returns them.
        out: Folder for checkpoint.pt.
        overwrite: Replace the run that the folder holds.

    Raises:
        CheckpointError: If `out` holds a run, a training is at work in it, or it cannot be written.
        ValueError: If an input is not one of `TrainConfig`.
    """
    config = TrainConfig(
        rule="bptt",
        steps=inputs.steps,
        encoder=inputs.encoder,
        decay=network.neuron.decay,
        threshold=network.neuron.threshold,
    )
    run = asdict(config)
    content = {
        "config": {key: run[key] for key in ("rule", "steps", "encoder", "decay", "threshold")},
        "shape": list(data.shape),
        "classes": list(data.classes),
        "data": data.name,
        "mean": list(inputs.mean),
        "std": list(inputs.std),
        "model": network.state_dict(),
        "wiring": wiring(network),
    }
    folder = Path(out)
    check_free(folder, overwrite)
    with checkpoints.claim(folder):
        check_free(folder, overwrite)
        checkpoints.save(folder / "checkpoint.pt", content)
        (folder / "log.jsonl").unlink(missing_ok=True)  # of the run that was replaced
    return folder / "checkpoint.pt"


def check_free(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds a run, unless it is to be overwritten.

    Raises:
        CheckpointError: If it does.
    """
    held = [name for name in ("checkpoint.pt", "log.jsonl") if (folder / name).exists()]
    if held and not overwrite:
        raise checkpoints.CheckpointError(
            f"Expected a folder without a run, but found {held[0]} in {folder}. Replace it "
            "(--overwrite), or choose another folder with --out."
        )
