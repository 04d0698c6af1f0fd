"""The displayed equations are what the library computes.

Every tagged equation in the notebooks is read as LaTeX, turned into a sympy expression, and
compared with the library on random numbers, so that a wrong sign in either fails.
"""

import re

import nbformat
import pytest
import sympy
import torch
from sympy.parsing.sympy_parser import (
    implicit_multiplication,
    parse_expr,
    standard_transformations,
)

from saflab.analysis.recording import record_neuron
from saflab.course.lessons import notebooks
from saflab.network.linear_maps import Linear
from saflab.network.synapses import Synapse
from saflab.neurons import (
    LIFParams,
    LIFState,
    SAFState,
    accumulate,
    clamp_spike,
    lif_step,
    saf_step,
    spike,
    spikes_from_accumulation,
    surrogate_derivative,
    to_accumulation,
    to_potential,
    total_weight,
)

SYMBOLS = {
    r"\hat a[T]": "aend", r"\Lambda[T]": "total", "v[T]": "vend", r"\sigma'": "sur",
    r"\hat U[t]": "Unow", r"\hat a_{in}[t]": "ain", r"\hat a[t-1]": "abefore",
    r"\hat a[t]": "anow", "u[t-1]": "ubefore", "s[t-1]": "sbefore", "u[t]": "unow",
    "s[t]": "snow", "I[t]": "inow", r"\Lambda[t]": "total", r"\lambda^{t}": "lam**t",
    r"\lambda": "lam", r"\alpha": "alpha", r"\mathrm{sig}": "sig", r"\,": " ",
}  # fmt: skip
NAMES = {n: sympy.Symbol(n) for n in (
    "Unow", "ain", "abefore", "anow", "ubefore", "sbefore", "unow", "snow", "inow", "total",
    "lam", "alpha", "V", "W", "b", "x", "t", "z", "aend", "vend")}  # fmt: skip
NAMES["H"] = sympy.Lambda(NAMES["x"], sympy.Heaviside(NAMES["x"], 1))
NAMES["sig"] = sympy.Lambda(NAMES["x"], 1 / (1 + sympy.exp(-NAMES["x"])))
NAMES["sur"] = sympy.Lambda(NAMES["x"], NAMES["alpha"] * NAMES["sig"](NAMES["alpha"] * NAMES["x"])
                            * (1 - NAMES["sig"](NAMES["alpha"] * NAMES["x"])))  # fmt: skip
FUNCTIONS = ("H", "sig", "sur")


def parse(latex):
    """Return the right side of an equation as a sympy expression."""
    right = re.split(r":?=", latex)[-1]
    right = re.sub(r"\\frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{([^{}]*)\}", r"((\1)/(\2))", right)
    for name, value in SYMBOLS.items():
        right = right.replace(name, f" {value} ")
    assert "\\" not in right, right
    right = re.sub(r"\b(H|sig|sur) +\(", r"\1(", right)
    right = re.sub(r"\b(?!H\b|sig\b|sur\b)([A-Za-z]\w*) +\(", r"\1*(", right)
    return parse_expr(right, NAMES, (*standard_transformations, implicit_multiplication))


def tagged():
    """Return all tagged equations of the notebooks, by tag."""
    found = {}
    for path in notebooks():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for block in re.findall(r"\$\$(.*?)\$\$", cell.source, re.S):
                    for latex, tag in re.findall(r"(.*?)\\tag\{([A-Za-z ]+)\}", block, re.S):
                        found.setdefault(tag, []).append(latex.strip())
    return found


EQUATIONS = tagged()


def number(value):
    return torch.tensor([[float(value)]], dtype=torch.float64)


@torch.no_grad()
def library(tag, v):
    """Return what the library computes for the left side of the equation called `tag`."""
    p = LIFParams(decay=v["lam"], threshold=v["V"], slope=v["alpha"])
    if tag.startswith("LIF"):
        new = lif_step(number(v["inow"]), LIFState(number(v["ubefore"]), number(v["sbefore"])), p)
        return new.u if tag == "LIF potential" else new.s
    if tag == "SAF current":
        synapse = Synapse(Linear(1, 1).double())
        torch.nn.init.constant_(synapse.layer.weight, v["W"])
        torch.nn.init.constant_(synapse.layer.bias, v["b"])
        weight = [v["total"]]
        return synapse(number(v["ain"])[None], synapse.prepare(), values=weight, grads=weight)
    if tag == "SAF spike":
        after = saf_step(number(v["Unow"]), SAFState(number(v["abefore"])), p).a
        return after - v["lam"] * v["abefore"]
    if tag == "SAF accumulation":
        return accumulate(torch.stack([number(v["abefore"]), number(v["snow"])]), v["lam"])[1]
    if tag == "to potential":
        return to_potential(number(v["Unow"]), number(v["abefore"]), p)
    if tag == "to spikes":
        pair = torch.stack([number(v["abefore"]), number(v["anow"])])
        return spikes_from_accumulation(pair, v["lam"])[1]
    if tag == "Lambda":
        return number(total_weight(v["lam"], v["t"]))
    if tag == "reset factor":
        u = number(v["ubefore"]).requires_grad_()
        with torch.enable_grad():
            new = lif_step(number(0.0), LIFState(u, spike(u - v["V"], p)), p).u
        return torch.autograd.grad(new, u)[0]
    if tag in ("residual", "rate"):
        alone = constant_drive(v)
        return alone.u[-1] - v["V"] * alone.s[-1] if tag == "residual" else alone.rate
    if tag == "sigmoid surrogate":
        return surrogate_derivative(number(v["x"]), p)
    raise AssertionError(f"No library counterpart for the equation {tag!r}. Add one.")


