"""Neurons that others write to NIR: read right, or refused with the reason."""

import warnings

import numpy as np
import pytest
import torch
from torch.nn import Flatten

from saflab.analysis.recording import record
from saflab.cli import main
from saflab.network.linear_maps import Conv2d, Linear
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams

nir = pytest.importorskip("nir")
from nir_graphs import affine, chain, cuba, lif, plain, snntorch_graph, spikes_of  # noqa: E402

from saflab.interop.nir import from_nir, read_graph, to_nir  # noqa: E402
from saflab.interop.nir.files import write_graph  # noqa: E402

STEPS = 12
SETTING = r'reset_mechanism="subtract", reset_delay=False'


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


def test_windows_that_nir_miscounts_are_not_exported():
    wide = Synapse(Conv2d(1, 2, (1, 3), padding=(0, 1)))
    model = Network([Connection(0, 1, wide), Connection(1, 2, Synapse(Flatten(), Linear(32, 4)))])
    with pytest.raises(ValueError, match=r"square windows.*but found Conv2d\(1, 2, .*to a square"):
        to_nir(model, (1, 4, 4))
