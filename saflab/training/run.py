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

from saflab import machine
from saflab.analysis.evaluation import Evaluation, evaluate
from saflab.data.batches import Batches, mixed_seed
from saflab.data.dataset import Dataset
from saflab.data.inputs import Inputs
from saflab.gradients import accumulate_gradients, predict, sequence
from saflab.network.network import Network
from saflab.ops.finite import require_finite, skip_if_broken
from saflab.rules import get_rule, mode_of
from saflab.training import checkpoints
from saflab.training.config import TrainConfig, build_model
from saflab.training.cuda_graph import Captured
from saflab.training.distributed import Averager, team
from saflab.training.events import StepEnd

__all__ = ["Run", "schedule"]


def schedule(config: TrainConfig, step: int, total: int) -> float:
    """Return the learning rate of a step: a cosine from `config.lr` to 0, constant in an epoch."""
    per_epoch = total // config.epochs
    return 0.5 * config.lr * (1.0 + math.cos(math.pi * (step // per_epoch) / config.epochs))


class Arrival:
    """A tensor on its way to the host; the copy is queued and nobody waits for it.

    Args:
        x: Any tensor; one on the CPU is there at once.
    """

    def __init__(self, x: Tensor) -> None:
        self._event = None
        self._host = x
        if machine.on_gpu(x.device):
            self._host = x.to("cpu", non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def ready(self) -> bool:
        """Whether `read` would return without waiting."""
        return self._event is None or self._event.query()

    def read(self) -> list[float]:
        """Return the numbers, waiting for them if need be."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.tolist()


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
        self.rule = get_rule(config.rule, update=config.update, trace=config.trace)
        if self.rule.graph == "step":
            self.rule = get_rule(self.rule, chunk=config.chunk)
        self.generator = torch.Generator(self.device)  # of dropout masks, seeded at each step
        mode = mode_of(self.rule, surrogate=config.surrogate, impl=config.impl)
        self.mode = mode._replace(generator=self.generator)
        self.model = model or build_model(config, data.shape, len(data.classes))
        self.model.to(self.device)
        self.team = team()
        self.averager = Averager(self.model) if self.team.size > 1 else None
        self.data = data.to(self.device)
        self.inputs = Inputs.of(data, steps=config.steps, encoder=config.encoder)
        self.batches = Batches(
            self.data.train_images,
            self.data.train_labels,
            self.inputs,
            size=config.batch,
            seed=config.seed,
            augmentation=config.augmentation,
        )
        # A graph reads the learning rate from memory, which only the fused optimizer can.
        self.lr = torch.tensor(config.lr, device=self.device) if config.cuda_graph else config.lr
        self.fused = config.cuda_graph or self.device.type == "cuda"
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=self.lr, momentum=config.momentum, fused=self.fused
        )
        self.broken = torch.zeros((), device=self.device)  # 1 once a gradient was not finite
        if self.fused:
            self.optimizer.found_inf = self.broken  # type: ignore[attr-defined]
        if config.cuda_graph and self.team.size > 1:
            raise ValueError(
                f"Expected one process for cuda_graph, but found {self.team.size}. Leave it out."
            )
        self.learn = self._learn
        if config.cuda_graph:
            self.learn = Captured(self._learn, self.device, [self.generator])
        self.pending: deque[_Pending] = deque()
        self.step = 0
        self.sums = [0.0, 0.0, 0.0]  # loss, correct, seconds of the epoch so far
        self.history: list[dict[str, Any]] = []
        self.images = len(data.train_labels)
        self.per_epoch = len(self.batches)
        self.total = self.per_epoch * config.epochs

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {
            "config": asdict(self.config),
            "shape": list(self.data.shape),
            "classes": list(self.data.classes),
            "data": self.data.name,
            "images": self.images,
            "mean": list(self.inputs.mean),
            "std": list(self.inputs.std),
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

    def train_step(self, lr: float) -> None:
        """Train on the next batch; its numbers go to `pending`."""
        begin = time.perf_counter()
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        place = ("dropout", self.config.seed, self.team.rank)
        self.generator.manual_seed(mixed_seed(*place, self.step))
        x, labels = self.batches[self.step]
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
            if self.rule.update == "step":
                self.update_weights(share)
        if self.rule.update == "sequence":
            self.update_weights(share)
        correct = (predict(torch.cat(readouts)) == labels).sum()
        if not share:
            correct = torch.zeros_like(correct)
        loss = loss.double().masked_fill(self.broken > 0, math.nan)
        return self.team.total(torch.stack([loss, correct.double()]))

    def update_weights(self, share: float) -> None:
        """Make an optimizer step, with gradients averaged over the processes.

        A GPU, whose host would have to wait for an error, skips the step and all that follow.

        Raises:
            ValueError: If a gradient is not finite.
        """
        if self.averager is not None:
            self.averager.average(share)
        named = self.model.named_parameters()
        grads = [(name, p.grad) for name, p in named if p.grad is not None]
        if self.fused or machine.on_gpu(self.device):
            skip_if_broken([grad for _, grad in grads], self.broken)
        else:
            remedy = "Lower the learning rate; the weights are those before this update."
            require_finite("gradients", grads, remedy)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def backward(self, x: Tensor, labels: Tensor) -> Iterator[Any]:
        """Yield after each backward pass of one batch, in the run's precision."""
        batch = (self.model, x, labels, self.rule)
        with self.autocast():
            if self.rule.update == "sequence":
                yield accumulate_gradients(*batch, mode=self.mode, mse=self.config.mse)
            else:
                yield from sequence(*batch, mode=self.mode, mse=self.config.mse)

    def autocast(self) -> torch.autocast:
        """Return the context of the run's precision."""
        half = self.config.precision == "bfloat16"
        # A weight cast inside a recording must not be found by a later one.
        cache = not self.config.cuda_graph
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half, cache_enabled=cache)

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
            epoch, size = (step - 1) // self.per_epoch, self.batches.size_of(step - 1)
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
        with self.autocast():
            own = evaluate(
                self.model, images[rows], labels[rows], self.inputs, rule=self.config.rule
            )
        parts = [share * value for value in (own.accuracy, *own.firing_rates)]
        accuracy, *rates = self.team.sum(parts, self.device)
        return Evaluation(accuracy=accuracy, images=len(labels), firing_rates=rates)

    def save(self, path: Path | None) -> None:
        """Write a checkpoint (None: nowhere), from the first process alone.

        Raises:
            ValueError: If a weight is not finite; the checkpoint before is kept.
        """
        if path is not None and self.team.leads:
            require_finite(
                "weights", self.model.named_parameters(),
                "Lower the learning rate; the checkpoint before is kept.",
            )  # fmt: skip
            checkpoints.save(path, self.content())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
