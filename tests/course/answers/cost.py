"""Lessons 08 and 10: passes, stored steps, synaptic operations."""

import numpy as np
import torch

from answers import Answers
from saflab import checks

PASSES = Answers(checks.check_passes)


@PASSES.right
def counted(rule, steps):
    forward = 2 * steps if rule == "ottt_published" else steps
    backward = 2 if rule == "saf_f" else 2 * steps
    return forward + backward


@PASSES.right
def in_branches(rule, steps):
    if rule == "ottt_published":
        return 4 * steps
    if rule in ("ottt_fused", "saf_e"):
        return 3 * steps
    return steps + 2


@PASSES.right
def matched(rule, steps):
    match rule:
        case "ottt_published":
            return steps * (2 + 2)
        case "saf_f":
            return steps + 2
        case _:
            return steps * 3


@PASSES.right
def added_step_by_step(rule, steps):
    passes = 0
    for t in range(1, steps + 1):
        passes += 2 if rule == "ottt_published" else 1
        if rule != "saf_f" or t == steps:
            passes += 2
    return passes


PASSES.right(
    lambda rule, steps: {"ottt_published": 4 * steps, "ottt_fused": 3 * steps, "saf_e": 3 * steps,
                         "saf_f": steps + 2}[rule],
    lambda steps, rule: counted(rule, steps),
    lambda rule, steps: float(counted(rule, steps)),
    lambda rule, steps: np.int32(counted(rule, steps)),
    lambda rule, steps: np.array([counted(rule, steps)]),
    lambda rule, steps: torch.tensor(counted(rule, steps)),
    lambda rule, steps: torch.tensor(counted(rule, steps), dtype=torch.int32),
    lambda rule, steps=6: counted(rule, steps),
)  # fmt: skip
PASSES.wrong("goes backward once", lambda r, t: 4 * t if r == "ottt_published" else 3 * t)
PASSES.wrong("Only SAF-F", lambda r, t: (2 * t if r == "ottt_published" else t) + 2)
PASSES.wrong("SAF-E goes backward", lambda r, t: t + 2 if r == "saf_e" else counted(r, t))
PASSES.wrong("forward at every step", lambda r, t: 3 if r == "saf_f" else counted(r, t))
PASSES.wrong("two products", lambda r, t: {"ottt_published": 3 * t, "saf_f": t + 1}.get(r, 2 * t))
PASSES.wrong("two forward passes", lambda r, t: t + 2 if r == "saf_f" else 3 * t)
PASSES.wrong("fused OTTT", lambda r, t: counted("ottt_published" if "ottt" in r else r, t))
PASSES.wrong("rules differ", lambda r, t: 3 * t)
PASSES.wrong("forward passes are counted", lambda r, t: 2 * t if r == "ottt_published" else t)
PASSES.wrong("backward passes are counted", lambda r, t: 2 if r == "saf_f" else 2 * t)
PASSES.wrong("per step", lambda r, t: counted(r, t) / t)
PASSES.wrong("first step alone", lambda r, t: counted(r, 1))
PASSES.wrong("KeyError", lambda r, t: {"ottt": 4 * t, "saf_e": 3 * t}[r])
PASSES.wrong("the text '24'", lambda r, t: "24")


@PASSES.wrong("on every path")
def forgets_a_branch(rule, steps):
    if rule == "ottt_published":
        return 4 * steps
    if rule == "saf_f":
        return steps + 2


STORED = Answers(checks.check_stored_steps)


@STORED.right
def in_words(rule, steps):
    if rule == "bptt":
        return steps
    return 1


@STORED.right
def every_rule(rule, steps):
    return {"bptt": steps, "ottt_a": 1, "ottt_o": 1, "saf_e": 1, "saf_f": 1}[rule]


