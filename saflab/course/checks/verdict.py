"""The verdict of a check: a small card in a notebook, one line of text elsewhere."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from saflab.course.progress import record

__all__ = ["Verdict", "exercise"]

# Words, icon and colour of each status; the colours are readable on light and dark pages.
_LOOK = {
    "unattempted": ("Not attempted yet.", "○", "#808080"),
    "wrong": ("Not yet.", "✗", "#d1603d"),
    "correct": ("Correct.", "✓", "#2e9e5b"),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Outcome of a check.

    Args:
        status: "unattempted", "wrong" or "correct".
        message: What to do next.

    >>> Verdict(status="correct", message="One addition per step.")
    Correct. One addition per step.
    """

    status: str
    message: str

    def __repr__(self) -> str:
        return f"{_LOOK[self.status][0]} {self.message}"

    def _repr_html_(self) -> str:
        words, icon, colour = _LOOK[self.status]
        message = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.message))
        return (
            f'<div role="status" class="saflab-verdict saflab-{self.status}" style="border-left:'
            f"4px solid {colour};background:{colour}1a;padding:.4em .8em;margin:.2em 0;"
            f'max-width:60em"><span aria-hidden="true" style="color:{colour}">{icon}</span> '
            f"<strong>{words}</strong> {message}</div>"
        )


def exercise(check: Callable[[Any], Verdict]) -> Callable[[Any], Verdict]:
    """Keep progress: what the check judges correct is recorded under the check's name."""

    @functools.wraps(check)
    def judged(function: Any) -> Verdict:
        verdict = check(function)
        if verdict.status == "correct":
            record(check.__name__)
        return verdict

    return judged
