"""Lessons 00, 01 and 05: the firing rate, the neuron's step, its first spike, and a SAF step."""

import math

import numpy as np
import torch

from answers import Answers
from saflab import LIFParams, checks
from saflab.neurons import LIFState, SAFState, lif_step, saf_step

RATE = Answers(checks.check_firing_rate)
RATE.right(
    lambda s: s.mean(),
    lambda s: s.mean().item(),
    lambda s: s.float().mean(),
    lambda s: s.float().mean().item(),
    lambda s: float(s.sum()) / s.numel(),
    lambda s: s.sum() / (s.shape[0] * s.shape[1] * s.shape[2]),
    lambda s: s.mean(0).mean(0).mean(0),
    lambda s: s.mean((0, 1, 2), keepdim=True),
    lambda s: np.mean(s),
    lambda s: np.asarray(s).mean(),
    lambda s: np.float32(s.numpy().mean()),
    lambda s: s.bool().float().mean(),
    lambda s: torch.count_nonzero(s) / s.numel(),
    lambda s: sum(s.flatten().tolist()) / len(s.flatten()),
    lambda s: [s.mean().item()],
    lambda s: s.mul_(1).mean(),
    lambda *args: args[0].mean(),
    lambda *, s: s.mean(),
)


@RATE.right
def count_in_loops(s):
    total = 0
    for step in s:
        for image in step:
            for spike in image:
                total += int(spike)
    steps, images, neurons = s.shape
    return total / steps / images / neurons


RATE.wrong("number of spikes", lambda s: s.sum(), lambda s: s.sum().item(), np.count_nonzero)
RATE.wrong("per neuron", lambda s: s.mean((0, 1)), lambda s: s.sum() / s.shape[2])
RATE.wrong("per image", lambda s: s.mean((0, 2)), lambda s: s.sum() / s.shape[1])
RATE.wrong("per step", lambda s: s.mean((1, 2)), lambda s: s.sum() / len(s))
RATE.wrong("images as well as time", lambda s: s.mean(0), lambda s: np.mean(s.numpy(), axis=0))
RATE.wrong("per image and step", lambda s: s.sum() / len(s) / s.shape[1])
RATE.wrong("last step", lambda s: s[-1].mean())
RATE.wrong("silent", lambda s: (s == 0).double().mean())
RATE.wrong("percent", lambda s: 100 * s.mean())
RATE.wrong("median", lambda s: s.median())
RATE.wrong("standard deviation", lambda s: s.std())
RATE.wrong("function `mean`", lambda s: s.mean)
RATE.wrong("rounded", lambda s: round(s.mean().item(), 2))
RATE.wrong("AttributeError", lambda s: s.average())


@RATE.wrong("`return` is missing")
def printed(s):
    print(s.mean())


LIF = Answers(checks.check_lif_step)
LIF.right(
    lambda u, s, i, k, v: lif_step(i, LIFState(u, s), LIFParams(decay=k, threshold=v)),
    lambda u, s, i, k, v: list(lif_step(i, LIFState(u, s), LIFParams(decay=k, threshold=v))),
    lambda u, s, i, k, v: torch.stack(lif_step(i, LIFState(u, s), LIFParams(decay=k, threshold=v))),
)


def lif(u_before, s_before, current, decay, threshold):
    return decay * (u_before - threshold * s_before) + current


@LIF.right
def as_bool(u_before, s_before, current, decay, threshold):
    u = lif(u_before, s_before, current, decay, threshold)
    return u, u >= threshold


@LIF.right
def as_int(u_before, s_before, current, decay, threshold):
    u = lif(u_before, s_before, current, decay, threshold)
    return u, (u >= threshold).int()


@LIF.right
def multiplied_out(u, s, i, decay, v):
    u = decay * u - decay * v * s + i
    return u, torch.heaviside(u - v, torch.ones_like(u))


@LIF.right
def in_numpy(u, s, i, decay, v):
    u = np.asarray(u) * decay - decay * v * np.asarray(s) + np.asarray(i)
    return u, np.where(u >= v, 1, 0)


@LIF.right
def in_float32(u, s, i, decay, v):
    u = (decay * (u - v * s) + i).float()
    return u, (u >= v).float()


@LIF.right
def in_place(u_before, s_before, current, decay, threshold):
    u_before -= threshold * s_before
    u_before *= decay
    u_before += current
    return u_before, (u_before >= threshold).to(u_before.dtype)


@LIF.right
def with_where(u, s, i, k, v):
    kept = torch.where(s > 0, u - v, u)
    new = torch.add(i, kept, alpha=k)
    return [new, torch.where(new >= v, 1.0, 0.0)]


@LIF.right
def other_order_of_arguments(current, u_before, s_before, threshold, decay):
    u = lif(u_before, s_before, current, decay, threshold)
    return u, (u >= threshold).double()


@LIF.right
def keywords_only(*, u_before, s_before, current, decay, threshold=1.0):
    u = lif(u_before, s_before, current, decay, threshold)
    return u, 1.0 * (u >= threshold)


