"""Damaged, foreign and newer checkpoints: each gives a clear error, none loads silently wrong."""

import io
import os
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from saflab import cli
from saflab.training import checkpoints, fit
from saflab.training.checkpoints import CheckpointError, load, network_of
from saflab.training.config import TrainConfig
from saflab.training.events import Controls, StepEnd
from saflab.training.run import Run

CASES = int(os.environ.get("SAFLAB_FUZZ_FILES", "2000"))


@pytest.fixture(scope="module")
def tiny():
    return TrainConfig(model="mlp", channels=(2,), epochs=2, batch=50, steps=2, device="cpu")


@pytest.fixture(scope="module")
def whole(few, tiny, tmp_path_factory):
    """The bytes of a checkpoint in the middle of a run."""
    folder, controls = tmp_path_factory.mktemp("run"), Controls()
    for event in fit(tiny, few, out=folder, controls=controls):
        if isinstance(event, StepEnd) and event.step == 3:
            controls.stop()
    return (folder / "checkpoint.pt").read_bytes()


def refused(path):
    """Load as `eval`, `export` and `--resume` do; return the message of the refusal."""
    with pytest.raises(CheckpointError) as error:
        network_of(load(path))
    text = str(error.value)
    assert text.startswith("Expected ")
    assert ", but found " in text
    return text


def damaged(rng, whole, other):
    """Return the bytes of a damaged checkpoint."""
    raw, n = bytearray(whole), len(whole)
    kind = rng.randrange(8)
    if kind <= 2:  # one byte; more often one bit of it
        raw[rng.randrange(n)] ^= rng.choice([1 << rng.randrange(8), rng.randrange(1, 256)])
    elif kind == 3:
        raw = raw[: rng.randrange(n)]
    elif kind == 4:  # a part of another checkpoint
        start = rng.randrange(n - 1)
        stop = rng.randrange(start + 1, n)
        raw[start:stop] = other[start:stop]
    elif kind == 5:  # a hole, as after a crash of the system
        start = rng.randrange(n - 1)
        raw[start : start + 512] = bytes(len(raw[start : start + 512]))
    elif kind == 6:
        raw = raw[rng.randrange(1, n) :]
    else:
        raw += rng.randbytes(rng.randrange(1, 200))
    return bytes(raw)


def test_no_damaged_file_loads(whole, tiny, few, tmp_path):
    other = io.BytesIO()
    torch.save({"format": 2, **Run(replace(tiny, seed=7), few, None).content()}, other)
    foreign = other.getvalue().ljust(len(whole), b"x")
    path, cases = tmp_path / "checkpoint.pt", 0
    rng = random.Random(0)
    while cases < CASES:
        raw = damaged(rng, whole, foreign)
        if raw != whole:
            path.write_bytes(raw)
            refused(path)
            cases += 1
    path.write_bytes(whole)
    assert load(path)["step"] == 3


def test_every_byte_of_the_last_line_counts(whole, tmp_path):
    path = tmp_path / "checkpoint.pt"
    for place in range(len(whole) - checkpoints._LENGTH, len(whole)):
        raw = bytearray(whole)
        raw[place] ^= 1
        path.write_bytes(raw)
        refused(path)


def first_format(content, path):
    """Write as version 0.1 did: λ was `leak`, and there was no checksum."""
    config = {k: v for k, v in content["config"].items() if k != "decay"}
    torch.save({**content, "format": 1, "config": config | {"leak": 0.25}}, path)


