"""Small recordings in the file formats that tonic reads: a blob of events per class."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def place(label: int, side: float) -> tuple[float, float]:
    """Return the centre x, y of a class on a grid of 4×3."""
    return side * (0.125 + 0.25 * (label % 4)), side * (0.2 + 0.3 * (label // 4))


def blob(rng: np.random.Generator, label: int, side: int, n: int = 200) -> np.ndarray:
    """Return n events, columns x, y, p, t (ms), around a place of the class, in order of time."""
    xy = np.clip(rng.normal(place(label, side), side / 20, (n, 2)), 0, side - 1)
    t = np.sort(rng.integers(0, 300, n))
    return np.column_stack([xy, rng.integers(0, 2, n), t]).astype(np.int64)


def write_nmnist(path: Path, events: np.ndarray) -> None:
    """Write 40-bit events: x, y, then polarity and 23 bits of microseconds."""
    x, y, p, t = events.T
    t = t * 1000
    columns = [x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]
    path.write_bytes(np.column_stack(columns).astype(np.uint8).tobytes())


def write_npy(path: Path, events: np.ndarray) -> None:
    np.save(path, events)


def write_aedat4(path: Path, events: np.ndarray) -> None:
    """Write with the library of the camera's maker."""
    import dv_processing as dv

    writer = dv.io.MonoCameraWriter(
        str(path), dv.io.MonoCameraWriter.EventOnlyConfig("DVS128", (128, 128))
    )
    store = dv.EventStore()
    for x, y, p, t in events.tolist():
        store.push_back(t * 1000, x, y, bool(p))
    writer.writeEvents(store)


def _fill(folder: Path, name: str, write: Callable, rng, label: int, side: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / name, blob(rng, label, side))


def nmnist(root: Path, train: int = 12, test: int = 6) -> Path:
    rng = np.random.default_rng(0)
    for split, n in (("Train", train), ("Test", test)):
        for label in range(4):
            for i in range(n):
                folder = root / "NMNIST" / split / str(label)
                _fill(folder, f"{i:05}.bin", write_nmnist, rng, label, 34)
    return root


def dvsgesture(root: Path, users: int = 6) -> Path:
    rng = np.random.default_rng(0)
    for split, chosen in (("ibmGestureTrain", range(users)), ("ibmGestureTest", range(90, 92))):
        for user in chosen:
            for label in range(4):
                folder = root / "DVSGesture" / split / f"user{user:02}_led"
                _fill(folder, f"{label}.npy", write_npy, rng, label, 128)
    return root


def cifar10dvs(root: Path, n: int = 5) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(CIFAR):
        for i in range(n):
            folder = root / "CIFAR10DVS" / name
            _fill(folder, f"cifar10_{name}_{i}.aedat4", write_aedat4, rng, label, 128)
    return root


def pack(name: str, root: Path) -> None:
    """Put the folders of a set into the archives that its publishers give out."""
    if name == "nmnist":
        for folder in ("Train", "Test"):
            _archive(root / "NMNIST" / folder, folder.lower(), "zip")
    elif name == "dvsgesture":
        for folder in ("ibmGestureTrain", "ibmGestureTest"):
            _archive(root / "DVSGesture" / folder, folder, "gztar")
    else:
        for folder in CIFAR:
            _archive(root / "CIFAR10DVS" / folder, folder, "zip")
        inner = root / "CIFAR10DVS"
        shutil.make_archive(str(root / "CIFAR10DVS"), "zip", inner)
        shutil.rmtree(inner)
        inner.mkdir()
        (root / "CIFAR10DVS.zip").rename(inner / "CIFAR10DVS.zip")


def _archive(folder: Path, name: str, kind: str) -> None:
    if kind == "gztar":
        with tarfile.open(folder.parent / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(folder, folder.name)
    else:
        shutil.make_archive(str(folder.parent / name), kind, folder.parent, folder.name)
    shutil.rmtree(folder)


MAKE = {"nmnist": nmnist, "dvsgesture": dvsgesture, "cifar10dvs": cifar10dvs}
