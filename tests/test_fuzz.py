"""Random configurations and inputs: each works or is refused with what to do, and leaves nothing.

SAFLAB_FUZZ sets the number of cases of each kind (100), SAFLAB_FUZZ_SEED the first seed (0).
"""

import io
import os
import random
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image

from saflab import cli, data, models, ops
from saflab.analysis.evaluation import evaluate
from saflab.analysis.recording import record, record_neuron
from saflab.data import encoders
from saflab.data import event_cameras as events
from saflab.data.inputs import Inputs
from saflab.gradients import sequence
from saflab.neurons import SURROGATES, LIFParams
from saflab.ops import scan
from saflab.rules import RULES, get_rule
from saflab.training import checkpoints, fit
from saflab.training.config import TrainConfig

CASES, SEED = (int(os.environ.get(f"SAFLAB_{k}", d)) for k, d in (("FUZZ", 100), ("FUZZ_SEED", 0)))
ODD = (
    None, True, -1, 0, 1, 2, 3, 0.5, 1.5, -0.25, 1e-300, 1e300, 10**30, float("nan"), float("inf"),
    -float("inf"), "", "3", "saf_e", "cpu", b"x", [], [3], (1, 2), {}, 2j,
)  # fmt: skip
DTYPES = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool,
          torch.complex64)  # fmt: skip
NAMES = {
    "rule": tuple(RULES), "model": ("mlp", "convnet", "resnet"), "trace": ("official", "full"),
    "surrogate": SURROGATES, "impl": ops.IMPLEMENTATIONS, "update": ("sequence", "step"),
    "encoder": tuple(encoders.ENCODERS), "precision": ("float32", "bfloat16"),
}  # fmt: skip


def pick(rng, good, odd=ODD, share=0.1):
    """Return one of `good`, or in a share of cases one of `odd`."""
    return rng.choice(odd) if rng.random() < share else rng.choice(good)


def values(rng, *shape, share=0.15):
    """Return random numbers in [0, 1], in a share of cases of odd shape, dtype or content."""
    if rng.random() < share:
        shape = tuple(rng.choice([0, 1, 2, 3, 8]) for _ in range(rng.randrange(6)))
    x = torch.rand(shape, generator=torch.Generator().manual_seed(rng.randrange(2**31)))
    if rng.random() < share and x.numel():
        bad = rng.choice([float("nan"), float("inf"), -float("inf"), 1e38, -1e38, -3.0, 255.0])
        x.view(-1)[rng.randrange(x.numel())] = bad
    dtype = pick(rng, [torch.float32], DTYPES, share)
    return x.nan_to_num().clamp(0, 1).mul(200).to(dtype) if dtype in DTYPES[3:6] else x.to(dtype)


def pixels(rng, *shape):
    x = values(rng, *shape, share=0.05)
    x = x.real if x.is_complex() else x
    return x if rng.random() < 0.05 else (x.float().nan_to_num().clamp(0, 1) * 255).byte()


def classes(rng, n):
    y = torch.randint(pick(rng, [3], [9]), (pick(rng, [n], [n + 1, 0]),))
    return pick(rng, [y], [y.float(), y - 1, y[:, None], y.bool(), y.int()])


def neuron(rng, path):
    p = LIFParams(decay=pick(rng, [0.0, 0.5, 1.0]), threshold=pick(rng, [0.1, 1.0, 9]),
                  surrogate=pick(rng, SURROGATES), slope=pick(rng, [0.5, 4.0]))  # fmt: skip
    return record_neuron(torch.rand(4), p).s


def configuration(rng, path):
    chosen: dict = {}
    for field in rng.sample(fields(TrainConfig), rng.randrange(1, 4)):
        chosen[field.name] = pick(rng, NAMES.get(field.name, (field.default,)), share=0.4)
    config = TrainConfig(**chosen)
    config.torch_device()
    config.neuron()


def encoding(rng, path):
    name = pick(rng, list(encoders.ENCODERS), ["morse", None])
    return encoders.encode(values(rng, 2, 1, 4, 4), pick(rng, [1, 2, 3]), name)


def time_loop(rng, path):
    kind = pick(rng, ["lif", "ottt", "saf"], ["gru", None])
    state = scan("lif", torch.rand(2, 3), None, LIFParams())[1] if rng.random() < 0.1 else None
    impl = pick(rng, ["auto", "reference", "cpu"], ["tpu", None])
    currents = values(rng, 3, 2, 4)
    if not torch.isfinite(currents).all():  # `scan` does not look at values, as it says
        currents = torch.ones(3, 2, 4)
    return scan(kind, currents, state, LIFParams(), impl=impl)[1]


def network(rng):
    kind = rng.choice(["mlp", "convnet"])
    sizes = {"hidden": (5,)} if kind == "mlp" else {"channels": (2, 2, 2)}
    return models.build(kind, (1, 8, 8), 3, **sizes)


