"""Training on a device that runs ahead of the host: tried on the CPU, which plays that device."""

import contextlib
import dataclasses
import itertools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import saflab.training.run
from saflab import machine, training
from saflab.analysis.evaluation import evaluate
from saflab.data.encoders import constant
from saflab.data.inputs import Inputs
from saflab.gradients import sequence
from saflab.models import build
from saflab.rules import RULES, mode_of
from saflab.training import checkpoints, fit
from saflab.training.cuda_graph import Captured
from saflab.training.events import Controls, EpochEnd, RunEnd, StepEnd

# What makes the host wait for a GPU: a number read, a shape that depends on values, a tensor made
# from numbers of the host.
WAITS = {"_local_scalar_dense", "equal", "nonzero", "masked_select", "_unique2", "lift_fresh"}


class Waits(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        by_mask = name.startswith("index") and any(
            x is not None and x.dtype == torch.bool for x in args[1] if not isinstance(x, int)
        )
        if name in WAITS or by_mask:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


class Event:
    """A CUDA event that has happened when it is asked for the second time."""

    waited = 0

    def __init__(self):
        self.asked = 0

    def record(self):
        pass

    def query(self):
        self.asked += 1
        return self.asked > 1

    def synchronize(self):
        if self.asked <= 1:
            Event.waited += 1


@pytest.fixture
def ahead(monkeypatch):
    monkeypatch.setattr(machine, "on_gpu", lambda device: True)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    Event.waited = 0


def weights(folder):
    return checkpoints.load(folder)["model"]


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_detector_sees_what_waits():
    x = torch.ones(3)
    for wait in (
        lambda: float(x[0]), lambda: bool(x[0]), lambda: x.isfinite().all().item(),
        lambda: x[x > 0], lambda: torch.tensor([1.0, 2.0]),
        lambda: torch.nn.functional.one_hot(x.long(), 3),
    ):  # fmt: skip
        with Waits() as found:
            wait()
        assert found.seen


@pytest.mark.usefixtures("ahead")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("encoder", ["constant", "poisson"])
def test_no_step_waits(rule, encoder, precision, few, small):
    config = dataclasses.replace(small, rule=rule, encoder=encoder, precision=precision)
    run = training.run.Run(config, few, None)
    run.train_step(0.1)  # the order of the epoch and the moments of the data are sent once
    with Waits() as found:
        for _ in range(2):
            run.train_step(0.1)
            list(run.arrived(wait=False))
    assert found.seen == []
    assert Event.waited == 0


@pytest.mark.usefixtures("ahead")
def test_no_step_of_a_convolutional_network_waits(few, small):
    config = dataclasses.replace(small, model="convnet", channels=(4, 4, 4))
    run = training.run.Run(config, few, None)
    run.train_step(0.1)
    with Waits() as found:
        run.train_step(0.1)
    assert found.seen == []


@pytest.mark.usefixtures("ahead")
@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("encoder", ["constant", "poisson"])
def test_evaluation_waits_at_its_ends_and_not_for_each_batch(rule, encoder, few):
    network, inputs = build("mlp", (1, 8, 8), 10), Inputs.of(few, encoder=encoder)

    def seen(batch):
        with Waits() as found:
            evaluate(network, few.test_images, few.test_labels, inputs, rule=rule, batch=batch)
        return found.seen

    seen(50)  # the moments of the data are sent once
    one, ten = seen(50), seen(5)
    assert len(one) > 0  # labels checked, results read
    assert ten == one


@pytest.mark.usefixtures("ahead")
def test_runs_side_by_side_stop_and_go_on_at_the_same_batch(few, small, monkeypatch):
    pytest.importorskip("anywidget")
    from saflab.widgets.background import Training

    late = itertools.cycle([0, 3])  # one run's numbers are there at once, the other's late

    class Uneven(Event):
        def __init__(self):
            super().__init__()
            self.asked = 1 - next(late)

    monkeypatch.setattr(torch.cuda, "Event", Uneven)

    def stop_once(pair):
        pair.watch = None
        pair.stop()

    pair = Training(small, few, other="bptt", watch=stop_once)
    pair.run()
    first, second = pair.progress
    assert first.step == second.step == 1
    pair.run()
    assert first.end.finished
    assert len(first.loss) == len(second.loss) == first.steps
    pair.close()


def test_events_are_the_same_only_later(few, small, monkeypatch):
    here = list(fit(small, few))
    monkeypatch.setattr(machine, "on_gpu", lambda device: True)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    there = list(fit(small, few))
    assert [type(e) for e in here] == [type(e) for e in there]
    for a, b in zip(here, there, strict=True):
        if isinstance(a, StepEnd | EpochEnd):
            a, b = dataclasses.asdict(a), dataclasses.asdict(b)
            for measured in ("seconds", "peak_memory"):
                a.pop(measured, None), b.pop(measured, None)
        if isinstance(a, dict | RunEnd):
            assert a == b


@pytest.mark.usefixtures("ahead")
def test_steps_are_told_while_the_epoch_runs_and_waited_for_at_its_end(few, small):
    run, told = training.run.Run(small, few, None), []
    for _ in range(run.per_epoch):
        run.train_step(0.1)
        told.append([e.step for e in run.arrived(wait=False)])
    assert told == [[], [1], [2], [3], [4]]
    assert Event.waited == 0
    assert [e.step for e in run.arrived(wait=True)] == [5]
    assert Event.waited == 1


@pytest.mark.usefixtures("ahead")
def test_stopped_and_resumed_loses_no_step(few, small, tmp_path):
    list(fit(small, few, out=tmp_path / "whole"))
    controls, steps = Controls(save_every=0.0), []
    for event in fit(small, few, out=tmp_path / "parts", controls=controls):
        if isinstance(event, StepEnd):
            steps.append(event.step)
            if event.step == 3:
                controls.stop()
    assert steps == list(range(1, checkpoints.load(tmp_path / "parts")["step"] + 1))
    list(fit(small, few, out=tmp_path / "parts", resume=True))
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.usefixtures("ahead")
def test_what_is_not_finite_is_named_when_it_arrives(few, small, tmp_path):
    x, y = constant(torch.full((2, 1, 8, 8), float("nan")), 3, check=False), torch.tensor([0, 1])
    for rule in ("saf_e", "saf_f", "ottt_a", "bptt"):
        network = build("mlp", (1, 8, 8), 10)
        assert all(done.loss.isnan() for done in sequence(network, x, y, rule))
    config = dataclasses.replace(small, lr=1e30)
    with pytest.raises(ValueError, match=r"finite loss, but found .* at step"):
        list(fit(config, few, out=tmp_path))
    assert all(w.isfinite().all() for w in weights(tmp_path).values())


@pytest.mark.parametrize("rule", list(RULES))
def test_bfloat16_learns_with_a_float32_state(rule, few):
    config = training.TrainConfig(
        rule=rule, model="mlp", channels=(64,), epochs=8, batch=20, steps=4, lr=0.1, device="cpu",
        augmentation=False, precision="bfloat16",
    )  # fmt: skip
    ends = [e for e in fit(config, few) if isinstance(e, EpochEnd)]
    assert ends[-1].loss < ends[0].loss
    assert ends[-1].train_accuracy > 0.6
    network = build("mlp", (1, 8, 8), 10)
    x = constant(torch.randn(2, 1, 8, 8), 4)
    seen = []
    with torch.autocast("cpu", torch.bfloat16):
        _, state = network(x, None, mode_of(rule), observe=lambda k, i, out: seen.append(out.dtype))
    assert seen[0] == torch.bfloat16  # what crosses a synapse
    assert {part.dtype for s in state.neurons[1:] for part in s} == {torch.float32}
    assert state.readout.dtype == torch.float32
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_a_gpu_convolves_channels_last_and_learns_the_same(few, small, monkeypatch):
    config, layouts = dataclasses.replace(small, model="convnet", channels=(4, 8, 8)), []
    results = []
    for gpu in (False, True):
        monkeypatch.setattr(machine, "on_gpu", lambda device, gpu=gpu: gpu)
        monkeypatch.setattr(torch.cuda, "Event", Event)
        run = training.run.Run(config, few, None)
        run.train_step(0.1)
        results.append(run.model.state_dict())
        x = constant(torch.randn(2, 1, 8, 8), 2)
        run.model(x, observe=lambda k, current, out: layouts.append(out.stride()))
    assert [strides[2] for strides in layouts[-3:]] == [1, 1, 1]
    for name, weight in results[0].items():
        torch.testing.assert_close(results[1][name], weight, rtol=1e-4, atol=1e-6)


def test_a_graph_needs_a_gpu(few, small):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="CUDA device for a CUDA graph, but found cpu"):
        next(fit(dataclasses.replace(small, cuda_graph=True), few))


