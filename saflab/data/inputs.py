"""From uint8 images to the input of a network: normalised, then spread over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from saflab.data.dataset import Dataset
from saflab.data.encoders import ENCODERS, encode, over_time

__all__ = ["Inputs", "normalise"]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """How uint8 images become the input of a network.

        constant current   x[t] = (image/255 − mean)/std at every t
        "poisson"          x[t] ~ B(image/255)
        "latency"          one spike per pixel, earlier for brighter ones

    Images over time, (B, T, C, H, W), are normalised, and frame t is the current of step t.

    Args:
        mean: Per channel, in [0, 1], as in training.
        std: Per channel, above 0, as in training.
        steps: Time steps T ≥ 1.
        encoder: One of `ENCODERS`; "constant" for images over time.

    Raises:
        ValueError: If there is no such encoder.

    >>> from saflab.data import digits
    >>> data = digits()
    >>> Inputs.of(data, steps=6)(data.test_images[:5]).shape
    torch.Size([6, 5, 1, 8, 8])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int = 4
    encoder: str = "constant"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(
                f"Expected an encoder in {sorted(ENCODERS)}, but found {self.encoder!r}."
            )

    @classmethod
    def of(cls, data: Dataset, *, steps: int = 4, encoder: str = "constant") -> Inputs:
        """Return the inputs of a dataset, normalised by the moments of its training images."""
        mean, std = data.moments()
        return cls(mean=tuple(mean), std=tuple(std), steps=steps, encoder=encoder)

    def __call__(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the input x[T, B, *features] of uint8 images.

        Args:
            images: uint8, shape (B, C, H, W), or (B, T, C, H, W) over time.
            generator: Source of randomness of a random encoder.

        Raises:
            ValueError: If shapes do not fit, or images over time are to be encoded.
        """
        if images.dim() == 5:
            if self.encoder != "constant":
                raise ValueError(
                    f"Expected encoder 'constant' for data over time, but found {self.encoder!r}. "
                    "Leave the encoder out: the frames are the input."
                )
            return over_time(normalise(images, self.mean, self.std), self.steps, check=False)
        constant = self.encoder == "constant"
        floats = normalise(images, self.mean, self.std) if constant else images.float() / 255.0
        # Bytes are finite and in range.
        return encode(floats, self.steps, self.encoder, generator=generator, check=False)


def normalise(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Return (image/255 − mean)/std per channel, float32.

    Args:
        images: uint8, shape (B, C, H, W) or, over time, (B, T, C, H, W).
        mean: Per channel, in [0, 1].
        std: Per channel, above 0.

    Raises:
        ValueError: If there is not one finite mean and deviation per channel.
    """
    channels = images.shape[-3] if images.dim() > 3 else None
    if not (len(mean) == len(std) == channels and all(map(math.isfinite, (*mean, *std)))):
        raise ValueError(
            f"Expected images (B, C, H, W) and a finite mean and deviation per channel, but found "
            f"shape {tuple(images.shape)}, mean {mean}, deviation {std}. Use Dataset.moments()."
        )
    m = _per_channel(tuple(mean), images.device)
    s = _per_channel(tuple(std), images.device).clamp(min=1e-8)
    return (images.float() / 255.0 - m) / s


@lru_cache(maxsize=16)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return `values` as (1, C, 1, 1) on `device`: sent once, since the host waits for it."""
    return torch.tensor(values, device=device).view(1, -1, 1, 1)
