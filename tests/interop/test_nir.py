"""NIR files: others run ours to the same spikes, and ours come back as they went."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import recordings
import torch

from saflab.analysis.recording import record
from saflab.cli import main
from saflab.data.encoders import constant
from saflab.data.images import digits
from saflab.data.inputs import Inputs
from saflab.network.linear_maps import Linear, Scale
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse
from saflab.neurons import LIFParams
from saflab.training import checkpoints, fit
from saflab.training.config import TrainConfig, build_model

nir = pytest.importorskip("nir")
from saflab.interop.nir import from_nir, read_graph, to_nir  # noqa: E402
from saflab.interop.nir.files import write_graph  # noqa: E402

STEPS = 6
LIF = {"tau": 1e-4, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}


def snntorch(graph):
    return pytest.importorskip("snntorch.import_nir").import_from_nir(graph)


def spikingjelly(graph):
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    return exchange.import_from_nir(graph)


def norse(graph):
    return pytest.importorskip("norse.torch").from_nir(graph, dt=1e-4)


@torch.no_grad()
def run(reader, graph, x):
    """Run a graph in another library; return the spikes of each neuron node, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = reader(graph)
    spikes: dict[str, list] = {}

    def keep(name):
        def hook(module, inputs, out):
            spikes.setdefault(name, []).append(out[0] if isinstance(out, tuple) else out)

        return hook

    for name, module in network.named_modules():
        if name.endswith("_neuron"):
            module.register_forward_hook(keep(name))
    state = None
    for now in x:
        _, state = network(now) if state is None else network(now, state)
    return [torch.stack(spikes[name]) for name in sorted(spikes)]


def flips(model, x, found):
    """Return spikes that differ, spikes, and how far from V the first population's flips lie."""
    ours = record(model, x).populations
    assert len(found) == len(ours)
    differ = sum(int((a != b.s).sum()) for a, b in zip(found, ours, strict=True))
    first = (ours[0].u - model.neuron.threshold).abs()[found[0] != ours[0].s]
    return differ, sum(int(p.s.sum()) for p in ours), float(first.max()) if len(first) else 0.0


def assert_same_spikes(model, x, found):
    differ, spikes, margin = flips(model, x, found)
    assert spikes > 1000
    # Folding rounds differently: a flip where u is within rounding of V, and what follows from it.
    assert differ <= 1e-4 * spikes
    assert margin < 1e-5


