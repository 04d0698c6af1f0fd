"""NaN and infinity are errors that name the tensor, wherever they come from."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab import machine
from saflab.gradients import sequence
from saflab.models import build
from saflab.network import LIF, OTTT, SAF, Connection, Linear, Network, Synapse
from saflab.network import network as networks
from saflab.ops.finite import is_finite, poison, require_finite, skip_if_broken
from saflab.rules import RULES, mode_of
from saflab.training.fit import fit

BAD = st.sampled_from([math.nan, math.inf, -math.inf])
WORD = {True: "NaN", False: "infinity"}


def network():
    torch.manual_seed(0)
    return build("mlp", (4,), 3, hidden=(6, 5))


@settings(max_examples=60, deadline=None)
@given(BAD, st.integers(0, 5), st.integers(0, 7), st.sampled_from(list(RULES)), st.integers(1, 6))
def test_input_at_any_step(bad, step, place, rule, chunk):
    """Before, `network(x)` looked at the first step alone: a NaN at t = 3 gave a finite readout."""
    x = torch.rand(6, 2, 4)
    x[step].view(-1)[place] = bad
    message = rf"finite input, but found {WORD[math.isnan(bad)]} in step {step + 1} of x"
    with pytest.raises(ValueError, match=message):
        network()(x, None, mode_of(rule))
    with pytest.raises(ValueError, match=message):
        list(sequence(network(), x, torch.tensor([0, 1]), rule))
    state, parts = None, x.split(chunk)
    for part in parts[: step // chunk]:
        state = network()(part, state, mode_of(rule))[1]
    with pytest.raises(ValueError, match=f"in step {step % chunk + 1} of x"):
        network()(parts[step // chunk], state, mode_of(rule))
    x = torch.rand(2, 4)
    x.view(-1)[place] = bad
    with pytest.raises(ValueError, match="in step 1 of x"):
        network()(x.expand(6, 2, 4))


@settings(max_examples=60, deadline=None)
@given(BAD, st.integers(0, 10**6), st.sampled_from(list(RULES)))
def test_weights_of_any_layer(bad, which, rule):
    net = network()
    named = dict(net.named_parameters())
    name = list(named)[which % len(named)]
    with torch.no_grad():
        named[name].view(-1)[which % named[name].numel()] = bad
    message = f"finite weights, but found {WORD[math.isnan(bad)]} in {name}"
    with pytest.raises(ValueError, match=message):
        net(torch.rand(3, 2, 4), None, mode_of(rule))
    with pytest.raises(ValueError, match=message):
        list(sequence(net, torch.rand(3, 2, 4), torch.tensor([0, 1]), rule))
    assert all(p.grad is None for p in net.parameters())


def test_an_effective_weight_that_overflows():
    net = Network([Connection(0, 1, Synapse(Linear(4, 3)))])
    torch.nn.utils.parametrizations.weight_norm(net.synapses[0].layer)
    with torch.no_grad():
        net.synapses[0].layer.parametrizations.weight.original1.zero_()
    with pytest.raises(ValueError, match=r"found NaN in synapses\.0\.layer\.weight"):
        net(torch.rand(3, 2, 4))


def test_a_nan_in_a_hidden_weight_does_not_train(few, small):
    """Before, it trained on to 93 %."""
    net = build("mlp", few.shape, 10, hidden=(16, 16))
    with torch.no_grad():
        net.synapses[1].layer.weight[3, 4] = math.nan
    before = [p.clone() for p in net.parameters()]
    with pytest.raises(ValueError, match=r"in synapses\.1\.layer\.weight"):
        list(fit(small, few, model=net))
    for one, other in zip(net.parameters(), before, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("rule", ["bptt", "saf_e", "ottt_o", "saf_f"])
def test_gradients_are_refused_before_they_move_a_weight(bad, rule, few, small, tmp_path):
    net = build("mlp", few.shape, 10, hidden=(16,))
    calls = []

    def spoil(grad):
        calls.append(0)
        if len(calls) < 20:
            return grad
        grad = grad.clone()
        grad.view(-1)[5] = bad
        return grad

    net.synapses[0].layer.gain.register_hook(spoil)
    config = dataclasses.replace(small, rule=rule, epochs=20)
    message = rf"finite gradients, but found {WORD[math.isnan(bad)]} in synapses\.0\.layer\.gain"
    step, last = torch.optim.SGD.step, []

    def counted(self, *args):
        out = step(self, *args)
        last[:] = [p.detach().clone() for p in net.parameters()]
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", counted)
        with pytest.raises(ValueError, match=message):
            list(fit(config, few, model=net, out=tmp_path))
    for one, other in zip(net.parameters(), last, strict=True):
        assert torch.equal(one, other)  # as the last good update left them
        assert one.isfinite().all()
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(x.isfinite().all() for x in kept["model"].values())


@settings(max_examples=30, deadline=None)
@given(BAD, st.integers(0, 10**6), st.integers(1, 4))
def test_a_fused_optimizer_skips_what_is_not_finite_and_all_after(bad, which, good):
    """What a GPU does, whose host would have to wait for an error; here on the CPU."""
    weights = [torch.nn.Parameter(torch.ones(3, 4)), torch.nn.Parameter(torch.ones(5))]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9, fused=True)
    broken = optimizer.found_inf = torch.zeros(())
    kept = []
    for step in range(good + 3):
        for p in weights:
            p.grad = torch.ones_like(p)
        if step == good:
            p = weights[which % 2]
            p.grad.view(-1)[which % p.numel()] = bad
            kept = [p.detach().clone() for p in weights]
        skip_if_broken([p.grad for p in weights], broken)
        optimizer.step()
        assert float(broken) == (step >= good)
    assert all(torch.equal(p, q) for p, q in zip(weights, kept, strict=True))
    assert not torch.equal(kept[0], torch.ones(3, 4))


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("where", ["input", "weight", "bias"])
def test_where_nobody_may_look_the_loss_becomes_nan(rule, where, monkeypatch):
    """A GPU's host does not wait; what it would find late is in the loss. Emulated on the CPU."""
    for module in (machine, networks.machine):
        monkeypatch.setattr(module, "on_gpu", lambda device: True)
    net, x = network(), torch.rand(6, 2, 4)
    y = torch.tensor([0, 1])
    assert all(done.loss.isfinite() for done in sequence(net, x, y, rule))
    with torch.no_grad():
        if where == "input":
            x[2, 1, 3] = math.nan
        else:
            getattr(net.synapses[1].layer, where).view(-1)[2] = math.inf
    assert list(sequence(net, x, y, rule))[-1].loss.isnan()
    o, _ = net(x, None, mode_of(rule))
    assert o[-1].isnan().all()