@LIF.right
def lists_of_numbers(u_before, s_before, current, decay, threshold):
    u = lif(u_before, s_before, current, decay, threshold).tolist()
    return u, [int(x >= threshold) for x in u]


@LIF.right
def yields(u_before, s_before, current, decay, threshold):
    u = lif(u_before, s_before, current, decay, threshold)
    yield u
    yield u >= threshold


def with_spikes(potential):
    def step(u_before, s_before, current, decay, threshold):
        u = potential(u_before, s_before, current, decay, threshold)
        return u, (u >= threshold).double()

    return step


LIF.wrong("reset must decay", with_spikes(lambda u, s, i, k, v: k * u - v * s + i))
LIF.wrong("hard reset", with_spikes(lambda u, s, i, k, v: k * u * (1 - s) + i))
LIF.wrong("never resets", with_spikes(lambda u, s, i, k, v: k * u + i))
LIF.wrong("decay is missing", with_spikes(lambda u, s, i, k, v: u - v * s + i))
LIF.wrong("subtracts 1, not V", with_spikes(lambda u, s, i, k, v: k * (u - s) + i))
LIF.wrong("reset adds", with_spikes(lambda u, s, i, k, v: k * (u + v * s) + i))
LIF.wrong("current decays", with_spikes(lambda u, s, i, k, v: k * (u - v * s + i)))
LIF.wrong("factor 1 − λ", with_spikes(lambda u, s, i, k, v: k * (u - v * s) + (1 - k) * i))
LIF.wrong(">=", lambda u, s, i, k, v: (lif(u, s, i, k, v), (lif(u, s, i, k, v) > v).double()))
LIF.wrong("swapped", lambda *c: with_spikes(lif)(*c)[::-1])
LIF.wrong("not 1", lambda *c: (lif(*c), lif(*c) >= 1))
LIF.wrong("before the step", lambda u, s, i, k, v: (lif(u, s, i, k, v), u >= v))
LIF.wrong("as a pair", lif)
LIF.wrong("only the spikes", lambda *c: lif(*c) >= c[-1])
LIF.wrong("raised TypeError", lambda u, s, i, k, v: (lif(u, s, i, k), v))
LIF.wrong("arguments", lambda u, s: (u, s))
LIF.wrong("a dict", lambda *c: {"u": lif(*c), "s": lif(*c) >= c[-1]})


@LIF.wrong("after the reset")
def returns_the_rest(u_before, s_before, current, decay, threshold):
    u = decay * (u_before - threshold * s_before) + current
    s = (u >= threshold).double()
    return u - threshold * s, s


@LIF.wrong("resets at once")
def resets_at_once(u_before, s_before, current, decay, threshold):
    u = decay * u_before + current
    s = (u >= threshold).double()
    return u - threshold * s, s


@LIF.wrong("`return` is missing")
def forgets_return(u_before, s_before, current, decay, threshold):
    u = lif(u_before, s_before, current, decay, threshold)
    s = (u >= threshold).double()
    u, s  # noqa: B018


FIRST = Answers(checks.check_first_spike)


@FIRST.right
def loop(current, decay, threshold):
    t, u = 1, current
    while u < threshold:
        t, u = t + 1, decay * u + current
    return t


@FIRST.right
def loop_with_break(current, decay, threshold):
    u, t = 0.0, 0
    while True:
        u = decay * u + current
        t += 1
        if u >= threshold:
            break
    return t


@FIRST.right
def for_loop(current, decay, threshold):
    u = 0
    for t in range(1, 10_000):
        u = decay * u + current
        if u >= threshold:
            return t


def solved(current, decay, threshold):
    if decay == 1:
        return threshold / current
    return math.log(1 - threshold * (1 - decay) / current) / math.log(decay)


@FIRST.right
def in_tensors(current, decay, threshold):
    u = torch.tensor(0.0, dtype=torch.float64)
    t = torch.tensor(0)
    while u < threshold:
        u = decay * u + current
        t += 1
    return t


@FIRST.right
def with_numpy(current, decay, threshold):
    weights = np.cumsum(decay ** np.arange(200.0))
    return np.argmax(current * weights >= threshold) + 1


@FIRST.right
def recursive(current, decay, threshold, u=0.0):
    u = decay * u + current
    return 1 if u >= threshold else 1 + recursive(current, decay, threshold, u)


@FIRST.right
def simulated(current, decay, threshold):
    potentials = [current]
    while potentials[-1] < threshold:
        potentials.append(decay * potentials[-1] + current)
    return len(potentials)


FIRST.right(
    lambda *c: math.ceil(solved(*c)),
    lambda *c: int(np.ceil(solved(*c))),
    lambda i, k, v: next(t for t in range(1, 99) if i * sum(k**j for j in range(t)) >= v),
    lambda i, k, v: float(loop(i, k, v)),
    lambda i, k, v: torch.tensor([loop(i, k, v)]),
    lambda i, k, v: np.int64(loop(i, k, v)),
)


