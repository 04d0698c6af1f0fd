"""What only a CUDA GPU can show: right kernels, no step that waits, graphs that do as told."""

import dataclasses

import pytest
import torch

from saflab import training
from saflab.analysis.theorems import gradients
from saflab.data.encoders import constant
from saflab.models import build
from saflab.ops import choose, has_triton
from saflab.ops.agreement import agreement
from saflab.rules import RULES, mode_of
from saflab.training.config import TrainConfig

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig(
        model="convnet", channels=(8, 16, 16), epochs=3, batch=15, steps=4, device="cuda", lr=0.05
    )


@pytest.fixture
def watched():
    """Any wait for the GPU is an error."""
    yield lambda on: torch.cuda.set_sync_debug_mode("error" if on else "default")
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not has_triton(), reason="no Triton for this system")
def test_kernels_agree_with_the_reference():
    assert choose("auto", torch.device("cuda")) == "gpu"
    found = agreement("gpu", torch.device("cuda"))
    assert found.flips == 0
    assert found.error < 4


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rule", list(RULES))
def test_no_step_waits(rule, precision, few, config, watched):
    run = training.run.Run(dataclasses.replace(config, rule=rule, precision=precision), few, None)
    run.train_step(0.05)
    watched(True)
    told = []
    for _ in range(3):
        run.train_step(0.05)
        told += run.arrived(wait=False)
    watched(False)
    told += run.arrived(wait=True)
    assert [e.step for e in told] == [1, 2, 3, 4]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rule", list(RULES))
def test_a_recorded_step_does_what_the_plain_step_does(rule, precision, few, config):
    losses = {}
    for recorded in (False, True):
        chosen = dataclasses.replace(config, rule=rule, precision=precision, cuda_graph=recorded)
        events = training.fit(chosen, few)
        losses[recorded] = [e.loss for e in events if isinstance(e, training.StepEnd)]
    assert losses[True] == pytest.approx(losses[False], rel=0.02)
    assert losses[True][-1] < losses[True][0]


@pytest.mark.parametrize("rule", list(RULES))
def test_gradients_are_those_of_the_cpu(rule):
    torch.manual_seed(0)
    network = build("convnet", (3, 16, 16), 10, channels=(8, 16, 16)).double()
    x, y = torch.randn(4, 3, 16, 16, dtype=torch.float64), torch.tensor([1, 2, 3, 4])
    slow = gradients(network, constant(x, 5), y, rule, mode_of(rule, impl="reference"))
    network.cuda()
    fast = gradients(network, constant(x.cuda(), 5), y.cuda(), rule)
    for name, grad in slow.items():
        torch.testing.assert_close(fast[name].cpu(), grad, rtol=1e-7, atol=1e-9)
