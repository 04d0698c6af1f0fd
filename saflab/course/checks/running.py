"""A student's function is run on copies of the cases, in whatever form it takes its arguments."""

from __future__ import annotations

import ast
import dis
import inspect
import itertools
import linecache
import signal
import textwrap
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor

__all__ = ["Case", "Problem", "Untouched", "run"]

Case = tuple[Any, ...]
MOST = 10_000  # values that an iterator may yield; exercises ask for a few
SECONDS = 10.0  # for all cases together; right answers take milliseconds
_NOTHING = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}


class Untouched(Exception):
    """The body is still the `...` of the exercise."""


class Problem(Exception):
    """The function cannot be run to its end; the text says why and what to do."""


def run(function: Callable[..., Any], names: Sequence[str], cases: Sequence[Case]) -> list[Any]:
    """Return what the function returns for each case.

    Tensors are passed in float64. A function that fails on those is run on float32 tensors, and one
    that uses NumPy on arrays as well: written for them, it is as right.

    Args:
        function: The student's.
        names: Of the parameters as the exercise states them; a function that has all of them is
            called by name, in whatever order it declares them.
        cases: Arguments of each call. They are not changed: the function gets copies.

    Raises:
        Untouched: If there is nothing but `...` in it.
        Problem: If it raises, returns nothing, or takes other arguments.
    """
    _check_arguments(function, names)
    forms: list[Callable[[Tensor], Any]] = [Tensor.clone]
    if any(isinstance(x, Tensor) for case in cases for x in case):
        forms += [_single, _array] if _uses_numpy(function) else [_single]
    first: BaseException | None = None
    with _limited(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns on every tensor
        for form in forms:
            try:
                return [_call(function, names, case, form) for case in cases]
            except (Untouched, Problem):
                raise
            except (Exception, SystemExit) as error:  # whatever a student's code raises
                first = first or error
                if isinstance(error, _TooLong):
                    break
    raise _described(first, function) from first


def _uses_numpy(function: Any, depth: int = 3) -> bool:
    """Whether NumPy is named in a function, or in the functions of the notebook that it calls."""
    function = inspect.unwrap(getattr(function, "func", function))  # of functools.partial
    code = getattr(function, "__code__", None)
    if code is None:
        return _of_numpy(function)
    used = [function.__globals__.get(name) for name in code.co_names]
    with suppress(ValueError):  # a variable of the surrounding function that is not set yet
        used += [cell.cell_contents for cell in function.__closure__ or ()]
    if "numpy" in code.co_names or any(map(_of_numpy, used)):
        return True
    own = (x for x in used if inspect.isfunction(x)) if depth else ()
    return any(_uses_numpy(x, depth - 1) for x in own)


def _of_numpy(x: Any) -> bool:
    home = x.__name__ if inspect.ismodule(x) else getattr(x, "__module__", None) or ""
    return home.partition(".")[0] == "numpy"


def _single(x: Tensor) -> Tensor:
    return x.float() if x.is_floating_point() else x.clone()


def _array(x: Tensor) -> Any:
    return x.clone().numpy()


def _call(
    function: Callable[..., Any], names: Sequence[str], case: Case, form: Callable[[Tensor], Any]
) -> Any:
    copies = [form(x) if isinstance(x, Tensor) else x for x in case]
    if _by_name(function, names):
        out = function(**dict(zip(names, copies, strict=True)))
    else:
        out = function(*copies)
    if out is Ellipsis or (out is None and _untouched(function)):
        raise Untouched
    if out is None:
        raise Problem(
            "Your function returns None: a `return` is missing. End it, on every path, with "
            "`return` and the result."
        )
    return _listed(out) if isinstance(out, Iterator) else out


def _listed(out: Iterator[Any]) -> list[Any]:
    """Return what an iterator yields; one that never ends would fill the memory."""
    found = list(itertools.islice(out, MOST + 1))
    if len(found) > MOST:
        raise Problem(
            f"Your function yields more than {MOST:,} values. Return the result, or end the loop."
        )
    return found


def _untouched(function: Any) -> bool:
    """Say whether a function that returned None has no body yet but `...`."""
    code = getattr(function, "__code__", None)
    if code is None or {i.opname for i in dis.get_instructions(code)} - _NOTHING:
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return True  # its source is not at hand: an empty body is all that can be seen
    return any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))


def _parameters(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have none
        return None


def _by_name(function: Callable[..., Any], names: Sequence[str]) -> bool:
    signature = _parameters(function)
    own = signature.parameters.values() if signature else ()
    named = {p.name for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return set(names) <= named or any(p.kind is p.VAR_KEYWORD and not named for p in own)


def _check_arguments(function: Callable[..., Any], names: Sequence[str]) -> None:
    signature = _parameters(function)
    if signature is None or _by_name(function, names):
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        raise Problem(
            f"Expected a function of the arguments `({', '.join(names)})`, but found "
            f"`{signature}`. Take them as the exercise states them."
        ) from error


class _TooLong(Exception):
    pass


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupt a loop that never ends, where the system and the thread allow it."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        yield
        return

    def stop(*_: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _described(error: BaseException | None, function: Callable[..., Any]) -> Exception:
    """Return what a student is told of an exception: its type, its message, and its line."""
    if isinstance(error, NotImplementedError) and not str(error):
        return Untouched()  # as a lab's stub raises it
    place = _place(error, function)
    if isinstance(error, _TooLong):
        return Problem(
            f"Your function still ran after {SECONDS:g} seconds{place}. Does the loop end? "
            "Something in its condition must change in every round."
        )
    text = " ".join(str(error).split())[:200] or "no message"
    return Problem(f"Your function raised {type(error).__name__}{place}: {text}")


def _place(error: BaseException | None, function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    if error is None or code is None:
        return ""
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == code.co_filename
    ]
    if not lines:
        return ""
    text = linecache.getline(code.co_filename, lines[-1]).strip()
    return f" in line {lines[-1]}" + (f", `{text}`" if text else "")
