"""One training run: its network, optimizer and data, and how it makes a step."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from saflab import checkpoints
from saflab.augment import augment
from saflab.capture import Captured
from saflab.config import TrainConfig
from saflab.data import Dataset
from saflab.distributed import Averager, team
from saflab.evaluation import Evaluation, encoded, evaluate
from saflab.gradients import mode_of, predict, sequence
from saflab.machine import Arrival
from saflab.models import build
from saflab.network import Network
from saflab.protocol import StepEnd
from saflab.rules import get_rule

__all__ = ["Run", "build_model", "schedule"]

# Which argument of a model `TrainConfig.channels` sets, and how many numbers it takes (None: any).
SIZES: dict[str, tuple[str, int | None]] = {
    "mlp": ("hidden", None),
    "convnet": ("channels", 3),
    "vgg11": ("width", 1),
    "vgg11f": ("width", 1),
    "resnet": ("widths", None),
}


def build_model(config: TrainConfig, shape: tuple[int, ...], classes: int) -> Network:
    """Return the network of `config`, its weights drawn from the seed, on the CPU."""
    sizes: dict[str, Any] = {"neuron": config.neuron()}
    if config.channels is not None:
        name, count = SIZES[config.model]
        if count is not None and len(config.channels) != count:
            raise ValueError(
                f"Expected {count} channels for {config.model}, but found {config.channels}."
            )
        sizes[name] = config.channels[0] if name == "width" else config.channels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build(config.model, shape, classes, **sizes)


def _mixed(*parts: int) -> int:
    """Return one seed from several numbers, so that randomness needs no stored state."""
    seed = 0x9E3779B97F4A7C15
    for part in parts:
        seed = (seed ^ (part + 0x7F4A7C15 + (seed << 6) + (seed >> 2))) & (2**63 - 1)
    return seed


def schedule(config: TrainConfig, step: int, total: int) -> float:
    """Return the learning rate of a step: a cosine from `config.lr` to 0, constant in an epoch."""
    per_epoch = total // config.epochs
    return 0.5 * config.lr * (1.0 + math.cos(math.pi * (step // per_epoch) / config.epochs))


class _Pending(NamedTuple):
    """A step whose loss and number of correct answers are on their way from the device."""

    step: int
    lr: float
    seconds: float
    numbers: Arrival


class Run:
    """The state of one run: what a checkpoint holds."""

    def __init__(self, config: TrainConfig, data: Dataset, model: Network | None) -> None:
        self.config, self.device = config, config.torch_device()
        self.rule = get_rule(config.rule)
        self.mode = mode_of(
            self.rule, trace=config.trace, surrogate=config.surrogate, impl=config.impl
        )
        self.update = config.update or self.rule.update
        self.chunk = config.chunk if self.rule.graph == "step" else 1
        self.model = model or build_model(config, data.shape, len(data.classes))
        self.model.to(self.device)
        self.team = team()
        self.averager = Averager(self.model) if self.team.size > 1 else None
        self.data = data.to(self.device)
        self.mean, self.std = data.moments()
        # A graph reads the learning rate from memory, which only the fused optimizer can.
        self.lr = torch.tensor(config.lr, device=self.device) if config.cuda_graph else config.lr
        self.fused = config.cuda_graph or self.device.type == "cuda"
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=self.lr, momentum=config.momentum, fused=self.fused
        )
        if config.cuda_graph and self.team.size > 1:
            raise ValueError(
                f"Expected one process for cuda_graph, but found {self.team.size}. Leave it out."
            )
        self.learn = Captured(self._learn, self.device) if config.cuda_graph else self._learn
        self.generator = torch.Generator(self.device)
        self.order = (-1, torch.empty(0))  # an epoch and the order of its images
        self.pending: deque[_Pending] = deque()
        self.step = 0
        self.sums = [0.0, 0.0, 0.0]  # loss, correct, seconds of the epoch so far
        self.history: list[dict[str, Any]] = []
        self.images = len(data.train_labels)
        if self.images == 0:
            raise ValueError("Expected at least one training image, but found none.")
        self.per_epoch = math.ceil(self.images / config.batch)
        self.total = self.per_epoch * config.epochs

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {
            "config": asdict(self.config),
            "shape": list(self.data.shape),
            "classes": list(self.data.classes),
            "data": self.data.name,
            "images": self.images,
            "mean": self.mean,
            "std": self.std,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "sums": self.sums,
            "history": self.history,
        }

    def resume(self, content: dict[str, Any]) -> None:
        """Go on from what a checkpoint holds.

        Raises:
            CheckpointError: If it is of another configuration, data or network, or imported.
        """
        if "optimizer" not in content:
            raise checkpoints.CheckpointError(
                "Expected the checkpoint of a training, but found one without optimizer and step, "
                "as `saflab import` writes it. Evaluate it with `saflab eval`, or start anew in "
                "another folder with --out."
            )
        saved, own = content["config"], asdict(self.config)
        different = [
            f"{name} {saved.get(name)!r} → {own[name]!r}"
            for name in own
            if name not in ("device", "impl", "cuda_graph")
            and _plain(saved.get(name)) != _plain(own[name])
        ]
        if content["images"] != self.images or content["data"] != self.data.name:
            different.append(
                f"data {content['images']} images of {content['data']} → "
                f"{self.images} of {self.data.name}"
            )
        if different:
            raise checkpoints.CheckpointError(
                f"Expected the configuration of the checkpoint, but found {'; '.join(different)}. "
                "Resume with the same options, or start anew in another folder."
            )
        checkpoints.restore(self.model, content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        for group in self.optimizer.param_groups:
            group.update(lr=self.lr, fused=self.fused)  # the other device may have had others
        self.step, self.sums = content["step"], list(content["sums"])
        self.history = content["history"]

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return the images and labels of the next step; depends on seed and step alone."""
        epoch, index = divmod(self.step, self.per_epoch)
        if self.order[0] != epoch:
            seed = torch.Generator().manual_seed(_mixed(self.config.seed, epoch))
            order = torch.randperm(self.images, generator=seed)
            self.order = (epoch, order.to(self.device))
        chosen = self.order[1][index * self.config.batch : (index + 1) * self.config.batch]
        images, labels = self.data.train_images[chosen], self.data.train_labels[chosen]
        if self.config.augmentation:
            self.generator.manual_seed(_mixed(self.config.seed, epoch, index))
            images = augment(images, self.generator)
        return images, labels

    def train_step(self, lr: float) -> None:
        """Train on the next batch; its numbers go to `pending`."""
        begin = time.perf_counter()
        images, labels = self.batch()
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mixed(self.config.seed, self.step))
            # The whole batch is encoded, so that randomness does not depend on who takes what.
            x = encoded(images, self.mean, self.std, self.config.steps, self.config.encoder)
            rows, share = self.team.rows(len(labels))
            x, labels = x[:, rows], labels[rows]
            alone = self.team.size == 1
            numbers = self.learn(x, labels) if alone else self._learn(x, labels, share)
            arrival = Arrival(numbers)
        self.step += 1
        self.pending.append(_Pending(self.step, lr, time.perf_counter() - begin, arrival))

    def _learn(self, x: Tensor, labels: Tensor, share: float = 1.0) -> Tensor:
        """Train on one encoded batch; return its loss and number of correct answers.

        Nothing here looks at a value, so that a GPU need not wait for the host.
        """
        loss = torch.zeros((), device=self.device)
        readouts = []
        self.optimizer.zero_grad(set_to_none=True)
        for done in self.backward(x, labels):
            loss += share * done.loss
            readouts.append(done.readout)
            if self.update == "step":
                self.update_weights(share)
        if self.update == "sequence":
            self.update_weights(share)
        correct = (predict(torch.cat(readouts)) == labels).sum()
        if not share:
            correct = torch.zeros_like(correct)
        return self.team.total(torch.stack([loss.double(), correct.double()]))

    def update_weights(self, share: float) -> None:
        """Make an optimizer step, with gradients averaged over the processes."""
        if self.averager is not None:
            self.averager.average(share)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def backward(self, x: Tensor, labels: Tensor) -> Iterator[Any]:
        """Yield after each backward pass of one batch, in the run's precision."""
        half = self.config.precision == "bfloat16"
        # A weight cast inside a recording must not be found by a later one.
        cache = not self.config.cuda_graph
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=cache):
            yield from sequence(
                self.model, x, labels, self.rule, mode=self.mode, mse=self.config.mse,
                update=self.update, chunk=self.chunk,
            )  # fmt: skip

    def arrived(self, *, wait: bool) -> Iterator[StepEnd]:
        """Yield the steps whose numbers have come from the device; with `wait`, all."""
        while self.pending and (wait or self.pending[0].numbers.ready()):
            begin = time.perf_counter()
            step, lr, seconds, numbers = self.pending.popleft()
            loss, correct = numbers.read()
            seconds += time.perf_counter() - begin
            if not math.isfinite(loss):
                raise ValueError(
                    f"Expected a finite loss, but found {loss} at step {step}. Lower the learning "
                    "rate or check the input; the last checkpoint is from before."
                )
            epoch, index = divmod(step - 1, self.per_epoch)
            size = min(self.config.batch, self.images - index * self.config.batch)
            new = (loss * size, correct, seconds)
            self.sums = [a + b for a, b in zip(self.sums, new, strict=True)]
            yield StepEnd(
                epoch=epoch + 1, step=step, steps=self.total, loss=loss, accuracy=correct / size,
                lr=lr, seconds=seconds,
            )  # fmt: skip

    def evaluate(self) -> Evaluation:
        """Return accuracy and firing rates on the test images."""
        images, labels = self.data.test_images, self.data.test_labels
        rows, share = self.team.rows(len(labels))
        own = evaluate(
            self.model, images[rows], labels[rows], mean=self.mean, std=self.std,
            rule=self.config.rule, steps=self.config.steps, encoder=self.config.encoder,
            precision=self.config.precision, seed=self.config.seed,
        )  # fmt: skip
        parts = [share * value for value in (own.accuracy, *own.firing_rates)]
        accuracy, *rates = self.team.sum(parts, self.device)
        return Evaluation(accuracy=accuracy, images=len(labels), firing_rates=rates)

    def save(self, path: Path | None) -> None:
        """Write a checkpoint (None: nowhere), from the first process alone."""
        if path is not None and self.team.leads:
            checkpoints.save(path, self.content())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
