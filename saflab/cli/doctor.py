"""`saflab doctor`: what this machine has, and what is missing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""


def run(options: argparse.Namespace) -> int:
    """Print the findings; return 1 if a needed package is missing or a GPU kernel is wrong."""
    import importlib.metadata as metadata
    import shutil

    import torch

    from saflab.data.cifar import cifar
    from saflab.data.dataset import DataError
    from saflab.machine import describe_machine

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name, value in describe_machine(device).items():
        print(f"{name:<12} {value}")
    missing = 0
    for package in ("torchvision", "jupyterlab", "ipywidgets", "matplotlib", "nbval"):
        try:
            print(f"{package:<12} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing += 1
            print(f"{package:<12} missing: run `pip install -e .`")
    faults = _kernels(device)
    try:
        print(f"{'CIFAR-10':<12} {cifar(limit=1).source}")
    except DataError as error:
        print(f"{'CIFAR-10':<12} not found; digits are used instead. {error}")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    print(f"{'browser':<12} {browser or 'no Chromium: browser tests are skipped'}")
    return 1 if missing or faults else 0


def _kernels(device: torch.device) -> int:
    """Say whether the Triton kernels work here; return 1 if they should and do not."""
    from saflab.ops import has_triton
    from saflab.ops.agreement import agreement

    name = f"{'GPU kernels':<12}"
    if device.type != "cuda" or not has_triton():
        lack = "no CUDA GPU" if device.type != "cuda" else "no Triton"
        print(f"{name} not used: {lack}; the time loop runs in PyTorch")
        return 0
    try:
        found = agreement("gpu", device)
    except Exception as error:  # a compiler or driver that fails in its own way is what is sought
        print(f"{name} do not run: {type(error).__name__}: {error}. Use --impl cpu meanwhile.")
        return 1
    works = found.flips == 0 and found.error < 8.0
    print(
        f"{name} {'work' if works else 'are WRONG; use --impl cpu'}: {found.flips} of "
        f"{found.compared:,} outputs differ from the reference, gradients by up to "
        f"{found.error:.1f} units of rounding"
    )
    return 0 if works else 1