@pytest.fixture(scope="module")
def images():
    data = digits()
    return Inputs.of(data, steps=STEPS)(data.test_images[:100])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a function name → (checkpoint folder, network), trained on digits for one epoch."""
    done = {}

    def train(name, **changes):
        key = (name, *sorted(changes.items()))
        if key not in done:
            channels = {"mlp": (64, 32), "convnet": (8, 12, 16)}.get(name)
            config = TrainConfig(model=name, channels=channels, steps=STEPS, epochs=1, lr=0.05,
                                 augmentation=False, device="cpu", **changes)  # fmt: skip
            data, folder = digits(), tmp_path_factory.mktemp(name)
            model = build_model(config, data.shape, len(data.classes))
            for _ in fit(config, data, model=model, out=folder):
                pass
            done[key] = folder, model.eval()
        return done[key]

    return train


@pytest.mark.parametrize("reader", [snntorch, spikingjelly, norse])
@pytest.mark.parametrize("decay", [0.5, 0.8, 1.0])
def test_others_fire_the_same_spikes_on_a_trained_mlp(trained, images, reader, decay):
    _, model = trained("mlp", decay=decay)
    assert_same_spikes(model, images, run(reader, to_nir(model, (1, 8, 8)), images))


@pytest.mark.parametrize("reader", [snntorch, spikingjelly])
def test_others_fire_the_same_spikes_on_a_trained_convnet(trained, images, reader, tmp_path):
    folder, model = trained("convnet")
    assert main(["export", "--nir", str(folder), str(tmp_path / "net.nir")]) == 0
    graph = read_graph(tmp_path / "net.nir")
    assert_same_spikes(model, images, run(reader, graph, images))


def small_feedback(*, skip: bool = True) -> Network:
    """Feedback 3→2 and 2→2, a skip 1→3, biases, and an unusual threshold."""
    shapes = [(0, 1, 64, 40), (1, 2, 40, 30), (2, 3, 30, 20), (3, 4, 20, 10), (3, 2, 20, 30),
              (2, 2, 30, 30), *([(1, 3, 40, 20)] if skip else [])]  # fmt: skip
    connections = [
        Connection(a, b, Synapse(torch.nn.Flatten(), Scale(2.0), Linear(m, n, bias=a < b)))
        for a, b, m, n in shapes
    ]
    return Network(connections, LIFParams(decay=0.7, threshold=0.3))


@pytest.mark.parametrize("reader", [snntorch, spikingjelly, norse])
def test_others_fire_the_same_spikes_with_skips_and_feedback(images, reader):
    torch.manual_seed(1)
    # Norse 1.1 evaluates breadth first, so that a skip arrives before what it should be added to.
    model = small_feedback(skip=reader is not norse).eval()
    assert_same_spikes(model, images, run(reader, to_nir(model, (1, 8, 8)), images))


@pytest.mark.parametrize("name", ["resnet", "vgg11f"])
def test_the_course_s_skip_and_feedback_networks_run_in_snntorch(name, images):
    torch.manual_seed(0)
    config = TrainConfig(model=name, steps=STEPS)
    model = build_model(config, (1, 8, 8), 10).eval()
    x = images[:, :8]
    assert_same_spikes(model, x, run(snntorch, to_nir(model, (1, 8, 8)), x))


@pytest.mark.parametrize("broken", ["reset", "threshold", "scale"])
def test_the_comparison_sees_a_broken_export(trained, images, broken):
    _, model = trained("mlp")
    graph = to_nir(model, (1, 8, 8))
    if broken == "reset":
        graph.nodes["p001_reset_0_linear"].weight *= 0
    elif broken == "threshold":
        graph.nodes["p001_neuron"].v_threshold *= 1.01
    else:
        graph.nodes["p002_in001_0_linear"].weight /= 2.74
    with pytest.raises(AssertionError):
        assert_same_spikes(model, images, run(snntorch, graph, images))


def test_equality_fires_as_ours_does():
    """u hits V exactly: a reader of > must fire because the file's V is the float32 below."""
    layers = Linear(1, 1, bias=False), Linear(1, 1, bias=False)
    torch.nn.init.ones_(layers[0].weight)
    model = Network([Connection(0, 1, Synapse(layers[0])), Connection(1, 2, Synapse(layers[1]))])
    x = constant(torch.ones(1, 1), 4)
    assert record(model, x).populations[0].s.sum() == 4  # u = 1 = V at every step
    graph = to_nir(model, (1,))
    for reader in (snntorch, norse):
        assert run(reader, graph, x)[0].sum() == 4
    graph.nodes["p001_neuron"].v_threshold[:] = 1.0
    assert run(snntorch, graph, x)[0].sum() < 4


@pytest.mark.parametrize(
    ("name", "decay"),
    [*((name, decay) for name in ("mlp", "convnet") for decay in (0.0, 0.5, 1.0)),
     ("resnet", 0.5), ("vgg11f", 0.5)],
)  # fmt: skip
def test_what_is_exported_imports_to_the_same_spikes(name, decay, images, tmp_path):
    torch.manual_seed(0)
    config = TrainConfig(model=name, decay=decay, threshold=0.8)
    model = build_model(config, (1, 8, 8), 10).eval()
    write_graph(to_nir(model, (1, 8, 8)), tmp_path / "a.nir")
    back = from_nir(read_graph(tmp_path / "a.nir"))
    assert back.neuron.decay == decay
    assert back.neuron.threshold == pytest.approx(0.8, abs=1e-7)
    assert sorted(back.ends) == sorted(model.ends)
    x = images[:, :8]
    assert_same_spikes(model, x, [p.s for p in record(back, x).populations])


