"""What only a clone needs: execute and check notebooks, the site, tables of the documentation."""

from pathlib import Path

__all__ = ["ROOT"]

ROOT = Path(__file__).resolve().parents[1]
"""The checkout, or the folder of an unpacked source archive."""
