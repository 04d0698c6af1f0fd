"""The benchmark `step` at a tiny size: what it measures, and that a broken row is refused."""

import json
import warnings

import pytest
import torch

from benchmarks import measure, report, step
from benchmarks.rows import FLOOR, ROWS, Row, ours
from saflab.rules import mode_of


def broken(network):
    """SAF-E whose second weight gradient is one per cent too long."""
    parameters, run = ours("saf_e")(network)

    def wrong(images, labels, steps):
        for _ in run(images, labels, steps):
            parameters[3].grad.mul_(1.01)
            yield

    return parameters, wrong


ROW = ROWS["SAF-E"]


def test_a_broken_row_is_refused_and_the_others_are_measured(tmp_path):
    table = {"SAF-E": ROW, "SAF-F": ROWS["SAF-F"], "Broken": ROW._replace(build=broken)}
    out = tmp_path / "cpu_float32.json"
    result = step.run(
        step.Settings(batch=1, steps=2, rounds=2, size=8, memory=False), table=table, out=out
    )
    assert set(result["rows"]) == {"SAF-E", "SAF-F", FLOOR}
    assert "Expected gradients within" in result["refused"]["Broken"]
    assert all(len(row["rounds"]) == 2 and row["seconds"] > 0 for row in result["rows"].values())
    assert result["rows"]["SAF-E"]["convolutions"] == {"forward": 15, "backward": 29}
    assert result["rows"]["SAF-F"]["convolutions"] == {"forward": 15, "backward": 15}
    assert json.loads(out.read_text())["machine"]["torch"] == torch.__version__
    page = tmp_path / "page.md"
    page.write_text("<!-- step:start -->\n<!-- step:end -->")
    assert report.run(tmp_path, page) == 0
    assert "| SAF-E step / bare convolutions |" in page.read_text()
    text = (tmp_path / "report.md").read_text()
    assert "‖g − g_ref‖/‖g_ref‖ ≤ 0.01 in float32" in text
    assert "Refused: Broken" in text
    assert "| SAF-E step / bare convolutions |" in text
    assert out.with_suffix(".svg").exists()


def scaled_in_half_precision(factor):
    def build(network):
        parameters, run = ours("saf_f")(network)

        def wrong(images, labels, steps):
            for _ in run(images, labels, steps):
                if torch.is_autocast_enabled("cpu"):
                    for p in parameters:
                        p.grad.mul_(factor)
                yield

        return parameters, wrong

    return build


@pytest.mark.parametrize("factor", [1.0, 0.0, -1.0])
def test_in_bfloat16_no_gradient_and_a_negated_one_are_refused(factor):
    row = ROWS["SAF-F"]._replace(build=scaled_in_half_precision(factor))
    if factor == 1.0:
        assert step.check(row, "bfloat16")["bfloat16"] <= step.TOLERANCES["bfloat16"] < 1.0
        return
    with pytest.raises(ValueError, match="reference in bfloat16, as 1 − cos"):
        step.check(row, "bfloat16")


@pytest.mark.parametrize("name", [n for n in ROWS if n.split()[0] not in ("SAF-E", "SAF-F")])
def test_every_row_has_the_gradient_of_the_reference(name):
    for package in ("spikingjelly", "snntorch", "norse"):
        if name.lower().startswith(package):
            pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers: Norse still scripts a function
        assert measure.disagreement(ROWS[name], steps=3) < step.TOLERANCES["float64"]


def test_kept_bytes_leave_the_weights_out_and_grow_with_time_under_bptt_alone():
    half = measure.kept_bytes(ROW, steps=2, size=8, half=True)
    full = measure.kept_bytes(ROW, steps=2, size=8)
    assert half <= 4.0 < full <= 8.0
    unfused = Row(ours("ottt_a", mode_of("ottt_a", impl="reference")), "ottt_a", ROW.reference)
    assert measure.kept_bytes(unfused, steps=2, size=8) >= full


def test_convolutions_over_many_steps_at_once_count_as_many():
    assert measure.convolutions(ROWS["BPTT"], 3) == {"forward": 1 + 7 * 3, "backward": 1 + 14 * 3}


def test_peak_memory_counts_what_a_step_allocates():
    found = measure.peak(ROWS["SAF-F"], batch=1, steps=2, precision="float32", device="cpu")
    weights = 9_228_362 * 4
    assert 2 * weights < found["tensors"] < 5 * weights


def test_wrong_requests_are_named(tmp_path):
    with pytest.raises(ValueError, match="rows in"):
        step.run(step.Settings(), rows=["SAF-G"])
    with pytest.raises(ValueError, match="Run python -m benchmarks step"):
        report.run(tmp_path)
