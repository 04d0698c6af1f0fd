"""Costs: passes over the synapses, stored steps, additions (lessons 08 and 10)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saflab.course.checks.judging import judge, spikes
from saflab.course.checks.verdict import Verdict, exercise

__all__ = ["check_passes", "check_stored_steps", "check_synaptic_operations"]

# Forward and backward passes per step; whether backward runs once per sequence instead.
_PASSES = {"ottt_published": (2, 2, False), "ottt_fused": (1, 2, False),
           "saf_e": (1, 2, False), "saf_f": (1, 2, True)}  # fmt: skip


@exercise
def check_passes(function: Any) -> Verdict:
    """Judge `f(rule, steps) -> passes` over each synapse per sequence (lesson 08)."""

    def truth(rule: str, steps: int) -> int:
        forward, backward, once = _PASSES[rule]
        return forward * steps + backward * (1 if once else steps)

    def backward(rule: str, steps: int) -> int:
        return truth(rule, steps) - _PASSES[rule][0] * steps

    cases = [(rule, steps) for rule in _PASSES for steps in (1, 6, 10)]
    return judge(function, truth, cases, [
        ("SAF-F goes backward once, at T, not at every step.",
         lambda rule, t: (_PASSES[rule][0] + _PASSES[rule][1]) * t),
        ("Only SAF-F goes backward once. The others do at every step.",
         lambda rule, t: _PASSES[rule][0] * t + 2),
        ("SAF-E goes backward at every step; only SAF-F does once.",
         lambda rule, t: t + 2 if rule == "saf_e" else truth(rule, t)),
        ("SAF-F goes forward at every step; only its backward pass comes once.",
         lambda rule, t: 3 if rule == "saf_f" else truth(rule, t)),
        ("A backward pass has two products: one for the input's gradient, one for the weight's.",
         lambda rule, t: _PASSES[rule][0] * t + backward(rule, t) // 2),
        ("OTTT as published runs two forward passes: one for the value, one for the gradient.",
         lambda rule, t: truth("ottt_fused" if rule == "ottt_published" else rule, t)),
        ("A fused OTTT needs one forward pass only.",
         lambda rule, t: truth("ottt_published" if rule == "ottt_fused" else rule, t)),
        ("The rules differ: OTTT as published has a second forward pass, and SAF-F one backward "
         "pass per sequence.", lambda rule, t: 3 * t),
        ("Only forward passes are counted. Add the backward ones.",
         lambda rule, t: _PASSES[rule][0] * t),
        ("Only backward passes are counted. Add the forward ones.", backward),
        ("That is per step. Count the whole sequence of `steps` steps.",
         lambda rule, t: truth(rule, t) / t),
        ("That is the first step alone. Count the whole sequence of `steps` steps.",
         lambda rule, t: truth(rule, 1)),
    ], "These are the numbers behind the paper's speed ratios.")  # fmt: skip


@exercise
def check_stored_steps(function: Any) -> Verdict:
    """Judge `f(rule, steps) -> steps whose activations are alive at once` (lesson 08)."""

    def truth(rule: str, steps: int) -> int:
        return steps if rule == "bptt" else 1

    rules = ("bptt", "ottt_a", "ottt_o", "saf_e", "saf_f")
    cases = [(rule, steps) for rule in rules for steps in (1, 6, 32)]
    return judge(function, truth, cases, [
        ("OTTT and SAF free each step's graph before the next: they keep one step.",
         lambda rule, t: t),
        ("BPTT must keep every step until it goes backward.", lambda rule, t: 1),
        ("It is the other way round: BPTT keeps every step, the others one.",
         lambda rule, t: 1 if rule == "bptt" else t),
        ("SAF-E and OTTT_A go backward at every step, so they keep only one, too.",
         lambda rule, t: t if rule in ("bptt", "saf_e", "ottt_a") else 1),
        ("OTTT_A updates at the end, but goes backward at every step: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "ottt_a") else 1),
        ("OTTT goes backward at every step, with or without an update: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "ottt_a", "ottt_o") else 1),
        ("OTTT_O goes backward at every step: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "ottt_o") else 1),
        ("SAF-E goes backward at every step: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "saf_e") else 1),
        ("SAF goes backward at every step (SAF-E), or builds its graph at T alone (SAF-F): either "
         "keeps one.", lambda rule, t: t if rule in ("bptt", "saf_e", "saf_f") else 1),
        ("SAF-F builds no graph in its first T − 1 steps: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "saf_f") else 1),
        ("The present step must be kept, too: SAF-F goes backward at T and needs its activations.",
         lambda rule, t: 0 if rule == "saf_f" else truth(rule, t)),
        ("The present step must be kept, too: the online rules keep 1, not 0.",
         lambda rule, t: t if rule == "bptt" else 0),
        ("BPTT keeps all T steps, the last one included.",
         lambda rule, t: t - 1 if rule == "bptt" else 1),
        ("One step is enough: â carries what is needed of the one before.",
         lambda rule, t: t if rule == "bptt" else 2),
        ("The present step is one of the `steps`: do not count it twice.",
         lambda rule, t: t + 1 if rule == "bptt" else 1),
    ], "Only BPTT's memory grows with T.")  # fmt: skip


@exercise
def check_synaptic_operations(function: Any) -> Verdict:
    """Judge `f(s, fan_out) -> additions per image`, s of shape (T, B, n) (lesson 10)."""

    def truth(s: Tensor, fan_out: int) -> Tensor:
        return s.sum() * fan_out / s.shape[1]

    cases = [(spikes(50, 6, 2, 5), 7), (spikes(51, 4, 3, 8), 10)]
    return judge(function, truth, cases, [
        ("That is for all images together. Divide by the number of images, `s.shape[1]`.",
         lambda s, f: s.sum() * f),
        ("Each spike costs one addition per synapse it reaches: multiply by the fan-out.",
         lambda s, f: s.sum() / s.shape[1]),
        ("Each spike costs one addition per synapse: multiply by the fan-out, and divide by the "
         "number of images.", lambda s, f: s.sum()),
        ("That is per step as well. An image takes all T steps.",
         lambda s, f: s.sum() * f / s.shape[1] / s.shape[0]),
        ("That is per step. Divide by the number of images, `s.shape[1]`, not of steps.",
         lambda s, f: s.sum() * f / s.shape[0]),
        ("That is per neuron. Divide by the number of images, `s.shape[1]`.",
         lambda s, f: s.sum() * f / s.shape[2]),
        ("That is per neuron as well. Add up the neurons of an image.",
         lambda s, f: s.sum() * f / s.shape[1] / s.shape[2]),
        ("That is a mean over steps and neurons, too. Add them up; only images are averaged.",
         lambda s, f: s.mean() * f),
        ("That counts every neuron at every step, as a dense network would. Count spikes only.",
         lambda s, f: torch.tensor(s[:, 0].numel() * f)),
        ("That is one number for each image. Average them.", lambda s, f: s.sum((0, 2)) * f),
        ("That is one number for each neuron. Add up the neurons of an image.",
         lambda s, f: s.sum((0, 1)) * f / s.shape[1]),
        ("That is one number for each step. Add up the steps of an image.",
         lambda s, f: s.sum((1, 2)) * f / s.shape[1]),
        ("That counts the steps without a spike. Count the spikes.",
         lambda s, f: (1 - s).sum() * f / s.shape[1]),
        ("Each spike costs `fan_out` additions: multiply by it, do not divide.",
         lambda s, f: s.sum() / f / s.shape[1]),
        ("Only additions are counted: a spike is 0 or 1, so nothing is multiplied.",
         lambda s, f: 2 * s.sum() * f / s.shape[1]),
    ], "A silent neuron costs nothing.")  # fmt: skip
