"""Small NIR graphs, as this course and as other libraries write them."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch

nir = pytest.importorskip("nir")


def lif(n=8, tau=2e-4, r=2.0, **changes):
    fields = {"tau": tau, "r": r, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **changes}
    return nir.LIF(**{k: np.full(n, v) if np.ndim(v) == 0 else v for k, v in fields.items()})


def cuba(n=8, **changes):
    fields = {"tau_syn": 2e-4, "tau_mem": 1e-4, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0,
              "v_reset": 0.0, "w_in": 2.0, **changes}  # fmt: skip
    return nir.CubaLIF(**{k: np.full(n, v) for k, v in fields.items()})


def affine(n, m, seed=0):
    rng = np.random.default_rng(seed)
    return nir.Affine(weight=rng.normal(size=(n, m)), bias=rng.normal(size=n))


def chain(*nodes, size=(16,)):
    """Return input → nodes → output as a graph that nir has not looked at."""
    shaped = {f"n{i}": node for i, node in enumerate(nodes)}
    first, last = nir.Input({"input": np.array(size)}), nir.Output({"output": np.array([4])})
    shaped = {"in": first, **shaped, "out": last}
    return nir.NIRGraph(shaped, list(pairwise(shaped)), type_check=False)


def plain(neuron=None, **metadata):
    graph = chain(affine(8, 16), neuron or lif(), affine(4, 8))
    graph.metadata = metadata
    return graph


def spikes_of(module, layer, x):
    found = []
    layer.register_forward_hook(
        lambda m, i, out: found.append((out[0] if isinstance(out, tuple) else out).detach())
    )
    for now in x:
        module(now)
    return torch.stack(found)


def snntorch_graph(neuron, sample=16):
    export = pytest.importorskip("snntorch.export_nir").export_to_nir
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(sample, 20), neuron, torch.nn.Linear(20, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return network, export(network, torch.randn(sample))


def same(a, b):
    assert a.ends == b.ends
    assert a.neuron == b.neuron
    assert str(a.synapses) == str(b.synapses)
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name])
