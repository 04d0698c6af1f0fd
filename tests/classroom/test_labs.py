"""Each lab gives full marks to its solution, none to nothing, and exact marks to each mistake."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from alternatives import ALTERNATIVES
from grading import grade

import saflab.training
from benchmarks.rehearsal import (
    MISTAKES,
    kinds,
    labs,
    mixed,
    points,
    read,
    release,
    solved,
    submission,
)
from benchmarks.rehearsal import write_class as write
from benchmarks.rehearsal.hostile import ATTACKS
from saflab.classroom.labs import answers
from saflab.training.fit import fit
from tools.lab_tables import updated

LABS = labs()
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "labs.md"
WRONG = [(lab, mistake.name) for lab in LABS for mistake in MISTAKES[lab]]


@pytest.fixture(autouse=True)
def _trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lab 4 trains the same networks for every answer; a run depends on its arguments alone."""
    monkeypatch.setattr(saflab.training, "fit", _remembered)


_runs: dict[tuple[str, ...], list[Any]] = {}


def _remembered(config: Any, data: Any, *, model: Any = None, **more: Any) -> Iterator[Any]:
    if model is not None:
        return fit(config, data, model=model, **more)
    key = (repr(config), data.name, str(len(data.train_labels)), str(more))
    if key not in _runs:
        _runs[key] = list(fit(config, data, **more))
    return iter(_runs[key])


def notebook(lab: str, kind: str) -> Any:
    return nbformat.reads(submission(lab, kind), as_version=4)


@pytest.mark.parametrize("lab", LABS)
def test_solution_gets_full_marks_and_no_cell_fails(lab):
    earned, said = grade(solved(lab), lab)
    assert said == {}
    assert earned == points(read(lab))
    assert sum(earned.values()) == 20


@pytest.mark.parametrize("lab", LABS)
def test_other_right_answers_get_full_marks(lab):
    attempt = release(lab)
    for name, cell in answers(attempt).items():
        cell.source = ALTERNATIVES[lab][name]
    earned, said = grade(attempt, lab)
    assert said == {}
    assert sum(earned.values()) == 20


@pytest.mark.parametrize("lab", LABS)
def test_nothing_gets_nothing_and_every_test_says_why(lab):
    earned, said = grade(release(lab), lab)
    assert set(earned.values()) == {0}
    for test in earned:
        assert said[test].startswith(("NotImplementedError", "AssertionError: Hint: ")), test


@pytest.mark.parametrize("kind", ["first_half", "last_half"])
@pytest.mark.parametrize("lab", LABS)
def test_half_the_answers_get_their_own_points(lab, kind):
    """What is missing elsewhere takes no points from what is there."""
    earned, _ = grade(notebook(lab, kind), lab)
    assert sum(earned.values()) == kinds(lab)[kind].score


@pytest.mark.parametrize(("lab", "name"), WRONG, ids=["-".join(w) for w in WRONG])
def test_each_mistake_loses_its_points_and_gets_a_hint(lab, name):
    mistake = next(m for m in MISTAKES[lab] if m.name == name)
    earned, said = grade(notebook(lab, name), lab, demonstrations=False)
    assert {test for test, p in earned.items() if not p} == set(mistake.caught)
    assert sum(earned.values()) == kinds(lab)[name].score
    for test in mistake.caught:
        assert said[test].startswith("AssertionError: Hint: "), said[test]


@pytest.mark.parametrize("lab", LABS)
def test_every_test_catches_a_mistake(lab):
    """A test that no mistake fails would only tell an answer from no answer."""
    caught = {test for mistake in MISTAKES[lab] for test in mistake.caught}
    assert caught == set(points(read(lab)))


