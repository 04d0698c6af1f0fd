"""Checkpoints that survive: written to a temporary name, then renamed; loaded without code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from saflab.data.inputs import Inputs
from saflab.files import halves, replacing
from saflab.network.network import Network
from saflab.network.wiring import rebuild
from saflab.training.config import TrainConfig, build_model

__all__ = [
    "CheckpointError",
    "append",
    "claim",
    "inputs_of",
    "load",
    "network_of",
    "restore",
    "save",
]

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or of another network."""


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a lock on a run's folder, so that two runs cannot mix their files.

    The system takes the lock away when the process ends, however it ends; what a killed run left
    half-written is then removed.

    Raises:
        CheckpointError: If another run holds it, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout as error:
        raise CheckpointError(
            f"Expected {folder} for this run alone, but found another run at work in it. Wait for "
            "it, stop it, or choose another folder with --out."
        ) from error
    except OSError as error:
        raise _closed(folder, error) from error
    with lock:
        for half in halves(folder / "checkpoint.pt"):
            with contextlib.suppress(OSError):
                half.unlink()
        yield


def _closed(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"Expected to write {path}, but found it impossible ({error}). Free some space or "
        "choose another folder with --out; earlier checkpoints are untouched."
    )


def append(path: Path, line: str, *, anew: bool = False) -> None:
    """Add a whole line to a log, or nothing; `anew` begins the file again.

    Raises:
        CheckpointError: If it cannot be written.
    """
    data = f"{line}\n".encode()
    try:
        with path.open("wb" if anew else "ab", buffering=0) as file:
            size = file.tell()
            try:
                written = file.write(data)
            except OSError:
                written = 0
            if written != len(data):
                file.truncate(size)
                raise OSError(f"{written} of {len(data)} bytes written; is the disk full?")
    except OSError as error:
        raise _closed(path, error) from error


def save(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new, never a part.

    Raises:
        CheckpointError: If the folder cannot be written to.
    """
    try:
        # Through Python's own file, whose errors say what is wrong.
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save({"format": FORMAT, **content}, file)
    except (OSError, RuntimeError) as error:
        raise _closed(path, error) from error


def load(path: str | Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Return the content of a checkpoint; runs no code that the file may contain.

    Raises:
        CheckpointError: If the file is missing, damaged or not one of ours.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "checkpoint.pt"
    if not path.is_file():
        raise CheckpointError(f"Expected a checkpoint at {path}, but found none. Train first.")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"Expected a whole checkpoint, but found {path} damaged ({type(error).__name__}). "
            "Use an earlier copy or train again."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"Expected a saflab checkpoint of format {FORMAT}, but found another in {path}."
        )
    config = content.get("config")
    if isinstance(config, dict) and "leak" in config:  # the name of λ before version 0.2
        config["decay"] = config.pop("leak")
    return content


def restore(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Load `weights` into `model` in place.

    Raises:
        CheckpointError: If they belong to another network; names the first difference.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        ours = tuple(own[name].shape) if name in own else "nothing"
        theirs = tuple(weights[name].shape) if name in weights else "nothing"
        if ours != theirs:
            raise CheckpointError(
                f"Expected weights of this network ({name}: {ours}), but found {theirs}. The "
                "checkpoint is of another network; build that model or start a new folder."
            )
    model.load_state_dict(weights)


def inputs_of(content: dict[str, Any]) -> Inputs:
    """Return how the images of a checkpoint's run became input."""
    config = content["config"]
    return Inputs(
        mean=tuple(content["mean"]),
        std=tuple(content["std"]),
        steps=config["steps"],
        encoder=config["encoder"],
    )


def network_of(content: dict[str, Any]) -> tuple[TrainConfig, Network]:
    """Return configuration and network of a checkpoint, on the CPU.

    An imported network carries its `wiring`; any other is built from the model's name.

    Raises:
        CheckpointError: If the weights are of another network.
        ValueError: If the configuration is not one of this version.
    """
    values = {**content["config"], "device": "cpu"}
    values["channels"] = tuple(values["channels"]) if values.get("channels") else None
    config = TrainConfig(**values)
    if "wiring" in content:
        model = rebuild(content["wiring"], config.neuron())
    else:
        model = build_model(config, tuple(content["shape"]), len(content["classes"]))
    restore(model, content["model"])
    return config, model
