"""Lab 3, SAF-E from scratch."""

from benchmarks.rehearsal.mistakes.mistake import Mistake

__all__ = ["LAB3"]

LAB3 = (
    Mistake(
        "sigmoid_itself", "surrogate", "slope * sig * (1 - sig)", "sig",
        ("surrogate_peak", "surrogate_values", "surrogate_area"),
        "Returns the curve instead of its derivative.",
    ),
    Mistake(
        "inner_derivative_missing", "surrogate", "slope * sig * (1 - sig)", "sig * (1 - sig)",
        ("surrogate_peak", "surrogate_values", "surrogate_area"),
        "Forgets the inner derivative α.",
    ),
    Mistake(
        "slope_outside_only", "surrogate", "torch.sigmoid(slope * x)", "torch.sigmoid(x)",
        ("surrogate_values", "surrogate_area"),
        "α scales the height but not the width; right at x = 0.",
    ),
    Mistake(
        "spike_strict", "spike", "x >= 0", "x > 0",
        ("spike_equality",),
        "Does not fire at equality.",
    ),
    Mistake(
        "spike_boolean", "spike", "(x >= 0).to(x.dtype)", "x >= 0",
        ("spike_forward", "spike_backward", "spike_chain"),
        "Returns truth values, which carry no gradient.",
    ),
    Mistake(
        "chain_rule_missing", "spike", "grad * given_derivative", "given_derivative",
        ("spike_chain",),
        "Returns the local derivative alone; right while the incoming gradient is 1.",
    ),
    Mistake(
        "derivative_at_the_spike", "spike",
        "ctx.save_for_backward(x)", "ctx.save_for_backward((x >= 0).to(x.dtype))",
        ("spike_backward", "spike_chain"),
        "Saves the spike, so σ' is taken at 0 or 1 and not at u − V.",
    ),
    Mistake(
        "one_gradient_for_two_inputs", "spike",
        "given_derivative(x, ctx.slope), None", "given_derivative(x, ctx.slope)",
        ("spike_backward", "spike_chain"),
        "backward must return one gradient per input of forward.",
    ),
    Mistake(
        "past_not_detached", "neuron", "a_before.detach()", "a_before",
        ("neuron_past",),
        "Lets the gradient flow through time: values are right, the rule is another.",
    ),
    Mistake(
        "comparison_for_spike", "neuron",
        "given_spike(current - threshold * (past + 1), slope)",
        "(current >= threshold * (past + 1)).to(current.dtype)",
        ("neuron_gradient", "neuron_past"),
        "Compares instead of calling the spike function: no gradient arrives.",
    ),
    Mistake(
        "fixed_threshold", "neuron", "threshold * (past + 1)", "threshold",
        ("neuron_value", "neuron_threshold", "neuron_gradient"),
        "The threshold does not rise with the past.",
    ),
    Mistake(
        "v_times_one_only", "neuron", "threshold * (past + 1)", "(past + threshold)",
        ("neuron_threshold",),
        "V does not multiply the past; invisible while V = 1.",
    ),
    Mistake(
        "returns_spikes", "neuron", "return past + given_spike", "return given_spike",
        ("neuron_value", "neuron_threshold"),
        "Returns s[t] instead of â[t].",
    ),
    Mistake(
        "readout_not_faded", "readout", "decay * before.detach()", "before.detach()",
        ("readout_value",),
        "Subtracts the past as it was, not as it is by now.",
    ),
    Mistake(
        "readout_not_detached", "readout", "before.detach()", "before",
        ("readout_past",),
        "Lets the gradient flow into the last step.",
    ),
    Mistake(
        "softmax_twice", "gradients", "cross_entropy(o, y)", "cross_entropy(o.softmax(1), y)",
        ("gradients_one_step", "gradients_sequence"),
        "Feeds probabilities to cross_entropy, which takes the softmax itself.",
    ),
    Mistake(
        "loss_not_divided", "gradients", "F.cross_entropy(o, y) / steps", "F.cross_entropy(o, y)",
        ("gradients_sequence",),
        "Forgets 1/T, so the gradient grows with T.",
    ),
    Mistake(
        "image_not_accumulated", "gradients", "total * x @ first.T", "x @ first.T",
        ("gradients_sequence",),
        "Uses x for Λ[t]·x: the input is an accumulation as well.",
    ),
    Mistake(
        "loss_of_accumulation", "gradients", "F.cross_entropy(o, y)", "F.cross_entropy(current, y)",
        ("gradients_sequence",),
        "Takes the loss of Û, not of o; equal at T = 1.",
    ),
    Mistake(
        "backward_at_the_end", "gradients",
        "        loss = F.cross_entropy(o, y) / steps\n        loss.backward()\n"
        "        a, before = a.detach(), current.detach()\n",
        "        loss = F.cross_entropy(o, y) / steps + (loss if total > 1 else 0)\n"
        "        a, before = a.detach(), current.detach()\n    loss.backward()\n",
        ("gradients_memory",),
        "Adds the losses up and goes backward once: right gradient, memory O(T).",
    ),
    Mistake(
        "last_step_only", "gradients",
        "        loss.backward()\n",
        "        first.grad = second.grad = None\n        loss.backward()\n",
        ("gradients_sequence",),
        "Clears the gradients inside the loop, so only the last step counts.",
    ),
    Mistake(
        "gradients_left_over", "gradients",
        "(w.detach().clone().requires_grad_() for w in weights)",
        "(w.requires_grad_() for w in weights)",
        ("gradients_sequence", "gradients_twice"),
        "Uses the caller's weights, whose .grad still holds the last call.",
    ),
)  # fmt: skip
