"""`saflab`: the command line. Each command is a module, a thin shell around one library call."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import saflab

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
    parser = argparse.ArgumentParser(
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
    """Run the command line and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = next((a for a in arguments if a in COMMANDS), None)
    options = _parser(chosen).parse_args(arguments)
    try:
        return _module(options.command).run(options)
    except ValueError as error:
        print(f"saflab: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(
            "\nsaflab: stopped. Go on with the same command (train: and --resume).", file=sys.stderr
        )
        return 130
