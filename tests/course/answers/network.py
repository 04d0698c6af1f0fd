"""Lessons 00, 07, 09 and 10: currents, predictions, accuracy, the learning rate."""

import math

import numpy as np
import torch

from answers import Answers
from saflab import checks

SKIP = Answers(checks.check_skip_current)


@SKIP.right
def in_steps(w, w_skip, b, a, a_skip, total):
    current = torch.mv(w, a)
    current += torch.mv(w_skip, a_skip)
    current += total * b
    return current


@SKIP.right
def row_by_row(w, w_skip, b, a, a_skip, total):
    out = []
    for i in range(len(b)):
        out.append((w[i] * a).sum() + (w_skip[i] * a_skip).sum() + total * b[i])
    return out


SKIP.right(
    lambda w, w_skip, b, a, a_skip, total: w @ a + w_skip @ a_skip + total * b,
    lambda w, q, b, a, aq, t: torch.cat([w, q], 1) @ torch.cat([a, aq]) + t * b,
    lambda w, q, b, a, aq, t: np.dot(w, a) + np.dot(q, aq) + t * np.asarray(b),
    lambda w, q, b, a, aq, t: torch.nn.functional.linear(a, w, t * b) + torch.nn.functional.linear(
        aq, q),
    lambda w, q, b, a, aq, t: torch.einsum("oi,i->o", w, a) + (q * aq).sum(1) + b * t,
    lambda w, q, b, a, aq, t: (a @ w.T + aq @ q.T + t * b).float(),
    lambda w, q, b, a, aq, t: w.float() @ a.float() + q.float() @ aq.float() + t * b,
    lambda w, q, b, a, aq, t: (w @ a + q @ aq).add_(b, alpha=t),
    lambda w, q, b, a, aq, t: (w @ a + q @ aq + t * b).tolist(),
    lambda a, a_skip, b, total, w, w_skip: in_steps(w, w_skip, b, a, a_skip, total),
    lambda **named: in_steps(**named),
)  # fmt: skip
SKIP.wrong("acts at every step", lambda w, q, b, a, aq, t: w @ a + q @ aq + b)
SKIP.wrong("bias is missing", lambda w, q, b, a, aq, t: w @ a + q @ aq)
SKIP.wrong("skip is missing", lambda w, q, b, a, aq, t: w @ a + t * b)
SKIP.wrong("skip is missing", lambda w, q, b, a, aq, t: w @ a + b)
SKIP.wrong("main branch", lambda w, q, b, a, aq, t: q @ aq + t * b)
SKIP.wrong("only the bias", lambda w, q, b, a, aq, t: w @ a + t * (q @ aq + b))
SKIP.wrong("not the sum", lambda w, q, b, a, aq, t: t * (w @ a + q @ aq + b))
SKIP.wrong("not to w â", lambda w, q, b, a, aq, t: t * (w @ a) + q @ aq + b)
SKIP.wrong("do not divide", lambda w, q, b, a, aq, t: w @ a + q @ aq + b / t)
SKIP.wrong("you added", lambda w, q, b, a, aq, t: w @ a + q @ aq + b + t)
SKIP.wrong("plus sign", lambda w, q, b, a, aq, t: w @ a - q @ aq + t * b)
SKIP.wrong("not averaged", lambda w, q, b, a, aq, t: (w @ a + q @ aq) / 2 + t * b)
SKIP.wrong("raised RuntimeError", lambda w, q, b, a, aq, t: w @ aq + q @ a + t * b)
SKIP.wrong("expected shape (3,), but found a number", lambda w, q, b, a, aq, t: (w @ a).sum())

PREDICT = Answers(checks.check_predict)


@PREDICT.right
def by_loops(o):
    found = []
    for image in range(o.shape[1]):
        scores = [float(o[:, image, c].sum()) for c in range(o.shape[2])]
        found.append(scores.index(max(scores)))
    return found


@PREDICT.right
def running_sum(o):
    total = torch.zeros(o.shape[1:])
    for step in o:
        total += step
    return total.argmax(dim=1)


@PREDICT.right
def yields_classes(o):
    for scores in o.mean(0):
        yield scores.argmax().item()


