"""The wiring of a NIR graph: read right, or refused with the reason."""

import re

import numpy as np
import pytest
import torch

from saflab.analysis.recording import record

nir = pytest.importorskip("nir")
from nir_graphs import affine, chain, lif, plain, same, snntorch_graph, spikes_of  # noqa: E402

from saflab.interop.nir import from_nir, read_graph  # noqa: E402
from saflab.interop.nir.files import write_graph  # noqa: E402

STEPS = 12


def test_sub_graphs_are_written_out():
    plain_one = plain(lif(tau=1e-4))
    inner = chain(lif(tau=1e-4))
    nested = chain(affine(8, 16), inner, affine(4, 8))
    twice = chain(chain(affine(8, 16), chain(chain(lif(tau=1e-4)))), affine(4, 8))
    for graph in (nested, twice):
        same(from_nir(graph), from_nir(plain_one))


@pytest.mark.parametrize("all_to_all", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_recurrent_populations_of_snntorch_fire_the_same_spikes(all_to_all, nested, tmp_path):
    snn = pytest.importorskip("snntorch")
    full = {
        "beta": torch.full((20,), 0.5),
        "threshold": torch.ones(20),
        "V": torch.full((20,), -0.2),
    }
    sizes = {"linear_features": 20} if all_to_all else {}
    neuron = snn.RLeaky(**full, **sizes, all_to_all=all_to_all, init_hidden=True, reset_delay=False)
    if all_to_all:
        neuron.recurrent.bias = None
        neuron.recurrent.weight.data *= 0.5
    theirs, graph = snntorch_graph(neuron)
    if nested:  # as the exporter hands it to nirtorch, and as older versions wrote it
        from snntorch.export_nir import _extract_snntorch_module

        loop = _extract_snntorch_module(neuron)
        graph = nir.NIRGraph(
            {"in": nir.Input({"input": np.array([16])}), "a": graph.nodes["0"], "loop": loop,
             "b": graph.nodes["2"], "out": nir.Output({"output": np.array([4])})},
            [("in", "a"), ("a", "loop"), ("loop", "b"), ("b", "out")],
        )  # fmt: skip
    write_graph(graph, tmp_path / "a.nir")
    model = from_nir(read_graph(tmp_path / "a.nir"), reset="subtract")
    assert (1, 1) in model.ends
    x = 0.5 * torch.randn(STEPS, 200, 16)
    with torch.no_grad():
        ours = record(model, x).populations[0]
        found = spikes_of(theirs, neuron, x)
    assert ours.u.max() < 2.0
    assert ours.s.sum() > 300
    assert torch.equal(found, ours.s)


@pytest.mark.parametrize(
    ("shape", "start", "end"),
    [
        ((2, 2, 4), 0, -1), ((2, 2, 4), 0, 2), ((2, 2, 4), -3, -1),
        ((2, 2, 4), 1, -1),  # the weights say that the batch was counted
        ((2, 2, 4), 1, 2), ((16,), 0, -1), ((16,), 0, 0),
    ],
)  # fmt: skip
def test_flattening_everything_is_read_however_it_is_written(shape, start, end):
    flat = nir.Flatten({"input": np.array(shape)}, start, end)
    graph = chain(flat, affine(8, 16), lif(tau=1e-4), affine(4, 8), size=shape)
    model, x = from_nir(graph), torch.rand(3, 5, *shape)
    expected = from_nir(plain(lif(tau=1e-4)))
    assert torch.equal(model(x)[0], expected(x.flatten(2))[0])


@pytest.mark.parametrize(("start", "end"), [(1, 2), (0, 1), (1, -1)])
def test_flattening_a_part_is_refused_with_what_is_kept(start, end):
    """Before a neuron, no weights say that the batch was counted."""
    flat = nir.Flatten({"input": np.array((2, 2, 4))}, start, end)
    graph = chain(flat, lif(tau=1e-4), affine(4, 16), size=(2, 2, 4))
    with pytest.raises(ValueError, match=r"every dimension, but found dimensions .*\(2, 2, 4\)"):
        from_nir(graph)


def test_a_part_that_the_next_weights_do_not_mean_is_refused():
    flat = nir.Flatten({"input": np.array((2, 2, 4))}, 1, 2)
    graph = chain(flat, affine(8, 8), lif(tau=1e-4), affine(4, 8), size=(2, 2, 4))
    with pytest.raises(ValueError, match="every dimension"):
        from_nir(graph)


def edges_of(change):
    graph = chain(affine(8, 16), lif(tau=1e-4), affine(8, 8), lif(tau=1e-4), affine(4, 8))
    change(graph.nodes, graph.edges)
    return nir.NIRGraph(graph.nodes, graph.edges, type_check=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n, e: e.remove(("n1", "n2")), "no edge out of node 'n1'"),
        (lambda n, e: e.remove(("in", "n0")), "no edge out of node 'in'"),
        (lambda n, e: e.remove(("n4", "out")), "no edge out of node 'n4'"),
        (lambda n, e: e.append(("n1", "n2")), r"edge of the graph once.*\('n1', 'n2'\)"),
        (lambda n, e: e.append(("n1", "n9")), r"edges of \['n9'\], which are no nodes"),
        (lambda n, e: e.append(("out", "n0")), "an edge out of node 'out'"),
        (lambda n, e: e.append(("n1", "in")), "an edge into node 'in'"),
        (lambda n, e: n.update(x=lif()), "no edge into node 'x'"),
        (lambda n, e: (n.update(x=lif(), y=affine(8, 8)), e.extend([("x", "y"), ("y", "x")])),
         r"reached from the input, but found \['x', 'y'\]"),
        (lambda n, e: (n.update(y=affine(8, 8)), e.extend([("n2", "y"), ("y", "n2")])),
         r"node 'n2' to have one input, but found \['n1', 'y'\]"),
        (lambda n, e: e.append(("n3", "n2")), "node 'n2' to have one input"),
        (lambda n, e: n.update(in2=nir.Input({"input": np.array([16])})), r"\['in', 'in2'\]"),
        (lambda n, e: n.pop("out"), "edges of .'out'., which are no nodes"),
        (lambda n, e: (n.update(y=affine(8, 8)), e.extend([("n3", "y"), ("y", "n1")])),
         "without bias"),
        (lambda n, e: n.update(n2=nir.Threshold(np.ones(8))), r"node 'n2' \(Threshold\)"),
        (lambda n, e: n.update(n3=nir.LI(np.ones(8), np.ones(8), np.zeros(8))), r"\(LI\)|neuron"),
        (lambda n, e: n.update({"in": nir.Input({"input": np.array([])})}), "one dimension"),
        (lambda n, e: n.update({"in": nir.Input({"input": np.array([17])})}), "shapes that fit"),
        (lambda n, e: n.update({"in": nir.Input({"input": np.array([0])})}), "each above 0"),
        (lambda n, e: n.update(out=nir.Output({"output": np.array([5])})), "says .5,"),
        (lambda n, e: n.update(n1=lif(7, tau=1e-4)), "says .7,"),
        (lambda n, e: n.update(n2=nir.NIRGraph({"a": affine(8, 8)}, [], type_check=False)),
         "one input and one output of sub-graph 'n2'"),
    ],
)  # fmt: skip
def test_graphs_that_are_no_network_are_refused_with_the_reason(change, message):
    with pytest.raises(ValueError, match=r"^Expected .*but found .*") as error:
        from_nir(edges_of(change))
    assert re.search(message, str(error.value)), str(error.value)


def test_feedback_between_populations_is_read():
    feedback = nir.Linear(np.eye(8) * -0.25)
    graph = edges_of(lambda n, e: (n.update(y=feedback), e.extend([("n3", "y"), ("y", "n1")])))
    assert (2, 1) in from_nir(graph).ends
