"""`saflab doctor`: what this machine has, and what is missing."""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["EXTRAS", "configure", "run"]

# The packages by which an extra is recognised, and what it is for.
EXTRAS = {
    "course": ("notebooks and widgets", ("jupyterlab", "ipywidgets", "anywidget", "matplotlib")),
    "classroom": ("grading of labs", ("nbgrader",)),
    "events": ("data of event cameras", ("tonic",)),
    "nir": ("exchange of networks", ("nir",)),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""


def run(options: argparse.Namespace) -> int:
    """Print the findings; return 1 if a GPU kernel is wrong."""
    import torch

    from saflab.data.cifar import cifar
    from saflab.data.dataset import DataError
    from saflab.machine import describe_machine

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name, value in describe_machine(device).items():
        print(f"{name:<12} {value}")
    print(f"{'torchvision':<12} {metadata.version('torchvision')}")
    for extra, (purpose, packages) in EXTRAS.items():
        print(f"{extra:<12} {_installed(extra, packages)} ({purpose})")
    faults = _kernels(device)
    try:
        print(f"{'CIFAR-10':<12} {cifar(limit=1).source}")
    except DataError as error:
        print(f"{'CIFAR-10':<12} not found; digits are used instead. {error}")
    return faults


def _installed(extra: str, packages: tuple[str, ...]) -> str:
    """Return the versions of an extra's packages, or the command that installs them."""
    try:
        return ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    except metadata.PackageNotFoundError:
        return f"not installed: run `pip install 'saflab[{extra}]'`"


def _kernels(device: torch.device) -> int:
    """Compare the Triton kernels with the reference; return 1 if they fail or differ."""
    from saflab.ops import has_triton
    from saflab.ops.agreement import agreement

    name = f"{'GPU kernels':<12}"
    if device.type != "cuda" or not has_triton():
        reason = "no CUDA GPU" if device.type != "cuda" else "no Triton"
        print(f"{name} not used: {reason}; the time loop runs in PyTorch")
        return 0
    try:
        found = agreement("gpu", device)
    except Exception as error:  # compilers and drivers raise errors of their own
        print(f"{name} do not run: {type(error).__name__}: {error}. Use --impl cpu meanwhile.")
        return 1
    works = found.flips == 0 and found.error < 8.0
    print(
        f"{name} {'work' if works else 'are WRONG; use --impl cpu'}: {found.flips} of "
        f"{found.compared:,} outputs differ from the reference, gradients by up to "
        f"{found.error:.1f} units of rounding"
    )
    return 0 if works else 1
