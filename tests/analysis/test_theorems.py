"""`verify` holds, and fails when something is broken on purpose."""

import pytest

from saflab import cli
from saflab.analysis.theorems import TOLERANCE, drift, verify
from saflab.ops import cpu


def test_every_claim_holds():
    rows = verify(cases=4, seed=7)
    assert len(rows) == 49
    assert [row.name for row in rows if not row.holds] == []
    assert max(row.error for row in rows) <= TOLERANCE


def _saf_gradient(monkeypatch):
    true = cpu._SAF.backward
    wrong = staticmethod(lambda ctx, g: (true(ctx, g)[0] * (1 + 1e-8), *[None] * 4))
    monkeypatch.setattr(cpu._SAF, "backward", wrong)


def _reset_sign(monkeypatch):
    true = cpu.saf
    monkeypatch.setattr(cpu, "saf", lambda x, state, p, totals: true(-x, state, p, totals))


def _clamp_without_threshold(monkeypatch):
    """The published pitfall: the clamp surrogate without its factor 1/V."""

    def wrong(ctx, g):
        (kept,) = ctx.saved_tensors
        return g * (kept > 0), *[None] * 4

    monkeypatch.setattr(cpu._SAF, "backward", staticmethod(wrong))


@pytest.fixture(params=[_saf_gradient, _reset_sign, _clamp_without_threshold])
def broken(request, monkeypatch):
    """Three mistakes that a careless change could make."""
    request.param(monkeypatch)


def test_a_broken_rule_makes_verify_fail(broken, capsys):
    assert cli.main(["verify", "--cases", "2"]) == 1
    assert "FAILS" in capsys.readouterr().out


def test_step_updates_drift_only_when_weights_move():
    assert max(abs(1 - c) for c in drift(0.0)) < 1e-12
    moving = drift(1.0)
    assert abs(1 - moving[0]) < 1e-12
    assert min(moving) < 0.999