def test_export_import_and_eval_on_the_command_line(trained, tmp_path, capsys):
    folder, _ = trained("convnet")
    file, out = str(tmp_path / "net.nir"), str(tmp_path / "back")
    assert main(["export", "--nir", str(folder), file]) == 0
    assert main(["import", "--nir", file, "--out", out]) == 0
    capsys.readouterr()
    shown = []
    for run_folder in (str(folder), out):
        assert main(["eval", run_folder, "--rule", "bptt"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert main(["export", "--nir", out, str(tmp_path / "again.nir")]) == 0
    assert main(["eval", out, "--rule", "saf_e", "--compare"]) == 0


def write_foreign(path, kind, **changes):
    """Write what others write: Affine, neuron, Affine, in NIR's plain form."""
    ones = np.ones(8)
    fields = {"v_threshold": ones, "r": 2 * ones, "v_leak": 0 * ones, "tau": 2e-4 * ones}
    if kind == "CubaLIF":
        fields |= {"tau_syn": 3e-4 * ones, "tau_mem": fields.pop("tau")}
    if kind == "IF":
        fields = {"v_threshold": ones, "r": ones}
    rng = np.random.default_rng(0)
    graph = nir.NIRGraph.from_list(
        nir.Affine(weight=rng.normal(size=(8, 64)), bias=rng.normal(size=8)),
        getattr(nir, kind)(**{**fields, **changes}),
        nir.Affine(weight=rng.normal(size=(10, 8)), bias=np.zeros(10)),
    )
    write_graph(graph, path)
    return path


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("LIF", {}, "reset by subtraction"),
        ("IF", {}, "reset by subtraction"),
        ("CubaLIF", {}, "one time constant"),
        ("CubaLIF", {"tau_mem": np.full(8, 1e-4)}, "never reset"),
        ("LIF", {"tau": np.full(8, 1e-5)}, "decay below 0"),
        ("LIF", {"v_leak": np.full(8, 0.1)}, "v_leak 0"),
        ("LIF", {"v_threshold": np.arange(1.0, 9.0)}, "one value of v_threshold"),
        ("LIF", {"v_threshold": np.full(8, np.nan)}, r"finite numbers in node 'lif'\.v_threshold"),
        ("LIF", {"v_threshold": np.full(8, -1.0)}, "threshold above 0"),
    ],
)
def test_foreign_neurons_that_are_not_ours_are_refused(kind, changes, message, tmp_path):
    graph = read_graph(write_foreign(tmp_path / "a.nir", kind, **changes))
    with pytest.raises(ValueError, match=message):
        from_nir(graph)


def test_a_neuron_that_forgets_needs_no_reset(tmp_path):
    tau = np.full(8, 1e-4)
    file = write_foreign(tmp_path / "a.nir", "LIF", tau=tau, r=np.ones(8))
    assert from_nir(read_graph(file)).neuron.decay == 0.0


def test_a_foreign_lif_imports_when_its_writer_subtracted(tmp_path):
    """R = τ/dt, as snnTorch writes it, adds the input as it is."""
    file = write_foreign(tmp_path / "a.nir", "LIF")
    model = from_nir(read_graph(file), reset="subtract")
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(8, 64))
    torch.testing.assert_close(
        model.synapses[0].layer.weight.double(),
        torch.tensor(weight),
        rtol=1e-6,
        atol=1e-7,
    )
    assert model.neuron.decay == 0.5
    assert model.neuron.threshold > 1.0  # fires at >, ours at ≥


