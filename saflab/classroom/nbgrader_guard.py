"""Keeps nbgrader's own autograder, which runs submissions as the teacher, from running them."""

from __future__ import annotations

from typing import Any

from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

__all__ = ["Refuse"]


class Refuse(NbGraderPreprocessor):
    """Stops `nbgrader autograde` and formgrader's button before anything is executed."""

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Raise.

        Raises:
            NbGraderException: Always.
        """
        raise NbGraderException(
            "Expected `saflab class grade`, which isolates submissions, but found nbgrader's "
            "autograder, which runs them as you. Use `saflab class grade LAB`."
        )
