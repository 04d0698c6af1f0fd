"""Each implementation against the plain one: spikes bit for bit, gradients to rounding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import run

from saflab.neurons import SURROGATES, LIFParams
from saflab.ops import cpu, has_triton, kinds, scan, zero_state

U_SURROGATES = [s for s in SURROGATES if s != "clamp"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["lif", "ottt", "saf"]),
    st.sampled_from(U_SURROGATES),
    st.floats(0.0, 1.0),
    st.floats(0.1, 5.0),
    st.integers(1, 32),
    st.lists(st.integers(1, 7), min_size=1, max_size=3),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_hand_written_equals_reference(
    kind, surrogate, decay, threshold, steps, shape, detach, seed
):
    p = LIFParams(decay=decay, threshold=threshold, surrogate=surrogate)
    generator = torch.Generator().manual_seed(seed)
    currents = threshold * torch.randn(steps, *shape, dtype=torch.float64, generator=generator)
    fast = run(kind, "cpu", currents, p, detach_reset=detach)
    slow = run(kind, "reference", currents, p, detach_reset=detach)
    assert torch.equal(fast[0], slow[0])
    torch.testing.assert_close(fast[1], slow[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["lif", "ottt", "saf"])
def test_low_precision_spikes_are_equal_too(kind, dtype):
    currents = torch.randn(6, 5, 33, generator=torch.Generator().manual_seed(0)).to(dtype)
    p = LIFParams(decay=0.5, threshold=1.0)
    assert torch.equal(run(kind, "cpu", currents, p)[0], run(kind, "reference", currents, p)[0])


def test_clamp_surrogate_agrees():
    p = LIFParams(threshold=1.3, surrogate="clamp")
    currents = torch.randn(5, 4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fast, slow = run("saf", "cpu", currents, p), run("saf", "reference", currents, p)
    assert slow[1].abs().max() > 0
    torch.testing.assert_close(fast[1], slow[1])


@pytest.mark.parametrize("kind", ["lif", "ottt"])
@pytest.mark.parametrize("impl", ["auto", "reference", "cpu", "gpu"])
def test_clamp_is_refused_where_there_is_no_accumulated_current(kind, impl):
    if impl == "gpu" and not has_triton():
        pytest.skip("no Triton for this system")
    currents = torch.zeros(2, 1, 3, device="cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match=f"surrogate of u − V for the neuron '{kind}'"):
        scan(kind, currents, None, LIFParams(surrogate="clamp"), impl=impl)


@pytest.mark.parametrize("kind", ["lif", "ottt", "saf"])
@pytest.mark.parametrize("impl", ["cpu", "reference"])
def test_chunks_do_not_matter(kind, impl):
    currents = torch.randn(7, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole, parts = run(kind, impl, currents, LIFParams()), None
    for chunk in (1, 2, 7):
        parts = run(kind, impl, currents, LIFParams(), chunk=chunk)
        # The gradient weights depend on the shape of the output alone, which is the same.
        assert torch.equal(parts[0], whole[0])
        torch.testing.assert_close(parts[1], whole[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("detach", [False, True])
def test_backward_is_the_derivative_of_the_linearised_neuron(detach):
    """Replace H(u − V) by its tangent σ'·u: gradcheck's finite differences then apply."""
    p = LIFParams(decay=0.7, threshold=1.1)
    currents = torch.randn(5, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    out = currents.clone().requires_grad_()
    spikes, _ = scan("lif", out, None, p, impl="cpu", detach_reset=detach)
    (kept,) = spikes.grad_fn.saved_tensors  # type: ignore[union-attr]

    def tangent(x):
        u = s = torch.zeros_like(x[0])
        result = []
        for now, slope in zip(x, kept, strict=True):
            u = p.decay * (u - (0.0 if detach else p.threshold) * s) + now
            s = slope * u
            result.append(s)
        return torch.stack(result)

    assert torch.autograd.gradcheck(tangent, (currents.clone().requires_grad_(),))
    weights = torch.randn_like(currents)
    (ours,) = torch.autograd.grad((spikes * weights).sum(), out)
    x = currents.clone().requires_grad_()
    (true,) = torch.autograd.grad((tangent(x) * weights).sum(), x)
    torch.testing.assert_close(ours, true, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", kinds())
def test_one_number_is_kept_per_neuron_step_and_two_bytes_of_it_under_bfloat16(kind, half, dtype):
    kept = []
    x = torch.randn(4, 2, 8, dtype=dtype, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t), \
            torch.autocast("cpu", torch.bfloat16, enabled=half):  # fmt: skip
        scan(kind, x, None, LIFParams(), impl="cpu")
    # A convolution in float64 stays float64 under autocast.
    size = 2 if half and dtype == torch.float32 else dtype.itemsize
    assert sum(t.numel() * t.element_size() for t in kept) == size * x.numel()


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("kind", kinds())
def test_a_derivative_kept_in_bfloat16_changes_the_gradient_by_its_rounding_alone(kind, detach):
    currents = torch.randn(6, 3, 40, generator=torch.Generator().manual_seed(4))
    full = run(kind, "cpu", currents, LIFParams(), detach_reset=detach)
    with torch.autocast("cpu", torch.bfloat16):
        half = run(kind, "cpu", currents, LIFParams(), detach_reset=detach)
    assert torch.equal(half[0], full[0])
    assert half[1].dtype == torch.float32
    size = float(full[1].abs().max())
    torch.testing.assert_close(half[1], full[1], rtol=0.01, atol=0.01 * size)
    assert not torch.equal(half[1], full[1])


def test_no_graph_keeps_nothing():
    with torch.no_grad():
        out, _ = cpu.saf(torch.randn(3, 2, 4), zero_state("saf", torch.zeros(2, 4)), LIFParams(),
                         [1.0, 1.5, 1.75])  # fmt: skip
    assert not out.requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gru", torch.zeros(1, 1), None), "neuron in"),
        (("saf", torch.zeros(0, 2), None), "T ≥ 1"),
        (("saf", torch.zeros(2, 2, dtype=torch.long), None), "floating-point"),
        (("saf", torch.zeros(2, 3, 4), zero_state("saf", torch.zeros(2, 4))), "state of shape"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        scan(*arguments, LIFParams())


def test_unknown_implementation_is_named():
    with pytest.raises(ValueError, match="implementation in"):
        scan("saf", torch.zeros(1, 1), None, LIFParams(), impl="gpu4")
    assert kinds() == ("lif", "ottt", "saf")
