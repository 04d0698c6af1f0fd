"""Standard output and error that may be ASCII, closed or full: no command fails for that."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import TextIO

__all__ = ["Output", "careful_output", "shows_progress"]

# What an encoding without these characters shows instead.
_ASCII = {
    "±": "+-", "–": "-", "−": "-", "→": "->", "×": "x", "…": "...", "λ": "lambda", "τ": "tau",
    "≥": ">=", "≤": "<=", "·": "*", "ℓ": "l", "√": "sqrt", "Σ": "sum", "Λ": "Lambda", "∞": "inf",
    "“": '"', "”": '"', "’": "'", "‖": "||",
}  # fmt: skip


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks; see `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    plain = (unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() for c in part)
    return "".join(_ASCII.get(c) or p or "?" for c, p in zip(part, plain, strict=True)), error.end


codecs.register_error("saflab-ascii", _spelled)


class Output(io.TextIOBase):
    """A text stream that remembers its first error instead of raising it.

    Args:
        stream: Where the text goes; None is a stream that was closed before the start.

    Attributes:
        error: The first error, or None.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.error: Exception | None = None
        if stream is None:
            self.error = OSError("it is closed")
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="saflab-ascii")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write as far as possible, and return the length of `text`."""
        if self._stream is not None and self.error is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flush as far as possible."""
        if self._stream is not None and self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def isatty(self) -> bool:
        """Whether a person reads along."""
        with contextlib.suppress(ValueError):
            return self._stream is not None and self.error is None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def _lose(self, error: Exception) -> None:
        self.error = error
        # The buffer still holds text, which the interpreter would try to write at its end.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


@contextlib.contextmanager
def careful_output() -> Iterator[Output]:
    """Replace `sys.stdout` and `sys.stderr` by `Output` for a while; yield that of stdout."""
    for descriptor in range(3):  # else the next file that is opened would take a closed one's place
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    out, err = Output(before[0]), Output(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def shows_progress() -> bool:
    """Return whether standard error is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
