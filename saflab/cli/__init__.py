"""`saflab`: the command line. Each command is a module, a thin shell around one library call."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import ModuleType

import saflab
from saflab.cli.arguments import Parser
from saflab.cli.output import careful_output
from saflab.cli.signals import interruptible

__all__ = ["COMMANDS", "main"]

# Module of `saflab.cli` and help of each command: `saflab --help` imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "lab": ("lab", "open the course in JupyterLab"),
    "train": ("train", "train a network"),
    "eval": ("eval", "evaluate a checkpoint, also as an LIF network"),
    "export": ("export", "write a trained network in a format that others read (NIR)"),
    "import": ("import_", "make a checkpoint of a network from elsewhere (NIR)"),
    "verify": ("verify", "measure every theorem on random networks"),
    "class": ("class_", "release and grade the labs of a class (docs/instructor.md)"),
    "doctor": ("doctor", "show what this machine has, and what is missing"),
    "progress": ("progress", "list lessons, exercises solved and minutes"),
}


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"saflab.cli.{COMMANDS[name][0]}")


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="saflab",
        description="Train spiking neural networks by spike accumulation forwarding (SAF).",
        epilog="Start with `saflab lab` (the course) or `saflab train` (under two minutes).",
    )
    parser.add_argument("--version", action="version", version=f"saflab {saflab.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:  # the options of the others are not needed, nor what they import
            _module(name).configure(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: done; 1: a check failed, or output was lost; 2: refused, and nothing was changed; 128 + n:
    ended by signal n.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with careful_output() as out:
        try:
            status = _run(arguments)
        except SystemExit as stop:  # argparse: --help, or a refusal
            out.flush()
            if out.error is None or stop.code:
                raise
            status = 0
        out.flush()
        if out.error is None:
            return status
        if not isinstance(out.error, BrokenPipeError):  # else the reader, e.g. `head`, saw enough
            print(
                f"saflab: Expected to print, but found that standard output cannot be written "
                f"({out.error}). The command itself ended with status {status}.",
                file=sys.stderr,
            )
        return status or 1


def _run(arguments: list[str]) -> int:
    """Run a command; return its exit status, with a line on standard error if it is refused."""
    try:
        with interruptible():
            chosen = next((a for a in arguments if a in COMMANDS), None)
            options = _parser(chosen).parse_args(arguments)
            options.arguments = arguments
            return _module(options.command).run(options)
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        text = getattr(error, "text", "") or f"ended by {signal.Signals(number).name}."
        print(f"\nsaflab: {text}", file=sys.stderr)
        return 128 + number
    except ValueError as error:
        message = str(error)
    except OSError as error:
        message = (
            f"Expected to read and write files, but found {error.strerror or error} "
            f"({str(error.filename)[:200]}). Check the path, its permissions and the free space."
        )
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        message = (
            f"Expected enough memory, but found too little ({_first_line(error)}). "
            "Use a smaller network (--channels), --batch, --steps or --limit."
        )
    print(f"saflab: {message}", file=sys.stderr)
    return 2


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _is_memory(error: Exception) -> bool:
    """Return whether an error says that memory is short; PyTorch on the CPU has no type for it."""
    words = ("allocate memory", "out of memory", "storage size calculation overflowed")
    return isinstance(error, MemoryError) or any(w in str(error).lower() for w in words)
