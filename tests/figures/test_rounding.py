"""What a figure shows at the edge of a step does not depend on how a processor rounds."""

import ast
from pathlib import Path

import pytest
import torch

import saflab
from saflab.figures import curves, scenes
from saflab.neurons import LIFParams


@pytest.mark.parametrize("reach", [0.3, 1.0, 2.0, 7.0])
def test_the_step_is_up_at_zero(reach):
    x = torch.arange(-200, 201, dtype=torch.float64) * (reach / 200)
    step = curves.surrogate(LIFParams(), reach=reach).marks[0]
    assert torch.as_tensor(step.x)[200] == 0.0
    assert torch.equal(torch.as_tensor(step.y), (x >= 0).double())


def test_inputs_of_the_clamp_are_multiples_of_a_twentieth():
    drive = torch.as_tensor(scenes.clamp()[0].marks[0].x)
    assert torch.equal(drive, torch.arange(-10, 61, dtype=torch.float64) / 20)


def test_no_scene_draws_a_grid_that_depends_on_the_processor():
    """torch.linspace fills its middle differently with and without vector instructions."""
    for path in (Path(saflab.__file__).parent / "figures").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "linspace":
                assert ast.unparse(node) != "torch.linspace", path
