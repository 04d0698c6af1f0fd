"""The gradient of the input under each rule, against the rule's own formula and plain autograd.

With the error δ[t] of each population that the input reaches, the gradient of x[t] is

    official trace  Wᵀ δ[t]        full trace  Σ_{k≥t} λ^{k−t} Wᵀ δ[k]        BPTT  exact
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saflab.gradients import accumulate_gradients, loss_fn, sequence
from saflab.network import Connection, Linear, Network, Synapse
from saflab.neurons import LIFParams, LIFState, lif_step
from saflab.rules import RULES, Mode, get_rule, mode_of

LABELS = torch.tensor([0, 2, 1])


def network(wiring, decay=0.6, standardised=False):
    torch.manual_seed(2)
    ends = [
        Connection(0, 1, Synapse(Linear(4, 7, standardised=standardised))),
        Connection(1, 2, Synapse(Linear(7, 7))),
        Connection(2, 3, Synapse(Linear(7, 3))),
    ]
    if wiring == "skip":
        ends.append(Connection(0, 2, Synapse(Linear(4, 7))))
    if wiring == "feedback":
        ends.append(Connection(2, 1, Synapse(Linear(7, 7, bias=False))))
    return Network(ends, LIFParams(decay=decay)).double()


def inputs(kind, steps=5):
    """Return the tensor whose gradient is asked for, and the input made of it."""
    generator = torch.Generator().manual_seed(4)
    x = 2 * torch.randn(steps, 3, 4, dtype=torch.float64, generator=generator)
    if kind == "image":
        leaf = x[0].clone().requires_grad_()
        return leaf, leaf.expand(steps, 3, 4)
    if kind == "expanded leaf":
        leaf = x[0].expand(steps, 3, 4).detach().requires_grad_()
        return leaf, leaf
    leaf = x.requires_grad_()
    return leaf, leaf.exp() if kind == "computed" else leaf


def by_formula(net, x, mode, chunk):
    """Return the gradient of each x[t], from the errors δ[t] that autograd gives the currents."""
    state, errors = None, []
    x = x.detach()
    for t in range(0, len(x), chunk):
        seen = {}
        o, state = net(x[t : t + chunk].clone(), state, mode, None,
                       lambda k, current, out, seen=seen: seen.setdefault(k, current))  # fmt: skip
        reached = sorted({end for source, end in net.ends if source == 0})
        loss = sum(loss_fn(now, LABELS) for now in o) / len(x)
        errors.append(torch.autograd.grad(loss, [seen[k] for k in reached]))
        if state.readout is not None:
            state.readout = state.readout.detach()
    weights = [s.layer.effective_weight() for s, (source, _) in
               zip(net.synapses, net.ends, strict=True) if source == 0]  # fmt: skip
    order = [end for source, end in net.ends if source == 0]
    whole = [torch.cat(parts) for parts in zip(*errors, strict=True)]
    back = sum(whole[sorted(order).index(end)] @ w for end, w in zip(order, weights, strict=True))
    if mode.trace == "official":
        return back.detach()
    out, later = [], torch.zeros_like(back[0])
    for now in back.flip(0):
        later = now + net.neuron.decay * later
        out.insert(0, later)
    return torch.stack(out).detach()


def pulled_back(kind, leaf, grad):
    if kind == "image":
        return grad.sum(0)
    return grad * leaf.detach().exp() if kind == "computed" else grad


KINDS = ["varying", "image", "expanded leaf", "computed"]


@pytest.mark.parametrize("wiring", ["chain", "skip", "feedback"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trace", ["official", "full"])
@pytest.mark.parametrize(
    ("rule", "update", "carrier"),
    [
        ("ottt_a", "sequence", "trace"),
        ("ottt_o", "step", "trace"),
        ("saf_e", "sequence", "accumulation"),
        ("saf_e", "step", "increment"),
        ("sltt", "sequence", "spikes"),
    ],
)
def test_online_rules_follow_their_formula(rule, update, carrier, trace, kind, wiring):
    net = network(wiring, standardised=True)
    if rule == "sltt" and trace == "full":
        pytest.skip("SLTT has no trace")
    online = Mode(carrier, trace, online=rule == "sltt")
    true = by_formula(net, inputs(kind)[1], online, 1)
    for chunk in (1, 2, 5) if update == "sequence" else (1,):
        leaf, x = inputs(kind)
        switches = get_rule(rule, chunk=chunk, update=update)
        mode = mode_of(switches, trace=trace)
        assert mode.carrier == carrier
        list(sequence(net, x, LABELS, switches, mode=mode))
        torch.testing.assert_close(leaf.grad, pulled_back(kind, leaf, true), rtol=1e-9, atol=1e-12)
        assert leaf.grad.abs().max() > 0


@pytest.mark.parametrize("wiring", ["chain", "skip", "feedback"])
@pytest.mark.parametrize("kind", KINDS)
def test_bptt_is_plain_autograd_through_the_loop(kind, wiring):
    net = network(wiring)
    leaf, x = inputs(kind)
    list(sequence(net, x, LABELS, "bptt"))
    theirs, x = inputs(kind)
    p, loss = net.neuron, 0.0
    zero = torch.zeros(3, 7, dtype=torch.float64)
    states = {k: LIFState(zero, zero) for k in (1, 2)}
    for now in x:
        spikes = {0: now, **dict.fromkeys((1, 2))}
        for target in (1, 2, 3):
            current = 0.0
            for (source, end), synapse in zip(net.ends, net.synapses, strict=True):
                if end == target:
                    s = spikes[source] if source < target else states[source].s
                    current = current + synapse.layer(s)
            if target < 3:
                states[target] = lif_step(current, states[target], p)
                spikes[target] = states[target].s
        loss = loss + loss_fn(current, LABELS) / len(x)
    loss.backward()
    assert leaf.grad.abs().max() > 0
    torch.testing.assert_close(leaf.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wiring", ["chain", "skip"])
@pytest.mark.parametrize("kind", KINDS)
def test_saf_f_and_spike_representation_agree_about_the_input(kind, wiring):
    """Theorem 2 for the input: λ^{T−t} Wᵀ δ[T], at every t."""
    found = {}
    for rule in ("saf_f", "spike_representation"):
        leaf, x = inputs(kind)
        accumulate_gradients(network(wiring), x, LABELS, rule)
        found[rule] = leaf.grad
    torch.testing.assert_close(*found.values(), rtol=1e-9, atol=1e-12)
    assert found["saf_f"].abs().max() > 0
    if kind == "varying":
        ratio = found["saf_f"][:-1] / found["saf_f"][1:]
        torch.testing.assert_close(ratio[ratio.isfinite()].mean(), torch.tensor(0.6).double())


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(RULES)),
    st.sampled_from(["varying", "image"]),
    st.sampled_from(["chain", "skip", "feedback"]),
    st.floats(0.0, 1.0),
)
def test_a_gradient_of_the_input_changes_no_other(rule, kind, wiring, decay):
    found = []
    for wanted in (False, True):
        net = network(wiring, decay)
        x = inputs(kind)[1]
        done = accumulate_gradients(net, x if wanted else x.detach(), LABELS,
                                    get_rule(rule, update="sequence"))  # fmt: skip
        grads = [p.grad for p in net.parameters() if p.grad is not None]
        found.append([done.loss, done.readout, *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
