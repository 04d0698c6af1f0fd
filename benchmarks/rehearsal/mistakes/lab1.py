"""Lab 1, the LIF neuron."""

from benchmarks.rehearsal.mistakes.mistake import Mistake

__all__ = ["LAB1"]

LAB1 = (
    Mistake(
        "hand_reset_not_decayed", "by_hand",
        "[0.8, 1.2, 0.9, 1.25, 0.925]", "[0.8, 1.2, 0.4, 1.0, 0.3]",
        ("by_hand_reset",),
        "Multiplies u by λ and then takes V away: the reset escapes the decay.",
    ),
    Mistake(
        "hand_no_decay", "by_hand",
        "[0.8, 1.2, 0.9, 1.25, 0.925]", "[0.8, 1.6, 1.4, 1.2, 1.0]",
        ("by_hand_charge", "by_hand_reset"),
        "Adds the current up without the decay.",
    ),
    Mistake(
        "hand_counts_from_zero", "by_hand", "[2, 4]", "[1, 3]",
        ("by_hand_spikes",),
        "Counts steps from 0 as Python does; the course counts from 1.",
    ),
    Mistake(
        "reset_escapes_decay", "lif_step",
        "decay * (u_before - threshold * s_before)", "decay * u_before - threshold * s_before",
        ("lif_step_reset",),
        "The reset is not multiplied by the decay: a different neuron.",
    ),
    Mistake(
        "hard_reset", "lif_step",
        "(u_before - threshold * s_before)", "u_before * (1 - s_before)",
        ("lif_step_reset", "lif_step_threshold"),
        "Resets to zero, so the surplus above V is lost.",
    ),
    Mistake(
        "no_reset", "lif_step", "(u_before - threshold * s_before)", "u_before",
        ("lif_step_reset", "lif_step_threshold"),
        "Forgets that a spike takes V away.",
    ),
    Mistake(
        "no_decay", "lif_step", "decay * (u_before", "(u_before",
        ("lif_step_decay", "lif_step_reset"),
        "Nothing decays: the integrate-and-fire neuron.",
    ),
    Mistake(
        "resets_by_one", "lif_step", "threshold * s_before", "s_before",
        ("lif_step_threshold",),
        "Takes 1 away instead of V; invisible while V = 1.",
    ),
    Mistake(
        "strict_threshold", "lif_step", "u >= threshold", "u > threshold",
        ("lif_step_fires",),
        "Does not fire at equality.",
    ),
    Mistake(
        "boolean_spikes", "lif_step", "(u >= threshold).to(u.dtype)", "u >= threshold",
        ("lif_step_fires",),
        "Returns truth values; the next step cannot calculate with them.",
    ),
    Mistake(
        "state_left_over", "simulate",
        "u = s = torch.zeros_like(current[0])\n    potentials, spikes = [], []\n"
        "    for now in current:\n        u, s = step(",
        "u, s = globals().get('left', [torch.zeros_like(current[0])] * 2)\n"
        "    potentials, spikes = [], []\n"
        "    for now in current:\n        u, s = globals()['left'] = step(",
        ("simulate_values", "simulate_twice"),
        "Keeps the state from the last call: the classic forgotten reset.",
    ),
    Mistake(
        "stores_after_reset", "simulate",
        "potentials.append(u)", "potentials.append(u - threshold * s)",
        ("simulate_values",),
        "Returns the potential after the reset, not before.",
    ),
    Mistake(
        "resets_twice", "simulate",
        "        spikes.append(s)\n", "        spikes.append(s)\n        u = u - threshold * s\n",
        ("simulate_values",),
        "Takes V away in the loop although the step already does.",
    ),
    Mistake(
        "last_step_only", "simulate",
        "return torch.stack(potentials), torch.stack(spikes)", "return u, s",
        ("simulate_shape", "simulate_values", "simulate_twice"),
        "Returns the last step alone.",
    ),
    Mistake(
        "spike_counted_from_zero", "first_spike", "return t", "return t - 1",
        ("first_spike_step", "first_spike_last"),
        "Counts steps from 0.",
    ),
    Mistake(
        "ignores_decay", "first_spike", "decay * u + current", "u + current",
        ("first_spike_step", "first_spike_never"),
        "Adds the current up without decay, as I·t instead of I·Λ[t].",
    ),
    Mistake(
        "steps_for_never", "first_spike", "return None", "return steps",
        ("first_spike_never", "first_spike_last"),
        "Returns the last step where there is no spike: silence is not a late spike.",
    ),
    Mistake(
        "one_step_short", "first_spike", "steps + 1", "steps",
        ("first_spike_last",),
        "Leaves out the last step: range excludes its end.",
    ),
    Mistake(
        "counts_for_rates", "firing_rates", "return total / steps", "return total",
        ("firing_rates_if", "firing_rates_value"),
        "Returns numbers of spikes, not spikes per step.",
    ),
    Mistake(
        "one_rate_for_all", "firing_rates", "return total / steps", "return total.mean() / steps",
        ("firing_rates_if", "firing_rates_silent", "firing_rates_value"),
        "Averages over the currents as well.",
    ),
    Mistake(
        "forgets_between_steps", "firing_rates",
        "given_step(u, s, currents", "given_step(0 * u, 0 * s, currents",
        ("firing_rates_if", "firing_rates_value"),
        "Starts from rest at every step, so nothing is ever accumulated.",
    ),
)  # fmt: skip
