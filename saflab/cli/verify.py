"""`saflab verify`: the table of `analysis.theorems.verify`."""

from __future__ import annotations

import argparse

from saflab.cli.arguments import at_least

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--cases",
        type=at_least(1),
        default=20,
        metavar="N",
        help="random networks per claim and kind",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of the networks")


def run(options: argparse.Namespace) -> int:
    """Measure every claim; return 1 if one fails."""
    from saflab.analysis.theorems import TOLERANCE, verify

    rows = verify(options.cases, options.seed)
    width = max(len(row.name) for row in rows)
    print(f"{'claim':<{width}}  cases  largest relative error")
    for row in rows:
        verdict = "holds" if row.holds else "FAILS"
        print(f"{row.name:<{width}}  {row.cases:>5}  {row.error:.1e}  {verdict}  {row.note}")
    failed = [row.name for row in rows if not row.holds]
    print(f"{len(rows) - len(failed)} of {len(rows)} hold (float64, tolerance {TOLERANCE:g}).")
    return 1 if failed else 0
