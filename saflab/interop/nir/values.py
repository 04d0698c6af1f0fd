"""The numbers of a NIR graph: of the right kind and finite, or an error that names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["check_finite", "numbers", "one", "pair", "plain", "shape_of"]


def plain(value: Any) -> Any:
    """Return an entry of a graph's metadata as text, number or list."""
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def check_finite(label: str, value: Any) -> None:
    """Refuse NaN and infinity in an array, or in any array of a mapping.

    Raises:
        ValueError: If there is one; names the tensor.
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            check_finite(f"{label}.{key}", part)
        return
    try:
        array = np.asarray(value)
    except ValueError:  # a list of lists of several lengths holds no tensor
        return
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        nan, total = int(np.isnan(array).sum()), int((~np.isfinite(array)).sum())
        hint = "Mend the network that was written."
        if label.rpartition(".")[2] in ("tau", "tau_mem", "tau_syn", "r"):
            hint = (
                "A neuron without decay has no finite τ: write a decay of 1 − 2⁻²⁴ in its place "
                "(snnTorch: beta=0.99999994), which counts as 1."
            )
        raise ValueError(
            f"Expected finite numbers in {label}, but found {nan} NaN and {total - nan} infinite "
            f"of {array.size}. {hint}"
        )


def numbers(name: str, node: Any, field: str) -> np.ndarray:
    """Return a field of a node as an array of numbers.

    Raises:
        ValueError: If it holds anything else, or nothing.
    """
    array = np.asarray(getattr(node, field))
    if array.dtype.kind not in "biuf" or array.size == 0:
        raise ValueError(
            f"Expected numbers in {field} of node {name!r}, but found {array.dtype} of shape "
            f"{array.shape}. Check the file with the library that wrote it."
        )
    return array


def one(name: str, node: Any, field: str) -> float:
    """Return the one value that a field has for all its neurons.

    Raises:
        ValueError: If there are several.
    """
    values = np.unique(numbers(name, node, field).astype(np.float64))
    if values.size != 1 or np.isnan(values[0]):
        raise ValueError(
            f"Expected one value of {field} for all of node {name!r}, but found {values.size}, "
            f"from {values[0]:g} to {values[-1]:g}. A saflab network has one decay, threshold and "
            "scale for a whole population; retrain with shared values."
        )
    return float(values[0])


def pair(name: str, node: Any, field: str) -> tuple[int, int]:
    """Return a size, stride or padding of an image: two whole numbers of at least 0.

    Raises:
        ValueError: If it is something else.
    """
    array = numbers(name, node, field)
    if array.size not in (1, 2) or (array != array.astype(np.int64)).any() or (array < 0).any():
        raise ValueError(
            f"Expected one or two whole numbers ≥ 0 in {field} of node {name!r}, but found "
            f"{array.tolist()}. Check the file with the library that wrote it."
        )
    height, width = np.broadcast_to(array.astype(np.int64).reshape(-1), 2)
    return int(height), int(width)


def shape_of(types: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    """Return the shape in a node's `input_type` or `output_type`, None if it is not known.

    Raises:
        ValueError: If it is no shape.
    """
    value = next(iter(types.values()), None) if types else None
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or (array != np.floor(array)).any():
        raise ValueError(f"Expected a shape of whole numbers, but found {array.tolist()}.")
    return tuple(int(n) for n in array)
