"""NIR files of others: read right, or refused with the reason; damaged ones never cross."""

import random
import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch

from saflab.analysis.recording import record
from saflab.cli import main
from saflab.network.linear_maps import Linear
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

nir = pytest.importorskip("nir")
from saflab.interop.nir import from_nir, read_graph, to_nir  # noqa: E402
from saflab.interop.nir.files import write_graph  # noqa: E402

STEPS = 12
SETTING = r'reset_mechanism="subtract", reset_delay=False'


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


# --- the reset -------------------------------------------------------------------------------


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


@pytest.mark.parametrize("delay", [False, True])
def test_only_the_setting_that_the_message_names_fires_as_ours(delay, tmp_path):
    """NIR cannot tell the two apart: the one named fires alike, the default does not."""
    snn = pytest.importorskip("snntorch")
    full = {"beta": torch.full((20,), 0.5), "threshold": torch.full((20,), 0.75)}
    neuron = snn.Leaky(**full, init_hidden=True, reset_mechanism="subtract", reset_delay=delay)
    theirs, graph = snntorch_graph(neuron)
    write_graph(graph, tmp_path / "a.nir")
    graph = read_graph(tmp_path / "a.nir")
    with pytest.raises(ValueError, match=SETTING):
        from_nir(graph)
    model = from_nir(graph, reset="subtract")
    x = 0.4 * torch.randn(STEPS, 500, 16)
    with torch.no_grad():
        ours = record(model, x).populations[0]
        differ = int((spikes_of(theirs, neuron, x) != ours.s).sum())
    assert ours.u.max() < 2 * 0.75
    assert ours.s.sum() > 1000
    assert differ == 0 if not delay else differ > 100


def test_the_import_says_what_is_taken_on_trust(tmp_path, capsys):
    graph = chain(affine(8, 64), lif(), nir.Affine(np.ones((10, 8)), np.zeros(10)), size=(64,))
    graph.nodes["out"] = nir.Output({"output": np.array([10])})
    write_graph(graph, tmp_path / "a.nir")
    command = ["import", "--nir", str(tmp_path / "a.nir"), "--data", "digits", "--steps", "3"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "reset_delay=False" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / "run"), "--reset", "subtract"]) == 0
    assert "on your word" in capsys.readouterr().out


def spikingjelly_graph(neuron):
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    layer = pytest.importorskip("spikingjelly.activation_based.layer")
    network = torch.nn.Sequential(layer.Linear(16, 8), neuron, layer.Linear(8, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return exchange.export_to_nir(network, torch.randn(1, 16))


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("LIFNode", {}, r"dt·R/τ = 0\.5"),
        ("LIFNode", {"tau": 3.0}, r"dt·R/τ = 0\.333"),
        ("LIFNode", {"v_reset": 0.25, "decay_input": False}, "v_leak 0"),
        ("IFNode", {}, "type IF"),
        ("IFNode", {"v_reset": -0.5}, r"v_reset = -0\.5"),
    ],
)
def test_hard_resets_that_spikingjelly_writes_are_refused(kind, options, message):
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    graph = spikingjelly_graph(getattr(neuron, kind)(**options))
    with pytest.raises(ValueError, match=message):
        from_nir(graph, reset="subtract")
    with pytest.raises(ValueError, match=r"^Expected .*but found "):
        from_nir(graph)


