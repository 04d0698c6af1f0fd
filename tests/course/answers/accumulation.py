"""Lessons 02 and 06: accumulate, go back to spikes, and the weighted rate."""

import numpy as np
import torch

from answers import Answers
from saflab import checks
from saflab.neurons import accumulate, spikes_from_accumulation, total_weight

TO_A = Answers(checks.check_accumulate)


@TO_A.right
def loop(s, decay):
    out, a = [], torch.zeros_like(s[0])
    for now in s:
        a = decay * a + now
        out.append(a)
    return torch.stack(out)


@TO_A.right
def list_of_rows(s, decay):
    out, a = [], 0
    for now in s:
        a = a * decay + now
        out.append(a)
    return out


@TO_A.right
def into_float32(s, decay):
    out = torch.zeros(s.shape)
    out[0] = s[0]
    for t in range(1, len(s)):
        out[t] = decay * out[t - 1] + s[t]
    return out


@TO_A.right
def changes_its_argument(s, decay):
    for t in range(1, len(s)):
        s[t] += decay * s[t - 1]
    return s


@TO_A.right
def with_numpy(s, decay):
    s = np.array(s)
    a = np.zeros_like(s)
    for t in range(s.shape[0]):
        a[t] = s[t] + (decay * a[t - 1] if t else 0)
    return a


@TO_A.right
def as_a_matrix(s, decay):
    age = torch.arange(len(s))[:, None] - torch.arange(len(s))
    weights = torch.where(age >= 0, torch.tensor(decay) ** age, 0.0)
    return weights.to(s.dtype) @ s


@TO_A.right
def as_sums(s, decay):
    return [sum(decay ** (t - k) * s[k] for k in range(t + 1)) for t in range(len(s))]


@TO_A.right
def yields_rows(s, decay):
    a = 0 * s[0]
    for now in s:
        a = decay * a + now
        yield a


@TO_A.right
def neuron_by_neuron(s, decay):
    columns = []
    for train in s.T.tolist():
        a, column = 0.0, []
        for x in train:
            a = decay * a + x
            column.append(a)
        columns.append(column)
    return torch.tensor(columns).T


TO_A.right(accumulate, lambda s, decay: accumulate(s, decay).float(),
           lambda decay, s: loop(s, decay), lambda s, k: loop(s, k).tolist(),
           lambda s, k: s.cumsum(0) if k == 1 else k * 0 + loop(s, k))  # fmt: skip


@TO_A.wrong("in-place")
def in_place_rows(s, decay):
    out, a = [], torch.zeros_like(s[0])
    for now in s:
        a *= decay
        a += now
        out.append(a)
    return torch.stack(out)


@TO_A.wrong("â[0] = 0")
def starts_with_zero(s, decay):
    out = [torch.zeros_like(s[0])]
    for now in s:
        out.append(decay * out[-1] + now)
    return torch.stack(out)


@TO_A.wrong("one step late")
def stores_before(s, decay):
    out, a = [], torch.zeros_like(s[0])
    for now in s:
        out.append(a)
        a = decay * a + now
    return torch.stack(out)


@TO_A.wrong("last step")
def returns_last(s, decay):
    a = 0
    for now in s:
        a = decay * a + now
    return a


@TO_A.wrong("`return` is missing")
def keeps_it(s, decay):
    result = loop(s, decay)  # noqa: F841


@TO_A.wrong("raised IndexError in line")
def runs_too_far(s, decay):
    return torch.stack([s[t] + decay * s[t + 1] for t in range(len(s))])


TO_A.wrong("plain sum", lambda s, k: s.cumsum(0), lambda s, k: np.cumsum(s, 0))
TO_A.wrong("decay â[t−1] first", lambda s, k: k * loop(s, k))
TO_A.wrong("past fades", lambda s, k: k * s.cumsum(0))
TO_A.wrong("backwards", lambda s, k: loop(s.flip(0), k).flip(0))
TO_A.wrong("1 − λ", lambda s, k: (1 - k) * loop(s, k))
TO_A.wrong("one step only", lambda s, k: s + k * torch.cat([0 * s[:1], s[:-1]]))
TO_A.wrong("over the neurons", lambda s, k: loop(s.T, k).T)
TO_A.wrong("transposed", lambda s, k: loop(s, k).T)
TO_A.wrong("expected shape (6, 3)", lambda s, k: loop(s, k)[None])
TO_A.wrong("arguments", lambda s: s.cumsum(0))

TO_S = Answers(checks.check_to_spikes)


@TO_S.right
def subtract(a, decay):
    before = torch.cat([torch.zeros_like(a[:1]), a[:-1]])
    return a - decay * before


@TO_S.right
def step_by_step(a, decay):
    s = torch.zeros_like(a)
    for t in range(len(a)):
        s[t] = a[t] - decay * a[t - 1] if t > 0 else a[t]
    return s


@TO_S.right
def rows(a, decay):
    before, out = 0.0, []
    for now in a:
        out.append(now - decay * before)
        before = now
    return out


@TO_S.right
def rolled(a, decay):
    before = a.roll(1, 0)
    before[0] = 0
    return (a - decay * before).round().int()


@TO_S.right
def from_the_end_in_place(a, decay):
    for t in reversed(range(1, len(a))):
        a[t] -= decay * a[t - 1]
    return a


