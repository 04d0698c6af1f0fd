"""`saflab doctor`: what this machine has, and what is missing."""

from __future__ import annotations

import argparse

__all__ = ["HELP", "configure", "run"]

HELP = "say what this machine has, and what is missing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""


def run(options: argparse.Namespace) -> int:
    """Print the findings; return 1 if a needed package is missing."""
    import importlib.metadata as metadata
    import shutil

    import torch

    from saflab.data import DataError, cifar
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
    try:
        print(f"{'CIFAR-10':<12} {cifar(limit=1).source}")
    except DataError as error:
        print(f"{'CIFAR-10':<12} not found; digits are used instead. {error}")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    print(f"{'browser':<12} {browser or 'no Chromium: browser tests are skipped'}")
    return 1 if missing else 0
