"""Hosting files: they load, and say what the guide says."""

from pathlib import Path

import pytest
from traitlets.config.loader import PyFileConfigLoader

from benchmarks import student_kernels as kernels
from saflab.cli import main

ROOT = Path(__file__).resolve().parents[2]


def test_the_hub_example_loads():
    config = PyFileConfigLoader("jupyterhub_config.py", path=str(ROOT / "docs")).load_config()
    assert config.Spawner.mem_limit == "2G"
    assert config.Spawner.environment["OMP_NUM_THREADS"] == "2"
    assert callable(config.Spawner.pre_spawn_hook)


def test_the_environment_installs_this_checkout():
    text = (ROOT / "environment.yml").read_text()
    assert "- python=3." in text
    assert "- -e ." in text


def test_every_command_of_the_guide_exists(capsys):
    text = (ROOT / "docs" / "instructor.md").read_text()
    for action in ("init", "release", "grade", "feedback", "export"):
        assert f"saflab class {action}" in text
        with pytest.raises(SystemExit):
            main(["class", action, "--help"])
        capsys.readouterr()
    for option in ("--seconds", "--cell-seconds", "--memory-mb", "--files-mb", "--processes"):
        assert option in text


def test_sizing_follows_from_the_measured_rows():
    rows = [{"lesson": "01_lif_neuron", "kernels": n, "pss_mb": 100 + 400 * n, "cpu_s": 30.0}
            for n in kernels.COUNTS]  # fmt: skip
    result = {"rows": rows, "server_mb": 112, "minutes": {"01_lif_neuron": 10}}
    assert kernels.fit(rows, "01_lif_neuron") == pytest.approx((100, 400))
    memory, cores = kernels.sizing(result, 300, "01_lif_neuron")
    assert memory == pytest.approx((100 + 300 * 512) / 1024)
    assert cores == pytest.approx(15)