@pytest.mark.parametrize("lab", LABS)
def test_release_holds_no_solution_and_no_hidden_test(lab):
    source, text = read(lab), nbformat.writes(release(lab))
    for word in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN"):
        assert word not in text
    shown = {line for cell in release(lab).cells for line in cell.source.splitlines()}
    secret = [
        line
        for cell in source.cells
        for part in re.findall(r"### BEGIN (?:SOL|HID).*?\n(.*?)### END", cell.source, re.S)
        for line in part.splitlines()
    ]
    assert len(secret) > 40
    told = [x for x in secret if x in shown and len(x.strip()) > 24 and not x.startswith("hint")]
    repeated = [x for x in told if not _shown_on_purpose(source, x)]
    assert repeated == []
    assert all(not cell.outputs for cell in release(lab).cells if cell.cell_type == "code")


def _shown_on_purpose(source: Any, line: str) -> bool:
    """Return whether a line also stands outside all marked regions of the source."""
    open_text = "\n".join(
        re.sub(r"### BEGIN .*?### END [A-Z ]+", "", cell.source, flags=re.S)
        for cell in source.cells
    )
    return line in open_text.splitlines()


@pytest.mark.parametrize("lab", LABS)
def test_marks(lab):
    source = read(lab)
    marked = [c.metadata.nbgrader for c in source.cells if "nbgrader" in c.metadata]
    assert sum(m.get("points", 0) for m in marked) == 25
    written = [c for c in source.cells if c.cell_type == "markdown" and "nbgrader" in c.metadata]
    assert [c.metadata.nbgrader.points for c in written] == [5]
    names = list(answers(source))
    for test in points(source):
        assert sum(test.startswith(f"{name}_") for name in names) == 1, test
    assert len({m.grade_id for m in marked}) == len(marked)


@pytest.mark.parametrize("lab", LABS)
def test_minutes_and_points_add_up(lab):
    head = read(lab).cells[0].source
    minutes, total = map(int, re.search(r"\*\*(\d+) minutes, (\d+) points", head).groups())
    rows = re.findall(r"^\| \d\. .*? \| (\d+) \| (\d+) \|$", head, re.M)
    assert sum(int(m) for m, _ in rows) == minutes
    assert sum(int(p) for _, p in rows) == total == 25
    assert 60 <= minutes <= 90


@pytest.mark.parametrize("lab", LABS)
def test_class(lab, tmp_path):
    names = mixed(lab, 100)
    assert names == mixed(lab, 100)
    assert set(names) == set(kinds(lab))
    students = write(tmp_path, lab, names)
    assert len(students) == len(list(tmp_path.iterdir())) == 100
    for student, kind in students.items():
        path = tmp_path / student / lab / f"{lab}.ipynb"
        assert path.exists() == (kind.name != "missing")
        if kind.name not in ("missing", "broken_json"):
            nbformat.validate(nbformat.read(path, as_version=4))
    assert {k.total for k in students.values()} == {20}


def test_broken_json_is_broken():
    with pytest.raises(nbformat.reader.NotJSONError):
        nbformat.reads(submission("lab1", "broken_json"), as_version=4)


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_compile_and_stand_in_the_submission(name):
    compile(ATTACKS[name].code, name, "exec")
    body = ATTACKS[name].code.strip().splitlines()[-1].strip()
    assert any(body in cell.source for cell in answers(notebook("lab1", name)).values())


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Expected a lab in"):
        read("lab9")
    with pytest.raises(ValueError, match="Expected a kind in"):
        submission("lab1", "brilliant")


def test_notes_for_instructors_are_up_to_date():
    """Write them anew with `python -m tools.lab_tables`."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text) == text
    assert updated(text.replace("| hard_reset |", "| soft_reset |")) == text
    with pytest.raises(ValueError, match="once each"):
        updated(text.replace("<!-- lab1 points:end -->", ""))


@pytest.mark.parametrize("lab", LABS)
def test_rubric_gives_five_points(lab):
    text = DOCUMENT.read_text(encoding="utf-8")
    part = text.split(f"<!-- {lab} points:end -->")[1].split(f"<!-- {lab} mistakes")[0]
    assert sum(map(int, re.findall(r"^\| (\d) \|", part, re.M))) == 5