def test_files_that_snntorch_and_norse_write(tmp_path):
    snn = pytest.importorskip("snntorch")
    export = pytest.importorskip("snntorch.export_nir").export_to_nir
    torch.manual_seed(0)
    beta, v = torch.full((20,), 0.9), torch.ones(20)
    lif = snn.Leaky(beta=beta, threshold=v, init_hidden=True, reset_delay=False)
    theirs = torch.nn.Sequential(torch.nn.Linear(64, 20), lif, torch.nn.Linear(20, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = export(theirs, torch.randn(64))
    with pytest.raises(ValueError, match="reset by subtraction"):
        from_nir(graph)
    model = from_nir(graph, reset="subtract")
    x = constant(0.5 * torch.randn(50, 64), STEPS)
    spikes = []
    lif.register_forward_hook(lambda module, inputs, out: spikes.append(out.detach()))
    for now in x:
        theirs(now)
    seen = record(model, x).populations[0]
    assert seen.u.max() < 2.0  # above 2V snnTorch's own immediate reset subtracts once too often
    assert torch.equal(torch.stack(spikes), seen.s)

    norse_torch = pytest.importorskip("norse.torch")
    cell = norse_torch.SequentialState(
        torch.nn.Linear(64, 20), norse_torch.LIFBoxCell(), torch.nn.Linear(20, 10)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = norse_torch.to_nir(cell, torch.randn(64))
    with pytest.raises(ValueError, match=r"decay below 0|reset by subtraction|one value"):
        from_nir(graph)


@pytest.mark.parametrize("content", [b"", b"no HDF5", "truncated", "foreign"])
def test_damaged_and_foreign_files_are_refused_with_a_remedy(content, tmp_path, capsys):
    file = tmp_path / "a.nir"
    if content == "foreign":
        h5py = pytest.importorskip("h5py")
        with h5py.File(file, "w") as f:
            f["weights"] = np.ones(3)
    else:
        write_foreign(file, "LIF")
        file.write_bytes(file.read_bytes()[:900] if content == "truncated" else content)
    assert main(["import", "--nir", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "Expected a NIR file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_its_remedy(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(__import__("sys").modules, "nir", None)
    assert main(["export", "--nir", str(tmp_path), str(tmp_path / "a.nir")]) == 2
    assert "pip install 'saflab[nir]'" in capsys.readouterr().err


def test_nothing_half_written_stays(trained, tmp_path, monkeypatch, capsys):
    folder, _ = trained("mlp", decay=0.5)

    def full(path, graph):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nir, "write", full)
    assert main(["export", "--nir", str(folder), str(tmp_path / "a.nir")]) == 2
    assert "Free some space" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_import_of_other_sizes_is_refused(tmp_path, capsys):
    graph = nir.NIRGraph.from_list(
        nir.Affine(weight=np.ones((8, 5)), bias=np.zeros(8)),
        nir.LIF(**{field: np.full(8, value) for field, value in LIF.items()}),
        nir.Affine(weight=np.ones((10, 8)), bias=np.zeros(10)),
    )
    write_graph(graph, tmp_path / "a.nir")
    arguments = ["import", "--nir", str(tmp_path / "a.nir"), "--data", "digits"]
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    assert "--steps" in capsys.readouterr().err
    assert main([*arguments, "--steps", "4", "--out", str(tmp_path)]) == 2
    assert "5 inputs" in capsys.readouterr().err


def test_shapes_that_do_not_fit_are_named_with_a_remedy():
    nodes = {
        "in": nir.Input({"input": np.array([64])}),
        "one": nir.Linear(np.ones((8, 64))),
        "lif": nir.LIF(**{f: np.full(8, v) for f, v in LIF.items()}),
        "two": nir.Linear(np.ones((10, 9))),  # there are 8 neurons before it
        "out": nir.Output({"output": np.array([10])}),
    }
    names = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)
    with pytest.raises(ValueError, match=r"shapes that fit.*Check the file with the library"):
        from_nir(graph)


def test_recordings_are_imported_with_the_files_own_steps(tmp_path, capsys):
    pytest.importorskip("tonic")
    root = ["--root", str(recordings.nmnist(tmp_path / "data"))]
    run, file, out = (str(tmp_path / name) for name in ("run", "a.nir", "out"))
    training = ["train", "--data", "nmnist", *root, "--out", run, "--model", "mlp", "--epochs", "1"]
    assert main([*training, "--channels", "8", "--steps", "3", "--device", "cpu"]) == 0
    assert main(["export", "--nir", run, file]) == 0
    assert main(["import", "--nir", file, *root, "--out", out]) == 0
    capsys.readouterr()
    shown = []
    for folder in (run, out):
        assert main(["eval", folder, *root, "--rule", "bptt"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert main([*training, "--resume", "--out", out]) == 2
    assert "saflab import" in capsys.readouterr().err


def test_an_import_leaves_a_running_training_alone(trained, tmp_path, capsys):
    folder, _ = trained("mlp")
    assert main(["export", "--nir", str(folder), str(tmp_path / "a.nir")]) == 0
    with checkpoints.claim(tmp_path / "run"):
        arguments = ["--nir", str(tmp_path / "a.nir"), "--out", str(tmp_path / "run")]
        assert main(["import", *arguments]) == 2
    assert "another run at work" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_an_imported_checkpoint_loads_without_code(trained, tmp_path):
    folder, _ = trained("convnet")
    assert main(["export", "--nir", str(folder), str(tmp_path / "a.nir")]) == 0
    assert main(["import", "--nir", str(tmp_path / "a.nir"), "--out", str(tmp_path)]) == 0
    assert "wiring" in checkpoints.load(tmp_path)