def forward(rng, path):
    x = values(rng, rng.randrange(1, 4), 2, 1, 8, 8)
    if rng.random() < 0.2 and x.dim() and len(x):
        x = x[:1].expand(3, *x.shape[1:])
    return record(network(rng), x, pick(rng, list(RULES), ["hebb", None])).readout


def gradient(rng, path):
    x = values(rng, rng.randrange(1, 4), 2, 1, 8, 8, share=0.1)
    net = network(rng)
    rule = get_rule(pick(rng, list(RULES), ["hebb"]), chunk=pick(rng, [1, 2], [0, -3]),
                    update=pick(rng, [None, "sequence"], ["step", "never"]))  # fmt: skip
    for _ in sequence(net, x, classes(rng, 2), rule, mse=rng.choice([0.05, 0.0, 1.0])):
        pass
    return [p.grad for p in net.parameters() if p.grad is not None]


def building(rng, path):
    # vgg11 has nine million parameters: not often.
    name = pick(rng, ["mlp", "convnet", "resnet"], ["vgg11", "vgg11f", "lstm", None], 0.05)
    size = pick(rng, [(1, 8, 8), (3, 9, 16)], [(2, 3, 3), (0, 8, 8), (1, 8), (1, -8, 8), (), None,
                                             (1.5, 8, 8), "8x8"], 0.3)  # fmt: skip
    models.build(name, size, pick(rng, [10, 2, 1], [0, -1, 1.5, None, "3"], 0.2))


def training(rng, path):
    n, size = rng.choice([1, 4, 7]), pick(rng, [(1, 8, 8), (2, 2, 8, 8)], [(8, 8), (0, 8, 8)], 0.05)
    found = data.Dataset(
        name="fuzz", source="random", train_images=pixels(rng, n, *size),
        train_labels=classes(rng, n), test_images=pixels(rng, 3, *size),
        test_labels=classes(rng, 3), classes=pick(rng, [("a", "b", "c")], [(), ("a",)], 0.05),
    )  # fmt: skip
    model = rng.choice(["mlp", "convnet"])
    config = TrainConfig(
        model=model, channels=pick(rng, [(4,) if model == "mlp" else (2, 2, 2)], [(), (0,), (4,)]),
        device="cpu", epochs=1, rule=rng.choice(list(RULES)), steps=2, batch=rng.choice([1, 4, 99]),
        encoder=pick(rng, ["constant"], ["poisson", "latency"], 0.3), precision=rng.choice(
            NAMES["precision"]), lr=pick(rng, [0.0, 0.1], [1e30]),
    )  # fmt: skip
    out = path / "run"
    try:
        *_, end = fit(config, found, out=out)
        assert checkpoints.load(out)["step"] == end.step
    finally:
        assert {p.name for p in out.glob("*")} <= {"checkpoint.pt", ".lock"}


def measuring(rng, path):
    mean, std = pick(rng, [([0.5], [0.2])], [([0.5], [0.0]), ([], []), ([0.5] * 3, [0.2] * 3),
                                             ([float("nan")], [1.0])])  # fmt: skip
    images = pixels(rng, 3, 1, 8, 8)
    inputs = Inputs(mean=tuple(mean), std=tuple(std), steps=pick(rng, [1, 2]),
                    encoder=pick(rng, ["constant", "poisson"], ["morse"]))  # fmt: skip
    evaluate(network(rng), images, classes(rng, 3), inputs, rule=pick(rng, list(RULES), ["x"]),
             batch=pick(rng, [1, 2, 50], [0, -1]))  # fmt: skip


IMPORTED = {"config": {"rule": "bptt"}, "shape": [1, 8, 8], "classes": ["a", "b", "c"],
            "data": "fuzz", "mean": [0.5], "std": [0.2]}  # fmt: skip


def checkpoint(rng, path):
    """A checkpoint with bits flipped, cut, or of foreign content."""
    file = path / "checkpoint.pt"
    net = network(rng)
    checkpoints.save(file, IMPORTED | {"model": net.state_dict()})
    raw = bytearray(file.read_bytes())
    what = rng.randrange(5)
    if what == 0:
        raw = raw[: rng.randrange(len(raw))]
    elif what == 1:
        for _ in range(rng.randrange(1, 40)):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    elif what == 2:
        raw = bytearray(rng.randbytes(rng.randrange(200)))
    elif what == 3:
        torch.save(rng.choice([None, 3, [1], {"format": "1"}, {"format": 1}]), file)
        raw = bytearray(file.read_bytes())
    file.write_bytes(raw)
    content = checkpoints.load(file)
    checkpoints.restore(net, content.get("model", {}))


