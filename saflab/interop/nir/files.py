"""Checkpoints to NIR files and back; a file is whole or not there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saflab.data.dataset import Dataset
from saflab.files import replacing
from saflab.interop.nir.package import nir_package
from saflab.interop.nir.reading import from_nir
from saflab.interop.nir.writing import to_nir
from saflab.network.wiring import wiring
from saflab.training import checkpoints
from saflab.training.checkpoints import network_of
from saflab.training.config import TrainConfig

__all__ = ["export_checkpoint", "import_graph", "notes", "read_graph", "write_graph"]


def export_checkpoint(checkpoint: str | Path, path: str | Path) -> Any:
    """Write the network of a checkpoint as a NIR file and return the graph.

    The file also holds what a user needs to feed it: T, encoder, and the mean and standard
    deviation that normalise an image in [0, 1].

    Raises:
        CheckpointError: If there is no whole checkpoint.
        ValueError: If nir is missing, the file cannot be written, or as `to_nir`.
    """
    nir_package()
    content = checkpoints.load(checkpoint)
    config, model = network_of(content)
    graph = to_nir(
        model,
        tuple(content["shape"]),
        {
            "writer": "saflab",
            "steps": config.steps,
            "encoder": config.encoder,
            "data": content["data"],
            "mean": np.array(content["mean"]),
            "std": np.array(content["std"]),
            "classes": "\n".join(content["classes"]),
        },
    )
    write_graph(graph, Path(path))
    return graph


def write_graph(graph: Any, path: Path) -> None:
    """Write a NIR graph so that a crash leaves the old file or the new, never a part."""
    try:
        with replacing(path) as temporary:
            nir_package().write(temporary, graph)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"Expected to write {path}, but found that it cannot be written ({error}). Free some "
            "space or choose another file."
        ) from error


def read_graph(path: str | Path) -> Any:
    """Return the `nir.NIRGraph` in a file.

    Raises:
        ValueError: If nir or the file is missing, or the file is damaged or not a NIR graph.
    """
    nir, path = nir_package(), Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a NIR file at {path}, but found none. Check the name.")
    try:
        graph = nir.read(path)
    except Exception as error:
        raise ValueError(
            f"Expected a NIR file (HDF5), but found {path} damaged or of another kind "
            f"({type(error).__name__}: {error}). Export it again."
        ) from error
    if not isinstance(graph, nir.NIRGraph):
        raise ValueError(
            f"Expected a NIR graph, but found a single {type(graph).__name__} in {path}."
        )
    return graph


def notes(graph: Any) -> dict[str, Any]:
    """Return what the writer of a graph noted beside it, as plain text, numbers and lists."""
    return {key: _plain(value) for key, value in graph.metadata.items()}


def _plain(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return value.decode() if isinstance(value, bytes) else value


def import_graph(
    graph: Any,
    out: str | Path,
    data: Dataset,
    *,
    steps: int,
    encoder: str | None = None,
    dt: float | None = None,
    reset: str = "as written",
) -> Path:
    """Write the network of a NIR graph as a checkpoint that `saflab eval` runs; return its path.

    Args:
        graph: As `read_graph` returns it.
        out: Folder for checkpoint.pt.
        data: Images it classifies; normalised as the graph says, else by their own moments.
        steps: T.
        encoder: One of `ENCODERS`; None takes the graph's own, else a constant current.
        dt: As `from_nir`.
        reset: As `from_nir`.

    Raises:
        ValueError: As `from_nir`, or if the network does not fit the images.
        CheckpointError: If a training is at work in `out`, or it cannot be written to.
    """
    network, facts = from_nir(graph, dt=dt, reset=reset), notes(graph)
    config = TrainConfig(
        rule="bptt",
        steps=steps,
        encoder=encoder or str(facts.get("encoder", "constant")),
        decay=network.neuron.decay,
        threshold=network.neuron.threshold,
    )
    size = int(np.prod(next(iter(graph.input_type.values()))))
    classes = int(np.prod(next(iter(graph.output_type.values()))))
    if size != int(np.prod(data.shape)) or classes != len(data.classes):
        raise ValueError(
            f"Expected a network for images of {tuple(data.shape)} in {len(data.classes)} "
            f"classes ({data.name}), but found {size} inputs and {classes} outputs. Choose its "
            "data with --data."
        )
    mean, std = data.moments()
    run = asdict(config)
    content = {
        "config": {key: run[key] for key in ("rule", "steps", "encoder", "decay", "threshold")},
        "shape": list(data.shape),
        "classes": list(data.classes),
        "data": data.name,
        "mean": [float(v) for v in np.asarray(facts.get("mean", mean))],
        "std": [float(v) for v in np.asarray(facts.get("std", std))],
        "model": network.state_dict(),
        "wiring": wiring(network),
    }
    checkpoint = Path(out) / "checkpoint.pt"
    with checkpoints.claim(checkpoint.parent):
        checkpoints.save(checkpoint, content)
    return checkpoint
