"""The stored notebooks are complete, in order, and no older than their code."""

import re

import nbformat
import pytest

from saflab.classroom.labs import labs
from saflab.classroom.labs import path as source
from saflab.course.lessons import notebooks
from tools.execute import code_hash
from tools.page import mathml
from tools.site import build_site

LESSONS, LABS = notebooks(), [source(lab) for lab in labs()]


@pytest.fixture(params=LESSONS, ids=lambda p: p.stem)
def lesson(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=LESSONS + LABS, ids=lambda p: p.stem)
def notebook(request):
    """A lesson, or the source of a lab, which is stored with its solutions and their outputs."""
    return nbformat.read(request.param, as_version=4)


def code(lesson):
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def test_there_are_eleven_lessons():
    assert [p.name[:2] for p in LESSONS] == [f"{i:02d}" for i in range(11)]


def test_there_are_four_labs():
    assert [p.stem for p in LABS] == ["lab1", "lab2", "lab3", "lab4"]


def test_valid(notebook):
    nbformat.validate(notebook)


def test_every_code_cell_was_run_in_order(notebook):
    """Without an execution count, nbval runs a cell but does not compare it."""
    cells = code(notebook)
    assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))


def test_outputs_are_not_older_than_the_code(notebook):
    """Re-execute with `python -m tools.execute` after a change."""
    assert notebook.metadata.saflab.code_sha256 == code_hash(notebook)


def test_a_change_of_code_is_noticed(notebook):
    code(notebook)[-1].source += "\n0"
    assert notebook.metadata.saflab.code_sha256 != code_hash(notebook)


def test_no_warnings_or_errors_are_stored(notebook):
    for cell in code(notebook):
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


def test_minutes_add_up(lesson):
    """Those of the table, of the section headings and of the whole lesson are the same."""
    text = "\n".join(c.source for c in lesson.cells if c.cell_type == "markdown")
    rows = re.findall(r"^\| (\d+\. .*?) \| (\d+) \|$", text, re.M)
    headings = re.findall(r"^## (\d+\. .*?) \((\d+) min\)$", text, re.M)
    assert rows == headings
    assert f"**{sum(int(minutes) for _, minutes in rows)} minutes.**" in text or (
        f"**{sum(int(minutes) for _, minutes in rows)} minutes**" in text
    )


def test_cells_are_short(notebook):
    """At most 15 lines after formatting, 25 in a lab; the setup cell may be longer."""
    most = 25 if "nbgrader" in str(notebook.cells) else 15
    for cell in code(notebook)[1:]:
        assert sum(bool(line.strip()) for line in cell.source.splitlines()) <= most, cell.source


def test_ignored_outputs_are_few():
    """Only what depends on the machine: times, and results found in assets/."""
    ignored = [
        (path.stem, cell.source.splitlines()[1])
        for path in LESSONS + LABS
        for cell in code(nbformat.read(path, as_version=4))
        if "NBVAL_" in cell.source
    ]
    assert ignored == [
        ("08_cost", "steps = [2, 6] if FAST else lengths"),  # times
        ("08_cost", "def share(values):"),  # the same beside the paper's
        ("08_cost", 'found = sorted(Path("../assets/bench").glob("*.json"))'),
        ("lab4", "for rule, scores in results.items():"),  # accuracies
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build_site(tmp_path_factory.mktemp("site"))


def test_site_links(site):
    """From the index every lesson, from every lesson its neighbours; nothing leads nowhere."""
    index = (site / "index.html").read_text(encoding="utf-8")
    for position, path in enumerate(LESSONS):
        page = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        assert f'href="{path.stem}.html"' in index
        assert page.count('aria-label="Lessons"') == 2
        for neighbour in LESSONS[max(0, position - 1) : position + 2]:
            assert neighbour == path or page.count(f'href="{neighbour.stem}.html"') == 2
        for link in re.findall(r'href="([^"#:]+)"', page):
            assert (site / link).exists(), link


def test_site_needs_no_network(site):
    element = r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!data:)'
    loads = rf"{element}|@import|import\(|url\(.?http"
    for page in site.glob("*.html"):
        found = re.search(loads, page.read_text(encoding="utf-8"))
        assert found is None, (page.name, found[0])


def test_site_shows_formulas_and_explorers(site):
    for path in LESSONS:
        page = (site / f"{path.stem}.html").read_text(encoding="utf-8")
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
        text = re.sub(r"```.*?```", "", text, flags=re.S)
        shown = len(re.findall(r"\$\$.*?\$\$|\$[^$]+\$", text, re.S))
        assert page.count("<math ") == shown
        assert page.count("Explorer()") == 0 or "<svg" in page, "an explorer left no picture"


def test_a_formula_that_mathml_cannot_show_is_refused():
    assert "<span>(name)</span>" in mathml(r"u = V \tag{name}", block=True)
    with pytest.raises(ValueError, match=r"found \\unheardof in"):
        mathml(r"\unheardof x", block=False)


def test_links_between_notebooks(lesson):
    for link in re.findall(r"\]\(([^):#]+)\)", "\n".join(c.source for c in lesson.cells)):
        assert (LESSONS[0].parent / link).exists()
