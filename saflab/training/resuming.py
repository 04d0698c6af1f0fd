"""Whether a run may go on from a checkpoint: same configuration, data and network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import nn

from saflab.data.dataset import Dataset
from saflab.training.config import TrainConfig
from saflab.training.content import CheckpointError

__all__ = ["check_momentum", "check_same_run"]

_FREE = ("device", "impl", "cuda_graph")  # may differ: they do not change what is computed


def check_same_run(content: dict[str, Any], config: TrainConfig, data: Dataset) -> None:
    """Refuse the checkpoint of another run.

    Raises:
        CheckpointError: If configuration or data differ, or it is of an imported network.
    """
    if "optimizer" not in content:
        raise CheckpointError(
            "Expected the checkpoint of a training, but found one without optimizer and step, "
            "as `saflab import` writes it. Evaluate it with `saflab eval`, or start anew in "
            "another folder with --out."
        )
    saved, own = content["config"], asdict(config)
    different = [
        f"{name} {saved[name]!r} → {own[name]!r}"
        for name in own
        if name not in _FREE and saved[name] != own[name]
    ]
    images = len(data.train_labels)
    if content["images"] != images or content["data"] != data.name:
        different.append(
            f"data {content['images']} images of {content['data']} → {images} of {data.name}"
        )
    for name, found in (("shape", data.shape), ("classes", data.classes)):
        if content[name] != list(found):
            different.append(f"{name} {content[name]} → {list(found)}")
    if different:
        raise CheckpointError(
            f"Expected the configuration of the checkpoint, but found {'; '.join(different)}. "
            "Resume with the same options, or start anew in another folder."
        )


def check_momentum(content: dict[str, Any], model: nn.Module) -> None:
    """Refuse the optimizer state of another network, which PyTorch would load.

    Raises:
        CheckpointError: If a shape differs; names the parameter.
    """
    named, saved = list(model.named_parameters()), content["optimizer"]
    count = len(saved["param_groups"][0]["params"])
    if count != len(named):
        raise CheckpointError(
            f"Expected the optimizer of {len(named)} parameters in the checkpoint, but found "
            f"{count}. Start anew in another folder."
        )
    for index, buffers in saved["state"].items():
        buffer, (name, p) = buffers.get("momentum_buffer"), named[index]
        if buffer is not None and buffer.shape != p.shape:
            raise CheckpointError(
                f"Expected momentum of shape {tuple(p.shape)} for {name} in the checkpoint, but "
                f"found {tuple(buffer.shape)}. Start anew in another folder."
            )
