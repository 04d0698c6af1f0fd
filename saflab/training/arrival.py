"""Numbers on their way from the device to the host, for which no step waits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from saflab import machine

__all__ = ["Arrival", "Pending"]


class Arrival:
    """A tensor that is being copied to the host; the copy is queued and nobody waits for it.

    Args:
        x: Any tensor; one on the CPU is there at once.
    """

    def __init__(self, x: Tensor) -> None:
        self._event = None
        self._host = x
        if machine.on_gpu(x.device):
            self._host = x.to("cpu", non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def ready(self) -> bool:
        """Whether `read` would return without waiting."""
        return self._event is None or self._event.query()

    def read(self) -> list[float]:
        """Return the numbers, waiting for them if need be."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.tolist()


class Pending(NamedTuple):
    """A step whose loss and number of correct answers are on their way from the device."""

    step: int
    lr: float
    seconds: float
    numbers: Arrival
