"""Proposition 2 (lesson 06): 0 ≤ clamp(z/V, 0, 1) − a[T] < 1/Λ[T] for a constant drive z."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab import LIFParams, record_neuron
from saflab.neurons import total_weight

DRIVE = torch.linspace(-2.0, 3.0, 501, dtype=torch.float64)  # z/V


def errors(decay, threshold, steps):
    p = LIFParams(decay=decay, threshold=threshold)
    seen = record_neuron(threshold * DRIVE.expand(steps, 1, -1), p)
    residual = seen.u[-1] - threshold * seen.s[-1]
    return DRIVE.clamp(0, 1) - seen.rate[0], residual[0], seen.rate[0]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.3, 3.0), st.integers(1, 60))
def test_rate_lies_below_the_clamp_by_less_than_one_over_lambda(decay, threshold, steps):
    error, residual, rate = errors(decay, threshold, steps)
    total = total_weight(decay, steps)
    assert error.min() > -1e-9
    assert error.max() < 1 / total + 1e-9
    torch.testing.assert_close(rate, DRIVE - residual / (threshold * total), rtol=0, atol=1e-9)


def test_without_leak_the_rate_converges():
    largest = [float(errors(1.0, 0.7, steps)[0].max()) for steps in (10, 100, 1000)]
    assert largest == pytest.approx([0.1, 0.01, 0.001], rel=0.2)


@pytest.mark.parametrize("decay", [0.9, 0.5, 0.2])
def test_with_a_leak_it_does_not(decay):
    """Just below z = V(1 − λ) the neuron never fires: the error stays near 1 − λ at every T."""
    for steps in (10, 100, 1000):
        assert float(errors(decay, 0.7, steps)[0].max()) > 0.97 * (1 - decay) - 0.01
