"""Checkpoints: written whole or not at all, with a checksum; loaded without running code.

A checkpoint is what `torch.save` writes, followed by one line with its format and SHA-256.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import torch

from saflab.data.inputs import Inputs
from saflab.files import BusyError, leftovers, locked, replacing
from saflab.network.network import Network
from saflab.network.wiring import rebuild
from saflab.training.config import TrainConfig, build_model
from saflab.training.content import CheckpointError, check_content
from saflab.training.folders import at_work, located

__all__ = [
    "CheckpointError",
    "claim",
    "inputs_of",
    "load",
    "network_of",
    "not_writable",
    "restore",
    "save",
]

FORMAT = 2
_FORMATS = (1, 2)  # 1: version 0.1, without a checksum
_TRAILER = "\nsaflab-checkpoint format={:06d} sha256={}\n"
_LENGTH = len(_TRAILER.format(0, "0" * 64))
_PATTERN = re.compile(rb"\nsaflab-checkpoint format=(\d{6}) sha256=([0-9a-f]{64})\n")


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a lock on a run's folder, so that two runs cannot mix their files.

    The system releases the lock when the process ends, however it ends; the temporary files of a
    killed run are then removed.

    Raises:
        CheckpointError: If another run holds it, or the folder cannot be written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock", wait=False))
        except BusyError as error:
            raise at_work(folder) from error
        except OSError as error:
            raise not_writable(folder, error) from error
        for left in leftovers(folder / "checkpoint.pt"):
            with contextlib.suppress(OSError):
                left.unlink()
        yield


def not_writable(path: Path, error: Exception) -> CheckpointError:
    """Return the error for a file of a run that cannot be written."""
    return CheckpointError(
        f"Expected to write {path}, but found that it cannot be written ({error}). Free some space "
        "or choose another folder with --out; earlier checkpoints are unchanged."
    )


def save(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new, never a part.

    Raises:
        CheckpointError: If the folder cannot be written to.
    """
    try:
        # Through Python's own file, whose errors say what is wrong.
        with replacing(path) as temporary, temporary.open("w+b") as file:
            torch.save({"format": FORMAT, **content}, file)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.write(_TRAILER.format(FORMAT, digest).encode())
    except (OSError, RuntimeError) as error:
        raise not_writable(path, error) from error


def load(path: str | Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Return the content of a checkpoint, checked; runs no code that the file may contain.

    Args:
        path: The file, the folder of a run, or `runs/latest`.
        device: Where its tensors go.

    Raises:
        CheckpointError: If the file is missing, damaged, of a newer version or of another program.
    """
    path = located(Path(path))
    try:
        with path.open("rb") as file:
            version = _verified(file, path)
            file.seek(0)
            content = _unpickled(file, path, device)
    except OSError as error:
        raise CheckpointError(
            f"Expected a checkpoint at {path}, but found that it cannot be read ({error}). Check "
            "its permissions."
        ) from error
    _check_format(content, version, path)
    check_content(content, path)
    return content


def _verified(file: IO[bytes], path: Path) -> int | None:
    """Return the format in the last line after a check of the checksum; None without that line."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LENGTH))
    found = _PATTERN.fullmatch(file.read())
    if found is None:
        return None
    version = int(found[1])
    file.seek(0)
    digest, left = hashlib.sha256(), size - _LENGTH
    while left:
        part = file.read(min(left, 2**20))
        digest.update(part)
        left -= len(part)
    if digest.hexdigest().encode() != found[2]:
        raise _damaged(path, "its checksum differs")
    _check_version(version, path)
    return version


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"Expected a whole checkpoint, but found {path} damaged ({why}). Use an earlier copy or "
        "train again."
    )


def _check_version(version: int, path: Path) -> None:
    if version > FORMAT:
        raise CheckpointError(
            f"Expected a checkpoint of format {FORMAT} or older, but found format {version} in "
            f"{path}: a newer saflab wrote it. Update saflab."
        )


def _unpickled(file: IO[bytes], path: Path, device: str | torch.device) -> Any:
    try:
        return torch.load(file, map_location=device, weights_only=True)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the reader of a damaged archive meets
        raise _damaged(path, type(error).__name__) from error


def _check_format(content: Any, version: int | None, path: Path) -> None:
    """Refuse content of another program, of a newer format, or that has lost its checksum."""
    found = content.get("format") if isinstance(content, dict) else None
    if type(found) is not int or found < 1:
        raise CheckpointError(
            f"Expected a saflab checkpoint, but found {path} written by another program. Name the "
            "folder of a run."
        )
    _check_version(found, path)
    if version is None and found != 1:
        raise _damaged(path, "its checksum is missing")
    if version not in (None, found) or found not in _FORMATS:
        raise _damaged(path, "its format is stated twice, differently")


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

    Args:
        content: As `load` returns it.

    Raises:
        CheckpointError: If the weights or the connections are not of a network of this version.
    """
    config = TrainConfig(**{**content["config"], "device": "cpu"})
    try:
        if "wiring" in content:
            model = rebuild(content["wiring"], config.neuron())
        else:
            model = build_model(config, tuple(content["shape"]), len(content["classes"]))
    except Exception as error:  # plain data from a file: as many errors as ways to be wrong
        raise CheckpointError(
            f"Expected the connections of a network in the checkpoint, but found others ({error}). "
            "Train or import it again."
        ) from error
    restore(model, content["model"])
    return config, model
