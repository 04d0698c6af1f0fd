"""Checkpoints to NIR files and back; a file is whole or not there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from saflab.files import replacing
from saflab.interop.nir.package import nir_package
from saflab.interop.nir.values import plain
from saflab.interop.nir.wires import check_edges
from saflab.interop.nir.writing import to_nir
from saflab.training import checkpoints
from saflab.training.checkpoints import network_of

__all__ = ["export_checkpoint", "notes", "read_graph", "write_graph"]


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
    """Write a NIR graph, with a checksum, so that a crash leaves the old file or the new.

    Raises:
        ValueError: If the file cannot be written, or is there and of another kind.
    """
    if path.is_file() and not _is_hdf5(path):
        raise ValueError(
            f"Expected a new file or an earlier NIR file at {path}, but found a file of another "
            "kind. Choose another name."
        )
    try:
        with replacing(path) as temporary:
            nir_package().write(temporary, graph)
            # Readers of HDF5 pass over what follows its end.
            checksum = hashlib.sha256(temporary.read_bytes()).hexdigest()
            with temporary.open("ab") as file:
                file.write(f"\nsaflab sha256 {checksum}\n".encode())
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"Expected to write {path}, but found that it cannot be written ({error}). Free some "
            "space or choose another file."
        ) from error


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def _is_whole(path: Path) -> bool:
    """Return whether a file is as it was written; without checksum nobody can tell."""
    content, _, last = path.read_bytes().rpartition(b"\nsaflab sha256 ")
    return not content or last == f"{hashlib.sha256(content).hexdigest()}\n".encode()


def read_graph(path: str | Path) -> Any:
    """Return the `nir.NIRGraph` in a file.

    Raises:
        ValueError: If nir or the file is missing, or the file is damaged or not a NIR graph.
    """
    nir, path = nir_package(), Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a NIR file at {path}, but found none. Check the name.")
    try:
        if not _is_whole(path):
            raise ValueError("other content than its checksum says")
        graph = nir.read(path, type_check=False)
    except Exception as error:  # h5py, NumPy and nir have errors of many kinds for damaged files
        raise ValueError(
            f"Expected a NIR file (HDF5), but found {path} damaged or of another kind "
            f"({type(error).__name__}: {error}). Export it again."
        ) from error
    if not isinstance(graph, nir.NIRGraph):
        raise ValueError(
            f"Expected a NIR graph, but found a single {type(graph).__name__} in {path}. Wrap it "
            "in a nir.NIRGraph with an input and an output."
        )
    check_edges(graph)  # before nir, which would add inputs and outputs where edges are missing
    try:
        graph.infer_types()
        graph.check_types()
    except Exception as error:
        raise ValueError(
            f"Expected shapes that fit, but found {path} with others ({error}). Check the file "
            "with the library that wrote it."
        ) from error
    return graph


def notes(graph: Any) -> dict[str, Any]:
    """Return what the writer of a graph noted beside it, as plain text, numbers and lists."""
    return {key: plain(value) for key, value in graph.metadata.items()}
