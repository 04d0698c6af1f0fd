"""What a checkpoint must hold: names, types, ranges and finite numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saflab.ops.finite import is_finite
from saflab.training.config import TrainConfig
from saflab.training.events import EpochEnd

__all__ = ["CheckpointError", "check_content", "check_finite", "named_tensors"]


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, of another network, or would be overwritten."""


# What a run and an imported network hold; a run has more, to be resumed.
_NETWORK = {"config": dict, "shape": list, "classes": list, "data": str, "mean": list, "std": list,
            "model": dict}  # fmt: skip
_RUN = {"images": int, "optimizer": dict, "step": int, "sums": list, "history": list}


def check_content(content: dict[str, Any], path: Path) -> None:
    """Check the content of a checkpoint; names of version 0.1 become today's, in place.

    Raises:
        CheckpointError: If something is missing, of another type, out of range or not finite.
    """
    kinds = _NETWORK | (_RUN if _RUN.keys() & content.keys() else {})
    for name, kind in kinds.items():
        if not _is(kind, content.get(name)):
            found = "none" if name not in content else type(content[name]).__name__
            raise _wrong(path, f"{name} of type {kind.__name__}", found)
    _check_config(content, path)
    _check_inputs(content, path)
    for name, x in content["model"].items():
        if not (isinstance(name, str) and _dense(x)):
            raise _wrong(path, "a tensor for each weight", f"{name!r}: {type(x).__name__}")
    if "step" in content:
        _check_progress(content, path)
        _check_optimizer(content, path)
    check_finite(content, str(path))


def _wrong(path: Path, expected: str, found: str) -> CheckpointError:
    return CheckpointError(
        f"Expected {expected} in a checkpoint, but found {found[:200]} in {path}. Use an earlier "
        "copy or train again."
    )


def _check_config(content: dict[str, Any], path: Path) -> None:
    values = content["config"]
    if "leak" in values:  # the name of λ before version 0.2
        values["decay"] = values.pop("leak")
    if isinstance(values.get("channels"), list):
        values["channels"] = tuple(values["channels"])
    known = {field.name for field in fields(TrainConfig)}
    if unknown := [name for name in values if name not in known]:
        raise _wrong(path, "settings of this version", f"{unknown}")
    try:
        TrainConfig(**values)
    except Exception as error:  # types from a file: TypeError and others, besides ValueError
        raise _wrong(path, "a configuration", f"({error})") from error
    # An imported network states few settings; whoever reads finds all.
    content["config"] = asdict(TrainConfig(**values))


def _is(kind: type | tuple[type, ...], value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _dense(x: Any) -> bool:
    """Return whether `x` is a tensor of plain numbers, as those of a network are."""
    return isinstance(x, Tensor) and x.layout == torch.strided and not (x.is_quantized or x.is_meta)


def _check_inputs(content: dict[str, Any], path: Path) -> None:
    shape, classes = content["shape"], content["classes"]
    if not (shape and all(_is(int, n) and 1 <= n < 2**31 for n in shape)):
        raise _wrong(path, "a shape of whole numbers ≥ 1", repr(shape))
    if not (classes and all(isinstance(name, str) for name in classes)):
        raise _wrong(path, "names of classes", repr(classes))
    for name in ("mean", "std"):
        values = content[name]
        numbers = all(_is((int, float), v) and math.isfinite(v) for v in values)
        if not numbers or len(values) != shape[0] or (name == "std" and min(values) < 0):
            raise _wrong(path, f"one finite {name} per channel ({shape[0]})", repr(values))


def _check_progress(content: dict[str, Any], path: Path) -> None:
    images, step, history = content["images"], content["step"], content["history"]
    per_epoch = math.ceil(images / content["config"]["batch"])
    total = per_epoch * content["config"]["epochs"]
    if images < 1 or not 0 <= step <= total:
        raise _wrong(path, f"a step in 0…{total} and images ≥ 1", f"step {step}, {images} images")
    if len(history) not in {step // per_epoch, max(0, math.ceil(step / per_epoch) - 1)}:
        raise _wrong(path, f"the history of {step // per_epoch} epochs", f"{len(history)} entries")
    names = {field.name for field in fields(EpochEnd)}
    for entry in history:
        if not isinstance(entry, dict) or set(entry) != names:
            raise _wrong(path, "an epoch's measurements in the history", repr(entry))
        test = entry["test_accuracy"]
        if not (test is None or (_is((int, float), test) and 0 <= test <= 1)):
            raise _wrong(path, "a test accuracy in [0, 1] in the history", repr(test))
    sums = content["sums"]
    if len(sums) != 3 or not all(_is((int, float), v) and math.isfinite(v) for v in sums):
        raise _wrong(path, "three finite sums", repr(sums))


def _check_optimizer(content: dict[str, Any], path: Path) -> None:
    try:
        state, (group,) = (content["optimizer"][name] for name in ("state", "param_groups"))
        indices = range(len(group["params"]))
        whole = all(type(i) is int for i in group["params"]) and group["params"] == [*indices]
        for index, buffers in state.items():
            (buffer,) = buffers.values() or (None,)
            whole &= index in indices and set(buffers) <= {"momentum_buffer"}
            whole &= buffer is None or _dense(buffer)
    except (KeyError, TypeError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise _wrong(path, "the state of SGD", repr(content["optimizer"]))


def named_tensors(content: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a checkpoint with a name that an error can state."""
    yield from content["model"].items()
    for index, state in content.get("optimizer", {}).get("state", {}).items():
        for key, value in state.items():
            if isinstance(value, Tensor):
                yield f"{key} of parameter {index}", value


def check_finite(content: dict[str, Any], where: str) -> None:
    """Refuse weights and optimizer state that hold NaN or infinity.

    Raises:
        CheckpointError: If a tensor does; names it.
    """
    for name, x in named_tensors(content):
        if not is_finite(x):
            raise CheckpointError(
                f"Expected finite numbers in {where}, but found NaN or infinity in {name}. "
                "Training has diverged: lower the learning rate. Earlier checkpoints are unchanged."
            )
