"""Shared fixtures: one thread for speed of small networks, and a folder of real images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

if not torch.cuda.is_available():
    # Read when Triton is imported, so before anything of saflab can do that.
    os.environ["TRITON_INTERPRET"] = "1"

from saflab.data.dataset import Dataset
from saflab.training.config import TrainConfig

torch.set_num_threads(1)
# Where results depend on how a processor rounds: run as on older ones too, by `make processors`.
ROUNDING = (
    "analysis/", "figures/", "network/", "ops/", "interop/test_nir.py", "test_neurons.py",
    "training/test_pretrained.py", "training/test_training.py",
)  # fmt: skip


# Tests that follow one class through its term; in random order, too, they keep their own.
IN_ORDER = "classroom/test_class.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [i for i, item in enumerate(items) if item.path.as_posix().endswith(IN_ORDER)]
    as_written = sorted((items[i] for i in places), key=lambda item: item.reportinfo()[1] or 0)
    for i, item in zip(places, as_written, strict=True):
        items[i] = item
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(ROUNDING):
            item.add_marker("rounding")


@pytest.fixture(scope="session")
def few() -> Dataset:
    """A hundred digits to train on, fifty to test."""
    from saflab.data import Dataset, digits

    data = digits()
    return Dataset(
        name="few digits",
        source=data.source,
        train_images=data.train_images[:100],
        train_labels=data.train_labels[:100],
        test_images=data.test_images[:50],
        test_labels=data.test_labels[:50],
        classes=data.classes,
    )


@pytest.fixture
def small() -> TrainConfig:
    from saflab.training import TrainConfig

    return TrainConfig(
        model="mlp", channels=(16,), epochs=2, batch=20, steps=3, device="cpu", lr=0.05
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An image folder as CIFAR-10 unpacks: two classes, three images each."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(3):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def no_data_of_this_machine(monkeypatch):
    monkeypatch.delenv("SAFLAB_DATA", raising=False)
    os.environ.setdefault("SAFLAB_FAST", "1")
