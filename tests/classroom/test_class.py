"""The whole path of a class, headless: init, release, hand in, grade, feedback, export."""

import contextlib
import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbgrader")

from classroom.lab import CLASS, LIMITS, hand_in, lab

from saflab.classroom.course import find, gradebook, lock
from saflab.classroom.sandbox import run as sandbox
from saflab.classroom.sandbox import walls as isolation
from saflab.cli import main

ROOT = Path(__file__).resolve().parents[2]
REASON = isolation.problem()
needs_isolation = pytest.mark.skipif(REASON is not None, reason=f"no isolation: {REASON}")


def saflab(*arguments):
    """Run `saflab class`, in this process: torch takes seconds to import."""
    out, err = io.StringIO(), io.StringIO()
    both = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with both[0], both[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own
        status = main(["class", *map(str, arguments)])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def flags(**changes):
    return [f"--{name.replace('_', '-')}={value}" for name, value in (LIMITS | changes).items()]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A released course."""
    top = tmp_path_factory.mktemp("class")
    labs = top / "labs" / "lab"
    labs.mkdir(parents=True)
    nbformat.write(lab(), labs / "lab.ipynb")
    made = saflab("init", top / "course", "--labs", top / "labs")
    assert made.returncode == 0, made.stderr
    (top / "course" / "students.csv").write_text(
        "id,first_name,last_name,email\nanna,Anna,=A1,\nzoe,Zoe,Z,\n"
    )
    done = saflab("release", "lab", "--course", top / "course")
    assert done.returncode == 0, done.stderr
    return find(top / "course")


def test_the_release_holds_no_solution_and_no_hidden_test(course):
    text = course.notebook("release", "lab").read_text()
    for secret in ("x + x", "3 * x", "It grows", "double(0.5)", "SOLUTION", "HIDDEN"):
        assert secret not in text
        assert secret in course.notebook("source", "lab").read_text()
    assert "assert double(2) == 4" in text


def test_a_changed_source_is_not_graded_before_it_is_released(course):
    source = course.notebook("source", "lab")
    before = source.read_text()
    source.write_text(before + "\n")
    try:
        done = saflab("grade", "lab", "--unsafe", "--course", course.folder)
    finally:
        source.write_text(before)
    assert done.returncode == 2
    assert "release lab` again" in done.stderr


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """The class, graded in two goes: the first is killed after its first records."""
    if REASON:
        pytest.skip(f"no isolation: {REASON}")
    folder = tmp_path_factory.mktemp("handed_in")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hand_in(course.notebook("release", "lab"), folder, course.folder, ROOT, port)
        records = course.folder / ".saflab" / "lab" / "records"
        command = [sys.executable, "-m", "saflab", "class", "grade", "lab", "--course",
                   str(course.folder), "--from", str(folder), "--jobs=2", *flags()]  # fmt: skip
        first = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)},
                                 stdout=subprocess.DEVNULL)  # fmt: skip
        while len(list(records.glob("*.json"))) < 3 and first.poll() is None:
            time.sleep(0.05)
        assert first.poll() is None
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        kept = {path.name: path.stat().st_mtime_ns for path in records.glob("*.json")}
        second = saflab(*command[4:])
    assert second.returncode == 0, second.stderr
    return kept, second.stdout, records


@needs_isolation
def test_a_killed_run_goes_on_where_it_was(graded):
    kept, said, records = graded
    assert 3 <= len(kept) < len(CLASS)
    for name, written in kept.items():
        assert (records / name).stat().st_mtime_ns == written
        line = next(line for line in said.splitlines() if f" {name[:-5]} " in line)
        assert "unchanged" in line
    assert f"{len(CLASS) - len(kept)} graded now, {len(kept)} unchanged" in said


@needs_isolation
@pytest.mark.parametrize("student", CLASS)
def test_each_submission_costs_its_own_grade_only(graded, student):
    _, _, records = graded
    record = json.loads((records / f"{student}.json").read_text())
    assert (record["status"], record["score"]) == CLASS[student][1:], record["remedy"]
    assert record["max_score"] == 14
    assert record["peak_mb"] < 2 * LIMITS["memory_mb"]


@needs_isolation
def test_no_attack_got_out(graded, course):
    text = "".join(path.read_text() for path in course.folder.glob("autograded/*/lab/lab.ipynb"))
    assert "walls hold" in text
    assert "refused" in text
    outputs = [out for path in course.folder.glob("autograded/*/lab/lab.ipynb")
               for cell in nbformat.read(path, as_version=4).cells
               for out in cell.get("outputs", [])]  # fmt: skip
    for word in ("ESCAPED", "FORKED", "TOOK"):
        assert not [out for out in outputs if word in out.get("text", "")]
    for folder in (course.folder, ROOT / "saflab", Path("/"), Path("/usr"), Path("/home")):
        assert not (folder / "escaped").exists()
    assert not (course.folder / ".saflab" / "stage").exists()


def test_nbgrader_itself_refuses_to_run_a_submission(course, tmp_path):
    from nbgrader import converters
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader

    notebook = nbformat.read(course.notebook("release", "lab"), as_version=4)
    notebook.cells[1].source = f"open({str(tmp_path / 'ran')!r}, 'w')"
    path = tmp_path / "submitted" / "eve" / "lab" / "lab.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course.folder)).load_config()
    config.CourseDirectory.update(root=str(tmp_path))
    directory = CourseDirectory(config=config, assignment_id="lab", student_id="eve")
    with pytest.raises(NbGraderException):
        converters.Autograde(coursedir=directory, config=config).start()
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.glob("autograded/**/*.ipynb"))


@needs_isolation
def test_feedback_shows_points_and_runs_no_script(graded, course):
    done = saflab("feedback", "lab", "--course", course.folder)
    assert done.returncode == 0, done.stderr
    pages = {path.parent.parent.name: path for path in course.folder.glob("feedback/*/lab/*.html")}
    assert set(pages) == {name for name, (_, status, _) in CLASS.items() if status != "unreadable"}
    page = pages["script"].read_text()
    assert "seen" in page
    for word in ("<script>steal", "<b onclick"):
        assert word not in page
    assert "Score: 10.0 / 14.0" in pages["anna"].read_text()


@needs_isolation
def test_export_has_every_student_once(graded, course, tmp_path):
    done = saflab("export", "--to", tmp_path / "g.csv", "--course", course.folder)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "g.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    for student, (_, status, score) in CLASS.items():
        assert (rows[student]["status"], float(rows[student]["score"])) == (status, score or 0)
    assert rows["anna"]["to_grade_by_hand"] == "yes"
    assert rows["anna"]["last_name"] == "'=A1"
    assert rows["zoe"]["status"] == "not handed in"
    assert "get_ipython" in rows["swallow"]["look_at"]
    assert "triple_seen" in rows["deleted"]["remedy"]


@needs_isolation
def test_a_new_upload_is_graded_alone_and_manual_points_stay(graded, course, tmp_path):
    with gradebook(course) as book:
        grade = book.find_grade("essay", "lab", "lab", "ben")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        book.db.commit()
    source = course.notebook("submitted", "lab", "ben")
    old = source.read_bytes()
    text = old.decode().replace("raise NotImplementedError()", "return 3 * x")
    (tmp_path / "ben.ipynb").write_text(text)
    done = saflab("grade", "lab", "--from", tmp_path, "--course", course.folder, *flags())
    assert "ben: replaced" in done.stdout, done.stderr
    assert f"1 graded now, {len(CLASS) - 1} unchanged" in done.stdout
    assert "13.5 of 14" in done.stdout
    assert [p.read_bytes() for p in course.folder.glob("replaced/ben/lab/*.ipynb")] == [old]


@needs_isolation
def test_what_formgrader_s_button_removes_is_graded_again(graded, course):
    copy = course.notebook("autograded", "lab", "anna")
    copy.unlink()
    done = saflab("grade", "lab", "--course", course.folder, *flags())
    assert f"1 graded now, {len(CLASS) - 1} unchanged" in done.stdout, done.stderr
    assert copy.is_file()


def test_no_upload_is_taken_while_another_command_is_at_work(course, tmp_path):
    (tmp_path / "zoe.ipynb").write_text("{}")
    with lock(course):
        done = saflab("grade", "lab", "--from", tmp_path, "--course", course.folder)
    assert done.returncode == 2
    assert "another `saflab class` at work" in done.stderr
    assert not course.notebook("submitted", "lab", "zoe").exists()


def test_without_bubblewrap_it_refuses(course, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    isolation.problem.cache_clear()
    done = saflab("grade", "lab", "--course", course.folder)
    assert done.returncode == 2
    isolation.problem.cache_clear()
    assert "bwrap is missing" in done.stderr
    assert "--unsafe" in done.stderr


@needs_isolation
def test_a_course_that_the_sandbox_would_show_is_refused():
    with pytest.raises(ValueError, match="Move the course elsewhere"):
        sandbox.run({}, isolation.Sandbox(), course=isolation.INSIDE.parent / "course")


@needs_isolation
def test_a_sandbox_without_a_kernel_is_no_fault_of_the_student(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "INSIDE", tmp_path / "missing.py")
    with pytest.raises(ValueError, match="nothing was graded"):
        sandbox.run(nbformat.v4.new_notebook(), isolation.Sandbox(), course=tmp_path)


def test_limits_are_checked():
    with pytest.raises(ValueError, match="seconds of at least 1, but found 0"):
        isolation.Limits(seconds=0)
