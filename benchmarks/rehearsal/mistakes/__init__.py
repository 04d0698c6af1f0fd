"""Common wrong answers of each lab, and the tests that catch them."""

from benchmarks.rehearsal.mistakes.lab1 import LAB1
from benchmarks.rehearsal.mistakes.lab2 import LAB2
from benchmarks.rehearsal.mistakes.lab3 import LAB3
from benchmarks.rehearsal.mistakes.lab4 import LAB4
from benchmarks.rehearsal.mistakes.mistake import Mistake

__all__ = ["MISTAKES", "Mistake"]

MISTAKES: dict[str, tuple[Mistake, ...]] = {"lab1": LAB1, "lab2": LAB2, "lab3": LAB3, "lab4": LAB4}
