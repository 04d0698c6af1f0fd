"""A training and whoever works beside it do not change each other's random numbers."""

import ast
import dataclasses
import random
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import saflab
from saflab.analysis.theorems import drift, verify
from saflab.models import MODELS, build, mlp
from saflab.network import Connection, Linear, Network, SequenceDropout, Synapse
from saflab.training import pretrained
from saflab.training.config import build_model
from saflab.training.events import Controls
from saflab.training.fit import fit

PACKAGE = Path(saflab.__file__).resolve().parent
DRAWS = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal",
    "bernoulli", "bernoulli_", "multinomial", "poisson", "normal_", "uniform_", "random_",
    "exponential_", "kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_",
    "trunc_normal_", "orthogonal_",
}  # fmt: skip


def global_draws(tree: ast.AST):
    """Yield the calls that draw from, or seed, PyTorch's global generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            if name == "fork_rng" or (name in ("manual_seed", "seed") and owner in ("torch", "np")):
                yield ast.unparse(node)
            given = [k.arg for k in node.keywords] + [ast.unparse(a) for a in node.args]
            torchs = owner in ("torch", "nn.init") or name.endswith("_")
            if torchs and name in DRAWS and "generator" not in given:
                named = [ast.unparse(k.value) for k in node.keywords if k.arg == "generator"]
                if not named:
                    yield ast.unparse(node)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_every_draw_names_its_generator(path):
    assert list(global_draws(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_check_sees_a_global_draw():
    bad = "torch.randn(3); x.bernoulli_(0.5); torch.manual_seed(0); nn.init.normal_(w, 0.0, 1.0)"
    assert len(list(global_draws(ast.parse(bad)))) == 4
    assert list(global_draws(ast.parse("torch.rand(3, generator=g); g.manual_seed(0)"))) == []


def states():
    return torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()


def unchanged(before):
    after = states()
    return torch.equal(before[0], after[0]) and (before[1] == after[1]).all() and (
        before[2] == after[2]
    )  # fmt: skip


def dropped(few):
    """Return a network with dropout, for images of 8×8."""
    generator = torch.Generator().manual_seed(1)
    with torch.device("meta"):
        first = Synapse(nn.Flatten(), SequenceDropout(0.3), Linear(64, 16))
        second = Synapse(SequenceDropout(0.5), Linear(16, 10))
    network = Network([Connection(0, 1, first), Connection(1, 2, second)]).to_empty(device="cpu")
    for p in network.parameters():
        nn.init.normal_(p, 0.0, 0.3, generator)
    return network


@pytest.mark.parametrize("rule", ["bptt", "ottt_o", "saf_e", "saf_f", "spike_representation"])
@pytest.mark.parametrize("encoder", ["constant", "poisson"])
def test_a_training_leaves_the_global_generators_alone(rule, encoder, few, small):
    config = dataclasses.replace(small, rule=rule, encoder=encoder, augmentation=True, epochs=1)
    before = states()
    ends = []
    for _ in range(2):
        torch.rand(3)  # whatever else happens in the process
        before = states()
        model = dropped(few)
        list(fit(config, few, model=model))
        list(fit(config, few))
        assert unchanged(before)
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*ends)


def test_named_networks_figures_and_theorems_leave_it_alone(small):
    before = states()
    for name in MODELS:
        build(name, (3, 8, 8), 10, generator=torch.Generator().manual_seed(3))
    build_model(small, (1, 8, 8), 10)
    pretrained("digits")
    verify(cases=1)
    drift(0.1)
    assert unchanged(before)


def test_dropout_depends_on_the_seed_of_the_run(few, small):
    def trained(seed):
        model = dropped(few)
        list(fit(dataclasses.replace(small, seed=seed, epochs=1, batch=100), few, model=model))
        return model.synapses[1].layer.weight.detach().clone()

    # One batch of all images: their order does not matter, only the masks differ.
    assert torch.equal(trained(0), trained(0))
    assert not torch.allclose(trained(0), trained(1), atol=1e-3)
    assert not torch.allclose(trained(0), trained(2**32), atol=1e-3)


def test_networks_of_one_seed_are_equal_while_a_training_runs_beside(few, small):
    """114 of 1,567 differed when a training seeded the global generator for its own draws."""
    config = dataclasses.replace(small, encoder="poisson", augmentation=True, epochs=10**6)
    ended = threading.Event()

    def work():
        model = dropped(few)
        for event in fit(config, few, model=model):
            if ended.is_set() and type(event).__name__ == "StepEnd":
                return

    def built():
        torch.manual_seed(0)
        return torch.cat([p.detach().flatten() for p in mlp((1, 8, 8), 10, (8,)).parameters()])

    true = built()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert all(torch.equal(built(), true) for _ in range(1500))
        assert thread.is_alive()
    finally:
        ended.set()
        thread.join()


def test_a_seed_without_a_generator_still_sets_the_weights():
    torch.manual_seed(4)
    one = mlp().state_dict()
    torch.manual_seed(4)
    other = mlp().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(mlp().synapses[0].layer.weight, one["synapses.0.layer.weight"])


@pytest.mark.parametrize("rule", ["bptt", "saf_e", "ottt_o"])
def test_a_resumed_run_with_dropout_is_bit_identical(rule, few, small, tmp_path):
    config = dataclasses.replace(small, rule=rule, encoder="poisson", augmentation=True)
    whole = dropped(few)
    list(fit(config, few, model=whole))
    for stop in (1, 4, 7):
        out = tmp_path / str(stop)
        events = fit(config, few, model=dropped(few), out=out, controls=Controls(save_every=0.0))
        for event in events:
            if type(event).__name__ == "StepEnd" and event.step == stop:
                break
        next(events)  # the checkpoint of this step is written before the next event
        events.close()
        torch.rand(stop)
        model = dropped(few)
        list(fit(config, few, model=model, out=out, resume=True))
        for one, other in zip(model.parameters(), whole.parameters(), strict=True):
            assert torch.equal(one, other)