def test_a_checkpoint_of_version_0_1_is_read(whole, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(whole)
    first_format(load(path), path)
    config, network = network_of(load(path))
    assert config.decay == network.neuron.decay == 0.25


ODD = (None, True, -1, 0, 2**70, 0.5, float("nan"), "x", b"x", [], [3], {}, {"x": 1}, [None], ())


def spoiled(rng, content):
    """Return the content with one value, at some depth, missing or of another kind."""
    content = {**content}
    place = content
    while True:
        key = rng.choice(list(place))
        inner = place[key]
        if isinstance(inner, dict) and inner and rng.random() < 0.8:
            place[key] = place = {**inner}
        elif isinstance(inner, list) and inner and rng.random() < 0.6:
            index = rng.randrange(len(inner))
            changed = [*inner]
            changed[index] = rng.choice(ODD)
            place[key] = changed
            return content
        else:
            break
    if rng.random() < 0.3:
        del place[key]
    elif isinstance(inner, torch.Tensor) and rng.random() < 0.7:
        place[key] = rng.choice([inner[:0], inner.flatten()[:1], inner * float("nan"), inner / 0])
    else:
        place[key] = rng.choice(ODD)
    return content


def test_content_of_another_kind_is_refused_or_loads_as_a_network(whole, tmp_path, few):
    """Through the old format, which has no checksum: nothing but the content can tell."""
    path, rng, seen = tmp_path / "checkpoint.pt", random.Random(1), {"worked": 0, "refused": 0}
    path.write_bytes(whole)
    content = load(path)
    for _ in range(CASES // 4):
        torch.save({**spoiled(rng, content), "format": 1}, path)
        try:
            found = load(path)
            config, _ = network_of(found)
            Run(config, few, None).resume(found)
            seen["worked"] += 1
        except CheckpointError as error:
            seen["refused"] += str(error).startswith("Expected ")
    assert sum(seen.values()) == CASES // 4
    assert seen["refused"] > CASES // 8
    assert seen["worked"] > 0  # an option set to another value that is allowed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["model"].popitem(), "another network"),
        (lambda c: c["model"]["synapses.1.layer.bias"].fill_(torch.inf), "synapses.1.layer.bias"),
        (lambda c: c["optimizer"]["state"][0]["momentum_buffer"].fill_(float("nan")), "momentum"),
        (lambda c: c["config"].pop("epochs") and c["config"].update(epoch=2), "epoch"),
        (lambda c: c.update(step=99), r"step in 0…4"),
        (lambda c: c["mean"].append(0.5), "one finite mean per channel"),
        (lambda c: c.update(classes=[]), "names of classes"),
        (lambda c: c.pop("history"), "history"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_content_is_named(whole, tmp_path, change, message):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(whole)
    content = load(path)
    change(content)
    checkpoints.save(path, content)
    with pytest.raises(CheckpointError, match=message):
        network_of(load(path))


def test_a_newer_format_says_so(whole, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(whole)
    content = load(path)
    monkeypatch.setattr(checkpoints, "FORMAT", 3)
    checkpoints.save(path, {**content, "format": 3})
    monkeypatch.undo()
    assert "newer saflab" in refused(path)
    torch.save({"format": 3}, path)
    assert "newer saflab" in refused(path)


@pytest.mark.parametrize(
    "foreign",
    [None, 3, [1], {}, {"format": "1"}, {"format": True}, {"state_dict": {}}, {"format": 1},
     {"format": 1, "config": 3}, torch.zeros(3)],
)  # fmt: skip
def test_foreign_files_are_refused_by_every_command(foreign, tmp_path, capsys):
    path = tmp_path / "checkpoint.pt"
    torch.save(foreign, path)
    for arguments in (
        ["eval", str(tmp_path)],
        ["export", "--nir", str(tmp_path), str(tmp_path / "x.nir")],
        ["train", "--data", "digits", "--model", "mlp", "--out", str(tmp_path), "--resume",
         "--device", "cpu"],
    ):  # fmt: skip
        assert cli.main(arguments) == 2
        text = capsys.readouterr().err
        assert text.startswith("saflab: Expected ")
        assert text.count("\n") == 1


def test_files_of_other_programs_are_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    np.savez(path.with_suffix(".npz"), a=np.zeros(3))
    for raw in (b"", b"\x89PNG\r\n", b"{}", path.with_suffix(".npz").read_bytes(), bytes(10_000)):
        path.write_bytes(raw)
        refused(path)


def test_a_training_that_diverges_keeps_the_weights_before(few, small, tmp_path):
    controls, kept = Controls(save_every=0), []
    events = fit(replace(small, lr=1e30), few, out=tmp_path, controls=controls)
    with pytest.raises(ValueError, match=r"finite.*Lower the learning rate.*step \d"):
        kept.extend(iter(events))
    network_of(load(tmp_path))  # finite, or it would be refused
    assert load(tmp_path)["step"] == sum(isinstance(e, StepEnd) for e in kept)


def test_nan_in_a_hidden_weight_ends_the_training(few, small):
    run = Run(small, few, None)
    with torch.no_grad():
        run.model.get_parameter("synapses.0.layer.weight")[3, 5] = float("nan")
    with pytest.raises(ValueError, match=r"Expected finite"):
        run.train_step(0.1)
