"""Lessons 04, 05 and 09: OTTT's gradient, its online update, the bias, and feedback."""

import numpy as np
import torch

from answers import Answers
from saflab import checks
from saflab.neurons import accumulate, total_weight

OTTT = Answers(checks.check_ottt_gradient)


@OTTT.right
def outer_products(delta, a_in):
    return sum(torch.outer(d, a) for d, a in zip(delta, a_in, strict=True))


@OTTT.right
def into_float32(delta, a_in):
    grad = torch.zeros(delta.shape[1], a_in.shape[1])
    for t in range(len(delta)):
        grad += torch.outer(delta[t], a_in[t])
    return grad


@OTTT.right
def in_four_loops(delta, a_in):
    rows = []
    for i in range(delta.shape[1]):
        row = []
        for j in range(a_in.shape[1]):
            row.append(sum(delta[t, i].item() * a_in[t, j].item() for t in range(len(delta))))
        rows.append(row)
    return rows


OTTT.right(
    lambda d, a: d.T @ a,
    lambda d, a: torch.einsum("to,ti->oi", d, a),
    lambda d, a: np.einsum("to,ti->oi", d, a),
    lambda d, a: (d[:, :, None] * a[:, None]).sum(0),
    lambda d, a: torch.tensordot(d, a, dims=([0], [0])),
    lambda d, a: np.asarray(d).T.dot(np.asarray(a)),
    lambda d, a: (a.T @ d).T,
    lambda d, a: torch.bmm(d.unsqueeze(2), a.unsqueeze(1)).sum(0),
    lambda d, a: (d.T @ a).float(),
    lambda d, a: sum(np.outer(x, y) for x, y in zip(d, a, strict=True)),
    lambda a_in, delta: delta.T @ a_in,
    lambda d, a: d.t_() @ a,
)
OTTT.wrong("δ[t] comes first", lambda d, a: a.T @ d)
OTTT.wrong("last step", lambda d, a: torch.outer(d[-1], a[-1]))
OTTT.wrong("first step is there", lambda d, a: torch.outer(d[0], a[0]))
OTTT.wrong("product of sums", lambda d, a: torch.outer(d.sum(0), a.sum(0)))
OTTT.wrong("not the last one", lambda d, a: torch.outer(d.sum(0), a[-1]))
OTTT.wrong("average", lambda d, a: d.T @ a / len(d))
OTTT.wrong("each step", lambda d, a: d[:, :, None] * a[:, None])
OTTT.wrong("sign", lambda d, a: -d.T @ a)
OTTT.wrong("first step is left out", lambda d, a: d[1:].T @ a[1:])
OTTT.wrong("one step late", lambda d, a: d[1:].T @ a[:-1])
OTTT.wrong("accumulated already", lambda d, a: d.T @ accumulate(a, 0.5))
OTTT.wrong("raised RuntimeError", lambda d, a: d @ a)
OTTT.wrong("expected shape (3, 4), but found shape (5, 5)", lambda d, a: d @ d.T)


@OTTT.wrong("first step is there")
def returns_in_the_loop(delta, a_in):
    for d, a in zip(delta, a_in, strict=True):
        return torch.outer(d, a)


ONLINE = Answers(checks.check_ottt_online)


@ONLINE.right
def as_the_solution(weight, delta, s_in, decay, lr):
    a = torch.zeros_like(s_in[0])
    for d, s in zip(delta, s_in, strict=True):
        a = decay * a + s
        weight = weight - lr * torch.outer(d, a)
    return weight


@ONLINE.right
def in_place(weight, delta, s_in, decay, lr):
    a = torch.zeros(s_in.shape[1])
    for t in range(len(delta)):
        a = a * decay + s_in[t]
        weight -= lr * delta[t][:, None] * a
    return weight


@ONLINE.right
def with_an_optimizer(weight, delta, s_in, decay, lr):
    w = torch.nn.Parameter(weight)
    optimizer = torch.optim.SGD([w], lr=lr)
    a = 0
    for d, s in zip(delta, s_in, strict=True):
        a = decay * a + s
        w.grad = torch.outer(d, a)
        optimizer.step()
    return w


@ONLINE.right
def with_numpy(weight, delta, s_in, decay, lr):
    weight = np.array(weight)
    trace = np.zeros(s_in.shape[1])
    for d, s in zip(np.array(delta), np.array(s_in), strict=True):
        trace = decay * trace + s
        weight -= lr * np.outer(d, trace)
    return weight