class Graph:
    """A CUDA graph in Python: recording leaves the state as it was, a replay runs once more."""

    owner: "Recorded"

    def register_generator_state(self, generator):
        assert generator is self.owner.function.__self__.generator

    def replay(self):
        self.owner.output.copy_(self.owner.function(*self.owner.inputs))


class Recorded(Captured):
    def __init__(self, function, device, generators):
        super().__init__(function, torch.device("cuda"), generators)
        Graph.owner = self


class Stream:
    def __init__(self, *device):
        pass

    def wait_stream(self, other):
        pass


@contextlib.contextmanager
def record(graph):
    run = graph.owner.function.__self__
    momenta = [s["momentum_buffer"] for s in run.optimizer.state.values()]
    state = [*run.model.parameters(), *momenta]
    before = [x.detach().clone() for x in state]
    yield
    for x, old in zip(state, before, strict=True):
        x.detach().copy_(old)


@pytest.fixture
def graphs(monkeypatch):
    for name, value in {
        "CUDAGraph": Graph, "graph": record, "Stream": Stream, "current_stream": Stream,
        "stream": contextlib.nullcontext, "device": contextlib.nullcontext,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: None)


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("encoder", ["constant", "poisson"])
@pytest.mark.parametrize("rule", ["saf_e", "saf_f", "ottt_o", "bptt"])
def test_a_recorded_step_does_what_the_plain_step_does(rule, encoder, few, small, monkeypatch):
    """Loss of each step and last weights, bit for bit; an epoch's last batch is a smaller one."""
    config = dataclasses.replace(
        small, rule=rule, encoder=encoder, batch=15, epochs=3, cuda_graph=True
    )
    results = []
    for make in (lambda function, *_: function, Recorded):
        monkeypatch.setattr(saflab.training.run, "Captured", make)
        run = training.run.Run(config, few, None)
        losses = []
        while run.step < run.total:
            run.train_step(0.1 / (1 + run.step))
            losses += [e.loss for e in run.arrived(wait=True)]
        results.append((losses, [p.detach() for p in run.model.parameters()]))
    assert run.learn.graph is not None
    assert run.learn.calls == 3 * 6  # of seven batches in an epoch
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        assert torch.equal(a, b)
