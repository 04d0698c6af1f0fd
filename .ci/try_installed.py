"""Try an installed saflab: `python try_installed.py core`, or the name of an extra.

Called by `.ci/package` in the root of the source archive, whose `tests` hold small data.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

SAFLAB = str(Path(sys.executable).with_name("saflab"))
TRAIN = ["train", "--data", "digits", "--model", "mlp", "--epochs", "1", "--channels", "16",
         "--device", "cpu"]  # fmt: skip
UNWANTED = ("jupyter", "notebook", "ipython", "ipykernel", "ipywidgets", "matplotlib",
            "scikit-learn", "nbgrader", "tonic", "nir")  # fmt: skip


def run(*command: str, status: int = 0) -> str:
    """Return stdout and stderr of a command that ends with `status` and without a traceback."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    shown = " ".join(command)
    assert done.returncode == status, f"{shown}: status {done.returncode}\n{text}"
    assert "Traceback" not in text, f"{shown}\n{text}"
    return text


def cli(*arguments: str, status: int = 0) -> str:
    """Run the installed command."""
    return run(SAFLAB, *arguments, status=status)


def best_seconds(arguments: Sequence[str], tries: int = 5) -> float:
    """Return the least wall time of a command: a busy machine only adds to it."""
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        cli(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def import_milliseconds(*options: str) -> tuple[float, bool]:
    """Return the time of all imports, and whether torch was among them."""
    command = [sys.executable, "-X", "importtime", *options]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    rows = [line.removeprefix("import time:").split("|") for line in lines if "|" in line][1:]
    return sum(int(row[0]) for row in rows) / 1000, any(r[2].strip() == "torch" for r in rows)


def installed() -> list[tuple[str, int]]:
    """Return the installed packages with the bytes of their files; pip is no part of it."""
    found = []
    for package in metadata.distributions():
        name = package.metadata["Name"].lower()
        if name != "pip":
            places = [Path(str(file.locate())) for file in package.files or ()]
            found.append((name, sum(p.stat().st_size for p in places if p.is_file())))
    return sorted(found)


def report() -> None:
    """Print number and size of what is installed, what CUDA brings apart."""
    packages = installed()
    cuda = [p for p in packages if p[0].startswith(("nvidia-", "cuda-"))]
    others = [p for p in packages if p not in cuda]
    for title, group in (("packages", others), ("packages of CUDA", cuda)):
        print(f"{len(group)} {title}, {sum(size for _, size in group) / 1e6:,.0f} MB")
    print("  " + " ".join(f"{name} ({size / 1e6:.1f})" for name, size in others))


def core() -> None:
    """The core alone: fast to import, trains, and names the extra for what it lacks."""
    import saflab

    place = Path(saflab.__file__).resolve()
    assert place.is_relative_to(Path(sys.prefix).resolve()), place
    assert "torch" not in sys.modules
    report()
    names = [name for name, _ in installed()]
    assert not [n for n in names if n.startswith(UNWANTED)], names
    for options in (("-c", "import saflab"), ("-m", "saflab", "--help")):
        milliseconds, torch = import_milliseconds(*options)
        print(f"imports of python {' '.join(options)}: {milliseconds:.0f} ms")
        assert not torch
    for arguments in (["--help"], ["--version"], ["progress"]):
        seconds = best_seconds(arguments)
        print(f"saflab {' '.join(arguments)}: {1000 * seconds:.0f} ms")
        assert seconds < 0.3
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        cli(*TRAIN, "--out", out)
        print(cli("eval", out).splitlines()[0])
        print(cli("verify", "--cases", "1").splitlines()[-1])
        cli("doctor")
        needs("course", "lab", "--folder", f"{folder}/course")
        assert not Path(folder, "course").exists()
        needs("classroom", "class", "init", f"{folder}/class")
        needs("nir", "export", "--nir", out, f"{folder}/a.nir")
        needs("events", "train", "--data", "nmnist", "--root", folder, "--out", f"{folder}/other")
    for name in ("figures", "widgets"):
        try:
            __import__(f"saflab.{name}")
        except ImportError as error:
            assert "pip install 'saflab[course]'" in str(error), error
        else:
            raise AssertionError(f"saflab.{name} was imported without its packages")


def needs(extra: str, *arguments: str) -> None:
    """Check that a command names the extra that it lacks."""
    text = cli(*arguments, status=2)
    assert f"pip install 'saflab[{extra}]'" in text, text
    print(text.strip())


def nir() -> None:
    """A network goes out and comes back."""
    with tempfile.TemporaryDirectory() as folder:
        cli(*TRAIN, "--out", f"{folder}/run")
        cli("export", "--nir", f"{folder}/run", f"{folder}/a.nir")
        cli("import", "--nir", f"{folder}/a.nir", "--out", f"{folder}/back")
        print(cli("eval", f"{folder}/back").splitlines()[0])


def events() -> None:
    """A network trains on recordings of an event camera."""
    sys.path.insert(0, "tests")
    import recordings

    with tempfile.TemporaryDirectory() as folder:
        root = recordings.nmnist(Path(folder, "data"))
        text = cli("train", "--data", "nmnist", "--root", str(root), "--model", "mlp", "--epochs",
                      "1", "--channels", "8", "--device", "cpu", "--batch", "4", "--out",
                      f"{folder}/run")  # fmt: skip
        print(text.splitlines()[0])


def course() -> None:
    """`saflab lab` starts JupyterLab with saflab's extension, and a lesson runs to its end."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "course")
        log = Path(folder, "log")
        with log.open("wb") as file:
            command = [SAFLAB, "lab", "--folder", str(place), "--", "--no-browser", "--port=0"]
            server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_for(log, "saflab.course.jupyter_server | extension was successfully loaded")
            wait_for(log, "is running at")
        finally:
            server.terminate()
            server.wait(30)
        jupyter = str(Path(sys.executable).with_name("jupyter"))
        run(jupyter, "execute", str(place / "01_lif_neuron.ipynb"))
        run(sys.executable, "-c", "from saflab import figures, widgets; widgets.LiveTrainer")
    print("JupyterLab starts with saflab's extension; lesson 01 runs.")


def classroom() -> None:
    """A course is made from the labs of the source archive's tests, and a lab is released."""
    sys.path.insert(0, "tests")
    import nbformat
    from classroom.lab import lab

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "labs", "lab", "lab.ipynb")
        source.parent.mkdir(parents=True)
        nbformat.write(lab(), source)
        made = Path(folder, "class")
        cli("class", "init", str(made), "--labs", f"{folder}/labs")
        cli("class", "release", "lab", "--course", str(made))
        assert "BEGIN SOLUTION" not in Path(made, "release/lab/lab.ipynb").read_text()
    print("A lab is released.")


def wait_for(log: Path, words: str, seconds: float = 120.0) -> None:
    """Wait until a log says something."""
    end = time.monotonic() + seconds
    while words not in (text := log.read_text(errors="replace")):
        assert time.monotonic() < end, f"{words!r} is not in the log:\n{text}"
        time.sleep(0.2)


if __name__ == "__main__":
    part = sys.argv[1]
    print(f"== {part}: saflab {metadata.version('saflab')} on Python {sys.version.split()[0]}")
    {"core": core, "nir": nir, "events": events, "course": course, "classroom": classroom}[part]()
