"""Costs: passes over the synapses, stored steps, additions (lessons 08 and 10)."""

from __future__ import annotations

from typing import Any

import torch

from saflab.course.checks.verdict import Verdict, exercise, judge, spikes

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

    cases = [(rule, steps) for rule in _PASSES for steps in (1, 6, 10)]
    return judge(function, truth, cases, [
        ("SAF-F goes backward once, at T, not at every step.",
         lambda rule, t: (_PASSES[rule][0] + _PASSES[rule][1]) * t),
        ("A backward pass has two products: one for the input's gradient, one for the weight's.",
         lambda rule, t: _PASSES[rule][0] * t + (1 if _PASSES[rule][2] else t)),
        ("OTTT as published runs two forward passes: one for the value, one for the gradient.",
         lambda rule, t: truth("ottt_fused" if rule == "ottt_published" else rule, t)),
        ("A fused OTTT needs one forward pass only.",
         lambda rule, t: truth("ottt_published" if rule == "ottt_fused" else rule, t)),
        ("Only forward passes are counted. Add the backward ones.",
         lambda rule, t: _PASSES[rule][0] * t),
    ], "These are the numbers behind the paper's speed ratios.")  # fmt: skip


@exercise
def check_stored_steps(function: Any) -> Verdict:
    """Judge `f(rule, steps) -> steps whose activations are alive at once` (lesson 08)."""
    rules = ("bptt", "ottt_a", "ottt_o", "saf_e", "saf_f")
    cases = [(rule, steps) for rule in rules for steps in (1, 6, 32)]
    return judge(function, lambda rule, t: t if rule == "bptt" else 1, cases, [
        ("OTTT and SAF free each step's graph before the next: they keep one step.",
         lambda rule, t: t),
        ("BPTT must keep every step until it goes backward.", lambda rule, t: 1),
        ("SAF-E and OTTT_A go backward at every step, so they keep only one, too.",
         lambda rule, t: t if rule in ("bptt", "saf_e", "ottt_a") else 1),
        ("SAF-F builds no graph in its first T − 1 steps: it keeps one.",
         lambda rule, t: t if rule in ("bptt", "saf_f") else 1),
    ], "Only BPTT's memory grows with T.")  # fmt: skip


@exercise
def check_synaptic_operations(function: Any) -> Verdict:
    """Judge `f(s, fan_out) -> additions per image`, s of shape (T, B, n) (lesson 10)."""
    cases = [(spikes(50, 6, 2, 5), 7), (spikes(51, 4, 3, 8), 10)]
    return judge(function, lambda s, f: s.sum() * f / s.shape[1], cases, [
        ("Divide by the number of images.", lambda s, f: s.sum() * f),
        ("Each spike costs one addition per synapse it reaches: multiply by the fan-out.",
         lambda s, f: s.sum() / s.shape[1]),
        ("That is per step as well. An image takes all T steps.",
         lambda s, f: s.sum() * f / s.shape[1] / s.shape[0]),
        ("That counts every neuron at every step, as a dense network would. Count spikes only.",
         lambda s, f: torch.tensor(s[:, 0].numel() * f)),
    ], "A silent neuron costs nothing.")  # fmt: skip
