"""Properties of the equations, in float64."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab.analysis.recording import record_neuron
from saflab.neurons import (
    SURROGATES,
    LIFParams,
    LIFState,
    SAFState,
    accumulate,
    lif_step,
    rescale,
    saf_step,
    spike,
    spikes_from_accumulation,
    surrogate_derivative,
    swap,
    to_accumulation,
    to_potential,
    total_weight,
)

decays = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.0, 1.0))
thresholds = st.floats(0.05, 20.0)
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(decays, thresholds, st.integers(1, 32), shapes, st.integers(0, 2**31))
def test_saf_is_lif(decay, threshold, steps, shape, seed):
    p = LIFParams(decay=decay, threshold=threshold)
    generator = torch.Generator().manual_seed(seed)
    current = threshold * torch.randn(steps, *shape, dtype=torch.float64, generator=generator)
    zero = torch.zeros(shape, dtype=torch.float64)
    lif, saf, total = LIFState(zero, zero), SAFState(zero), zero
    for now in current:
        total = decay * total + now
        before = saf.a
        lif, saf = lif_step(now, lif, p), saf_step(total, saf, p)
        assert torch.equal(lif.s, (saf.a - decay * before).round())
        scale = max(1.0, threshold)
        assert torch.allclose(
            to_potential(total, before, p), lif.u, rtol=0, atol=1e-12 * scale * 32
        )
        assert torch.allclose(to_accumulation(lif.u, before, p), total, atol=1e-12 * scale * 32)


@settings(max_examples=60, deadline=None)
@given(decays, st.integers(1, 32), shapes, st.integers(0, 2**31))
def test_accumulation_inverts_and_rates_stay_in_the_unit_interval(decay, steps, shape, seed):
    generator = torch.Generator().manual_seed(seed)
    spikes = (torch.rand(steps, *shape, generator=generator) < 0.5).double()
    a = accumulate(spikes, decay)
    assert torch.allclose(spikes_from_accumulation(a, decay), spikes, atol=1e-12)
    weight = total_weight(decay, steps)
    assert abs(weight - sum(decay**k for k in range(steps))) < 1e-9 * weight
    rate = a[-1] / weight
    assert rate.min() >= 0
    assert rate.max() <= 1 + 1e-12


def test_half_leak_reads_spikes_as_binary_digits():
    a = accumulate(torch.tensor([1.0, 0.0, 1.0, 1.0])[:, None], 0.5)[-1]
    assert float(a) == 1 + 1 / 2 + 0 / 4 + 1 / 8


def test_neuron_fires_at_equality_and_the_reset_decays():
    seen = record_neuron(torch.tensor([1.0, 0.0, 0.5]), LIFParams(decay=0.5, threshold=1.0))
    assert seen.s.flatten().tolist() == [1.0, 0.0, 0.0]
    assert seen.u.flatten().tolist() == [1.0, 0.0, 0.5]


@pytest.mark.parametrize("name", [s for s in SURROGATES if s != "clamp"])
@pytest.mark.parametrize("slope", [0.5, 4.0])
def test_surrogate_derivatives_integrate_to_one(name, slope):
    x = torch.linspace(-2000, 2000, 4_000_001, dtype=torch.float64)
    y = surrogate_derivative(x, LIFParams(surrogate=name, slope=slope))
    assert y.min() >= 0
    assert abs(float(torch.trapezoid(y, x)) - 1.0) < 5e-3


def test_sigmoid_surrogate_is_the_derivative_of_the_sigmoid():
    x = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.sigmoid(4 * x).sum(), x)
    assert torch.allclose(slope, surrogate_derivative(x.detach(), LIFParams()), rtol=1e-12)
    (through,) = torch.autograd.grad(spike(x, LIFParams()).sum(), x)
    assert torch.allclose(through, slope, rtol=1e-12)


def test_clamp_surrogate_has_the_factor_one_over_threshold_inside_only():
    p = LIFParams(threshold=2.0, surrogate="clamp")
    current = torch.tensor([-0.1, 0.1, 2.9, 3.1], dtype=torch.float64, requires_grad=True)
    a = saf_step(current, SAFState(torch.zeros(4, dtype=torch.float64)), p, total=1.5).a
    a.sum().backward()
    assert current.grad is not None
    assert current.grad.tolist() == [0.0, 0.5, 0.5, 0.0]


def test_swap_and_rescale_separate_value_from_gradient():
    x = torch.tensor(3.0, requires_grad=True)
    y = swap(10 * x, 2 * x) + rescale(x, 5.0, 7.0)
    y.backward()
    assert y.item() == 45.0
    assert x.grad is not None
    assert float(x.grad) == 9.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"decay": 1.5}, r"decay in \[0, 1\], but found 1.5"),
        ({"decay": float("nan")}, "decay"),
        ({"threshold": 0.0}, "threshold above 0, but found 0.0"),
        ({"surrogate": "step"}, "surrogate in .* but found 'step'"),
        ({"slope": -1.0}, "slope above 0"),
    ],
)
def test_parameters_out_of_range_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        LIFParams(**values)


def test_clamp_is_refused_where_it_cannot_be_computed():
    zero = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="needs the accumulated current"):
        lif_step(zero, LIFState(zero, zero), LIFParams(surrogate="clamp"))
    with pytest.raises(ValueError, match="found None"):
        saf_step(zero, SAFState(zero), LIFParams(surrogate="clamp"))
    with pytest.raises(ValueError, match="one shape"):
        saf_step(zero, SAFState(torch.zeros(1, 3)), LIFParams())


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.sampled_from([0.0, 0.5, 1 - 1e-9, 1 - 2.0**-53, 1.0]), st.floats(0.0, 1.0)),
    st.integers(0, 60),
)
def test_total_weight_is_the_sum_of_powers_to_the_last_digits(decay, t):
    """(1 − λᵗ)/(1 − λ) as it stands loses nine of sixteen digits at λ = 1 − 1e-9."""
    exact = sum((Fraction(decay) ** k for k in range(t)), Fraction(0))
    assert abs(Fraction(total_weight(decay, t)) - exact) <= 4 * Fraction(2) ** -53 * max(exact, 1)


def test_total_weight_at_a_decay_next_to_one():
    assert total_weight(1 - 1e-9, 1000) == pytest.approx(999.9995005001803, rel=1e-14)
    assert total_weight(0.75, 1) == 1.0
