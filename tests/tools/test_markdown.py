"""Tables in the pages come from result files, and a missing place for them is named."""

import json
from pathlib import Path

import pytest

from benchmarks import (
    cifar10,
    connections,
    grading,
    report,
    scaling,
    slider_latency,
    student_kernels,
    summary,
    watching,
)
from tools.markdown import put, replaced

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"processor": "P", "cores": 2, "torch": "2", "python": "3", "date": "2026-01-01"}
# Marker, page, result file, and what makes the text of it.
PARTS = [
    ("lab", "docs/results.md", "lab", cifar10.table),
    ("step", "docs/results.md", "bench/cpu_float32", report.table),
    ("connections", "docs/results.md", "connections", connections.table),
    ("widgets", "docs/results.md", "widgets", slider_latency.table),
    ("watch", "docs/results.md", "watch", watching.table),
    ("measured", "docs/scaling.md", "scaling", lambda r: scaling.tables(r)["measured"]),
    ("projection", "docs/scaling.md", "scaling", lambda r: scaling.tables(r)["projection"]),
    ("class", "docs/instructor.md", "classroom", grading.table),
    ("kernels", "docs/instructor.md", "kernels", student_kernels.table),
]


def test_a_table_replaces_what_stands_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- t:start -->\nold\n<!-- t:end -->\nb\n")
    put("t", "new", page)
    assert page.read_text() == "a\n<!-- t:start -->\nnew\n<!-- t:end -->\nb\n"
    with pytest.raises(ValueError, match=r"page\.md: Expected the markers <!-- u:start -->"):
        put("u", "new", page)
    with pytest.raises(ValueError, match="root of a clone"):
        put("t", "new", tmp_path / "none.md")


@pytest.mark.parametrize(
    "page",
    [
        "<!-- t:end --><!-- t:start -->",
        "<!-- t:start -->",
        "<!-- t:start --><!-- t:end --><!-- t:start --><!-- t:end -->",
    ],
)
def test_markers_stand_once_and_in_order(page):
    with pytest.raises(ValueError, match="once each"):
        replaced(page, "t", "new")


@pytest.mark.parametrize(("name", "page", "file", "table"), PARTS, ids=[p[0] for p in PARTS])
def test_a_page_says_what_its_result_file_says(name, page, file, table):
    text = (ROOT / page).read_text(encoding="utf-8")
    result = json.loads((ROOT / "assets" / f"{file}.json").read_text(encoding="utf-8"))
    assert replaced(text, name, table(result)) == text


def test_the_summary_comes_from_the_same_files_and_links_to_their_tables():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    made = summary.summary(ROOT / "assets")
    assert replaced(text, "summary", made) == text
    assert len(made.splitlines()) <= 5
    headings = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for _, anchor, _, _ in summary.LINES:
        assert f"\n## {anchor}\n" in headings


def test_a_changed_result_changes_the_summary(tmp_path):
    for _, _, file, _ in summary.LINES:
        target = tmp_path / f"{file}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text((ROOT / "assets" / f"{file}.json").read_text(encoding="utf-8"))
    lab = json.loads((tmp_path / "lab.json").read_text())
    lab["rows"][0]["test_accuracy"] = 0.123
    (tmp_path / "lab.json").write_text(json.dumps(lab))
    assert "SAF-E 12.3 %" in summary.summary(tmp_path)


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
