"""Common wrong answers, each as a small change to the solution, and the tests that catch it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MISTAKES", "Mistake"]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong answer.

    Args:
        name: Unique within its lab.
        answer: Grade id of the answer cell it changes.
        old: Text in the solution.
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


_LAB1 = (
    Mistake(
        name="reset_escapes_decay",
        answer="lif_step",
        old="leak * (u_before - threshold * s_before) + current",
        new="leak * u_before - threshold * s_before + current",
        caught=("lif_step_reset",),
        why="The reset is not multiplied by the leak: a different neuron.",
    ),
)

MISTAKES: dict[str, tuple[Mistake, ...]] = {"lab1": _LAB1, "lab2": (), "lab3": (), "lab4": ()}
