"""Lab 4, train, measure and report."""

from benchmarks.rehearsal.mistakes.mistake import Mistake

__all__ = ["LAB4"]

LAB4 = (
    Mistake(
        "best_epoch", "summary",
        "        if isinstance(event, RunEnd):\n            accuracy = 100 * event.test_accuracy\n",
        "        if isinstance(event, EpochEnd):\n"
        "            accuracy = max(accuracy or 0, 100 * event.test_accuracy)\n",
        ("summary_last",),
        "Reports the best epoch: selects on the test set.",
    ),
    Mistake(
        "training_accuracy", "summary",
        "        if isinstance(event, RunEnd):\n            accuracy = 100 * event.test_accuracy\n",
        "        if isinstance(event, EpochEnd):\n"
        "            accuracy = 100 * event.train_accuracy\n",
        ("summary_last",),
        "Reports how well the training images are known.",
    ),
    Mistake(
        "fraction", "summary", "100 * event.test_accuracy", "event.test_accuracy",
        ("summary_percent",),
        "Returns a fraction where percent is asked for.",
    ),
    Mistake(
        "epoch_losses", "summary",
        "if isinstance(event, StepEnd):", "if isinstance(event, EpochEnd):",
        ("summary_losses", "summary_seconds"),
        "Reads epochs instead of steps.",
    ),
    Mistake(
        "time_counted_twice", "summary",
        "if isinstance(event, RunEnd):",
        "seconds += event.seconds if isinstance(event, EpochEnd) else 0\n"
        "        if isinstance(event, RunEnd):",
        ("summary_seconds",),
        "Adds the seconds of epochs to those of their own steps.",
    ),
    Mistake(
        "median_for_mean", "spread",
        "mean = sum(scores) / len(scores)", "mean = sorted(scores)[len(scores) // 2]",
        ("spread_mean", "spread_sd"),
        "Takes the middle score.",
    ),
    Mistake(
        "population_sd", "spread", "/ (len(scores) - 1)", "/ len(scores)",
        ("spread_sd",),
        "Divides by n, as numpy does by default.",
    ),
    Mistake(
        "variance_for_sd", "spread", "math.sqrt(", "(",
        ("spread_sd",),
        "Forgets the root.",
    ),
    Mistake(
        "no_spread_is_zero", "spread", "return mean, None", "return mean, 0.0",
        ("spread_single",),
        "Reports certainty where there is ignorance.",
    ),
    Mistake(
        "single_not_handled", "spread",
        "    if len(scores) == 1:\n        return mean, None\n", "",
        ("spread_single",),
        "Divides by zero for one score.",
    ),
    Mistake(
        "other_seeds_per_rule", "experiment",
        "{rule: [run(rule, seed) for seed in seeds] for rule in rules}",
        "{rule: [run(rule, seed + 10 * i) for seed in seeds] for i, rule in enumerate(rules)}",
        ("experiment_seeds",),
        "Gives each rule seeds of its own, so that luck is compared as well.",
    ),
    Mistake(
        "one_seed_each", "experiment", "[run(rule, seed) for seed in seeds]",
        "[run(rule, seeds[0])]",
        ("experiment_shape", "experiment_seeds", "experiment_real"),
        "Runs each rule once.",
    ),
    Mistake(
        "one_run_repeated", "experiment", "[run(rule, seed) for seed in seeds]",
        "[run(rule, seeds[0])] * len(seeds)",
        ("experiment_seeds",),
        "Copies one result: a spread of zero that means nothing.",
    ),
    Mistake(
        "rules_joined", "experiment",
        "{rule: [run(rule, seed) for seed in seeds] for rule in rules}",
        "[run(rule, seed) for rule in rules for seed in seeds]",
        ("experiment_shape", "experiment_seeds", "experiment_real"),
        "One list for everything; which rule was it?",
    ),
    Mistake(
        "absolute_differences", "pairs", "[x - y for", "[abs(x - y) for",
        ("pairs_mean",),
        "Loses the sign, so that two equal rules seem to differ.",
    ),
    Mistake(
        "wrong_sign", "pairs", "[x - y for", "[y - x for",
        ("pairs_mean",),
        "Takes second − first.",
    ),
    Mistake(
        "unpaired_spread", "pairs",
        "variance = sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)",
        "variance = sum(mean_sd(x)[1] ** 2 for x in (first, second))",
        ("pairs_spread",),
        "Adds the variances of the two rules: the luck they share is not removed.",
    ),
    Mistake(
        "counts_agreement", "flips", "(saf != lif)", "(saf == lif)",
        ("flips_none", "flips_both"),
        "Counts where the two agree.",
    ),
    Mistake(
        "lost_spikes_only", "flips", "(saf != lif).sum()", "(saf < lif).sum()",
        ("flips_both",),
        "Counts lost spikes but not new ones.",
    ),
    Mistake(
        "difference_of_totals", "flips", "(saf != lif).sum()", "(saf.sum() - lif.sum()).abs()",
        ("flips_both",),
        "Compares totals, in which lost and new spikes cancel.",
    ),
    Mistake(
        "per_neuron_step", "flips", "lif.sum()", "lif.numel()",
        ("flips_both",),
        "Divides by all places; most are silent, so the rate looks smaller.",
    ),
    Mistake(
        "too_many_decimals", "line", "{mean:.1f} ± {sd:.1f}", "{mean:.4f} ± {sd:.4f}",
        ("line_form",),
        "Four decimals where the first is uncertain.",
    ),
    Mistake(
        "always_plural", "line",
        "    if len(scores) == 1:\n        return f\"{name}: {mean:.1f} % (1 seed)\"\n", "",
        ("line_single",),
        "Does not treat one seed apart.",
    ),
)  # fmt: skip
