"""Lab 2, spike accumulation."""

from benchmarks.rehearsal.mistakes.mistake import Mistake

__all__ = ["LAB2"]

LAB2 = (
    Mistake(
        "hand_plain_sum", "by_hand", "[1.0, 0.5, 1.25, 1.625]", "[1.0, 1.0, 2.0, 3.0]",
        ("by_hand_values",),
        "Counts spikes; forgets that older ones fade.",
    ),
    Mistake(
        "hand_reads_backwards", "by_hand", "[2, 4]", "[1, 3]",
        ("by_hand_digits",),
        "Takes the digit before the point for the oldest step.",
    ),
    Mistake(
        "plain_sum", "accumulate", "decay * a + now", "a + now",
        ("accumulate_fades", "accumulate_values"),
        "Adds spikes up without the decay.",
    ),
    Mistake(
        "newest_decayed", "accumulate", "decay * a + now", "decay * (a + now)",
        ("accumulate_fades", "accumulate_values"),
        "Adds first and fades then, so the newest spike weighs λ.",
    ),
    Mistake(
        "moving_average", "accumulate", "decay * a + now", "decay * a + (1 - decay) * now",
        ("accumulate_fades", "accumulate_values"),
        "Writes an exponential average; the accumulation adds the whole spike.",
    ),
    Mistake(
        "last_step_only", "accumulate", "return torch.stack(out)", "return a",
        ("accumulate_shape", "accumulate_fades", "accumulate_values"),
        "Returns the last step alone.",
    ),
    Mistake(
        "past_not_decayed", "to_spikes", "a - decay * before", "a - before",
        ("to_spikes_back",),
        "Takes the difference of neighbours; the past has faded in the meantime.",
    ),
    Mistake(
        "first_step_lost", "to_spikes",
        "return a - decay * before", "return (a - decay * before)[1:]",
        ("to_spikes_first", "to_spikes_back"),
        "Starts at the second step, as a difference does.",
    ),
    Mistake(
        "large_is_a_spike", "to_spikes",
        "return a - decay * before", "return (a >= 1).to(a.dtype)",
        ("to_spikes_back",),
        "Takes a large accumulation for a spike. With λ ≤ ½ that happens to be right.",
    ),
    Mistake(
        "bias_once", "current", "total * bias", "bias",
        ("current_bias", "current_linear"),
        "Adds b, not Λ[t]·b: the commonest slip of the lab.",
    ),
    Mistake(
        "bias_times_t", "current", "decay * total + 1", "total + 1",
        ("current_bias", "current_linear"),
        "Takes t for Λ[t], which is right without decay only.",
    ),
    Mistake(
        "bias_one_step_late", "current",
        "        total = decay * total + 1\n        out.append(weight @ a + total * bias)\n",
        "        out.append(weight @ a + total * bias)\n        total = decay * total + 1\n",
        ("current_bias", "current_linear"),
        "Updates Λ after its use: Λ[1] must be 1.",
    ),
    Mistake(
        "bias_missing", "current", " + total * bias", "",
        ("current_bias", "current_linear"),
        "Forgets the bias.",
    ),
    Mistake(
        "accumulates_twice", "current",
        "out.append(weight @ a + total * bias)",
        "out.append(weight @ a + total * bias + (decay * out[-1] if out else 0))",
        ("current_weight", "current_bias", "current_linear"),
        "Fades and adds the last Û although â already holds the past.",
    ),
    Mistake(
        "fixed_threshold", "saf_run", "threshold * (decay * a + 1)", "threshold",
        ("saf_run_threshold", "saf_run_lif"),
        "Compares Û with V, as the LIF neuron compares u: the reset is lost.",
    ),
    Mistake(
        "undecayed_threshold", "saf_run", "(decay * a + 1)", "(a + 1)",
        ("saf_run_threshold", "saf_run_lif"),
        "Raises the threshold by the past as it was, not as it is by now.",
    ),
    Mistake(
        "threshold_unscaled", "saf_run", "threshold * (decay * a + 1)", "decay * a + threshold",
        ("saf_run_lif",),
        "V does not multiply the past; invisible while V = 1.",
    ),
    Mistake(
        "strict_threshold", "saf_run", "now >= threshold", "now > threshold",
        ("saf_run_equality",),
        "Does not fire at equality.",
    ),
    Mistake(
        "saf_last_step_only", "saf_run", "return torch.stack(out)", "return a",
        ("saf_run_first", "saf_run_equality", "saf_run_threshold", "saf_run_lif"),
        "Returns the last step alone.",
    ),
    Mistake(
        "returns_spikes", "saf_run", "out.append(a)", "out.append(fires.to(current.dtype))",
        ("saf_run_threshold", "saf_run_lif"),
        "Returns spikes where accumulations are asked for.",
    ),
)  # fmt: skip