ONLINE.right(
    lambda w, d, s, k, lr: w - lr * d.T @ accumulate(s, k),
    lambda w, d, s, k, lr: w - lr * torch.einsum("to,ti->oi", d, accumulate(s, k)),
    lambda w, d, s, k, lr: w.add_(d.T @ accumulate(s, k), alpha=-lr),
    lambda w, d, s, k, lr: (w - lr * d.T @ accumulate(s, k)).float(),
    lambda w, d, s, k, lr: (w - lr * d.T @ accumulate(s, k)).tolist(),
    lambda w, d, s, k, lr: torch.addmm(w, d.T, accumulate(s, k), alpha=-lr),
    lambda weight, lr, decay, delta, s_in: as_the_solution(weight, delta, s_in, decay, lr),
    lambda *arguments: as_the_solution(*arguments),
)
ONLINE.wrong("Descent", lambda w, d, s, k, lr: w + lr * d.T @ accumulate(s, k))
ONLINE.wrong("spikes of the step alone", lambda w, d, s, k, lr: w - lr * d.T @ s)
ONLINE.wrong("must fade", lambda w, d, s, k, lr: w - lr * d.T @ s.cumsum(0))
ONLINE.wrong("weight 1 in the trace", lambda w, d, s, k, lr: (
    w - lr * (1 - k) * d.T @ accumulate(s, k)))  # fmt: skip
ONLINE.wrong("learning rate", lambda w, d, s, k, lr: w - d.T @ accumulate(s, k))
ONLINE.wrong("last step", lambda w, d, s, k, lr: w - lr * torch.outer(d[-1], accumulate(s, k)[-1]))
ONLINE.wrong("average", lambda w, d, s, k, lr: w - lr * d.T @ accumulate(s, k) / len(d))
ONLINE.wrong("That is the gradient", lambda w, d, s, k, lr: d.T @ accumulate(s, k))
ONLINE.wrong("change of the weight", lambda w, d, s, k, lr: -lr * d.T @ accumulate(s, k))


@ONLINE.wrong("one step late")
def updates_the_trace_last(weight, delta, s_in, decay, lr):
    a = torch.zeros_like(s_in[0])
    for d, s in zip(delta, s_in, strict=True):
        weight = weight - lr * torch.outer(d, a)
        a = decay * a + s
    return weight


@ONLINE.wrong("`return` inside the loop")
def returns_too_early(weight, delta, s_in, decay, lr):
    for d, s in zip(delta, s_in, strict=True):
        return weight - lr * torch.outer(d, s)


@ONLINE.wrong("every step is returned")
def returns_all(weight, delta, s_in, decay, lr):
    a, out = torch.zeros_like(s_in[0]), []
    for d, s in zip(delta, s_in, strict=True):
        a = decay * a + s
        weight = weight - lr * torch.outer(d, a)
        out.append(weight)
    return torch.stack(out)


@ONLINE.wrong("not the weight")
def fades_the_weight(weight, delta, s_in, decay, lr):
    a = torch.zeros_like(s_in[0])
    for d, s in zip(delta, s_in, strict=True):
        a = decay * a + s
        weight = decay * weight - lr * torch.outer(d, a)
    return weight


@ONLINE.wrong("raised RuntimeError in line")
def outer_the_other_way(weight, delta, s_in, decay, lr):
    for d, s in zip(delta, s_in, strict=True):
        weight = weight - lr * torch.outer(s, d)
    return weight


@ONLINE.wrong("`return` is missing")
def changes_and_returns_nothing(weight, delta, s_in, decay, lr):
    a = torch.zeros_like(s_in[0])
    for d, s in zip(delta, s_in, strict=True):
        a = decay * a + s
        weight -= lr * torch.outer(d, a)


BIAS = Answers(checks.check_bias_gradient)


@BIAS.right
def running_total(delta, decay):
    total, out = 0.0, torch.zeros_like(delta[0])
    for now in delta:
        total = decay * total + 1
        out = out + total * now
    return out


@BIAS.right
def powers(delta, decay):
    out = 0
    for t in range(1, len(delta) + 1):
        out = out + sum(decay**k for k in range(t)) * delta[t - 1]
    return out


@BIAS.right
def weights_in_float32(delta, decay):
    weights = torch.tensor([total_weight(decay, t) for t in range(1, len(delta) + 1)])
    return (weights[:, None] * delta).sum(0)


@BIAS.right
def each_step_to_its_past(delta, decay):
    out = torch.zeros(delta.shape[1])
    for t in range(len(delta)):
        for k in range(t + 1):
            out += decay ** (t - k) * delta[t]
    return out


