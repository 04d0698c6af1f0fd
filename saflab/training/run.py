"""One training run: its network, optimizer and data, and how it makes a step."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saflab import machine
from saflab.analysis.evaluation import Evaluation, evaluate
from saflab.data.batches import Batches, mixed_seed
from saflab.data.dataset import Dataset
from saflab.data.inputs import Inputs
from saflab.gradients import accumulate_gradients, predict, sequence
from saflab.network.network import Network
from saflab.ops.finite import skip_if_broken
from saflab.rules import mode_of
from saflab.training import checkpoints
from saflab.training.arrival import Arrival, Pending
from saflab.training.config import TrainConfig, build_model
from saflab.training.content import check_finite
from saflab.training.cuda_graph import Captured
from saflab.training.distributed import Averager, team
from saflab.training.divergence import check_update
from saflab.training.events import EpochEnd, StepEnd
from saflab.training.resuming import check_momentum, check_same_run

__all__ = ["Run", "schedule"]


def schedule(config: TrainConfig, step: int, total: int) -> float:
    """Return the learning rate of a step: a cosine from `config.lr` to 0, constant in an epoch."""
    per_epoch = total // config.epochs
    return 0.5 * config.lr * (1.0 + math.cos(math.pi * (step // per_epoch) / config.epochs))


class Run:
    """The state of one run: what a checkpoint holds."""

    def __init__(self, config: TrainConfig, data: Dataset, model: Network | None) -> None:
        self.config, self.device = config, config.torch_device()
        self.rule = config.rule_with_changes()
        self.generator = torch.Generator(self.device)  # of dropout masks, seeded at each step
        mode = mode_of(self.rule, surrogate=config.surrogate, impl=config.impl)
        self.mode = mode._replace(generator=self.generator)
        classes = len(data.classes)
        self.model = build_model(config, data.shape, classes) if model is None else model
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
        self.pending: deque[Pending] = deque()
        self.step = 0
        self.complete = True  # False while a batch has changed some weights and not yet all
        self.sums = [0.0, 0.0, 0.0]  # loss, correct, seconds of the epoch so far
        self.history: list[dict[str, Any]] = []
        self.images = len(data.train_labels)
        self.per_epoch = len(self.batches)
        self.total = self.per_epoch * config.epochs

    @property
    def epoch_done(self) -> bool:
        """Whether the last batch of an epoch is done and the epoch not yet ended."""
        return self.step == self.per_epoch * (len(self.history) + 1)

    @property
    def finished(self) -> bool:
        """Whether every epoch has ended."""
        return self.step == self.total and not self.epoch_done

    def check(self) -> None:
        """Run the network for one step on one image, so that what does not fit fails early.

        Raises:
            ValueError: If network, data and configuration do not fit together.
        """
        classes = len(self.data.classes)
        if not len(self.data.test_labels):
            raise ValueError(
                "Expected at least one test image, but found none. Keep some images to test on."
            )
        with torch.no_grad(), self.autocast():
            x, _ = self.batches[0]
            readout, _ = self.model(x[:1, :1], None, self.mode)
        if readout.shape[2:] != (classes,):
            raise ValueError(
                f"Expected a readout of {classes} numbers, one per class of {self.data.name}, but "
                f"found shape {tuple(readout.shape[2:])}. Build the network for these classes."
            )

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
        check_same_run(content, self.config, self.data)
        check_momentum(content, self.model)
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
        self.complete = True
        self.pending.append(Pending(self.step, lr, time.perf_counter() - begin, arrival))

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
            ValueError: If it would make weights NaN or infinite.
        """
        if self.averager is not None:
            self.averager.average(share)
        if machine.on_gpu(self.device):
            grads = [p.grad for p in self.model.parameters() if p.grad is not None]
            skip_if_broken(grads, self.broken)
        else:
            check_update(self.model, self.optimizer, self.step + 1)
        self.complete = False
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def backward(self, x: Tensor, labels: Tensor) -> Iterator[Any]:
        """Yield after each backward pass of one batch, in the run's precision."""
        batch = (self.model, x, labels, self.rule)
        try:
            with self.autocast():
                if self.rule.update == "sequence":
                    yield accumulate_gradients(*batch, mode=self.mode, mse=self.config.mse)
                else:
                    yield from sequence(*batch, mode=self.mode, mse=self.config.mse)
        except ValueError as error:
            raise ValueError(f"{error} This was step {self.step + 1}.") from error

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
                    "rate or check the input; a checkpoint, if any, is from before."
                )
            epoch, size = (step - 1) // self.per_epoch, self.batches.size_of(step - 1)
            new = (loss * size, correct, seconds)
            self.sums = [a + b for a, b in zip(self.sums, new, strict=True)]
            yield StepEnd(
                epoch=epoch + 1,
                step=step,
                steps=self.total,
                loss=loss,
                accuracy=correct / size,
                lr=lr,
                seconds=seconds,
            )

    def evaluate(self) -> Evaluation:
        """Return accuracy and firing rates on the test images."""
        images, labels = self.data.test_images, self.data.test_labels
        rows, share = self.team.rows(len(labels))
        with self.autocast():
            own = evaluate(
                self.model, images[rows], labels[rows], self.inputs,
                rule=mode_of(self.config.rule, impl=self.config.impl),
            )  # fmt: skip
        parts = [share * value for value in (own.accuracy, *own.firing_rates)]
        accuracy, *rates = self.team.sum(parts, self.device)
        return Evaluation(accuracy=accuracy, images=len(labels), firing_rates=rates)

    def end_epoch(self, *, evaluates: bool) -> EpochEnd:
        """Close the epoch whose last batch is done, and return its measurements."""
        found = self.evaluate() if evaluates or self.step == self.total else None
        end = EpochEnd(
            epoch=self.step // self.per_epoch,
            loss=self.sums[0] / self.images,
            train_accuracy=self.sums[1] / self.images,
            test_accuracy=found and found.accuracy,
            test_images=found.images if found else 0,
            firing_rates=found.firing_rates if found else [],
            seconds=self.sums[2],
            peak_memory=machine.peak_memory(self.device),
        )
        self.history.append(asdict(end))
        self.sums = [0.0, 0.0, 0.0]
        return end

    def save(self, path: Path | None) -> None:
        """Write a checkpoint (None: nowhere), from the first process alone.

        Raises:
            CheckpointError: If it cannot be written, or the weights are no longer finite.
        """
        content = self.content()
        check_finite(content, f"the weights after step {self.step}")
        if path is not None and self.team.leads:
            checkpoints.save(path, content)