@FIRST.wrong("equality")
def goes_on_at_equality(current, decay, threshold):
    t, u = 1, current
    while u <= threshold:
        t, u = t + 1, decay * u + current
    return t


@FIRST.wrong("equality")
def stops_above(current, decay, threshold):
    u = 0.0
    for t in range(1, 999):
        u = decay * u + current
        if u > threshold:
            return t


@FIRST.wrong("`return` is missing")
def no_return(current, decay, threshold):
    t, u = 1, current
    while u < threshold:
        t, u = t + 1, decay * u + current


@FIRST.wrong("None")
def gives_up(current, decay, threshold):
    u = 0.0
    for t in range(1, 5):
        u = decay * u + current
        if u >= threshold:
            return t


@FIRST.wrong("counted from 1")
def counts_from_0(current, decay, threshold):
    t, u = 0, current
    while u < threshold:
        t, u = t + 1, decay * u + current
    return t


@FIRST.wrong("one step too late")
def adds_first(current, decay, threshold):
    t, u = 1, 0.0
    while u < threshold:
        t, u = t + 1, decay * u + current
    return t


FIRST.wrong("ignores the decay", lambda i, k, v: math.ceil(v / i))
FIRST.wrong("Round up, not down", lambda *c: math.floor(solved(*c)), lambda *c: int(solved(*c)))
FIRST.wrong("nearest", lambda *c: round(solved(*c)))
FIRST.wrong("whole numbers", solved)
FIRST.wrong("not 1", lambda i, k, v: loop(i, k, 1.0))
FIRST.wrong(
    "current decays", lambda i, k, v: loop(k * i, k, v) if k * i / (1.000001 - k) > v else 0
)
FIRST.wrong("ZeroDivisionError", lambda i, k, v: math.ceil(
    math.log(1 - v * (1 - k) / i) / math.log(k)))  # fmt: skip
FIRST.wrong("potential at the first spike", lambda i, k, v: sum(
    i * k**j for j in range(loop(i, k, v))))  # fmt: skip

SAF = Answers(checks.check_saf_step)


@SAF.right
def as_the_solution(current, a_before, decay, threshold):
    fires = current >= threshold * (decay * a_before + 1)
    return decay * a_before + fires.to(current.dtype)


SAF.right(
    lambda c, a, k, v: saf_step(c, SAFState(a), LIFParams(decay=k, threshold=v)).a,
    lambda c, a, k, v: k * a + (c >= v * (k * a + 1)),
    lambda c, a, k, v: k * a + (c >= v * k * a + v).float(),
    lambda c, a, k, v: torch.where(c - v * k * a >= v, k * a + 1, k * a),
    lambda c, a, k, v: torch.heaviside(c - v * (k * a + 1), torch.ones_like(c)) + k * a,
    lambda c, a, k, v: np.asarray(k * a) + np.where(c >= v * (k * a + 1), 1, 0),
    lambda c, a, k, v: [k * y + int(x >= v * (k * y + 1)) for x, y in zip(c, a, strict=True)],
    lambda c, a, k, v: a.mul_(k).add_((c >= v * (a + 1)).double()),
    lambda a_before, current, threshold, decay: as_the_solution(
        current, a_before, decay, threshold
    ),
    lambda c, a, k, v: as_the_solution(c, a, k, v).float(),
    lambda c, a, k, v: as_the_solution(c, a, k, v).tolist(),
)
SAF.wrong("rise with the past", lambda c, a, k, v: k * a + (c >= v))
SAF.wrong("past has decayed", lambda c, a, k, v: k * a + (c >= v * (a + 1)))
SAF.wrong("V multiplies the past", lambda c, a, k, v: k * a + (c >= k * a + v))
SAF.wrong("V is missing", lambda c, a, k, v: k * a + (c >= k * a + 1))
SAF.wrong("1 is missing", lambda c, a, k, v: k * a + (c >= v * k * a))
SAF.wrong("returned the spikes", lambda c, a, k, v: (c >= v * (k * a + 1)).double())
SAF.wrong("Fade the past", lambda c, a, k, v: a + (c >= v * (k * a + 1)))
SAF.wrong("not act on the new spike", lambda c, a, k, v: k * (a + (c >= v * (k * a + 1))))
SAF.wrong(">=", lambda c, a, k, v: k * a + (c > v * (k * a + 1)).double())
SAF.wrong("adds the current", lambda c, a, k, v: k * a + c)
SAF.wrong("new spike is missing", lambda c, a, k, v: k * a)
SAF.wrong("height 1", lambda c, a, k, v: k * a + v * (c >= v * (k * a + 1)))
SAF.wrong("potential", lambda c, a, k, v: c - k * v * a)
SAF.wrong("not a pair", lambda *c: (as_the_solution(*c), as_the_solution(*c) - c[2] * c[1]))
SAF.wrong("holds NaN", lambda c, a, k, v: (0 * c) / (0 * c))
