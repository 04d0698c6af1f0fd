"""The graded labs: sources, release, known mistakes, and a synthetic class.

A lab is written once, as `instructor/labs/<lab>/<lab>.ipynb`, with solutions and tests marked for
nbgrader. `python -m tools.student_labs` makes from it what students see in `notebooks/labs`.
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
