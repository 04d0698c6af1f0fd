"""Training by several processes under `torchrun`: each takes a share of every batch.

    g = Σ_r (n_r/N)·g_r        n_r of the N images of a batch on process r

The rules call `backward` up to T times per batch, so gradients first gather on each process, and
one pass of `DistributedDataParallel` then averages them: once per batch, or T times where the
optimizer steps at every t.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore  # pyright: ignore[reportPrivateImportUsage]
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

__all__ = ["Averager", "DistributedError", "Team", "launched", "members", "team"]

_VARIABLES = ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT")
TIMEOUT = timedelta(minutes=5)
_GONE = (
    "Expected all processes of the run to answer, but found one gone ({}). Start again with the "
    "same command and --resume; the last whole checkpoint is kept."
)


class DistributedError(ValueError):
    """Another process of the run is gone or does not answer."""


class Team(NamedTuple):
    """This process and how many there are; alone it is Team(0, 1)."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process prints and writes files."""
        return self.rank == 0

    def rows(self, count: int) -> tuple[slice, float]:
        """Return which of `count` images this process takes, and their share n_r/N.

        With fewer images than processes it takes the first with share 0, and so keeps step.
        """
        if self.rank >= count:
            return slice(0, 1), 0.0
        rows = slice(self.rank, count, self.size)
        return rows, len(range(count)[rows]) / count

    def sum(self, values: Sequence[float], device: torch.device | None = None) -> list[float]:
        """Return each value summed over all processes.

        Raises:
            DistributedError: If another process is gone.
        """
        if self.size == 1:
            return list(values)
        return self.total(torch.tensor(values, dtype=torch.float64, device=device)).tolist()

    def total(self, x: Tensor) -> Tensor:
        """Return `x` summed in place over all processes; a GPU's host does not wait for it.

        Raises:
            DistributedError: If another process is gone.
        """
        if self.size > 1:
            with _together():
                dist.all_reduce(x)
        return x


def launched() -> bool:
    """Return whether `torchrun` started this process as one of several.

    Raises:
        DistributedError: If the variables that it sets are incomplete or wrong.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size == "1":
        return False
    rank, port = (os.environ.get(name, "") for name in ("RANK", "MASTER_PORT"))
    whole = size.isdecimal() and rank.isdecimal() and int(rank) < int(size)
    if not (whole and port.isdecimal() and os.environ.get("MASTER_ADDR")):
        found = {name: os.environ.get(name) for name in _VARIABLES}
        raise DistributedError(
            f"Expected {', '.join(_VARIABLES)} as torchrun sets them, but found {found}. Start "
            "with `torchrun --nproc-per-node N -m saflab train …`, or unset WORLD_SIZE to train "
            "in one process."
        )
    return True


@contextmanager
def members(device: torch.device) -> Iterator[Team]:
    """Join the processes that `torchrun` started: gloo on CPU, NCCL on GPU; yields the `Team`.

    Raises:
        DistributedError: If the others cannot be reached.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    before = signal.signal(signal.SIGTERM, _ended)  # how torchrun ends the processes left over
    try:
        with _together():
            store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
            # torchrun's store outlives a restart, and with it the addresses of the dead.
            attempt = f"saflab/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{size}"
            dist.init_process_group(
                backend, timeout=TIMEOUT, store=PrefixStore(attempt, store), rank=rank,
                world_size=size,
            )  # fmt: skip
        yield team()
        with _together():
            dist.barrier()  # who leaves early breaks connections that others still close
    finally:
        signal.signal(signal.SIGTERM, before)
        if dist.is_initialized():
            dist.destroy_process_group()


def _ended(*_: object) -> None:
    raise DistributedError(_GONE.format("ended by torchrun"))


def team() -> Team:
    """Return this process's place in the group it joined."""
    if not (dist.is_available() and dist.is_initialized()):
        return Team()
    return Team(dist.get_rank(), dist.get_world_size())


@contextmanager
def _together() -> Iterator[None]:
    """Turn the many ways in which a collective call fails into one message."""
    try:
        yield
    except (RuntimeError, dist.DistBackendError) as error:
        raise DistributedError(_GONE.format(str(error).strip().splitlines()[0][:200])) from error


class _Carrier(nn.Module):
    """Σ p·g, whose gradient with respect to p is the given g: lets DDP reduce what is there."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, grads: Sequence[Tensor]) -> Tensor:
        """Return the scalar that carries `grads` into a backward pass."""
        parameters = self.network.parameters()
        return torch.stack([(p * g).sum() for p, g in zip(parameters, grads, strict=True)]).sum()


class Averager:
    """Replaces the gradients of a network by their average over the processes.

    Args:
        network: The network; its weights become those of the first process.

    Attributes:
        bytes: Gradient bytes handed to the all-reduce so far, per process.
    """

    def __init__(self, network: nn.Module) -> None:
        self.bytes = 0
        self._network = network
        with _together():
            self._carrier = DistributedDataParallel(_Carrier(network))
        self._carrier.register_comm_hook(None, self._reduce)

    def _reduce(self, group, bucket):  # DDP reads annotations, and not as strings
        self.bytes += bucket.buffer().nbytes
        return allreduce_hook(group, bucket)

    def average(self, share: float) -> None:
        """Average the gradients in `.grad`, those of this process weighing `share` = n_r/N.

        Raises:
            DistributedError: If another process is gone.
        """
        weight, grads, silent = share * dist.get_world_size(), [], []
        for p in self._network.parameters():
            if p.grad is None:
                silent.append(p)
            grads.append(torch.zeros_like(p) if p.grad is None else p.grad * weight)
            p.grad = None
        with _together():
            self._carrier(grads).backward()
        for p in silent:  # feedback at t = 1, alike on all processes; momentum must not move it
            p.grad = None