PREDICT.right(
    lambda o: o.sum(0).argmax(-1),
    lambda o: o.mean(0).argmax(1),
    lambda o: o.sum(0).max(1).indices,
    lambda o: torch.max(o.sum(0), 1)[1],
    lambda o: torch.argmax(torch.sum(o, dim=0), dim=-1).float(),
    lambda o: np.argmax(o.sum(0), axis=1),
    lambda o: np.asarray(o).sum(axis=0).argmax(axis=-1),
    lambda o: o.sum(axis=0).argmax(axis=-1),
    lambda o: o.sum(0).topk(1).indices.squeeze(1),
    lambda o: o.sum(0).softmax(-1).argmax(-1).tolist(),
    lambda o: o.cumsum(0)[-1].argmax(-1).int(),
    lambda o: o.sum(0).argsort(-1)[:, -1],
)
PREDICT.wrong("last step", lambda o: o[-1].argmax(-1))
PREDICT.wrong("first step", lambda o: o[0].argmax(-1))
PREDICT.wrong("one prediction per step", lambda o: o.argmax(-1), lambda o: o.cumsum(0).argmax(-1))
PREDICT.wrong("vote", lambda o: o.argmax(-1).mode(0).values)
PREDICT.wrong("readout added up", lambda o: o.sum(0))
PREDICT.wrong("values and indices", lambda o: o.sum(0).max(1), lambda o: torch.max(o.sum(0), -1))
PREDICT.wrong("not its class", lambda o: o.sum(0).max(1).values, lambda o: o.mean(0).amax(-1))
PREDICT.wrong("largest image", lambda o: o.sum(0).argmax(0))
PREDICT.wrong("Without a dimension", lambda o: o.sum(0).argmax())
PREDICT.wrong("adds up the images", lambda o: o.sum(1).argmax(-1))
PREDICT.wrong("adds up the classes", lambda o: o.sum(-1).argmax(0))
PREDICT.wrong("smallest", lambda o: o.sum(0).argmin(-1))
PREDICT.wrong("from 0", lambda o: o.sum(0).argmax(-1) + 1)
PREDICT.wrong("probabilities", lambda o: o.sum(0).softmax(-1), lambda o: o.mean(0).softmax(-1))
PREDICT.wrong("one-hot", lambda o: torch.eye(o.shape[-1])[o.sum(0).argmax(-1)])
PREDICT.wrong("any step", lambda o: o.amax(0).argmax(-1))
PREDICT.wrong("AttributeError in line", lambda o: o.sum(0).astype(float).argmax(-1))


@PREDICT.wrong("`return` is missing")
def shows_it(o):
    print(o.sum(0).argmax(-1))


ANYTIME = Answers(checks.check_anytime)


@ANYTIME.right
def step_by_step(o):
    total, out = 0, []
    for step in o:
        total = total + step
        out.append(total.argmax(-1))
    return torch.stack(out)


@ANYTIME.right
def list_of_lists(o):
    return [[int(o[: t + 1, b].sum(0).argmax()) for b in range(o.shape[1])] for t in range(len(o))]


@ANYTIME.right
def in_place(o):
    for t in range(1, len(o)):
        o[t] += o[t - 1]
    return o.argmax(-1)


@ANYTIME.right
def yields_steps(o):
    total = np.zeros(o.shape[1:])
    for step in o.numpy():
        total += step
        yield total.argmax(-1)


ANYTIME.right(
    lambda o: o.cumsum(0).argmax(-1),
    lambda o: torch.cumsum(o, dim=0).argmax(dim=2),
    lambda o: o.cumsum(0).max(-1).indices,
    lambda o: np.cumsum(o, 0).argmax(-1),
    lambda o: np.argmax(np.cumsum(np.asarray(o), axis=0), axis=-1),
    lambda o: torch.stack([o[:t].sum(0).argmax(-1) for t in range(1, len(o) + 1)]),
    lambda o: [o[: t + 1].mean(0).argmax(-1) for t in range(len(o))],
    lambda o: o.float().cumsum(0).argmax(-1).float(),
    lambda o: o.cumsum(0).softmax(-1).argmax(-1).numpy(),
)
ANYTIME.wrong("votes alone", lambda o: o.argmax(-1))
ANYTIME.wrong("final prediction", lambda o: o.sum(0).argmax(-1))
ANYTIME.wrong("repeated", lambda o: o.sum(0).argmax(-1).repeat(len(o), 1))
ANYTIME.wrong("last axis", lambda o: o.cumsum(0).argmax(1), lambda o: o.cumsum(0).argmax(0))
ANYTIME.wrong("readout so far", lambda o: o.cumsum(0))
ANYTIME.wrong("values and indices", lambda o: o.cumsum(0).max(-1))
ANYTIME.wrong("not its class", lambda o: o.cumsum(0).max(-1)[0])
ANYTIME.wrong("adds up the images", lambda o: o.cumsum(1).argmax(-1))
ANYTIME.wrong("adds up the classes", lambda o: o.cumsum(-1).argmax(-1))
ANYTIME.wrong("use cumsum", lambda o: o.cummax(0).values.argmax(-1))
ANYTIME.wrong("from the end", lambda o: o.flip(0).cumsum(0).flip(0).argmax(-1))
ANYTIME.wrong("present step", lambda o: torch.stack(
    [o[:t].sum(0).argmax(-1) for t in range(len(o))]))  # fmt: skip
ANYTIME.wrong("transposed", lambda o: o.cumsum(0).argmax(-1).T)
ANYTIME.wrong("raised IndexError", lambda o: o.cumsum(0).argmax(3))

ACCURACY = Answers(checks.check_accuracy)


def classes(o):
    return o.sum(0).argmax(-1)


@ACCURACY.right
def counts(o, y):
    right = 0
    for found, label in zip(classes(o), y, strict=True):
        if found == label:
            right += 1
    return 100 * right / len(y)


