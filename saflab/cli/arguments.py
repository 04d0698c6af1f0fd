"""Arguments of the command line: types with a range, and errors that say what to do."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import NoReturn

__all__ = ["Parser", "at_least", "path", "real", "seed", "whole"]

# argparse's messages, and what they mean: expected, and found.
_MESSAGES = (
    (r"argument (.+?): expected (?:at least )?one argument", r"a value after \1", "none"),
    (r"argument (.+?): invalid choice: (.+?) \(choose from (.+)\)", r"\1 in \3", r"\2"),
    (r"argument (.+?): not allowed with argument (.+)", r"either \1 or \2", "both"),
    (r"argument (.+?): ignored explicit argument (.+)", r"\1 without a value", r"\2"),
    (r"ambiguous option: (.+?) could match (.+)", r"one of \2", r"\1"),
    (r"unrecognized arguments: (.+)", "options of this command", r"\1"),
    (r"the following arguments are required: (.+)", r"\1", "none"),
    (r"argument (.+?): Expected (.+), but found (.+)", r"\2 for \1", r"\3"),
)  # fmt: skip


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


class Parser(argparse.ArgumentParser):
    """A parser that refuses with one line: expected, found, remedy. Options are not abbreviated."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print what was expected and found, and exit with status 2."""
        for pattern, expected, found in _MESSAGES:
            if match := re.fullmatch(pattern, message, re.DOTALL):
                message = (
                    f"Expected {_cut(match.expand(expected))}, but found "
                    f"{_cut(match.expand(found))}."
                )
                break
        self.exit(2, f"saflab: {message} Run `{self.prog} --help`.\n")


def _refuse(expected: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"Expected {expected}, but found {_cut(repr(text))}")


def whole(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise _refuse("a whole number", text) from None


def at_least(least: int, most: int = 2**31 - 1) -> Callable[[str], int]:
    """Return a type: a whole number from `least` to `most`."""

    def number(text: str) -> int:
        found = whole(text)
        if not least <= found <= most:
            limit = f"{least} or more" if most == 2**31 - 1 and found < least else f"{least}…{most}"
            raise _refuse(f"a whole number, {limit}", text)
        return found

    return number


def seed(text: str) -> int:
    """Return a seed: a whole number of 64 bits."""
    return at_least(-(2**63), 2**63 - 1)(text)


def real(text: str) -> float:
    """Return a finite number."""
    try:
        found = float(text)
    except ValueError:
        raise _refuse("a number", text) from None
    if not math.isfinite(found):
        raise _refuse("a finite number", text)
    return found


def path(text: str) -> str:
    """Return the name of a file or folder."""
    if not text.strip() or "\0" in text:
        raise _refuse("the name of a file or folder", text)
    return text
