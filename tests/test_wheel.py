"""What a built wheel and a built source archive hold."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytest.importorskip("build", reason="needs saflab[dev]")
pytest.importorskip("hatchling", reason="needs saflab[dev]")
pytestmark = pytest.mark.skipif(
    not (ROOT / "saflab").is_dir(), reason="built from a checkout, which this is not"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the contents of the wheel and the names in the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return contents, names


def test_the_wheel_holds_the_package_alone(built):
    wheel, _ = built
    tops = {name.split("/")[0].partition("-")[0] for name in wheel}
    assert tops == {"saflab"}
    kinds = {Path(name).suffix for name in wheel if name.startswith("saflab/")}
    assert kinds == {".py", ".js", ".json", ".npz", ".safetensors", ".md", ".ipynb"}
    package = [p for p in (ROOT / "saflab").rglob("*") if p.suffix in kinds]
    expected = {str(p.relative_to(ROOT)) for p in package if "notebooks" not in p.parts}
    assert expected <= set(wheel)


def test_the_wheel_holds_every_lesson_and_lab(built):
    wheel, _ = built
    inside = {name for name in wheel if name.endswith(".ipynb")}
    lessons = [*ROOT.glob("notebooks/[0-9]*.ipynb"), *ROOT.glob("notebooks/labs/*/*.ipynb")]
    assert inside == {f"saflab/course/{path.relative_to(ROOT)}" for path in lessons}


def test_the_wheel_holds_no_solution_and_no_hidden_test(built):
    wheel, _ = built
    for name, content in wheel.items():
        if name.endswith(".ipynb"):
            for mark in (b"BEGIN SOLUTION", b"BEGIN HIDDEN", b"BEGIN MARK", b"### END"):
                assert mark not in content, name
            if "/labs/" in name:
                cells = json.loads(content)["cells"]
                assert not any(cell.get("outputs") for cell in cells), name
                assert "YOUR CODE HERE" in content.decode(), name


def test_the_wheel_enables_the_server_extension(built):
    wheel, _ = built
    place = "data/etc/jupyter/jupyter_server_config.d/saflab.json"
    (name,) = [n for n in wheel if n.endswith(place)]
    extensions = json.loads(wheel[name])["ServerApp"]["jpserver_extensions"]
    assert extensions == {"saflab.course.jupyter_server": True}
    assert "saflab/course/jupyter_server.py" in wheel


def test_the_source_archive_holds_what_a_contributor_needs(built):
    _, archive = built
    skip = ("__pycache__", "runs", ".ipynb_checkpoints", ".hypothesis")
    for top in ("saflab", "benchmarks", "tools", "tests", "notebooks", "instructor", "docs",
                "assets", ".ci"):  # fmt: skip
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and not any(part in skip for part in path.parts):
                assert str(path.relative_to(ROOT)) in archive
    for name in ("Makefile", "README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml",
                 "constraints.txt", "environment.yml", "conftest.py"):  # fmt: skip
        assert name in archive
