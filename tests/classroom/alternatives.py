"""Right answers that differ from the solutions, as students write them from the release alone."""

ALTERNATIVES = {
    "lab1": {
        "by_hand": """
potentials = [4 / 5, 1.2, 0.5 * (1.2 - 1) + 0.8, 0.5 * 0.9 + 0.8, 0.5 * 0.25 + 0.8]
fired_at = (2, 4)
""",
        "lif_step": """
def lif_step(u0, s0, i, decay, v):
    u = decay * u0 - decay * v * s0 + i
    return u, torch.heaviside(u - v, torch.ones(()))
""",
        "simulate": """
def simulate(step, current, decay, threshold):
    T, n = current.shape
    U = torch.zeros(T, n)
    S = torch.zeros(T, n)
    u = torch.zeros(n)
    s = torch.zeros(n)
    for t in range(T):
        u, s = step(u, s, current[t], decay, threshold)
        U[t] = u
        S[t] = s
    return U, S
""",
        "first_spike": """
def first_spike(current, decay, threshold, steps):
    for t in range(1, steps + 1):
        if current * sum(decay**k for k in range(t)) >= threshold:
            return t
""",
        "firing_rates": """
def firing_rates(currents, decay, threshold, steps):
    u, s = simulate(given_step, currents.expand(steps, len(currents)), decay, threshold)
    return s.mean(0)
""",
    },
    "lab2": {
        "by_hand": """
accumulation = [1, 0.5, 1.25, 1.625]
fired_at = [4, 2]
""",
        "accumulate": """
def accumulate(s, decay):
    T = len(s)
    w = torch.tensor([[decay ** (t - k) if k <= t else 0.0 for k in range(T)] for t in range(T)])
    return w @ s
""",
        "to_spikes": """
def to_spikes(a, decay):
    s = a.clone()
    s[1:] -= decay * a[:-1]
    return s
""",
        "current": """
def accumulated_current(weight, bias, a_in, decay):
    T = len(a_in)
    L = torch.tensor([sum(decay**k for k in range(t)) for t in range(1, T + 1)])
    return a_in @ weight.T + L[:, None] * bias
""",
        "saf_run": """
def saf_run(current, decay, threshold):
    out = torch.zeros_like(current)
    a = torch.zeros_like(current[0])
    for t, c in enumerate(current):
        u = c - decay * threshold * a
        a = decay * a + (u >= threshold).double()
        out[t] = a
    return out
""",
    },
    "lab3": {
        "surrogate": """
def surrogate(x, slope):
    e = torch.exp(-slope * x)
    return slope * e / (1 + e) ** 2
""",
        "spike": """
class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(given_derivative(x, slope))
        return (x >= 0).double()

    @staticmethod
    def backward(ctx, g):
        return ctx.saved_tensors[0] * g, None
""",
        "neuron": """
def saf_neuron(current, a_before, decay, threshold, slope):
    with torch.no_grad():
        past = decay * a_before
    return past + given_spike(current - threshold * past - threshold, slope)
""",
        "readout": """
def readout(current, before, decay):
    return current - decay * before.data
""",
        "gradients": """
def saf_e_gradients(neuron, weights, x, y, steps, decay=0.5):
    ws = [w.clone().detach().requires_grad_(True) for w in weights]
    g = [torch.zeros_like(w) for w in ws]
    a = torch.zeros(x.shape[0], ws[0].shape[0])
    old = 0
    for t in range(1, steps + 1):
        L = (1 - decay**t) / (1 - decay)
        a = neuron(F.linear(L * x, ws[0]), a)
        U = F.linear(a, ws[1])
        o = U - decay * old
        for gi, d in zip(g, torch.autograd.grad(F.cross_entropy(o, y) / steps, ws)):
            gi += d
        old = U.detach()
        a = a.detach()
    return g
""",
    },
    "lab4": {
        "summary": """
def summarise(events):
    events = list(events)
    st = [e for e in events if isinstance(e, StepEnd)]
    return dict(
        losses=[e.loss for e in st],
        accuracy=[e for e in events if isinstance(e, EpochEnd)][-1].test_accuracy * 100,
        seconds=sum(e.seconds for e in st),
    )
""",
        "spread": """
import statistics


def mean_sd(scores):
    return statistics.mean(scores), statistics.stdev(scores) if len(scores) > 1 else None
""",
        "experiment": """
def experiment(run, rules, seeds):
    out = {r: [] for r in rules}
    for s in seeds:
        for r in rules:
            out[r].append(run(r, s))
    return out
""",
        "pairs": """
def paired_difference(a, b):
    d = torch.tensor(a) - torch.tensor(b)
    return d.mean(), d.std()
""",
        "flips": """
def flip_rate(saf, lif):
    return (saf - lif).abs().sum() / lif.sum()
""",
        "line": """
def report_line(name, scores):
    m, sd = mean_sd(scores)
    n = len(scores)
    return (
        f"{name}: {m:.1f} % (1 seed)" if n == 1 else f"{name}: {m:.1f} ± {sd:.1f} % ({n} seeds)"
    )
""",
    },
}