STORED.right(
    lambda rule, steps: steps if rule == "bptt" else 1,
    lambda rule, steps: (1, steps)[rule == "bptt"],
    lambda rule, steps: steps ** (rule == "bptt"),
    lambda rule, steps: max(1, steps * (rule == "bptt")),
    lambda rule, steps: 1 if rule.startswith(("ottt", "saf")) else steps,
    lambda rule, steps: {"bptt": steps}.get(rule, 1),
    lambda rule, steps: len(range(steps)) if rule == "bptt" else True,
    lambda rule, steps: torch.tensor(float(in_words(rule, steps))),
    lambda rule, steps: np.where(rule == "bptt", steps, 1),
    lambda steps, rule: in_words(rule, steps),
)
STORED.wrong("keep one step", lambda r, t: t)
STORED.wrong("BPTT must keep", lambda r, t: 1)
STORED.wrong("other way round", lambda r, t: 1 if r == "bptt" else t)
STORED.wrong("SAF-E and OTTT_A", lambda r, t: t if r in ("bptt", "saf_e", "ottt_a") else 1)
STORED.wrong("OTTT_A updates at the end", lambda r, t: t if r in ("bptt", "ottt_a") else 1)
STORED.wrong("with or without an update", lambda r, t: 1 if "saf" in r else t)
STORED.wrong("either", lambda r, t: 1 if "ottt" in r else t)
STORED.wrong("no graph in its first", lambda r, t: t if r in ("bptt", "saf_f") else 1)
STORED.wrong("not 0", lambda r, t: t if r == "bptt" else 0)
STORED.wrong("last one included", lambda r, t: t - 1 if r == "bptt" else 1)
STORED.wrong("One step is enough", lambda r, t: t if r == "bptt" else 2)
STORED.wrong("twice", lambda r, t: t + 1 if r == "bptt" else 1)
STORED.wrong("the text 'T'", lambda r, t: "T" if r == "bptt" else "1")

ADDITIONS = Answers(checks.check_synaptic_operations)


@ADDITIONS.right
def loops(s, fan_out):
    total = 0
    for b in range(s.shape[1]):
        total += fan_out * s[:, b].sum().item()
    return total / s.shape[1]


ADDITIONS.right(
    lambda s, fan_out: s.sum() * fan_out / s.shape[1],
    lambda s, fan_out: s.sum((0, 2)).mean() * fan_out,
    lambda s, fan_out: s.mean(1).sum() * fan_out,
    lambda s, fan_out: (s * fan_out).sum().item() / s.size(1),
    lambda s, fan_out: np.count_nonzero(s) * fan_out / s.shape[1],
    lambda s, fan_out: np.sum(s.numpy()) * fan_out / len(s[0]),
    lambda s, fan_out: s.float().sum() * fan_out / s.shape[1],
    lambda s, fan_out: int(s.sum()) * fan_out / s.shape[1],
    lambda s, fan_out: s.mean() * s.shape[0] * s.shape[2] * fan_out,
    lambda s, fan_out: fan_out * torch.count_nonzero(s) / s.shape[1],
    lambda s, fan_out: fan_out * np.mean(np.sum(s, axis=(0, 2))),
    lambda fan_out, s: loops(s, fan_out),
)
ADDITIONS.wrong("all images together", lambda s, f: s.sum() * f)
ADDITIONS.wrong("multiply by the fan-out", lambda s, f: s.sum() / s.shape[1], lambda s, f: s.sum())
ADDITIONS.wrong("per step", lambda s, f: s.sum() * f / len(s), lambda s, f: s.sum() * f / len(
    s) / s.shape[1])  # fmt: skip
ADDITIONS.wrong("only images are averaged", lambda s, f: s.mean() * f)
ADDITIONS.wrong("dense network", lambda s, f: s[:, 0].numel() * f)
ADDITIONS.wrong("each image", lambda s, f: s.sum((0, 2)) * f)
ADDITIONS.wrong("each neuron", lambda s, f: s.mean(1).sum(0) * f)
ADDITIONS.wrong("each step", lambda s, f: s.mean(1).sum(1) * f)
ADDITIONS.wrong("without a spike", lambda s, f: (s == 0).sum() * f / s.shape[1])
ADDITIONS.wrong("do not divide", lambda s, f: s.sum() / s.shape[1] / f)
ADDITIONS.wrong("Only additions", lambda s, f: 2 * f * s.sum() / s.shape[1])
ADDITIONS.wrong("per neuron", lambda s, f: s.sum() * f / s.shape[2])
ADDITIONS.wrong("raised IndexError", lambda s, f: s.sum() * f / s.shape[3])