def folder(rng, path):
    """A folder of images in which something may be wrong."""
    for split in ("train", "test"):
        for name in ("a", "ß b"):
            (path / split / name).mkdir(parents=True)
            for i in range(2):
                pixels = np.zeros((8, rng.choice([8] * 99 + [9]), 3), np.uint8)
                picture = Image.fromarray(pixels).convert(rng.choice(["RGB", "L", "RGBA", "1"]))
                picture.save(path / split / name / f"{i}.png")
    victim = rng.choice([p for p in path.rglob("*") if p.is_file()])
    what = rng.randrange(14)
    if what == 0:
        victim.write_bytes(victim.read_bytes()[: rng.randrange(60)])
    elif what == 1:
        victim.write_bytes(rng.randbytes(rng.randrange(100)))
    elif what == 2:
        shutil.rmtree(victim.parent)
    elif what == 3:
        shutil.rmtree(victim.parent.parent)
        victim.parent.parent.write_text("a file")
    elif what == 4:
        victim.unlink()
        victim.mkdir()
    elif what == 5:
        victim.unlink()
        victim.symlink_to(path / "nowhere")
    elif what == 6:
        (victim.parent / "notes.txt").write_text("not an image")
    root = pick(rng, [path], [victim, path / "no\nwhere", ""])
    name = pick(rng, ["cifar10", "auto"], ["cifar100", "mnist", None])
    data.load(name, root, limit=pick(rng, [None, 1, 3], [0, -1]))


def recording(rng, path):
    kinds = [(axis, rng.choice(["<i2", "<i8", "<u2"])) for axis in "xytp"]
    found = np.zeros(pick(rng, [1, 9, 50], [0]), kinds)
    draw = np.random.default_rng(rng.randrange(2**31))
    for axis, high in (("x", 34), ("y", 34), ("t", 9000), ("p", 2)):
        low = pick(rng, [0], [-2], 0.05) if found[axis].dtype.kind == "i" else 0
        found[axis] = draw.integers(low, pick(rng, [high], [high + 9], 0.05), len(found))
    return events.frames(found, pick(rng, [1, 2, 5]), (34, 34, 2), pick(rng, [1, 2], [4, 5]))


def command(rng, path):
    """A command line with odd values, on an odd folder."""
    good = {
        "--rule": "saf_f", "--steps": "2", "--lr": "0.1", "--batch": "8", "--decay": "1",
        "--threshold": "0.5", "--mse": "0", "--encoder": "latency", "--model": "convnet",
        "--precision": "bfloat16", "--impl": "reference", "--chunk": "1", "--seed": "3",
        "--limit": "0", "--seeds": "2", "--channels": "3", "--surrogate": "arctan",
        "--update": "sequence", "--momentum": "0",
    }  # fmt: skip
    odd = ["0", "-1", "nan", "inf", "1e9", "x", "", "saf_f", "step"]
    arguments = ["train", "--data", pick(rng, ["digits"], ["cifar10", "nmnist", "x"]), "--root",
                 str(path / "nowhere"), "--out", str(path / "out"), "--epochs", "1", "--model",
                 "mlp", "--device", "cpu"]  # fmt: skip
    for flag in rng.sample(list(good), 2):
        arguments += [flag, pick(rng, [good[flag]], odd, 0.2)]
    if rng.random() < 0.1:
        arguments = ["eval", str(path / rng.choice(["", "nowhere"]))]
    err = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(err):
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse's own refusal
            status = stop.code
            raise ValueError(err.getvalue()) from stop
    assert status in (0, 2), err.getvalue()
    if status:
        raise ValueError(err.getvalue())


KINDS = [neuron, configuration, encoding, time_loop, forward, gradient, building, training,
         measuring, checkpoint, folder, recording, command]  # fmt: skip


def finite(result):
    if isinstance(result, torch.Tensor):
        return not result.is_floating_point() or bool(torch.isfinite(result).all())
    return all(map(finite, result)) if isinstance(result, list | tuple) else True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_case_works_or_is_refused_with_a_remedy(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    worked = refused = 0
    broken = []
    if kind is command:  # as many steps as the quick default would take seconds
        digits = data.digits()
        few = replace(digits, train_images=digits.train_images[:40],
                      train_labels=digits.train_labels[:40], test_images=digits.test_images[:9],
                      test_labels=digits.test_labels[:9])  # fmt: skip
        monkeypatch.setattr(data, "digits", lambda: few)
    for case in range(CASES):
        rng = random.Random(f"{SEED} {kind.__name__} {case}")
        torch.manual_seed(case)
        place = tmp_path / str(case)
        place.mkdir()
        try:
            assert finite(kind(rng, place)), "a result that is not finite"
            worked += 1
        except ValueError as error:
            refused += 1
            if not re.search(r"(?s)Expected .*(but|, not) ", str(error)):
                broken.append(f"case {case}: {type(error).__name__} without remedy: {error}")
        except Exception as error:
            broken.append(f"case {case}: {type(error).__name__}: {error}")
        half = [p for p in place.rglob("*") if p.suffix == ".tmp" or p.name.startswith(".unpack")]
        if half:
            broken.append(f"case {case}: left {half}")
        shutil.rmtree(place)
    print(f"\nfuzz {kind.__name__}: {CASES} cases, {worked} worked, {refused} refused", end="")
    assert not broken, f"{len(broken)} of {CASES}:\n" + "\n".join(broken[:12])
    assert worked
    assert refused
