"""NIR files: damaged ones never cross, and an import replaces nothing unasked."""

import random
import re

import numpy as np
import pytest

from saflab.cli import main
from saflab.network.linear_maps import Linear
from saflab.network.network import Connection, Network
from saflab.network.synapses import Synapse

nir = pytest.importorskip("nir")
from nir_graphs import affine, chain, lif, plain, same  # noqa: E402

from saflab.interop.nir import from_nir, read_graph, to_nir  # noqa: E402
from saflab.interop.nir.files import write_graph  # noqa: E402


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
