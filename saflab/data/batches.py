"""The batches of a training: which images come at which step, augmented and encoded how."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from saflab.data.augment import augment
from saflab.data.inputs import Inputs

__all__ = ["Batches", "mixed_seed"]


def mixed_seed(*parts: str | int) -> int:
    """Return a seed in [0, 2³²) for what `parts` name, so that randomness needs no stored state.

        seed = (hash(parts before the last, n div 2³²) + n) mod 2³²        n: the last part

    A CPU generator reads 32 bits of its seed alone, hence the hash: seeds that differ above them
    differ here. As n counts, 2³² of its values in a row give as many seeds, none of them twice.

    Args:
        *parts: What is drawn, the seed of the run, …, and last a number that counts.

    >>> mixed_seed("order", 0, 7) == mixed_seed("order", 2**32, 7)
    False
    """
    *place, count = parts
    high, low = divmod(int(count), 2**32)
    digest = hashlib.blake2b(repr((*place, high)).encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "little") + low) % 2**32


class Batches:
    """The batches of a training, each a function of the seed and its step alone.

    So a run that is resumed goes on exactly where it stopped, and nothing but the step is stored.

    Args:
        images: uint8, shape (N, C, H, W) or (N, T, C, H, W), N ≥ 1.
        labels: int64, shape (N,).
        inputs: How images become input.
        size: Images per batch, ≥ 1; the last of an epoch may be smaller.
        seed: Of order, augmentation and encoding.
        augmentation: Shift, cut out and mirror at random.

    Raises:
        ValueError: If there is no image.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        inputs: Inputs,
        *,
        size: int,
        seed: int = 0,
        augmentation: bool = False,
    ) -> None:
        if len(labels) == 0:
            raise ValueError("Expected at least one training image, but found none.")
        self.images, self.labels, self.inputs = images, labels, inputs
        self.size, self.seed, self.augmentation = size, seed, augmentation
        self._generator = torch.Generator(images.device)
        self._order = (-1, torch.empty(0))  # an epoch and the order of its images

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return math.ceil(len(self.labels) / self.size)

    def size_of(self, step: int) -> int:
        """Return the number of images in the batch of a step."""
        return min(self.size, len(self.labels) - step % len(self) * self.size)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the encoded input x[T, B, *features] and the labels of a step, counted from 0."""
        images, labels = self._chosen(step)
        self._generator.manual_seed(mixed_seed("encoding", self.seed, step))
        # The whole batch is encoded, so that randomness does not depend on who takes what.
        return self.inputs(images, self._generator), labels

    def _chosen(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, index = divmod(step, len(self))
        if self._order[0] != epoch:
            seeded = torch.Generator().manual_seed(mixed_seed("order", self.seed, epoch))
            order = torch.randperm(len(self.labels), generator=seeded)
            self._order = (epoch, order.to(self.images.device))
        chosen = self._order[1][index * self.size : (index + 1) * self.size]
        images, labels = self.images[chosen], self.labels[chosen]
        if self.augmentation:
            self._generator.manual_seed(mixed_seed("augmentation", self.seed, step))
            images = augment(images, self._generator)
        return images, labels
