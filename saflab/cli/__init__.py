"""`saflab`: the command line. Each command is a module, a thin shell around one library call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from saflab.cli import (
    bench,
    classroom,
    doctor,
    evaluate,
    export,
    import_,
    lab,
    progress,
    train,
    verify,
)

__all__ = ["main"]

COMMANDS: dict[str, ModuleType] = {
    "lab": lab,
    "train": train,
    "eval": evaluate,
    "export": export,
    "import": import_,
    "verify": verify,
    "bench": bench,
    "class": classroom,
    "doctor": doctor,
    "progress": progress,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="saflab",
        description="Train spiking neural networks by spike accumulation forwarding (SAF).",
        epilog="Start with `saflab lab` (the course) or `saflab train` (under two minutes).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        description = getattr(module, "DESCRIPTION", module.HELP)
        module.configure(commands.add_parser(name, help=module.HELP, description=description))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
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
