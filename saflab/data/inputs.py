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
    With `levels`, image/255 is first rounded to multiples of 1/levels: the grey levels that a
    source had before it was written as bytes, exact where `levels` is a power of two.

    Args:
        mean: Per channel, in [0, 1], as in training.
        std: Per channel, above 0, as in training.
        steps: Time steps T ≥ 1.
        encoder: One of `ENCODERS`; "constant" for images over time.
        levels: Grey levels of the source, from 1 to 255, or None for all that a byte has.

    Raises:
        ValueError: If there is no such encoder, or `levels` is out of range.

    >>> from saflab.data import digits
    >>> data = digits()
    >>> Inputs.of(data, steps=6)(data.test_images[:5]).shape
    torch.Size([6, 5, 1, 8, 8])
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int = 4
    encoder: str = "constant"
    levels: int | None = None

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(
                f"Expected an encoder in {sorted(ENCODERS)}, but found {self.encoder!r}."
            )
        if self.levels is not None and not 1 <= self.levels <= 255:
            raise ValueError(
                f"Expected 1 to 255 grey levels, but found {self.levels}. Leave `levels` out for "
                "images that use every value of a byte."
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
            return over_time(self._normalised(images), self.steps, check=False)
        constant = self.encoder == "constant"
        floats = self._normalised(images) if constant else _unit(images, self.levels)
        # Bytes are finite and in range.
        return encode(floats, self.steps, self.encoder, generator=generator, check=False)

    def _normalised(self, images: Tensor) -> Tensor:
        return normalise(images, self.mean, self.std, self.levels)


def _unit(images: Tensor, levels: int | None) -> Tensor:
    """Return image/255 in [0, 1], rounded to multiples of 1/levels if given."""
    if levels is None:
        return images.float() / 255.0
    return (images.float() * levels / 255.0).round() / levels


def normalise(
    images: Tensor, mean: tuple[float, ...], std: tuple[float, ...], levels: int | None = None
) -> Tensor:
    """Return (image/255 − mean)/std per channel, float32.

    Args:
        images: uint8, shape (B, C, H, W) or, over time, (B, T, C, H, W).
        mean: Per channel, in [0, 1].
        std: Per channel, above 0.
        levels: As in `Inputs`.

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
    return (_unit(images, levels) - m) / s


@lru_cache(maxsize=16)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return `values` as (1, C, 1, 1) on `device`: sent once, since the host waits for it."""
    return torch.tensor(values, device=device).view(1, -1, 1, 1)