ACCURACY.right(
    lambda o, y: 100 * (classes(o) == y).double().mean(),
    lambda o, y: (classes(o) == y).float().mean() * 100,
    lambda o, y: (classes(o) == y).float().mean().item() * 100,
    lambda o, y: (classes(o) == y).sum().item() / y.numel() * 100,
    lambda o, y: 100.0 * (classes(o) == y).sum() / y.shape[0],
    lambda o, y: np.mean(np.argmax(np.sum(o, axis=0), axis=-1) == y) * 100,
    lambda o, y: 100 * np.equal(classes(o), y).double().mean(),
    lambda o, y: 100 * (classes(o).numpy() == y.numpy()).mean(),
    lambda o, y: 100 - 100 * (classes(o) != y).double().mean(),
    lambda o, y: 100 * torch.count_nonzero(classes(o) == y) / len(y),
    lambda o, y: (
        100 * sum(a == b for a, b in zip(classes(o).tolist(), y.tolist(), strict=True)) / len(y)
    ),
    lambda y, o: counts(o, y),
)
ACCURACY.wrong("for percent", lambda o, y: (classes(o) == y).double().mean())
ACCURACY.wrong("last step", lambda o, y: 100 * (o[-1].argmax(-1) == y).double().mean())
ACCURACY.wrong("last step", lambda o, y: (o[-1].argmax(-1) == y).double().mean())
ACCURACY.wrong("every step alone", lambda o, y: 100 * (o.argmax(-1) == y).double().mean())
ACCURACY.wrong("vote", lambda o, y: 100 * (o.argmax(-1).mode(0).values == y).double().mean())
ACCURACY.wrong("error", lambda o, y: 100 * (classes(o) != y).double().mean())
ACCURACY.wrong("count", lambda o, y: (classes(o) == y).sum())
ACCURACY.wrong("number of images", lambda o, y: 100 * (classes(o) == y).sum())
ACCURACY.wrong("not of steps", lambda o, y: 100 * (classes(o) == y).sum() / len(o))
ACCURACY.wrong("predictions", lambda o, y: classes(o))
ACCURACY.wrong("for each image", lambda o, y: classes(o) == y)
ACCURACY.wrong("each step", lambda o, y: 100 * (o.argmax(-1) == y).double().mean(-1))
ACCURACY.wrong("rounded", lambda o, y: round(counts(o, y), 1))
ACCURACY.wrong("raised RuntimeError", lambda o, y: 100 * (classes(o) == y).mean())
ACCURACY.wrong("the text", lambda o, y: f"{counts(o, y):.1f} %")

COSINE = Answers(checks.check_cosine)


@COSINE.right
def in_words(done, lr):
    angle = math.pi * done
    return lr * (math.cos(angle) + 1) / 2


COSINE.right(
    lambda done, lr: 0.5 * lr * (1 + math.cos(math.pi * done)),
    lambda done, lr: lr * (1 + np.cos(np.pi * done)) / 2,
    lambda done, lr: np.float32(lr * (1 + np.cos(np.pi * done)) / 2),
    lambda done, lr: lr * math.cos(math.pi * done / 2) ** 2,
    lambda done, lr: lr - lr * math.sin(math.pi * done / 2) ** 2,
    lambda done, lr: lr * (1 + torch.cos(torch.tensor(math.pi * done))) / 2,
    lambda done, lr: (lr * (1 + torch.cos(torch.tensor([math.pi * done]))) / 2).item(),
    lambda done, lr: lr / 2 + lr / 2 * math.cos(3.14159265 * done),
    lambda done, lr: 0.5 * lr * (1 + math.cos(math.radians(180 * done))),
    lambda done, lr: np.array(0.5 * lr * (1 + np.cos(done * np.pi))),
    lambda lr, done: in_words(done, lr),
    np.vectorize(in_words),
)
COSINE.wrong("shift it", lambda d, lr: lr * math.cos(math.pi * d))
COSINE.wrong("rises", lambda d, lr: 0.5 * lr * (1 - math.cos(math.pi * d)), lambda d, lr: lr * d)
COSINE.wrong("straight line", lambda d, lr: lr * (1 - d))
COSINE.wrong("twice too large", lambda d, lr: lr * (1 + math.cos(math.pi * d)))
COSINE.wrong("quarter wave", lambda d, lr: lr * math.cos(math.pi / 2 * d))
COSINE.wrong("whole wave", lambda d, lr: 0.5 * lr * (1 + math.cos(2 * math.pi * d)))
COSINE.wrong("π is missing", lambda d, lr: 0.5 * lr * (1 + math.cos(d)))
COSINE.wrong("degrees", lambda d, lr: 0.5 * lr * (1 + math.cos(180 * d)))
COSINE.wrong("sine", lambda d, lr: 0.5 * lr * (1 + math.sin(math.pi * d)))
COSINE.wrong("multiply by lr", lambda d, lr: 0.5 * (1 + math.cos(math.pi * d)))
COSINE.wrong("Brackets", lambda d, lr: lr * (1 + math.cos(math.pi * d) / 2))
COSINE.wrong("Brackets", lambda d, lr: (1 + lr * math.cos(math.pi * d)) / 2)
COSINE.wrong("exponential", lambda d, lr: lr * math.exp(-d))
COSINE.wrong("AttributeError", lambda d, lr: lr * (1 + math.cosine(math.pi * d)) / 2)
