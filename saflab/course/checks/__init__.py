"""Exercise checks for the notebooks: unattempted, wrong and why, or correct; they never raise.

`judging` says how an answer is judged: `running` runs it, `values` compares what it returns, and
`verdict` shows the outcome. The checks lie by what they are about:

    neuron         a neuron's step, when and how often it fires
    accumulation   spikes to accumulations and rates, and back
    surrogates     the derivatives that stand in for the step's own
    gradients      the gradients of weights and biases over time
    network        currents, predictions, accuracy, learning rate
    cost           passes, stored steps, synaptic operations

A new check goes to one of these and into the list below, from which the tests take it.
"""

from __future__ import annotations

from saflab.course.checks.accumulation import (
    check_accumulate,
    check_to_spikes,
    check_weighted_rate,
)
from saflab.course.checks.cost import (
    check_passes,
    check_stored_steps,
    check_synaptic_operations,
)
from saflab.course.checks.gradients import (
    check_bias_gradient,
    check_feedback_gradient,
    check_ottt_gradient,
    check_ottt_online,
)
from saflab.course.checks.network import (
    check_accuracy,
    check_anytime,
    check_cosine,
    check_predict,
    check_skip_current,
)
from saflab.course.checks.neuron import (
    check_firing_rate,
    check_first_spike,
    check_lif_step,
    check_saf_step,
)
from saflab.course.checks.surrogates import (
    check_clamp_surrogate,
    check_reset_gradient,
    check_surrogate,
)
from saflab.course.checks.verdict import Verdict

__all__ = [
    "Verdict",
    "check_accumulate",
    "check_accuracy",
    "check_anytime",
    "check_bias_gradient",
    "check_clamp_surrogate",
    "check_cosine",
    "check_feedback_gradient",
    "check_firing_rate",
    "check_first_spike",
    "check_lif_step",
    "check_ottt_gradient",
    "check_ottt_online",
    "check_passes",
    "check_predict",
    "check_reset_gradient",
    "check_saf_step",
    "check_skip_current",
    "check_stored_steps",
    "check_surrogate",
    "check_synaptic_operations",
    "check_to_spikes",
    "check_weighted_rate",
]
