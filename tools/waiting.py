"""Wait for something that another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(
    condition: Callable[[], object],
    seconds: float = 20.0,
    *,
    pause: float = 0.02,
    otherwise: str = "Expected an event within the time, but found none.",
) -> None:
    """Return as soon as `condition()` is true.

    Args:
        condition: Called every `pause` seconds.
        seconds: Time until it must be true.
        pause: Seconds between two calls.
        otherwise: Message of the error.

    Raises:
        RuntimeError: If it is still false after `seconds`.

    >>> wait_until(lambda: True)
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(otherwise)
        time.sleep(pause)
