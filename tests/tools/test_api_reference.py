"""The API reference: examples in docstrings run, every module has a page, nothing is fetched."""

import doctest
import importlib
import re
from pathlib import Path

import pytest
import torch

import saflab
from tools import api_reference as reference

# Where a reader looks first; each of these has at least one example.
SHOWN = ("neurons", "ops.scan", "rules", "network.network", "gradients",
         "analysis.recording", "data.encoders", "data.images",
         "training.fit", "analysis.theorems", "data.event_cameras")  # fmt: skip


@pytest.mark.parametrize("name", reference.modules())
def test_examples_in_docstrings_run(name):
    torch.manual_seed(0)
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert failed == 0
    if name.removeprefix("saflab.") in SHOWN:
        assert tried > 0


def test_the_reference_has_a_page_per_module_and_fetches_nothing(tmp_path):
    pytest.importorskip("pdoc")
    line = reference.build(tmp_path)
    assert (tmp_path / re.search(r'href="([^"]+)"', line)[1]).is_file()
    expected = {f"{name.replace('.', '/')}.html" for name in reference.modules()}
    package = Path(saflab.__file__).parent
    assert "saflab/neurons.html" in expected
    assert len(expected) > 0.6 * len(list(package.rglob("*.py")))
    for name in expected:
        page = (tmp_path / "api" / name).read_text(encoding="utf-8")
        assert not re.search(r'(src|<link[^>]*href)="(https?:)?//', page)
        back = re.search(r'href="([^"]+)">All lessons', page)[1]
        assert ((tmp_path / "api" / name).parent / back).resolve() == tmp_path / "index.html"
    neurons = (tmp_path / "api/saflab/neurons.html").read_text(encoding="utf-8")
    assert re.search(r"<pre>.*â\[t\]", neurons, re.DOTALL)
    assert (tmp_path / "api/search.js").stat().st_size > 10_000