def constant_drive(v):
    """Return the run of one neuron with the constant drive z, as long as Λ[T] says."""
    p = LIFParams(decay=v["lam"], threshold=v["V"])
    return record_neuron(number(v["z"]).expand(v["t"], 1, 1).clone(), p)


def values(seed):
    generator = torch.Generator().manual_seed(seed)
    v = {n: float(torch.randn((), generator=generator)) for n in NAMES if n not in FUNCTIONS}
    v.update(lam=0.1 + 0.8 * float(torch.rand((), generator=generator)),
             V=0.3 + float(torch.rand((), generator=generator)), alpha=1 + abs(v["alpha"]),
             sbefore=float(seed % 2), snow=float(seed % 3 == 0), t=1 + seed % 7,
             abefore=abs(v["abefore"]))  # fmt: skip
    # A spike now and then: put the current on either side of the threshold.
    v["unow"] = v["V"] + 0.3 * v["unow"]
    v["inow"] = v["V"] - v["lam"] * (v["ubefore"] - v["V"] * v["sbefore"]) + 0.3 * v["inow"]
    v["Unow"] = v["V"] * (v["lam"] * v["abefore"] + 1) + 0.3 * v["Unow"]
    alone = constant_drive(v)
    v["total"] = total_weight(v["lam"], v["t"])
    v["aend"], v["vend"] = float(alone.a[-1]), float(alone.u[-1] - v["V"] * alone.s[-1])
    return v


def evaluated(expression, v):
    return float(expression.subs({NAMES[n]: v[n] for n in v}))


KEYS = {"LIF potential", "LIF spike", "SAF current", "SAF spike", "SAF accumulation",
        "to potential", "to spikes", "Lambda", "sigmoid surrogate", "reset factor", "residual",
        "rate"}  # fmt: skip


def test_all_key_equations_are_shown():
    assert set(EQUATIONS) - {"clamp surrogate"} == KEYS


@pytest.mark.parametrize("tag", sorted(KEYS))
@pytest.mark.parametrize("seed", range(12))
def test_equation_is_what_the_library_computes(tag, seed):
    v = values(seed)
    if tag == "LIF spike":
        # s[t] is displayed as a function of u[t], which the library computes first.
        v["unow"] = float(library("LIF potential", v))
    for latex in EQUATIONS[tag]:
        got, want = evaluated(parse(latex), v), float(library(tag, v))
        assert got == pytest.approx(want, rel=1e-12, abs=1e-12), latex


def flips(expression):
    """Return the expression with the sign of one symbol's contribution turned, for each symbol."""
    return [expression.subs(s, -s) for s in expression.free_symbols - {NAMES["x"], NAMES["t"]}]


@pytest.mark.parametrize("tag", sorted(KEYS))
def test_a_wrong_sign_is_noticed(tag):
    for wrong in flips(parse(EQUATIONS[tag][0])):
        differences = []
        for seed in range(12):
            v = values(seed)
            if tag == "LIF spike":
                v["unow"] = float(library("LIF potential", v))
            got = complex(wrong.subs({NAMES[n]: v[n] for n in v}))
            differences.append(abs(got - float(library(tag, v))))
        assert max(differences) > 1e-3, wrong


def test_conversions_are_inverse_in_the_equations():
    """û = U − λVâ and (SAF spike) give (LIF spike)."""
    n = NAMES
    potential = parse(EQUATIONS["to potential"][0])
    assert sympy.expand(potential + n["lam"] * n["V"] * n["abefore"] - n["Unow"]) == 0
    lif, saf = parse(EQUATIONS["LIF spike"][0]), parse(EQUATIONS["SAF spike"][0])
    inner = saf.args[0] - lif.args[0].subs(n["unow"], potential)
    assert sympy.expand(inner) == 0
    u = number(0.4)
    p = LIFParams(decay=0.5, threshold=0.7)
    assert torch.equal(to_potential(to_accumulation(u, number(1.5), p), number(1.5), p), u)


@pytest.mark.parametrize("current", [-0.5, 0.0, 0.3, 1.0, 1.05, 2.0])
def test_clamp_surrogate(current):
    """∂â/∂Û = (1/V)·1[0 < Û < VΛ], as displayed in lesson 06."""
    (latex,) = EQUATIONS["clamp surrogate"]
    assert r"\frac1V\,\mathbf 1\big[\,0<\hat U[T]<V\Lambda[T]\,\big]" in latex
    p = LIFParams(decay=0.5, threshold=0.7, surrogate="clamp")
    U = number(current).requires_grad_()
    clamp_spike(U - 0.7, U, p, 1.5).sum().backward()
    assert U.grad is not None
    assert float(U.grad) == pytest.approx((1 / 0.7) * (0 < current < 0.7 * 1.5))
