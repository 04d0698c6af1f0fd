"""A small network trained within a second, for figures that show a network at work."""

from __future__ import annotations

from functools import lru_cache

import torch

from saflab.data.dataset import Dataset
from saflab.data.encoders import constant
from saflab.data.images import digits
from saflab.gradients import sequence
from saflab.models import mlp
from saflab.network.network import Network
from saflab.neurons import LIFParams
from saflab.rules import get_rule

__all__ = ["small_network"]


@lru_cache(maxsize=1)
def _data() -> Dataset:
    return digits()


@lru_cache(maxsize=4)
def small_network(decay: float = 0.5, seed: int = 0) -> Network:
    """Return a 64-64-48-10 network trained with SAF-E on the bundled digits (a second or so)."""
    data = _data()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = mlp(hidden=(64, 48), neuron=LIFParams(decay=decay))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        rule = get_rule("saf_e", chunk=4)
        for _ in range(4):
            for index in torch.randperm(len(data.train_labels)).split(64):
                x = constant(data.train_images[index] / 255.0, 4)
                optimizer.zero_grad()
                for _ in sequence(network, x, data.train_labels[index], rule):
                    pass
                optimizer.step()
    return network
