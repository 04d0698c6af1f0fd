"""A course's folder is made whole: what is interrupted is done again."""

import nbformat
import pytest

pytest.importorskip("nbgrader")

from classroom.lab import lab

from saflab.classroom import course as courses


@pytest.fixture
def labs(tmp_path):
    """A lab with a file beside its notebook, and what no lab should hold."""
    folder = tmp_path / "labs" / "lab"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "lab.ipynb").write_text("old")
    (folder / "zebra.csv").write_text("1,2\n")
    nbformat.write(lab(), folder / "lab.ipynb")
    return tmp_path / "labs"


def test_a_lab_is_copied_with_its_files(labs, tmp_path):
    course, names = courses.init(tmp_path / "class", labs)
    assert names == ["lab"]
    copied = {p.name for p in (course.folder / "source" / "lab").iterdir()}
    assert copied == {"lab.ipynb", "zebra.csv"}


def test_an_interrupted_copy_is_finished_at_the_next_call(labs, tmp_path, monkeypatch):
    real, written = courses.write, []

    def interrupted(path, content):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        real(path, content)

    monkeypatch.setattr(courses, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        courses.init(tmp_path / "class", labs)
    monkeypatch.setattr(courses, "write", real)
    course, _ = courses.init(tmp_path / "class", labs)
    copied = {p.name for p in (course.folder / "source" / "lab").iterdir()}
    assert copied == {"lab.ipynb", "zebra.csv"}
