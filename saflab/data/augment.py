"""Batched augmentation on the device: the crop, flip and cutout of the published recipe."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["augment", "crop", "cutout", "flip"]


def crop(x: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    """Return each image shifted by up to `pad` pixels in each direction, filled with 0."""
    b, c, h, w = x.shape
    padded = F.pad(x, (pad,) * 4)
    dy = torch.randint(2 * pad + 1, (b, 1), generator=generator, device=x.device)
    dx = torch.randint(2 * pad + 1, (b, 1), generator=generator, device=x.device)
    rows = (dy + torch.arange(h, device=x.device)).view(b, 1, h, 1).expand(b, c, h, w + 2 * pad)
    columns = (dx + torch.arange(w, device=x.device)).view(b, 1, 1, w).expand(b, c, h, w)
    return padded.gather(2, rows).gather(3, columns)


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image mirrored left to right with probability 1/2."""
    chosen = torch.rand(x.shape[0], generator=generator, device=x.device) < 0.5
    return torch.where(chosen.view(-1, 1, 1, 1), x.flip(3), x)


def cutout(
    x: Tensor,
    generator: torch.Generator,
    *,
    p: float = 0.5,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.4, 2.5),
) -> Tensor:
    """Return each image, with probability p, with one rectangle painted in one random grey.

    Args:
        x: Images in [0, 1] or 0…255, shape (B, C, H, W).
        generator: Source of randomness on the device of `x`.
        p: Probability per image.
        area: Range of the rectangle's share of the image.
        aspect: Range of height/width.
    """
    b, _, h, w = x.shape

    def uniform(low: float, high: float) -> Tensor:
        draw = torch.rand(b, generator=generator, device=x.device)
        return low + (high - low) * draw

    share = uniform(*area) * h * w
    ratio = uniform(math.log(aspect[0]), math.log(aspect[1])).exp()
    height, width = (share * ratio).sqrt().clamp(max=h), (share / ratio).sqrt().clamp(max=w)
    top, left = uniform(0, 1) * (h - height), uniform(0, 1) * (w - width)
    grey = uniform(0, 1) * (255 if x.dtype == torch.uint8 else 1)
    chosen = uniform(0, 1) < p
    y = torch.arange(h, device=x.device).view(1, h, 1)
    column = torch.arange(w, device=x.device).view(1, 1, w)
    bounds = [edge.floor().view(b, 1, 1) for edge in (top, top + height, left, left + width)]
    inside = (y >= bounds[0]) & (y < bounds[1]) & (column >= bounds[2]) & (column < bounds[3])
    inside &= chosen.view(b, 1, 1)
    return torch.where(inside[:, None], grey.to(x.dtype).view(b, 1, 1, 1), x)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return uint8 images after random crop (pad 4), cutout and horizontal flip.

    Images below 16 pixels (digits) are only shifted by one pixel: mirroring a digit changes it.
    Frames over time, (B, T, C, H, W), are only shifted, all of a recording alike: a mirrored
    gesture is another one, and no event is grey.
    """
    if images.dim() == 5:
        return crop(images.flatten(1, 2), 2, generator).view_as(images)
    if min(images.shape[2:]) < 16:
        return crop(images, 1, generator)
    return flip(cutout(crop(images, 4, generator), generator), generator)