def test_hard_resets_that_norse_writes_are_refused():
    norse = pytest.importorskip("norse.torch")
    cell = norse.SequentialState(torch.nn.Linear(16, 8), norse.LIFBoxCell(), torch.nn.Linear(8, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = norse.to_nir(cell, torch.randn(16))
    with pytest.raises(ValueError, match=rf"dt·R/τ = 0\.0?1.*{SETTING}"):
        from_nir(graph, dt=1e-7, reset="subtract")


@pytest.mark.parametrize(
    ("neuron", "notes", "message"),
    [
        (lif(v_reset=-0.1), {}, r"v_reset = -0\.1"),
        (lif(v_reset=np.eye(8)[0]), {}, "v_reset = 1"),
        (lif(r=1.0), {}, r"dt·R/τ = 0\.5"),
        (nir.IF(r=np.full(8, 1e4), v_threshold=np.ones(8)), {}, "type IF"),
        (nir.IF(r=np.ones(8), v_threshold=np.ones(8)), {}, "type IF"),
        (cuba(tau_syn=1e-4, tau_mem=2e-4, w_in=1.0), {}, "scaled by"),
        (lif(), {"reset_mechanism": "zero"}, "reset_mechanism = 'zero'"),
        (lif(), {"reset_delay": True}, "reset_delay = 'true'"),
        (lif(), {"reset": np.bytes_(b"hard")}, "reset = 'hard'"),
        (lif(), {"v_reset": 0.0}, r"v_reset = '0\.0'"),
        (lif(), {"hard_reset": 1}, "hard_reset = '1'"),
        (lif(), {"decay_input": True}, "decay_input = 'true'"),
        (lif(), {"reset_somehow": "subtract"}, "reset_somehow"),
        (lif(), {"writer": "SpikingJelly 2.0"}, "writer = 'spikingjelly"),
        (lif(), {"framework": "norse"}, "framework = 'norse'"),
    ],
)
def test_what_contradicts_a_subtraction_is_refused(neuron, notes, message):
    with pytest.raises(ValueError, match=rf"before the decay.*but found .*{message}.*{SETTING}"):
        from_nir(plain(neuron, **notes), reset="subtract")
    inner = nir.NIRGraph(plain(neuron).nodes, plain(neuron).edges, notes, type_check=False)
    if notes:  # also where a sub-graph or the neuron itself notes it
        with pytest.raises(ValueError, match=message):
            from_nir(chain(inner), reset="subtract")
        noted = lif()
        noted.metadata = notes
        with pytest.raises(ValueError, match=message):
            from_nir(plain(noted), reset="subtract")


@pytest.mark.parametrize(
    "notes", [{}, {"reset_mechanism": "subtract", "reset_delay": False, "writer": "snntorch"},
              {"reset": "soft", "decay_input": False}]
)  # fmt: skip
def test_what_agrees_with_a_subtraction_is_read(notes):
    for neuron in (lif(), cuba(tau_syn=1e-4, tau_mem=2e-4, r=2.0, w_in=1.0)):
        assert from_nir(plain(neuron, **notes), reset="subtract").neuron.decay == 0.5


def test_the_gain_of_a_neuron_goes_into_the_weights():
    graph = plain(lif(tau=1e-4, r=3.0))
    weight = from_nir(graph).synapses[0].layer.weight
    torch.testing.assert_close(weight.double(), torch.tensor(3 * graph.nodes["n0"].weight),
                               rtol=1e-6, atol=1e-6)  # fmt: skip


# --- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_named_wherever_they_are(bad):
    checked = 0
    for build in (lambda: plain(lif(tau=1e-4)), lambda: plain(cuba(tau_syn=1e-4))):
        for name, node in build().nodes.items():
            for field, value in vars(node).items():
                if isinstance(value, np.ndarray) and value.dtype == np.float64:
                    graph = build()
                    getattr(graph.nodes[name], field).reshape(-1)[-1] = bad
                    with pytest.raises(ValueError, match=rf"finite .*node '{name}'\.{field}, but"):
                        from_nir(graph)
                    checked += 1
    assert checked == 2 * 4 + 5 + 7
    for notes in ({"mean": np.array([bad])}, {"dt": bad}, {"other": {"deep": np.array(bad)}}):
        with pytest.raises(ValueError, match="finite numbers in metadata"):
            from_nir(plain(lif(tau=1e-4), **notes))


def test_snntorchs_neuron_without_decay_names_tau_and_the_way_out():
    snn = pytest.importorskip("snntorch")
    for beta, error in ((1.0, True), (0.99999994, False)):
        full = {"beta": torch.full((20,), beta), "threshold": torch.ones(20)}
        with np.errstate(divide="ignore"):
            _, graph = snntorch_graph(snn.Leaky(**full, init_hidden=True, reset_delay=False))
        if error:
            with pytest.raises(ValueError, match=r"finite numbers in node '1'\.tau.*0\.99999994"):
                from_nir(graph, reset="subtract")
        else:
            assert from_nir(graph, reset="subtract").neuron.decay == 1.0


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        (lif(tau=-2e-4), "found -0.0002 s, which is no time"),
        (lif(tau=0.0), "found 0 s, which is no time"),
        (lif(tau=5e-5), "a decay below 0"),
        (lif(tau=np.linspace(2e-4, 3e-4, 8)), "one value of tau .*found 8, from 0.0002 to 0.0003"),
        (lif(r=np.arange(8.0)), "one value of r"),
        (lif(v_threshold=0.0), "threshold above 0 in float32, but found 0 in node 'n1'"),
        (lif(v_threshold=-1.0), "threshold above 0"),
        (lif(v_threshold=1e300), "threshold above 0 in float32, but found 1e[+]300"),
        (lif(r=0.0), "gain of the input above 0 in node 'n1', but found 0"),
        (lif(r=-1.0), "gain of the input above 0"),
        (lif(v_leak=0.5), "v_leak 0"),
        (cuba(w_in=0.0), "gain of the input above 0"),
        (cuba(tau_mem=3e-4), "decays 0.5 of its current and 0.666667 of its potential"),
    ],
)
def test_neurons_that_cannot_be_ours_are_refused_with_the_reason(neuron, message):
    for reset in ("as written", "subtract"):
        with pytest.raises(ValueError, match=rf"^Expected (?=.*but found ).*{message}"):
            from_nir(plain(neuron), reset=reset)


