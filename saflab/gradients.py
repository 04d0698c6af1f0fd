"""One batch under any rule: forward, loss and backward, in the order that the rule asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from saflab import machine
from saflab.network.network import Network
from saflab.network.prepared import Held
from saflab.network.signals import InputState, Signal
from saflab.network.validation import check_batch
from saflab.neurons import accumulate, total_weight
from saflab.rules import Mode, Rule, get_rule, mode_of

__all__ = ["Backward", "accumulate_gradients", "loss_fn", "predict", "sequence"]


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


def sequence(
    network: Network,
    x: Tensor,
    y: Tensor,
    rule: str | Rule = "saf_e",
    *,
    mode: Mode | None = None,
    mse: float = 0.05,
) -> Iterator[Backward]:
    """Run one batch under `rule`; after each yield `.grad` is complete for the steps so far.

    The caller steps the optimizer: once after the last yield (`update="sequence"`), or after
    every yield (`update="step"`; the next step then uses the new weights). Nothing runs before
    the first iteration; who leaves early keeps the gradients of the steps up to there.

    Args:
        network: Any `Network`; gradients are added to those already there.
        x: Encoded input, shape (T, B, *features); if it requires a gradient, it gets one.
        y: Class indices, shape (B,).
        rule: One of `RULES`, or `get_rule(name, update="step", chunk=4, …)`.
        mode: From `mode_of`; None takes the rule's defaults.
        mse: Coefficient of the squared error in ℓ.

    Yields:
        `Backward` after each backward pass.

    Raises:
        ValueError: If the arguments do not fit together or the loss is not finite (on a GPU the
            loss is not looked at: check the one you get). Arguments are checked at the call.

    >>> from saflab.data import constant
    >>> from saflab.models import mlp
    >>> network, x = mlp((3,), 2, (4,)), constant(torch.rand(5, 3), 6)
    >>> [done.t for done in sequence(network, x, torch.zeros(5, dtype=torch.int64), "saf_e")]
    [1, 2, 3, 4, 5, 6]
    >>> all(p.grad is not None for p in network.parameters())
    True
    """
    return _passes(_checked(network, x, y, rule, mode, mse), complete=True)


def accumulate_gradients(
    network: Network,
    x: Tensor,
    y: Tensor,
    rule: str | Rule = "saf_e",
    *,
    mode: Mode | None = None,
    mse: float = 0.05,
) -> Backward:
    """Run one batch as `sequence` does, and return its passes as one: ℓ and readout summed over t.

    Faster than `sequence`: the gradients of effective weights and of a constant input reach the
    parameters once, at the end. For rules with `update="sequence"`.

    Returns:
        T, the loss, and Σ_t o[t] of shape (1, B, classes), from which `predict` predicts.

    Raises:
        ValueError: As `sequence`, or if the rule updates at every step.

    >>> from saflab.data import constant
    >>> from saflab.models import mlp
    >>> network, x = mlp((3,), 2, (4,)), constant(torch.rand(5, 3), 6)
    >>> accumulate_gradients(network, x, torch.zeros(5, dtype=torch.int64)).readout.shape
    torch.Size([1, 5, 2])
    """
    batch = _checked(network, x, y, rule, mode, mse)
    if batch.rule.update != "sequence":
        raise ValueError(
            f"Expected update 'sequence', but found {batch.rule.update!r} for {batch.rule.name!r}. "
            "Use sequence, and step the optimizer after each yield."
        )
    total: Backward | None = None
    for done in _passes(batch, complete=False):
        o = done.readout.sum(0, keepdim=True)
        if total is None:
            total = done._replace(readout=o)
        else:
            total = Backward(done.t, total.loss + done.loss, total.readout + o)
    assert total is not None
    return total


def _checked(
    network: Network, x: Tensor, y: Tensor, rule: str | Rule, mode: Mode | None, mse: float
) -> _Batch:
    rule = get_rule(rule)
    _check_types(network, x, y)
    check_batch(x, y)
    own = mode_of(rule)
    if mode is not None and (mode.carrier, mode.online) != (own.carrier, own.online):
        raise ValueError(
            f"Expected a mode of the rule {rule.name!r} (carrier {own.carrier!r}), but found "
            f"{mode.carrier!r}. Use mode_of with the same rule."
        )
    return _Batch(network, x, y, rule, mode or own, mse)


def _passes(batch: _Batch, *, complete: bool) -> Iterator[Backward]:
    """Yield after each backward pass; with `complete`, all gradients are passed on before."""
    if batch.rule.graph == "step":
        yield from _each_step(batch, complete)
    elif batch.rule.graph == "time":
        yield _through_time(batch)
    elif batch.rule.carrier == "rate":
        yield _rates(batch)
    else:
        yield _last_step(batch)


class _Batch(NamedTuple):
    """One batch and how it is learnt."""

    network: Network
    x: Tensor
    y: Tensor
    rule: Rule
    mode: Mode
    mse: float

    @property
    def steps(self) -> int:
        """T."""
        return self.x.shape[0]

    def loss(self, o: Tensor) -> Tensor:
        """Return Σ ℓ(o[t])/T over the steps of a readout (C, B, classes)."""
        return torch.stack([loss_fn(now, self.y, self.mse) for now in o]).sum() / self.steps


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


def _backward(loss: Tensor, *, retain: bool = False) -> None:
    # Reading the loss would stall a GPU: there, whoever reads it checks it.
    if not machine.on_gpu(loss.device) and not torch.isfinite(loss):
        raise ValueError(
            f"Expected a finite loss, but found {loss.item()}. Lower the learning rate or check "
            "the input; the gradients of this step were not added."
        )
    loss.backward(retain_graph=retain)


def _each_step(batch: _Batch, complete: bool) -> Iterator[Backward]:
    network, chunk = batch.network, batch.rule.chunk
    # Weights that move at every step are used once: held, each would take a pass more.
    hold = batch.rule.update == "sequence"
    state, prepared, held = network.zero_state(), network.prepare(hold=hold), Held()
    x, chosen, parts = held.hold(batch.x), _chosen_steps(batch), []
    for t in range(0, batch.steps, chunk):
        with torch.set_grad_enabled(t in chosen):
            o, state = network.advance(x[t : t + chunk], state, batch.mode, prepared)
        parts.append(o.detach())
        last, loss = t + chunk >= batch.steps, torch.zeros((), device=o.device)
        if t in chosen:
            loss = batch.loss(o)
            # A later step reaches the inputs before it through x̂ ("full" trace).
            _backward(loss, retain=x.requires_grad)
        state.readout = None if state.readout is None else state.readout.detach()
        if last or complete:
            for ready in (*prepared, held):
                ready.flush(last=last)
        if last or t in chosen:
            yield Backward(min(t + chunk, batch.steps), loss.detach(), torch.cat(parts))
            parts = []
        if not hold and not last:
            prepared = network.prepare(hold=False)


def _chosen_steps(batch: _Batch) -> Collection[int]:
    """Return the steps, counted from 0, that a backward pass is made for: all, or K at random."""
    count, generator = batch.rule.backward_steps, batch.mode.generator
    if count is None or count >= batch.steps:
        return range(batch.steps)
    device = "cpu" if generator is None else generator.device
    order = torch.randperm(batch.steps, generator=generator, device=device)
    return set(order[:count].tolist())


def _through_time(batch: _Batch) -> Backward:
    o, _ = batch.network(batch.x, None, batch.mode)
    loss = batch.loss(o)
    _backward(loss)
    return Backward(batch.steps, loss.detach(), o.detach())


def _last_step(batch: _Batch) -> Backward:
    network, x, steps = batch.network, batch.x, batch.steps
    state, prepared = network.zero_state(), network.prepare(hold=True)
    parts = []
    with torch.no_grad():
        for t in range(steps - 1):
            o, state = network.advance(x[t : t + 1], state, batch.mode, prepared)
            parts.append(o)
    if x.requires_grad and steps > 1:  # with the graph that the steps before did not build
        state.input = InputState(accumulate(x[: steps - 1], network.neuron.decay)[-1])
    o, state = network.advance(x[steps - 1 :], state, batch.mode, prepared)
    assert state.readout is not None
    loss = loss_fn(state.readout / total_weight(network.neuron.decay, steps), batch.y, batch.mse)
    _backward(loss)
    for ready in prepared:
        ready.flush()
    return Backward(steps, loss.detach(), torch.cat([*parts, o.detach()]))


def _rates(batch: _Batch) -> Backward:
    network, x, steps = batch.network, batch.x, batch.steps
    total = total_weight(network.neuron.decay, steps)
    state, parts = network.zero_state(), []
    before: dict[int, Signal] = {}
    with torch.no_grad():
        ready = network.prepare()
        for t in range(steps):
            if t and t == steps - 1:  # â[T−1]/Λ[T], what feedback adds to Û[T]/Λ[T]
                before = {k: Signal(state.neurons[k].a[None] / total) for k in network.fed_back}
            o, state = network.advance(x[t : t + 1], state, batch.mode, ready)
            parts.append(o)
    mean_input = accumulate(x, network.neuron.decay)[-1:] / total
    clamp = network.zero_state()
    clamp.masks = state.masks
    clamp.neurons[1:] = [s.a[None] / total for s in state.neurons[1:]]
    for k, signal in before.items():
        clamp.signals[k] = signal
    readout, _ = network.advance(
        mean_input, clamp, Mode("rate", generator=batch.mode.generator), network.prepare()
    )
    loss = loss_fn(readout[0], batch.y, batch.mse)
    _backward(loss)
    return Backward(steps, loss.detach(), torch.cat(parts))


def predict(o: Tensor) -> Tensor:
    """Return the predicted class argmax Σ_t o[t] of a readout (T, B, classes)."""
    return o.sum(0).argmax(-1)
