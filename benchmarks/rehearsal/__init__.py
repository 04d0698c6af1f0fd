"""The graded labs: sources, release, known mistakes, and a synthetic class.

A lab is one notebook, `notebooks/labs/<lab>/<lab>.ipynb`, with solutions and tests marked for
nbgrader. What the student sees is made from it; nothing is kept twice.
"""

from benchmarks.rehearsal.mistakes import MISTAKES, Mistake
from benchmarks.rehearsal.synthetic import Kind, kinds, mixed, submission, write_class
from saflab.classroom.labs import labs, points, read, release, solved

__all__ = [
    "MISTAKES",
    "Kind",
    "Mistake",
    "kinds",
    "labs",
    "mixed",
    "points",
    "read",
    "release",
    "solved",
    "submission",
    "write_class",
]
