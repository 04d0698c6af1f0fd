"""Several processes do what one does: gradients, runs, and what happens when one is killed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from saflab.analysis.random_networks import random_network
from saflab.gradients import sequence
from saflab.rules import RULES
from saflab.training import checkpoints, distributed
from saflab.training.distributed import Averager, DistributedError, Team, team
from saflab.training.run import Run

IMAGES = 5  # odd, so that two processes take unequal shares


def batch_gradients(rule, rows, share, averager=None, network=None):
    """Gradients after each update of one batch of which this process has `rows`."""
    torch.manual_seed(1)
    x = torch.randn(4, IMAGES, 5, dtype=torch.float64)
    y = torch.randint(4, (IMAGES,))
    found, update = [], RULES[rule].update

    def take():
        if averager:
            averager.average(share)
        found.append([None if p.grad is None else p.grad.clone() for p in network.parameters()])
        with torch.no_grad():
            for p in network.parameters():
                p -= 0.1 * (0.0 if p.grad is None else p.grad)
        network.zero_grad(set_to_none=True)

    for _ in sequence(network, x[:, rows], y[rows], rule):
        if update == "step":
            take()
    if update == "sequence":
        take()
    return found


def network_of(seed):
    torch.manual_seed(seed)
    return random_network(random.Random(seed), "linear", "feedback")


def worker(rank, size, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/join", rank=rank, world_size=size)
    found, volume = {}, {}
    for rule in RULES:
        network = network_of(0)
        with torch.no_grad():
            for p in network.parameters():
                p += rank  # the weights of the first process are taken
        averager = Averager(network)
        rows, share = team().rows(IMAGES)
        found[rule] = batch_gradients(rule, rows, share, averager, network)
        volume[rule] = averager.bytes
    torch.save((found, volume, team().sum([rank + 1.0])), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    mp.spawn(worker, (2, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("rule", list(RULES))
def test_two_processes_give_the_gradients_of_one(rule, two):
    alone = batch_gradients(rule, slice(None), 1.0, network=network_of(0))
    for found, _, _ in two:
        assert len(found[rule]) == len(alone) == (4 if RULES[rule].update == "step" else 1)
        for got, expected in zip(found[rule], alone, strict=True):
            size = max(float(g.abs().max()) for g in expected if g is not None)
            assert size > 0
            for a, b in zip(got, expected, strict=True):
                assert (a is None) == (b is None)
                assert a is None or float((a - b).abs().max()) <= 1e-10 * size


def test_only_rules_that_step_at_every_t_send_t_times(two):
    weights = sum(p.numel() for p in network_of(0).parameters()) * 8  # float64
    for _, volume, total in two:
        assert total == [3.0]
        assert volume == {
            rule: weights * (4 if r.update == "step" else 1) for rule, r in RULES.items()
        }


def test_shares_cover_a_batch():
    for size in (1, 2, 3):
        for count in (1, 2, 5):
            rows = [Team(rank, size).rows(count) for rank in range(size)]
            taken = [i for r, share in rows if share for i in range(count)[r]]
            assert sorted(taken) == list(range(count))
            assert sum(share for _, share in rows) == pytest.approx(1.0)
            assert all(len(range(count)[r]) for r, _ in rows)


def test_only_the_first_process_writes(tmp_path, few, small):
    run = Run(small, few, None)
    run.team = Team(1, 2)
    run.save(tmp_path / "second.pt")
    run.team = Team(0, 2)
    run.save(tmp_path / "first.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["first.pt"]


def test_a_process_that_is_gone_is_named(monkeypatch):
    def gone(*_):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1\nstack")

    monkeypatch.setattr(dist, "all_reduce", gone)
    with pytest.raises(DistributedError, match=r"one gone \(Connection closed.*--resume"):
        Team(0, 2).sum([1.0])
    assert Team().sum([1.0]) == [1.0]
    assert not distributed.launched()


TRAIN = ["-m", "saflab", "train", "--data", "digits", "--model", "mlp", "--channels", "16",
         "--batch", "29", "--lr", "0.02", "--device", "cpu", "--save-every", "0",
         "--eval-last"]  # fmt: skip
ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(out, *options, epochs=2):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
                "2", *options]  # fmt: skip
    return subprocess.Popen(
        [*launcher, *TRAIN, "--epochs", str(epochs), "--out", str(out)],
        env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def kill_a_worker(run, out, rank, step):
    """kill −9 the process of `rank` once the checkpoint has reached `step`."""
    path, deadline = out / "checkpoint.pt", time.monotonic() + 60
    while not (path.exists() and checkpoints.load(path)["step"] >= step):
        assert time.monotonic() < deadline
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.02)
    for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        variables = Path(f"/proc/{child}/environ").read_text().split("\0")
        if f"RANK={rank}" in variables:
            os.kill(int(child), signal.SIGKILL)
            return
    raise AssertionError("no such process")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_a_killed_worker_ends_the_run_and_it_resumes_alone(tmp_path):
    out = tmp_path / "run"
    run = start(out, epochs=40)
    kill_a_worker(run, out, rank=1, step=3)
    text, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    # The survivor notices first, or torchrun does and sends it SIGTERM.
    gone = "Expected all processes of the run to answer, but found one gone"
    assert gone in text or "SIGTERM" in text
    assert "--resume" in text
    step = checkpoints.load(out)["step"]
    assert step >= 3
    assert not list(out.glob("*.tmp"))
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in log if e["event"] == "StepEnd"] == list(range(1, len(log)))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_elastic_restart_ends_as_one_process_would(tmp_path):
    out, alone = tmp_path / "elastic", tmp_path / "alone"
    run = start(out, "--max-restarts", "1")
    kill_a_worker(run, out, rank=1, step=3)
    text, _ = run.communicate(timeout=90)
    assert run.returncode == 0, text
    assert re.search(r"resumed at step \d+", text)
    subprocess.run(
        [sys.executable, *TRAIN, "--epochs", "2", "--out", str(alone)], env=ENV, check=True,
        capture_output=True,
    )  # fmt: skip
    a, b = checkpoints.load(out), checkpoints.load(alone)
    assert a["step"] == b["step"] == 100
    # Sums over two shares round differently, and a spike that flips magnifies that.
    for name, weight in b["model"].items():
        assert (a["model"][name] - weight).norm() <= 0.01 * weight.norm(), name
    assert abs(a["history"][-1]["test_accuracy"] - b["history"][-1]["test_accuracy"]) <= 0.01
