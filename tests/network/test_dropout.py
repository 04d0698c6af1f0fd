"""`SequenceDropout`: one mask per sequence, however the sequence is cut into calls."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab.analysis.theorems import gradients, relative
from saflab.gradients import sequence
from saflab.network import Connection, Linear, Network, SequenceDropout, Synapse
from saflab.rules import RULES, Mode, get_rule, mode_of


def network(feedback=False):
    torch.manual_seed(0)
    ends = [
        Connection(0, 1, Synapse(SequenceDropout(0.4), Linear(20, 12))),
        Connection(1, 2, Synapse(SequenceDropout(0.5), Linear(12, 12))),
        Connection(2, 3, Synapse(Linear(12, 3))),
    ]
    if feedback:
        ends.append(Connection(2, 1, Synapse(SequenceDropout(0.5), Linear(12, 12, bias=False))))
    return Network(ends).double()


def seeded(carrier, seed=3, **rest):
    return Mode(carrier, generator=torch.Generator().manual_seed(seed), **rest)


X = torch.randn(6, 5, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
INPUTS = {"varying": X, "constant": X[:1].expand(6, 5, 20)}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["spikes", "trace", "accumulation"]),
    st.sampled_from(list(INPUTS)),
    st.booleans(),
    st.lists(st.integers(1, 3), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_sequence_cut_into_calls_keeps_its_mask(carrier, kind, feedback, cuts, prepare):
    net, x = network(feedback), INPUTS[kind]
    whole, _ = net(x, None, seeded(carrier))
    mode, state, parts, t = seeded(carrier), None, [], 0
    prepared = net.prepare() if prepare else None
    for size in [*cuts, len(x)]:
        if t < len(x):
            o, state = net(x[t : t + size], state, mode, prepared)
            parts.append(o)
            t += size
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-9, atol=1e-9)


def test_a_new_sequence_has_a_new_mask_and_a_given_state_keeps_its_own():
    net, mode = network(), seeded("accumulation")
    prepared = net.prepare()
    first, state = net(X[:1], None, mode, prepared)
    again, _ = net(X[:1], None, mode, prepared)
    assert not torch.allclose(first, again)
    assert torch.equal(net(X[1:2], state, mode, prepared)[0], net(X[1:2], state, mode)[0])
    assert net.zero_state().masks == [{}, {}, {}]


def test_the_global_seed_sets_masks_where_no_generator_is_given():
    net = network()
    outs = []
    for _ in range(2):
        torch.manual_seed(5)
        outs.append(net(X)[0])
    assert torch.equal(*outs)
    before = torch.get_rng_state()
    net(X, None, seeded("spikes"))
    assert torch.equal(before, torch.get_rng_state())
    net.eval()
    assert torch.equal(net(X)[0], net(X)[0])


@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("kind", list(INPUTS))
def test_theorems_hold_with_one_mask(kind, feedback):
    """Under one mask the network is another network, so that the theorems apply to it."""
    net, x, y = network(feedback), INPUTS[kind], torch.tensor([0, 1, 2, 0, 1])

    def found(rule, **rest):
        mode = mode_of(rule, **rest)._replace(generator=torch.Generator().manual_seed(3))
        return gradients(net, x, y, rule, mode)

    for one, other in (("saf_e", "ottt_a"), ("saf_f", "spike_representation")):
        a, b = found(one), found(other)
        assert max(relative(a[name], b[name]) for name in a) < 1e-9


@pytest.mark.parametrize("rule", ["ottt_o", "saf_e"])
def test_one_mask_also_where_weights_move_at_every_step(rule):
    """Each call prepares the weights anew; the mask is that of the sequence."""
    net, seen = network(), []
    draw = SequenceDropout.draw

    def counted(self, x, generator=None):
        seen.append(self)
        return draw(self, x, generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceDropout, "draw", counted)
        list(sequence(net, X, torch.zeros(5, dtype=torch.int64), get_rule(rule, update="step")))
    assert len(seen) == 2


def test_every_rule_has_dropout():
    for rule in RULES:
        net = network()
        found = gradients(net, X, torch.zeros(5, dtype=torch.int64), rule)
        assert all(g.isfinite().all() for g in found.values())