def test_thresholds_of_two_populations_are_compared_as_they_are():
    graph = chain(affine(8, 16), lif(tau=1e-4, v_threshold=1e-10), affine(8, 8),
                  lif(tau=1e-4, v_threshold=2e-10), affine(4, 8))  # fmt: skip
    with pytest.raises(ValueError, match="one decay and threshold"):
        from_nir(graph)


def test_weights_beyond_float32_and_of_other_kinds_are_named():
    for change, message in [
        (lambda n: n.weight.__setitem__((0, 0), 1e300), "weight of node 'n0' in the range"),
        (lambda n: setattr(n, "weight", np.ones((8, 16, 1))), "2 dimensions in node 'n0'"),
        (lambda n: setattr(n, "weight", np.full((8, 16), "x")), "numbers in weight of node 'n0'"),
        (lambda n: setattr(n, "bias", np.ones(1)), r"bias of node 'n0' in the shape \(8,\)"),
        (lambda n: setattr(n, "bias", np.ones(3)), r"bias of node 'n0' in the shape \(8,\)"),
    ]:
        graph = plain(lif(tau=1e-4))
        change(graph.nodes["n0"])
        with pytest.raises(ValueError, match=message):
            from_nir(graph)


@pytest.mark.parametrize("dt", ["x", -1.0, 0.0, np.array([1e-4, 1e-4]), True])
def test_a_time_step_that_is_none_is_refused(dt):
    with pytest.raises(ValueError, match=r"time step above 0 s, but found .* --dt"):
        from_nir(plain(lif(tau=1e-4), dt=dt))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_not_exported(bad, tmp_path):
    layers = Linear(16, 8), Linear(8, 4)
    model = Network([Connection(i, i + 1, Synapse(layer)) for i, layer in enumerate(layers)])
    to_nir(model, (16,))
    with pytest.raises(ValueError, match=r"finite numbers in metadata\.mean"):
        to_nir(model, (16,), {"mean": np.array([bad])})
    for name, parameter in model.named_parameters():
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.view(-1)[0] = bad
        with pytest.raises(ValueError, match=rf"finite numbers in {name}, but found"):
            to_nir(model, (16,))
        with torch.no_grad():
            parameter.copy_(before)


# --- the graph -------------------------------------------------------------------------------


def same(a, b):
    assert a.ends == b.ends
    assert a.neuron == b.neuron
    assert str(a.synapses) == str(b.synapses)
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name])


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


# --- files -----------------------------------------------------------------------------------


def test_400_damaged_files_are_refused_or_read_as_they_were(tmp_path):
    """A flip in a byte that nobody reads changes nothing; every other one is noticed."""
    h5py = pytest.importorskip("h5py")
    layers = Linear(6, 5), Linear(5, 4)
    model = Network([Connection(i, i + 1, Synapse(layer)) for i, layer in enumerate(layers)])
    file = tmp_path / "a.nir"
    graph = to_nir(model, (6,), {"steps": 4, "mean": np.array([0.5]), "writer": "saflab"})
    write_graph(graph, file)
    whole, wanted = file.read_bytes(), from_nir(read_graph(file))
    rng, refused, kinds = random.Random(0), 0, []
    for number in range(400):
        raw, what = bytearray(whole), number % 8
        if what == 0:
            raw = raw[: rng.randrange(len(raw))]
        elif what == 1:
            raw = bytearray(rng.randbytes(rng.randrange(2000)))
        elif what == 2:
            start = rng.randrange(len(raw) - 50)
            raw[start : start + rng.randrange(1, 50)] = b""
        elif what == 3:
            with h5py.File(file, "w") as other:
                place = rng.choice(["node", "version", "x/y", "node/type"])
                other[place] = rng.choice([3.0, "NIRGraph"])
            raw = bytearray(file.read_bytes())
        else:
            for _ in range(rng.choice([1, 1, 2, 40])):
                raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        file.write_bytes(raw)
        try:
            found, message = read_graph(file), None
        except ValueError as error:
            message = str(error)
        if message is None:
            same(from_nir(found), wanted)
            assert float(found.metadata["mean"][0]) == 0.5
        else:
            assert re.match("(?s)Expected .*but found ", message)
            refused += 1
            kinds.append(what)
    assert refused > 200
    assert set(kinds) == set(range(8))


