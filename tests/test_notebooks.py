"""The stored notebooks are complete, in order, and no older than their code."""

import re

import nbformat
import pytest

from saflab.notebooks import build_site, code_hash, notebooks

LESSONS = notebooks()


@pytest.fixture(params=LESSONS, ids=lambda p: p.stem)
def lesson(request):
    return nbformat.read(request.param, as_version=4)


def code(lesson):
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def test_there_are_eleven_lessons():
    assert [p.name[:2] for p in LESSONS] == [f"{i:02d}" for i in range(11)]


def test_valid(lesson):
    nbformat.validate(lesson)


def test_every_code_cell_was_run_in_order(lesson):
    """Without an execution count, nbval runs a cell but does not compare it."""
    cells = code(lesson)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))


def test_outputs_are_not_older_than_the_code(lesson):
    """Re-execute with `python -m saflab.notebooks` after a change."""
    assert lesson.metadata.saflab.code_sha256 == code_hash(lesson)


def test_a_change_of_code_is_noticed(lesson):
    code(lesson)[-1].source += "\n0"
    assert lesson.metadata.saflab.code_sha256 != code_hash(lesson)


def test_no_warnings_or_errors_are_stored(lesson):
    for cell in code(lesson):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


def test_anatomy(lesson):
    text = "\n".join(c.source for c in lesson.cells if c.cell_type == "markdown")
    for part in ("You will be able to", "minutes", "Predict", "## Summary", "Further reading"):
        assert part in text, part
    checks = [c for c in code(lesson) if re.search(r"^checks\.check_", c.source, re.M)]
    assert len(checks) >= 2
    assert text.count("<details>") >= len(checks)
    for cell in checks:
        assert "Not attempted yet." in str(cell.outputs[-1])


def test_cells_are_short(lesson):
    """At most 15 lines after formatting; the setup cell may be longer."""
    for cell in code(lesson)[1:]:
        assert sum(bool(line.strip()) for line in cell.source.splitlines()) <= 15, cell.source


def test_ignored_outputs_are_few():
    """Only what depends on the machine: times, and results found in assets/."""
    ignored = [
        (path.stem, cell.source.splitlines()[1])
        for path in LESSONS
        for cell in code(nbformat.read(path, as_version=4))
        if "NBVAL_" in cell.source
    ]
    assert {name for name, _ in ignored} <= {"07_train_cifar10", "08_cost"}
    assert len(ignored) <= 4


def test_site(tmp_path):
    build_site(tmp_path)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    for path in LESSONS:
        page = (tmp_path / f"{path.stem}.html").read_text(encoding="utf-8")
        assert f'href="{path.stem}.html"' in index
        for link in re.findall(r'<a href="([0-9a-z_]+\.html)"', page):
            assert (tmp_path / link).exists()
        assert page.count('aria-label="Lessons"') == 2
