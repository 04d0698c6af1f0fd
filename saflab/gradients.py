"""One batch under any rule: forward, loss and backward, in the order that the rule asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from saflab import machine
from saflab.network.network import Network, NetworkState
from saflab.neurons import accumulate, total_weight
from saflab.rules import Mode, Rule, get_rule, mode_of

__all__ = ["Backward", "loss_fn", "predict", "sequence"]


class Backward(NamedTuple):
    """One backward pass: steps done, its loss ℓ, and the readout of its steps (C, B, classes)."""

    t: int
    loss: Tensor
    readout: Tensor


def loss_fn(o: Tensor, y: Tensor, mse: float = 0.05) -> Tensor:
    """Return ℓ(o, y) = (1 − c)·CE(o, y) + c·MSE(o, onehot(y)), averaged over the batch.

    Args:
        o: Readout, shape (B, classes).
        y: Class indices, shape (B,).
        mse: Coefficient c in [0, 1].
    """
    if not machine.on_gpu(y.device) and y.numel() and int(y.max()) >= o.shape[-1]:
        raise ValueError(
            f"Expected labels below {o.shape[-1]}, the width of the readout, but found "
            f"{int(y.max())}. Build the network for as many classes as the data have."
        )
    cross_entropy = F.cross_entropy(o, y)
    if mse == 0.0:
        return cross_entropy
    # F.one_hot looks at the labels, for which a GPU would have to wait.
    target = torch.zeros_like(o).scatter_(1, y[:, None], 1.0)
    return (1.0 - mse) * cross_entropy + mse * F.mse_loss(o, target)


def _step_loss(o: Tensor, y: Tensor, mse: float, steps: int) -> Tensor:
    return torch.stack([loss_fn(now, y, mse) for now in o]).sum() / steps


def sequence(
    network: Network,
    x: Tensor,
    y: Tensor,
    rule: str | Rule = "saf_e",
    *,
    mode: Mode | None = None,
    mse: float = 0.05,
    update: str | None = None,
    chunk: int = 1,
) -> Iterator[Backward]:
    """Run one batch under `rule`; after each yield the gradients are in `.grad`.

    The caller steps the optimizer: once after the last yield (`update="sequence"`), or after
    every yield (`update="step"`; the next step then uses the new weights).

    Args:
        network: Any `Network`; gradients are added to those already there.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        rule: One of `RULES`.
        mode: From `mode_of`; None takes the rule's defaults.
        mse: Coefficient of the squared error in ℓ.
        update: "sequence" or "step"; None takes the rule's own.
        chunk: Steps per backward pass for OTTT and SAF-E; 1 keeps memory constant in T.

    Yields:
        `Backward` after each backward pass.

    Raises:
        ValueError: If the arguments do not fit together or the loss is not finite (on a GPU the
            loss is not looked at: check the one you get).

    >>> from saflab.data.encoders import constant
    >>> from saflab.models import mlp
    >>> network, x = mlp((3,), 2, (4,)), constant(torch.rand(5, 3), 6)
    >>> [done.t for done in sequence(network, x, torch.zeros(5, dtype=torch.int64), "saf_e")]
    [1, 2, 3, 4, 5, 6]
    >>> all(p.grad is not None for p in network.parameters())
    True
    """
    _check_types(network, x, y)
    rule = rule if isinstance(rule, Rule) else get_rule(rule)
    mode = mode or mode_of(rule)
    update = update or rule.update
    if update not in ("sequence", "step"):
        raise ValueError(f"Expected update 'sequence' or 'step', but found {update!r}.")
    if update == "step" and rule.graph != "step":
        raise ValueError(
            f"Expected update 'sequence' for {rule.name!r}, whose gradient is complete only at "
            "the end, but found 'step'. Use ottt_o or saf_e."
        )
    if chunk < 1 or (chunk > 1 and update == "step"):
        raise ValueError(f"Expected chunk ≥ 1, and 1 with update='step', but found {chunk}.")
    if y.shape != x.shape[1:2]:
        raise ValueError(
            f"Expected one label per image, shape {tuple(x.shape[1:2])}, but found "
            f"{tuple(y.shape)}."
        )
    # On a GPU the look at the values would wait for it; `Dataset` has looked already.
    seen = not machine.on_gpu(y.device) and y.numel() and not y.is_floating_point()
    if y.dtype != torch.int64 or (seen and int(y.min()) < 0):
        raise ValueError(
            f"Expected class indices ≥ 0 in int64, but found {y.dtype}"
            f"{f' from {int(y.min())} on' if seen else ''}. Number the classes from 0 and use "
            "y.long()."
        )
    # A threshold hides a NaN at any step, and the gradient then carries it into the weights.
    if not machine.on_gpu(x.device) and not torch.isfinite(x[:1] if x.stride(0) == 0 else x).all():
        raise ValueError(
            "Expected finite input, but found NaN or infinity. Check the data and its "
            "normalisation."
        )
    if rule.graph == "step":
        yield from _each_step(network, x, y, mode, mse, update, chunk)
    elif rule.graph == "time":
        yield _through_time(network, x, y, mode, mse)
    elif rule.carries == "rate":
        yield _rates(network, x, y, mode, mse)
    else:
        yield _last_step(network, x, y, mode, mse)


def _check_types(network: object, x: object, y: object) -> None:
    if not isinstance(network, Network):
        raise ValueError(
            f"Expected a saflab.Network, but found {type(network).__name__}. Pass the network "
            "itself, neither compiled nor wrapped."
        )
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, Tensor):
            raise ValueError(
                f"Expected a tensor for {name}, but found {type(value).__name__}. Use "
                f"torch.as_tensor({name})."
            )


def _backward(loss: Tensor) -> None:
    # To look would stall a GPU: there, whoever reads the loss checks it.
    if not machine.on_gpu(loss.device) and not torch.isfinite(loss):
        raise ValueError(
            f"Expected a finite loss, but found {loss.item()}. Lower the learning rate or check "
            "the input; the weights were not changed by this batch."
        )
    loss.backward()


def _each_step(
    network: Network, x: Tensor, y: Tensor, mode: Mode, mse: float, update: str, chunk: int
) -> Iterator[Backward]:
    # Weights that move at every step are used once: held, each would take a pass more.
    hold = update == "sequence"
    steps, state, prepared = x.shape[0], None, network.prepare(hold=hold)
    for t in range(0, steps, chunk):
        o, state = network(x[t : t + chunk], state, mode, prepared)
        loss = _step_loss(o, y, mse, steps)
        _backward(loss)
        state = _cut(state)
        last = t + chunk >= steps
        if last:
            for ready in prepared:
                ready.flush()
        yield Backward(min(t + chunk, steps), loss.detach(), o.detach())
        if update == "step" and not last:
            prepared = network.prepare(hold=hold)


def _cut(state: NetworkState) -> NetworkState:
    readout = state.readout
    return state._replace(readout=None if readout is None else readout.detach())


def _through_time(network: Network, x: Tensor, y: Tensor, mode: Mode, mse: float) -> Backward:
    o, _ = network(x, None, mode)
    loss = _step_loss(o, y, mse, x.shape[0])
    _backward(loss)
    return Backward(x.shape[0], loss.detach(), o.detach())


def _last_step(network: Network, x: Tensor, y: Tensor, mode: Mode, mse: float) -> Backward:
    steps, prepared = x.shape[0], network.prepare(hold=True)
    state, parts = network.zero_state(), []
    with torch.no_grad():
        for t in range(steps - 1):
            o, state = network(x[t : t + 1], state, mode, prepared)
            parts.append(o)
    o, state = network(x[steps - 1 :], state, mode, prepared)
    assert state.readout is not None
    loss = loss_fn(state.readout / total_weight(network.neuron.decay, steps), y, mse)
    _backward(loss)
    for ready in prepared:
        ready.flush()
    return Backward(steps, loss.detach(), torch.cat([*parts, o.detach()]))


def _rates(network: Network, x: Tensor, y: Tensor, mode: Mode, mse: float) -> Backward:
    steps, p = x.shape[0], network.neuron
    total = total_weight(p.decay, steps)
    with torch.no_grad():
        ready = network.prepare()
        o, before = network(x[: steps - 1], None, mode, ready) if steps > 1 else (x[:0], None)
        o_last, after = network(x[steps - 1 :], before, mode, ready)
        mean_input = accumulate(x, p.decay)[-1] / total
    o = torch.cat([o, o_last]) if steps > 1 else o_last
    rates = [mean_input, *(s.a / total for s in after.neurons[1:])]
    feedback = [s if s is None else s.a / total for s in before.neurons] if before else []
    readout = network.forward_rates(mean_input, rates, feedback=feedback or [None] * len(rates))
    loss = loss_fn(readout, y, mse)
    _backward(loss)
    return Backward(steps, loss.detach(), o)


def predict(o: Tensor) -> Tensor:
    """Return the predicted class argmax Σ_t o[t] of a readout (T, B, classes)."""
    return o.sum(0).argmax(-1)
