"""Compare gradients: as vectors, by their angle, step by step, and for each input step."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from saflab.gradients import sequence
from saflab.network.network import Network
from saflab.neurons import LIFParams, accumulate, swap
from saflab.ops import scan
from saflab.rules import get_rule, mode_of

__all__ = ["angle", "credit", "flat_gradient", "gradient_angle", "step_angles", "step_gradients"]


def flat_gradient(network: Network) -> Tensor:
    """Return all gradients of `network` as one vector."""
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def angle(x: Tensor, y: Tensor) -> float:
    """Return the angle between two vectors in degrees; 0 if both vanish."""
    x, y = x.double(), y.double()
    if not (x.norm() and y.norm()):
        return 0.0
    x, y = x / x.norm(), y / y.norm()
    # Accurate near 0, where arccos loses half of the digits.
    return float(torch.rad2deg(2.0 * torch.atan2((x - y).norm(), (x + y).norm())))


def gradient_angle(
    model: Network, x: Tensor, y: Tensor, rules: tuple[str, str], *, trace: str | None = None
) -> float:
    """Return the angle in degrees between two rules' gradients at the weights of `model`.

    Computed on a float64 copy, so that equal rules agree to rounding and no spike flips.

    Args:
        model: Left as it is.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        rules: Two of `RULES`.
        trace: Gradient of biases and input, "official" or "full"; None takes each rule's own.
    """
    images = x[0].double().expand(x.shape[0], *x.shape[1:]) if x.stride(0) == 0 else x.double()
    parts = []
    for name in rules:
        twin = copy.deepcopy(model).double()
        twin.zero_grad(set_to_none=True)
        mode = mode_of(name, trace=trace)
        for _ in sequence(twin, images, y, get_rule(name, update="sequence"), mode=mode):
            pass
        parts.append(flat_gradient(twin))
    return angle(parts[0], parts[1])


def step_gradients(
    network: Network, x: Tensor, y: Tensor, lr: float, form: str = "closed"
) -> tuple[list[Tensor], list[Tensor]]:
    """Return SAF-E's and OTTT's gradients at t = 1…T as vectors, with an update at every t.

    Both start from the weights of `network` and take a step of size `lr` after every t. SAF's
    closed form re-evaluates the history with the new weights, while OTTT's membrane potential
    keeps the old ones; the recursive form keeps them too, and stays equal to OTTT.

    Args:
        network: Left as it is.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        lr: Learning rate ≥ 0.
        form: Of SAF-E, "closed" or "recursive".
    """
    found: list[list[Tensor]] = []
    moving = copy.deepcopy(network)
    weights = list(moving.parameters())
    for rule in ("saf_e", "ottt_o"):
        moving.load_state_dict(network.state_dict())
        moving.zero_grad()
        found.append([])
        for _ in sequence(moving, x, y, get_rule(rule, update="step", form=form)):
            learnt = [(p, p.grad) for p in weights if p.grad is not None]
            found[-1].append(torch.cat([grad.flatten() for _, grad in learnt]))
            for p, grad in learnt:
                p.detach().sub_(grad, alpha=lr)
                p.grad = None
    return found[0], found[1]


def step_angles(
    network: Network, x: Tensor, y: Tensor, lr: float, form: str = "closed"
) -> list[float]:
    """Return the angle in degrees between SAF-E's and OTTT's gradient at t = 1…T.

    Args:
        network: As for `step_gradients`; float64 tells equal gradients from nearly equal ones.
        x: Encoded input, shape (T, B, *features).
        y: Class indices, shape (B,).
        lr: Learning rate ≥ 0 of the step that both take after every t.
        form: Of SAF-E, "closed" or "recursive".
    """
    return [angle(a, b) for a, b in zip(*step_gradients(network, x, y, lr, form), strict=True)]


def credit(train: Tensor, p: LIFParams, *, detach_reset: bool = False) -> dict[str, Tensor]:
    """Return ∂s[T]/∂s_in[k], k = 1…T, under each rule for one neuron with weight 1, by autograd.

    OTTT and SAF give no gradient to the reset. BPTT does, unless it is detached: for this one
    neuron, whose input is traced, all three are then equal.

    Args:
        train: Input s_in[t], shape (T,).
        p: Neuron constants.
        detach_reset: Cut BPTT's gradient through the reset.

    >>> parts = credit(torch.full((6,), 0.6), LIFParams(), detach_reset=True)
    >>> all(torch.allclose(part, parts["BPTT"]) for part in parts.values())
    True
    """
    out = {}
    for name, kind in (("BPTT", "lif"), ("OTTT", "ottt"), ("SAF", "saf")):
        source = train.double().view(-1, 1, 1).clone().requires_grad_()
        trace = accumulate(source, p.decay)
        currents = {"lif": source, "ottt": swap(source, trace), "saf": trace}[kind]
        found, _ = scan(kind, currents, None, p, detach_reset=detach_reset and kind == "lif")
        last = found[0][-1] if kind == "ottt" else found[-1]
        (grad,) = torch.autograd.grad(last.sum(), source)
        out[name] = grad.flatten()
    return out
