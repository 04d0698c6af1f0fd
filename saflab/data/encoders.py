"""Images become input over time: x[T, B, *features]."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor

__all__ = ["ENCODERS", "constant", "encode", "latency", "over_time", "poisson"]


def _check(images: Tensor, steps: int, *, values: bool, unit: bool = False) -> None:
    if not (isinstance(steps, Integral) and steps is not True and 1 <= steps < 2**31):
        raise ValueError(f"Expected T ≥ 1 time steps, but found {steps!r}. Use e.g. T = 6.")
    if images.dim() < 2 or images.shape[0] == 0:
        raise ValueError(
            f"Expected images of shape (B, *features) with B ≥ 1, but found {tuple(images.shape)}."
        )
    if not values:
        return
    if not torch.isfinite(images).all():
        raise ValueError(
            "Expected finite input, but found NaN or infinity. Check the data and its "
            "normalisation before encoding."
        )
    if unit:
        _check_unit(images)


def constant(images: Tensor, steps: int, *, check: bool = True) -> Tensor:
    """Return x[t] = image for every t, as a view that takes no memory.

    Args:
        images: Shape (B, *features), any range.
        steps: T ≥ 1.
        check: Look at the values, for which the host waits; False for images known to be finite.

    Raises:
        ValueError: If T < 1, the batch is empty, or a value is not finite.

    >>> constant(torch.ones(2, 3), 4).shape
    torch.Size([4, 2, 3])
    """
    _check(images, steps, values=check)
    return images.unsqueeze(0).expand(steps, *images.shape)


def poisson(
    images: Tensor, steps: int, generator: torch.Generator | None = None, *, check: bool = True
) -> Tensor:
    """Return Bernoulli spikes x[t] ~ B(image), the discrete-time Poisson code.

    Args:
        images: Probabilities in [0, 1], shape (B, *features).
        steps: T ≥ 1.
        generator: Source of randomness.
        check: As `constant`; False for images known to lie in [0, 1].

    Raises:
        ValueError: As `constant`, or if a value lies outside [0, 1].
    """
    _check(images, steps, values=check, unit=True)
    rates = images.unsqueeze(0).expand(steps, *images.shape)
    return torch.bernoulli(rates.contiguous(), generator=generator)


def latency(images: Tensor, steps: int, *, check: bool = True) -> Tensor:
    """Return one spike per pixel, earlier for brighter ones; a pixel of 0 stays silent.

        t(image) = 1 + round((T − 1)·(1 − image))

    Args:
        images: Intensities in [0, 1], shape (B, *features).
        steps: T ≥ 1.
        check: As `poisson`.

    Raises:
        ValueError: As `poisson`.

    >>> latency(torch.tensor([[1.0, 0.5, 0.0]]), 3).squeeze(1).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _check(images, steps, values=check, unit=True)
    when = torch.round((steps - 1) * (1.0 - images))
    times = torch.arange(steps, device=images.device).view(-1, *(1,) * images.dim())
    return ((times == when) & (images > 0)).to(images.dtype)


def over_time(frames: Tensor, steps: int, *, check: bool = True) -> Tensor:
    """Return x[t] = frame t of data that vary over time by themselves.

    Args:
        frames: Shape (B, T, *features), any range.
        steps: T ≥ 1; as many as there are frames.
        check: As `constant`.

    Returns:
        Shape (T, B, *features), a view.

    Raises:
        ValueError: As `constant`, or if there is another number of frames.
    """
    _check(frames, steps, values=check)
    if frames.shape[1] != steps:
        raise ValueError(
            f"Expected T = {steps} frames, but found {frames.shape[1]}. Use T = {frames.shape[1]}, "
            "or load the data with as many steps."
        )
    return frames.transpose(0, 1)


def _check_unit(images: Tensor) -> None:
    if not images.is_floating_point():
        raise ValueError(
            f"Expected floating-point intensities, but found {images.dtype}. "
            "Use images.float() / 255."
        )
    if images.numel() == 0:
        raise ValueError(f"Expected pixels, but found none in shape {tuple(images.shape)}.")
    low, high = float(images.min()), float(images.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(
            f"Expected intensities in [0, 1], but found {low:.3g} to {high:.3g}. "
            "Encode before normalising, or rescale."
        )


ENCODERS: dict[str, Callable[..., Tensor]] = {
    "constant": constant,
    "poisson": poisson,
    "latency": latency,
}


def encode(
    images: Tensor,
    steps: int,
    name: str = "constant",
    *,
    generator: torch.Generator | None = None,
    check: bool = True,
) -> Tensor:
    """Return `images` encoded over `steps` steps by the encoder called `name` (see there).

    Args:
        images: As the encoder says.
        steps: T ≥ 1.
        name: One of `ENCODERS`.
        generator: Source of randomness of "poisson".
        check: As the encoder says.

    Raises:
        ValueError: If there is no such encoder, or as the encoder says.
    """
    if name not in ENCODERS:
        raise ValueError(f"Expected an encoder in {sorted(ENCODERS)}, but found {name!r}.")
    if name == "poisson":
        return poisson(images, steps, generator, check=check)
    return ENCODERS[name](images, steps, check=check)
