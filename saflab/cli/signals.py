"""Ctrl-C, SIGTERM and SIGHUP: a command ends with 128 + the signal's number, and says so."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Interrupted", "handled", "interruptible", "stopping"]

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupted(KeyboardInterrupt):
    """A signal ends the command.

    Args:
        number: The signal's number.
        text: What is kept, and how to go on.
    """

    def __init__(self, number: int, text: str = "") -> None:
        super().__init__(text)
        self.number, self.text = number, text


@contextlib.contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Call `handler` at Ctrl-C, SIGTERM and SIGHUP; a signal that is ignored stays so (nohup)."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _interrupt(number: int, frame: Any) -> None:
    raise Interrupted(number)


def interruptible() -> contextlib.AbstractContextManager[None]:
    """Return a context in which a signal raises `Interrupted`."""
    return handled(_interrupt)


@contextlib.contextmanager
def stopping(stop: Callable[[], None], *, at_once: bool = True) -> Iterator[list[int]]:
    """Call `stop` at a first signal; yield the list of the signals' numbers.

    Args:
        stop: Asks the work to end soon.
        at_once: A second signal raises `Interrupted`.
    """
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        if len(received) == 1:
            name = signal.Signals(number).name
            text = f"\nsaflab: {name}: saving after this step; again ends at once.\n"
            with contextlib.suppress(OSError):  # print may be what the signal interrupts
                os.write(2, text.encode())
            stop()
        elif at_once:
            raise Interrupted(number)

    with handled(note):
        yield received