@pytest.mark.parametrize("layer", [LIF(), OTTT(), SAF()])
def test_layers_wired_by_hand(layer):
    x = torch.rand(4, 2, 3)
    x[2, 1, 1] = math.nan
    with pytest.raises(ValueError, match="finite currents, but found NaN in the current"):
        layer(x)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(width=32), min_size=0, max_size=20),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
)
def test_is_finite_agrees_with_every_number(values, dtype):
    x = torch.tensor(values).to(dtype)
    assert is_finite(x) == bool(torch.isfinite(x).all())
    assert math.isnan(float(poison(x))) != is_finite(x) or x.numel() == 0
    assert is_finite(torch.tensor([1, 2]))
    if not is_finite(x):
        with pytest.raises(ValueError, match="finite weights"):
            require_finite("weights", [("w", x)], "Stop.")


def test_an_export_names_the_tensor():
    nir = pytest.importorskip("nir")
    assert nir
    from saflab.interop.nir.writing import to_nir

    net = network()
    with torch.no_grad():
        net.synapses[1].layer.weight[0, 0] = math.nan
    with pytest.raises(ValueError, match=r"in synapses\.1\.layer\.weight"):
        to_nir(net, (4,))
    wide = network().double()
    with torch.no_grad():
        wide.synapses[2].layer.bias[0] = 1e300
    with pytest.raises(ValueError, match=r"found infinity in .*float32"):
        to_nir(wide, (4,))
