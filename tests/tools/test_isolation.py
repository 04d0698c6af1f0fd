"""Tests and kernels run in an environment of their own, whatever the caller's is."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environments
from tools.isolation import isolate, isolated

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "name",
    ["MPLBACKEND", "COLUMNS", "FORCE_COLOR", "LANG", "LC_NUMERIC", "PYTHONSTARTUP", "HTTP_PROXY",
     "https_proxy", "ALL_PROXY", "no_proxy", "JUPYTER_PATH", "SAFLAB_DATA", "PYTHONWARNINGS"],
)  # fmt: skip
def test_what_the_caller_set_is_gone(tmp_path, name):
    assert name not in isolated({name: "theirs", "PATH": "/bin"}, tmp_path)


@pytest.mark.parametrize(
    "name", ["MPLCONFIGDIR", "MATPLOTLIBRC", "IPYTHONDIR", "JUPYTER_CONFIG_DIR",
             "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"],
)  # fmt: skip
def test_settings_are_read_from_the_folder(tmp_path, name):
    value = Path(isolated({name: "/theirs"}, tmp_path)[name])
    assert value.exists()
    assert value.is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["PATH", "OMP_NUM_THREADS", "TERM", "ATEN_CPU_CAPABILITY",
                                  "TRITON_INTERPRET", "SAFLAB_FAST"])  # fmt: skip
def test_the_rest_stays(tmp_path, name):
    assert isolated({name: "theirs"}, tmp_path)[name] == "theirs"


@pytest.mark.parametrize("home", [None, "", "/dev/null", "/nonexistent/home"])
def test_a_home_that_is_missing_is_replaced(tmp_path, home):
    found = isolated({} if home is None else {"HOME": home}, tmp_path)["HOME"]
    assert Path(found).is_dir()
    assert Path(found).is_relative_to(tmp_path)


def test_a_home_that_works_stays(tmp_path):
    assert isolated({"HOME": str(tmp_path)}, tmp_path / "own")["HOME"] == str(tmp_path)


def test_locale_and_time_zone_are_fixed(tmp_path):
    found = isolated({"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata"}, tmp_path)
    assert (found["LC_ALL"], found["TZ"]) == ("C.UTF-8", "UTC")


def test_a_child_shares_its_parents_folder():
    parent: dict[str, str] = {"MPLBACKEND": "svg"}
    with isolate(parent):
        assert "MPLBACKEND" not in parent
        child = dict(parent)
        with isolate(child):
            assert child == parent
    later = dict(parent)  # whose folder is gone
    with isolate(later):
        assert later["MPLCONFIGDIR"] != parent["MPLCONFIGDIR"]


def test_this_process_is_isolated():
    assert "MPLBACKEND" not in os.environ
    assert os.environ["TZ"] == "UTC"


def test_every_choice_is_drawn():
    rng = random.Random(0)
    drawn = [environments.draw(rng) for _ in range(200)]
    for name, values in environments.CHOICES.items():
        assert {environment[name] for environment in drawn} == set(values)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_notebook_passes_in_an_environment_drawn_at_random(seed):
    """More by hand: python -m tools.environments 300."""
    status, said = environments.run(
        environments.draw(random.Random(seed)), [ROOT / "notebooks" / "01_lif_neuron.ipynb"]
    )
    assert status == 0, said


def test_the_traps_would_be_seen(monkeypatch):
    """A kernel that is not isolated prints nothing, so the test above can fail."""
    monkeypatch.setattr(environments, "ROOT", ROOT)
    environment = dict.fromkeys(environments.CHOICES) | {"IPYTHONDIR": "{trap}"}
    monkeypatch.setenv("PYTEST_ADDOPTS", f"--confcutdir={ROOT / 'notebooks'} --nbval-current-env")
    status, said = environments.run(environment, [ROOT / "notebooks" / "01_lif_neuron.ipynb"])
    assert status == 1, said


HOMES = {"no HOME": None, "an empty HOME": "", "a file": "/dev/null", "none there": "/no/such/home"}


@pytest.fixture
def without_home(tmp_path):
    """Return a function that runs Python as a user whom the system does not know."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import pwd\ndef unknown(uid): raise KeyError(uid)\npwd.getpwuid = unknown\n"
    )
    work = tmp_path / "work"
    work.mkdir()

    def run(home, *command):
        gone = {"HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "CI", "PYTEST_CURRENT_TEST",
                "SAFLAB_STATE", *environments.CHOICES}  # fmt: skip
        env = {k: v for k, v in os.environ.items() if k not in gone}
        env["PYTHONPATH"] = os.pathsep.join([str(site), str(ROOT)])
        if home is not None:
            env["HOME"] = home
        done = subprocess.run(
            [sys.executable, *command], cwd=work, env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert not (work / "~").exists()
        return done

    return run


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)
def test_the_library_needs_no_home(without_home, home):
    """A container runs as a user without a home that could be written to."""
    program = (
        "import saflab\nfrom saflab.data.dataset import search_folders\nsearch_folders()\n"
        "saflab.pretrained('digits')\nsaflab.checks\nfrom saflab.course import progress\n"
        "progress.record('predict')"
    )
    done = without_home(home, "-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    done = without_home(home, "-m", "saflab", "progress")
    assert (done.returncode, done.stderr) == (0, "")
    assert "exercises" in done.stdout


def test_training_needs_no_home(without_home):
    options = ["--data", "digits", "--model", "mlp", "--channels", "8", "--epochs", "1"]
    done = without_home(None, "-m", "saflab", "train", *options, "--limit", "50")
    assert done.returncode == 0, done.stderr
