"""Tables in the pages come from results, and a missing place for them is named."""

from pathlib import Path

import pytest

from benchmarks import connections, scaling
from tools.markdown import put

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"processor": "P", "cores": 2, "torch": "2", "python": "3", "date": "2026-01-01"}


def test_a_table_replaces_what_stands_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- t:start -->\nold\n<!-- t:end -->\nb\n")
    put("t", "new", page)
    assert page.read_text() == "a\n<!-- t:start -->\nnew\n<!-- t:end -->\nb\n"
    with pytest.raises(ValueError, match="markers <!-- u:start -->"):
        put("u", "new", page)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("README.md", ["lab", "step", "connections", "widgets", "watch"]),
        ("docs/scaling.md", ["measured", "projection"]),
    ],
)
def test_the_pages_have_the_markers(page, names):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in names:
        assert text.count(f"<!-- {name}:start -->") == text.count(f"<!-- {name}:end -->") == 1


def test_mean_and_deviation_over_seeds():
    rows = [
        {"model": model, "rule": rule, "seed": seed, "test_accuracy": 0.5 + 0.01 * seed,
         "test_images": 10000, "loss": 1.0}
        for model in connections.MODELS for rule in connections.RULES for seed in range(3)
    ]  # fmt: skip
    text = connections.table({"rows": rows, "models": connections.MODELS, "machine": MACHINE})
    assert text.count("51.00 ± 1.00 %") == 6


def test_communication_is_a_ring_and_only_step_updates_send_t_times():
    assert scaling.volume("saf_e", 10, 6) == 40
    assert scaling.volume("ottt_o", 10, 6) == 240
    assert scaling.step_seconds(1.0, 100, 1, 1.0) == 1.0
    assert scaling.step_seconds(1.0, 100, 4, 50.0) == pytest.approx(1.0 + 2 * 0.75 * 2.0)
    rows = {row["rule"]: row for row in scaling.projection()}
    assert rows["saf_e"]["bytes"] == 4 * 9_228_362
    assert 0 < rows["ottt_o"]["efficiency_64"] < rows["ottt_o"]["efficiency_8"] < 1
