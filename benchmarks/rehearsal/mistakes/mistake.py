"""What a common wrong answer is."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Mistake"]


class Mistake(NamedTuple):
    """One wrong answer, as a small change to the solution.

    Args:
        name: Unique within its lab.
        answer: Grade id of the answer cell it changes.
        old: Text that stands exactly once in the solution.
        new: What stands there instead.
        caught: Grade ids of exactly the tests that fail.
        why: What the student has misunderstood, for the instructor.
    """

    name: str
    answer: str
    old: str
    new: str
    caught: tuple[str, ...]
    why: str
