"""Progress: recorded once, never in the way, safe with two notebooks at once."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from saflab.cli import main
from saflab.course import checks, lessons, progress
from saflab.course.lessons import course_folder
from saflab.neurons import accumulate


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("SAFLAB_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "progress.jsonl"


def test_a_correct_answer_is_recorded_once_and_a_wrong_one_never(state):
    assert checks.check_accumulate(lambda s, decay: s).status == "wrong"
    assert progress.solved() == {}
    for _ in range(2):
        assert checks.check_accumulate(accumulate).status == "correct"
    assert list(progress.solved()) == ["check_accumulate"]
    assert len(state.read_text().splitlines()) == 1


def test_it_is_off_when_empty_and_in_test_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SAFLAB_STATE", "")
    assert progress.state_file() is None
    monkeypatch.delenv("SAFLAB_STATE")
    assert progress.state_file() is None
    progress.record("x")
    assert not list(tmp_path.rglob("*.jsonl"))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delenv("CI", raising=False)
    path = progress.state_file()
    assert path is not None
    assert path.name == "progress.jsonl"


def test_it_never_raises(tmp_path, monkeypatch, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SAFLAB_STATE", str(blocked / "below"))
    assert checks.check_accumulate(accumulate).status == "correct"
    assert capsys.readouterr() == ("", "")


def test_a_line_cut_off_by_a_crash_costs_itself_alone(state):
    progress.record("one")
    with state.open("a") as file:
        file.write('{"exercise": "tw')
    progress.record("three")
    assert list(progress.solved()) == ["one", "three"]


def test_two_notebooks_at_once_lose_nothing(state):
    # As a module of its own, so that torch need not be imported.
    code = (
        f"import sys; sys.path.insert(0, {str(Path(progress.__file__).parent)!r}); "
        "import progress; [progress.record(f'{sys.argv[1]}-{i}') for i in range(200)]"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, who]) for who in "ab"]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(progress.solved()) == 400
    assert all(json.loads(line) for line in state.read_text().splitlines())


def test_the_command_lists_lessons_exercises_and_minutes(state, tmp_path, capsys):
    cell = nbformat.v4.new_markdown_cell("# 01 · One\n\n**35 minutes.** Another 5 minutes.")
    code = nbformat.v4.new_code_cell("checks.check_accumulate(f)\nchecks.check_predict(g)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, code]), tmp_path / "01_one.ipynb")
    lab = tmp_path / "labs" / "lab1" / "lab1.ipynb"
    lab.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), lab)  # has no exercises to count
    progress.record("check_accumulate")
    assert main(["progress", "--notebooks", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 solved   35 min" in said
    assert "1 of 2 exercises solved; 35 of 35 minutes left." in said
    progress.record("check_predict")
    main(["progress", "--notebooks", str(tmp_path)])
    assert "2 of 2 exercises solved; 0 of 35 minutes left." in capsys.readouterr().out


def test_every_lesson_states_its_minutes_and_checks_exercises():
    found = lessons.lessons(course_folder())
    assert len(found) >= 11
    for lesson in found:
        assert lesson.minutes, lesson
        assert lesson.exercises or lesson.name.startswith("lab"), lesson


def test_no_lessons_is_an_error(tmp_path, capsys):
    assert main(["progress", "--notebooks", str(tmp_path)]) == 2
    assert "Expected lessons" in capsys.readouterr().err