def test_every_one_byte_change_of_the_content_is_noticed(tmp_path):
    write_graph(plain(lif(tau=1e-4)), tmp_path / "a.nir")
    whole = (tmp_path / "a.nir").read_bytes()
    rng = random.Random(1)
    end = whole.rindex(b"saflab sha256") - 1
    for _ in range(200):
        raw = bytearray(whole)
        raw[rng.randrange(end)] ^= 1 << rng.randrange(8)
        (tmp_path / "a.nir").write_bytes(raw)
        with pytest.raises(ValueError, match=r"Expected a NIR file .*but found .*checksum"):
            read_graph(tmp_path / "a.nir")


def test_a_file_that_others_write_again_loses_its_checksum(tmp_path):
    write_graph(plain(lif(tau=1e-4)), tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    graph.nodes["n0"].weight[0, 0] = 7.0
    nir.write(tmp_path / "a.nir", graph)
    assert read_graph(tmp_path / "a.nir").nodes["n0"].weight[0, 0] == 7.0


def test_an_export_does_not_replace_a_file_of_another_kind(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"weights")
    with pytest.raises(ValueError, match=r"checkpoint\.pt, but found a file of another kind"):
        write_graph(plain(), tmp_path / "checkpoint.pt")
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"weights"
    write_graph(plain(), tmp_path / "a.nir")
    write_graph(plain(), tmp_path / "a.nir")  # an earlier NIR file may be replaced


def for_digits(path, **metadata):
    graph = chain(affine(8, 64), lif(tau=1e-4), affine(10, 8), size=(64,))
    graph.nodes["out"] = nir.Output({"output": np.array([10])})
    graph.metadata = metadata
    write_graph(graph, path)
    return ["import", "--nir", str(path), "--data", "digits"]


def test_an_import_overwrites_a_run_only_when_asked_to(tmp_path, capsys):
    command = [*for_digits(tmp_path / "a.nir", steps=3), "--out", str(tmp_path / "run")]
    assert main(command) == 0
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    assert main([*command, "--steps", "5"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before
    assert main([*command, "--steps", "5", "--overwrite"]) == 0
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() != before
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "log.jsonl").write_text("{}\n")
    assert main([*command[:-1], str(tmp_path / "train")]) == 2
    assert "log.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"mean": np.array([0.1, 0.2]), "std": np.array([1.0])}, "note 'mean', but found"),
        ({"mean": np.array([0.1]), "std": np.array([-1.0])}, "note 'std'"),
        ({"mean": "bright", "std": np.array([1.0])}, "note 'mean'"),
        ({"steps": "many"}, "number of steps, but found many"),
        ({"steps": 0}, "number of steps, but found 0"),
        ({"encoder": "smoke"}, "encoder"),
        ({"dt": "soon"}, "time step"),
    ],
)
def test_notes_that_cannot_be_are_refused(notes, message, tmp_path, capsys):
    command = for_digits(tmp_path / "a.nir", **{"steps": 3, **notes})
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_images_with_channels_last_are_refused(tmp_path, capsys):
    graph = chain(nir.Flatten({"input": np.array([8, 8, 1])}, 0, -1), affine(8, 64), lif(tau=1e-4),
                  affine(10, 8), size=(8, 8, 1))  # fmt: skip
    graph.nodes["out"] = nir.Output({"output": np.array([10])})
    write_graph(graph, tmp_path / "a.nir")
    command = ["import", "--nir", str(tmp_path / "a.nir"), "--data", "digits", "--steps", "2"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    assert "(8, 8, 1)" in capsys.readouterr().err


# --- others run ours --------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["snntorch", "spikingjelly", "norse"])
def test_exports_fire_exactly_the_same_spikes_on_random_input(library):
    """Weights and input on a grid and V between its points: no rounding can decide a spike."""
    from test_nir import norse, run, snntorch, spikingjelly

    reader = {"snntorch": snntorch, "spikingjelly": spikingjelly, "norse": norse}[library]
    steps, total = 6, 0
    grid = 2.0 ** -(4 + 3 + steps)
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        layers = [Linear(9, 30), Linear(30, 20), Linear(20, 5)]
        for layer in layers:
            for parameter in layer.parameters():
                values = torch.randint(-12, 17, parameter.shape, generator=generator) / 16
                parameter.data.copy_(values)
        threshold = (round((0.5 + 0.1 * seed) / grid) + 0.5) * grid
        model = Network(
            [Connection(i, i + 1, Synapse(layer)) for i, layer in enumerate(layers)],
            LIFParams(decay=0.5, threshold=threshold),
        )
        x = torch.randint(-8, 9, (steps, 40, 9), generator=generator) / 8
        found = run(reader, to_nir(model, (9,)), x)
        for theirs, ours in zip(found, record(model, x).populations, strict=True):
            assert torch.equal(theirs, ours.s)
            total += int(ours.s.sum())
    assert total > 10_000