BIAS.right(
    lambda d, k: sum(total_weight(k, t) * x for t, x in enumerate(d, start=1)),
    lambda d, k: (accumulate(torch.ones_like(d), k) * d).sum(0),
    lambda d, k: weights_in_float32(d.float(), k).float(),
    lambda d, k: torch.tensor([(1 - k**t) / (1 - k) for t in range(1, len(d) + 1)]) @ d,
    lambda d, k: np.cumsum(k ** np.arange(len(d))) @ np.asarray(d),
    lambda d, k: np.cumsum(k ** np.arange(len(d))).dot(d),
    lambda d, k: [sum((1 - k ** (t + 1)) / (1 - k) * x for t, x in enumerate(column))
                  for column in d.T.tolist()],
    lambda d, k: (running_total(x[:, None], k).item() for x in d.unbind(1)),
    lambda decay, delta: running_total(delta, decay),
)  # fmt: skip
BIAS.wrong("official trace", lambda d, k: d.sum(0))
BIAS.wrong("not t", lambda d, k: sum(t * x for t, x in enumerate(d, start=1)))
BIAS.wrong("one step late", lambda d, k: sum(total_weight(k, t) * x for t, x in enumerate(d)))
BIAS.wrong("one step early", lambda d, k: sum(total_weight(k, t + 2) * x for t, x in enumerate(d)))
BIAS.wrong("not λ^(t−1)", lambda d, k: sum(k**t * x for t, x in enumerate(d)))
BIAS.wrong("not λ^t", lambda d, k: sum(k**t * x for t, x in enumerate(d, start=1)))
BIAS.wrong("weights δ itself", lambda d, k: accumulate(d, k)[-1])
BIAS.wrong("limit of Λ", lambda d, k: d.sum(0) / (1 - k))
BIAS.wrong("own step", lambda d, k: total_weight(k, len(d)) * d.sum(0))
BIAS.wrong("grows with time", lambda d, k: running_total(d.flip(0), k))
BIAS.wrong("average", lambda d, k: running_total(d, k) / len(d))
BIAS.wrong("each step", lambda d, k: accumulate(torch.ones_like(d), k) * d)
BIAS.wrong("adds up the outputs", lambda d, k: running_total(d, k).sum())
BIAS.wrong("last step", lambda d, k: total_weight(k, len(d)) * d[-1])
BIAS.wrong("ZeroDivisionError", lambda d, k: running_total(d, k) * (1 / 0))

FEEDBACK = Answers(checks.check_feedback_gradient)


@FEEDBACK.right
def with_the_trace_before(delta, a):
    before, grad = torch.zeros_like(a[0]), 0
    for d, now in zip(delta, a, strict=True):
        grad = grad + torch.outer(d, before)
        before = now
    return grad


@FEEDBACK.right
def from_the_second_step(delta, a):
    grad = torch.zeros(delta.shape[1], a.shape[1])
    for t in range(1, len(delta)):
        grad += torch.outer(delta[t], a[t - 1])
    return grad


@FEEDBACK.right
def rolled(delta, a):
    before = a.roll(1, 0)
    before[0] = 0
    return delta.T @ before


FEEDBACK.right(
    lambda d, a: d[1:].T @ a[:-1],
    lambda d, a: torch.einsum("to,ti->oi", d[1:], a[:-1]),
    lambda d, a: np.einsum("to,ti->oi", d[1:], a[:-1]),
    lambda d, a: d.T @ torch.cat([torch.zeros_like(a[:1]), a[:-1]]),
    lambda d, a: sum(torch.outer(x, y) for x, y in zip(d[1:], a, strict=False)),
    lambda d, a: (d[1:, :, None] * a[:-1, None]).sum(0),
    lambda d, a: np.asarray(d)[1:].T @ np.asarray(a)[:-1],
    lambda d, a: (d[1:].T @ a[:-1]).tolist(),
    lambda d, a: d[1:].float().T @ a[:-1].float(),
    lambda a, delta: delta[1:].T @ a[:-1],
)
FEEDBACK.wrong("one step later", lambda d, a: d.T @ a)
FEEDBACK.wrong("other way", lambda d, a: d[:-1].T @ a[1:])
FEEDBACK.wrong("wraps", lambda d, a: d.T @ a.roll(1, 0),
               lambda d, a: sum(torch.outer(d[t], a[t - 1]) for t in range(len(d))))  # fmt: skip
FEEDBACK.wrong("nothing is shifted", lambda d, a: d[1:].T @ a[1:])
FEEDBACK.wrong("nothing is shifted", lambda d, a: d[:-1].T @ a[:-1])
FEEDBACK.wrong("two steps", lambda d, a: d[2:].T @ a[:-2])
FEEDBACK.wrong("δ[t] comes first", lambda d, a: a[:-1].T @ d[1:])
FEEDBACK.wrong("without λ", lambda d, a: d[1:].T @ (0.5 * a[:-1]))
FEEDBACK.wrong("average", lambda d, a: d[1:].T @ a[:-1] / len(d),
               lambda d, a: d[1:].T @ a[:-1] / (len(d) - 1))  # fmt: skip
FEEDBACK.wrong("product of sums", lambda d, a: torch.outer(d[1:].sum(0), a[:-1].sum(0)))
FEEDBACK.wrong("last step", lambda d, a: torch.outer(d[-1], a[-2]))
FEEDBACK.wrong("each step", lambda d, a: d[1:, :, None] * a[:-1, None])
FEEDBACK.wrong("sign", lambda d, a: -d[1:].T @ a[:-1])
FEEDBACK.wrong("raised RuntimeError", lambda d, a: d.T @ a[:-1])