TO_S.right(
    spikes_from_accumulation,
    lambda a, k: subtract(a, k) > 0.5,
    lambda a, k: torch.round(subtract(a, k)).long(),
    lambda a, k: torch.diff(a, dim=0, prepend=0 * a[:1]) > 0,  # decays below 1: a spike raises â
    lambda a, k: np.concatenate([a[:1], a[1:] - k * a[:-1]]),
    lambda a, k: torch.vstack([a[0], a[1:] - k * a[:-1]]).float(),
    lambda a, k: torch.nn.functional.pad(a, (0, 0, 1, 0))[1:] - k * torch.nn.functional.pad(
        a, (0, 0, 1, 0))[:-1],
    lambda a, k: (torch.eye(len(a)).to(a) - k * torch.diag(torch.ones(len(a) - 1).to(a), -1)) @ a,
    lambda a, k: [[round(x) for x in row] for row in subtract(a, k).tolist()],
    lambda decay, a: subtract(a, decay),
)  # fmt: skip
TO_S.wrong("past has decayed", lambda a, k: torch.diff(a, dim=0, prepend=0 * a[:1]))
TO_S.wrong("first step is missing", lambda a, k: a[1:] - k * a[:-1])
TO_S.wrong("always 0", lambda a, k: torch.cat([0 * a[:1], a[1:] - k * a[:-1]]))
TO_S.wrong("wraps around", lambda a, k: a - k * a.roll(1, 0),
           lambda a, k: torch.stack([a[t] - k * a[t - 1] for t in range(len(a))]))  # fmt: skip
TO_S.wrong("above a limit", lambda a, k: (a >= 1).double(), lambda a, k: a >= 1, lambda a, k: a > 1)
TO_S.wrong("fired at some time", lambda a, k: (a > 0).int())
TO_S.wrong("part of itself", lambda a, k: a - k * a)
TO_S.wrong("adds the past", lambda a, k: a + k * torch.cat([0 * a[:1], a[:-1]]))
TO_S.wrong("sign", lambda a, k: -subtract(a, k))
TO_S.wrong("older step", lambda a, k: k * a - torch.cat([0 * a[:1], a[:-1]]))
TO_S.wrong("once more", lambda a, k: accumulate(a, k))
TO_S.wrong("along the neurons", lambda a, k: subtract(a.T, k).T)
TO_S.wrong("NameError", lambda a, k: a - decay * a)  # noqa: F821

RATE = Answers(checks.check_weighted_rate)


@RATE.right
def fraction(s, decay):
    a = total = 0.0
    for now in s:
        a, total = decay * a + now, decay * total + 1
    return a / total


@RATE.right
def in_float32(s, decay):
    weights = torch.tensor([decay ** (len(s) - 1 - t) for t in range(len(s))])
    return (weights[:, None] * s).sum(0) / weights.sum()


@RATE.right
def with_numpys_average(s, decay):
    weights = decay ** np.arange(len(s))[::-1]
    return np.average(s, axis=0, weights=weights)


RATE.right(
    lambda s, k: accumulate(s, k)[-1] / total_weight(k, len(s)),
    lambda s, k: accumulate(s, k)[-1] * (1 - k) / (1 - k ** len(s)),
    lambda s, k: accumulate(s, k)[-1] / accumulate(torch.ones_like(s), k)[-1],
    lambda s, k: (accumulate(s, k)[-1] / total_weight(k, len(s))).float(),
    lambda s, k: (accumulate(s, k)[-1] / total_weight(k, len(s))).tolist(),
    lambda s, k: (accumulate(s, k)[-1] / sum(k**j for j in range(len(s)))).numpy(),
    lambda s, k: [float(fraction(train, k)) for train in s.T],
    lambda s, k: sum(k ** (len(s) - 1 - t) * s[t] for t in range(len(s))) / sum(
        k**t for t in range(len(s))),
    lambda s, decay: fraction(s=s, decay=decay),
    lambda s, k: (fraction(x, k).item() for x in s.unbind(1)),
)  # fmt: skip
RATE.wrong("plain mean", lambda s, k: s.mean(0))
RATE.wrong("number of spikes", lambda s, k: s.sum(0))
RATE.wrong("Divide by Λ[T]", lambda s, k: accumulate(s, k)[-1])
RATE.wrong("not by T", lambda s, k: accumulate(s, k)[-1] / len(s))
RATE.wrong("limit of Λ", lambda s, k: accumulate(s, k)[-1] * (1 - k))
RATE.wrong("one step short", lambda s, k: accumulate(s, k)[-1] / total_weight(k, len(s) - 1))
RATE.wrong("one term too many", lambda s, k: accumulate(s, k)[-1] * (1 - k) / (1 - k ** (
    len(s) + 1)))  # fmt: skip
RATE.wrong("backwards", lambda s, k: fraction(s.flip(0), k))
RATE.wrong("one rate per neuron", lambda s, k: fraction(s, k).mean())
RATE.wrong("every step", lambda s, k: torch.stack([fraction(s[: t + 1], k) for t in range(len(s))]))
RATE.wrong("not weighted", lambda s, k: s.sum(0) / total_weight(k, len(s)))
RATE.wrong("newest spike has weight 1", lambda s, k: k * fraction(s, k))
RATE.wrong("you multiplied", lambda s, k: accumulate(s, k)[-1] * total_weight(k, len(s)))
RATE.wrong("NaN or infinity", lambda s, k: accumulate(s, k)[-1] / 0.0)
