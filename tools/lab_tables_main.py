"""Rewrite the tables of docs/labs.md from the labs: `python -m benchmarks.rehearsal`."""

from tools.lab_tables import DOCUMENT, updated

if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    print(DOCUMENT)
