"""`sequence`: complete gradients at every yield, and nothing left behind by who leaves early."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.parametrize import register_parametrization

from saflab.data.encoders import constant
from saflab.gradients import accumulate_gradients, loss_fn, predict, sequence
from saflab.models import build, mlp
from saflab.rules import RULES, get_rule, mode_of

STEPS = 5
SIZES = {"mlp": {"hidden": (9, 9)}, "convnet": {"channels": (4, 5, 6)}, "vgg11f": {"width": 3}}
ONLINE = [name for name, rule in RULES.items() if rule.graph == "step"]


def case(name="convnet", varying=False, parametrised=False):
    generator = torch.Generator().manual_seed(0)
    network = build(name, (3, 8, 8), 4, generator=generator, **SIZES[name]).double()
    if parametrised:
        torch.nn.utils.parametrizations.weight_norm(network.synapses[1].layer)
        register_parametrization(network.synapses[0].layer, "bias", torch.nn.Tanh())
    x = torch.randn(STEPS if varying else 1, 3, 3, 8, 8, generator=generator, dtype=torch.float64)
    return network, x.expand(STEPS, 3, 3, 8, 8), torch.tensor([0, 1, 3])


def grads(network):
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in network.parameters()]


def by_hand(network, x, y, rule, upto):
    """Return the gradients of the first steps: nothing held, one plain backward pass each."""
    network.zero_grad()
    state, mode = None, mode_of(rule)
    for t in range(upto):
        o, state = network(x[t : t + 1], state, mode)
        (loss_fn(o[0], y) / STEPS).backward()
        state.readout = None if state.readout is None else state.readout.detach()
    found = grads(network)
    network.zero_grad()
    return found


@pytest.mark.parametrize("rule", ONLINE)
@pytest.mark.parametrize("model", ["mlp", "convnet", "vgg11f"])
@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("parametrised", [False, True])
def test_after_each_yield_the_gradients_are_complete(rule, model, varying, parametrised):
    network, x, y = case(model, varying, parametrised)
    true = [by_hand(network, x, y, rule, t) for t in range(1, STEPS + 1)]
    for done, expected in zip(sequence(network, x, y, rule), true, strict=True):
        for p, grad in zip(grads(network), expected, strict=True):
            torch.testing.assert_close(p, grad, rtol=1e-8, atol=1e-12)
        assert done.t <= STEPS


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ONLINE), st.integers(0, STEPS), st.booleans(), st.integers(1, STEPS))
def test_who_leaves_early_keeps_the_steps_so_far_and_nothing_else(rule, stop, varying, chunk):
    network, x, y = case("mlp", varying)
    switches = get_rule(rule, chunk=chunk if RULES[rule].update == "sequence" else 1)
    before = {name: id(p) for name, p in network.named_parameters()}
    done, passes = 0, sequence(network, x, y, switches)
    for _ in range(stop):
        if done < STEPS:
            done = next(passes).t
    passes.close()
    found = grads(network)
    for p, expected in zip(found, by_hand(network, x, y, rule, done), strict=True):
        torch.testing.assert_close(p, expected, rtol=1e-8, atol=1e-12)
    assert before == {name: id(p) for name, p in network.named_parameters()}
    tensors = [v for m in network.modules() for v in vars(m).values() if torch.is_tensor(v)]
    assert not any(v.requires_grad for v in tensors)


@pytest.mark.parametrize("rule", list(RULES))
def test_a_sequence_that_is_not_iterated_changes_nothing_but_is_checked(rule):
    network, x, y = case("mlp")
    passes = sequence(network, x, y, rule)
    assert all(p.grad is None for p in network.parameters())
    passes.close()
    with pytest.raises(ValueError, match="one label per image"):
        sequence(network, x, y[:1], rule)  # at the call, not at the first iteration


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("varying", [False, True])
def test_gathered_at_the_end_they_are_the_same(rule, varying):
    network, x, y = case("convnet", varying)
    switches = get_rule(rule, update="sequence")
    first = list(sequence(network, x, y, switches))
    found = grads(network)
    network.zero_grad()
    second = accumulate_gradients(network, x, y, switches)
    for one, other in zip(found, grads(network), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(second.loss, sum(done.loss for done in first))
    readout = torch.cat([done.readout for done in first])
    torch.testing.assert_close(second.readout, readout.sum(0, keepdim=True))
    assert torch.equal(predict(second.readout), predict(readout))
    with pytest.raises(ValueError, match="found 'step'"):
        accumulate_gradients(network, x, y, get_rule("saf_e", update="step"))


@pytest.mark.parametrize("rule", ["sltt", "ottt_a", "saf_e"])
def test_backward_at_k_random_steps_is_right_on_average_and_sees_every_step(rule):
    torch.manual_seed(0)
    network = mlp((3,), 4, (6, 5)).double()
    x, y = constant(torch.rand(7, 3, dtype=torch.float64), 4), torch.randint(4, (7,))

    def gradient(generator=None, **switches):
        network.zero_grad()
        chosen = get_rule(rule, **switches)
        mode = mode_of(chosen)._replace(generator=generator)
        done = list(sequence(network, x, y, chosen, mode=mode))
        assert done[-1].t == 4
        assert torch.cat([d.readout for d in done]).shape == (4, 7, 4)
        return torch.cat([p.grad.flatten() for p in network.parameters()])

    whole = gradient()
    assert torch.equal(gradient(backward_steps=9), whole)
    generator = torch.Generator().manual_seed(1)
    some = [gradient(generator, backward_steps=1) for _ in range(60)]
    different = {tuple(g.tolist()) for g in some}
    assert len(different) == 4  # one for each step
    summed = torch.tensor(list(different), dtype=torch.float64).sum(0)
    torch.testing.assert_close(summed, whole)
    again = gradient(torch.Generator().manual_seed(1), backward_steps=1)
    assert torch.equal(again, some[0])
    for wrong in ({"chunk": 2}, {"update": "step"}):
        with pytest.raises(ValueError, match="backward_steps"):
            get_rule(rule, backward_steps=1, **wrong)
    with pytest.raises(ValueError, match="at least one backward step"):
        get_rule(rule, backward_steps=0)
