"""Neurons as layers: wired by hand they give what `Network` gives."""

import pytest
import torch

from saflab.network.layers import LIF, OTTT, SAF
from saflab.network.linear_maps import Linear
from saflab.neurons import LIFParams, accumulate, swap, total_weight


def test_two_layers_by_hand_show_theorem_1():
    torch.manual_seed(0)
    first, second = Linear(5, 7).double(), Linear(7, 3).double()
    x, p, steps = torch.randn(5, dtype=torch.float64).expand(6, 4, 5), LIFParams(decay=0.5), 6
    weights = torch.randn(steps, 4, 3, dtype=torch.float64)

    s, a = OTTT(p)(first(x))[0]
    with torch.no_grad():
        value = second(s)
    out = swap(value, second(a))
    (out * weights).sum().backward()
    ottt = second.weight.grad.clone(), first.bias.grad.clone()

    first.zero_grad()
    second.zero_grad()
    totals = torch.tensor([total_weight(0.5, t + 1) for t in range(steps)], dtype=torch.float64)
    constant = first(x)
    U = constant + ((totals.view(-1, 1, 1) - 1) * constant).detach()  # official trace
    a_saf, _ = SAF(p)(U)
    o = second(a_saf)
    before = torch.cat([torch.zeros_like(o[:1]), o[:-1]]).detach()
    o = o - 0.5 * before
    (o * weights).sum().backward()
    torch.testing.assert_close(second.weight.grad, ottt[0])
    torch.testing.assert_close(first.bias.grad, ottt[1])
    assert torch.equal(a_saf.detach(), a.detach())


def test_state_continues_a_sequence():
    x = torch.randn(6, 2, 3)
    for layer in (LIF(decay=0.9), OTTT(decay=0.9), SAF(decay=0.9)):
        whole, _ = layer(x)
        head, state = layer(x[:2])
        tail, _ = layer(x[2:], state)
        pick = (lambda y: y[0]) if isinstance(layer, OTTT) else (lambda y: y)
        assert torch.equal(torch.cat([pick(head), pick(tail)]), pick(whole))
    s, _ = LIF(decay=0.9)(x)
    assert torch.equal(OTTT(decay=0.9)(x)[0][1], accumulate(s, 0.9))


def test_constants_are_given_once_and_shown():
    with pytest.raises(ValueError, match="found both"):
        SAF(LIFParams(), decay=0.3)
    assert "decay=0.3" in repr(SAF(decay=0.3))
