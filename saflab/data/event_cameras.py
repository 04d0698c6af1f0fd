"""Recordings of event cameras as frames over time, read through `tonic` (extra [events])."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saflab.data.archives import unpack
from saflab.data.dataset import DataError, Dataset, choose, search_folders
from saflab.data.download import explain_read_errors, fetch, unpacking
from saflab.data.folders import visible_files

__all__ = ["EVENTS", "event_frames", "frames"]


class _Archive(NamedTuple):
    """One archive of a set: its address and MD5 (names of tonic's attributes), and its folders."""

    url: str
    filename: str
    md5: str
    folders: tuple[str, ...]


class _Source(NamedTuple):
    """A set as tonic knows it: class, archives, the files in them, and what names their class.

    `pool` is the side of the squares of pixels that are summed.
    """

    kind: str
    archives: tuple[_Archive, ...]
    suffix: str
    label: str  # "file" or "folder"
    pool: int


_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
EVENTS: dict[str, _Source] = {
    "nmnist": _Source(
        "NMNIST",
        (
            _Archive("train_url", "train_filename", "train_md5", ("Train",)),
            _Archive("test_url", "test_filename", "test_md5", ("Test",)),
        ),
        suffix=".bin",
        label="folder",
        pool=1,
    ),
    "dvsgesture": _Source(
        "DVSGesture",
        (
            _Archive("train_url", "train_filename", "train_md5", ("ibmGestureTrain",)),
            _Archive("test_url", "test_filename", "test_md5", ("ibmGestureTest",)),
        ),
        suffix=".npy",
        label="file",
        pool=4,
    ),
    "cifar10dvs": _Source(
        "CIFAR10DVS",
        (_Archive("url", "filename", "file_md5", tuple(_CLASSES.split())),),
        suffix=".aedat4",
        label="folder",
        pool=4,
    ),
}


def _tonic(name: str) -> Any:
    try:
        from tonic import datasets  # optional and slow, needed only here
    except ImportError as error:
        raise DataError(
            f"Expected tonic for {name}, but found it missing ({error}). "
            "Run `pip install 'saflab[events]'`."
        ) from error
    return getattr(datasets, EVENTS[name].kind)


def frames(events: np.ndarray, steps: int, sensor: tuple[int, int, int], pool: int = 1) -> Tensor:
    """Count events in T equal spans of time.

        frame[t, p, y, x] = min(255, number of events of polarity p at (x, y) in span t)

    Args:
        events: Structured array with fields x, y (pixels), t (microseconds) and p (0 or 1).
        steps: T ≥ 1.
        sensor: (width, height, polarities).
        pool: Side of the squares of pixels that are summed; the sensor is a multiple of it.

    Returns:
        uint8, shape (T, polarities, height/pool, width/pool).

    Raises:
        ValueError: If there is no event, or one lies outside the sensor.

    >>> events = np.array([(1, 0, 0, 1), (1, 0, 9, 1)], [(axis, int) for axis in "xytp"])
    >>> frames(events, 3, (2, 2, 2))[:, 1, 0, 1].tolist()  # polarity 1 at y = 0, x = 1
    [1, 0, 1]
    """
    width, height, polarities = sensor
    if len(events) == 0:
        raise ValueError("Expected at least one event, but found none. Leave the recording out.")
    if not (isinstance(steps, int) and 1 <= steps < 2**31) or width % pool or height % pool:
        raise ValueError(
            f"Expected T ≥ 1 frames and a side that {pool} divides, but found {steps!r} and "
            f"{width}×{height}."
        )
    # Whole numbers with a sign, whatever the file holds: tonic's own frames count in int16.
    x, y, p, t = (events[axis].astype(np.int64) for axis in ("x", "y", "p", "t"))
    for axis, values, size in (("x", x, width), ("y", y, height), ("p", p, polarities)):
        if values.min() < 0 or values.max() >= size:
            raise ValueError(
                f"Expected {axis} in 0…{size - 1}, but found {values.min()} to {values.max()}. "
                "Use the recordings of this set, whole."
            )
    t -= t.min()
    shape = (int(steps), polarities, height // pool, width // pool)
    where = np.ravel_multi_index((t * steps // (t.max() + 1), p, y // pool, x // pool), shape)
    counts = np.bincount(where, minlength=int(np.prod(shape))).reshape(shape)
    return torch.from_numpy(counts.clip(max=255).astype(np.uint8))


def _there(folder: Path, archive: _Archive) -> bool:
    return all((folder / name).is_dir() for name in archive.folders)


def _provide(name: str, root: Path, download: bool) -> list[str]:
    """Unpack or fetch what `root` lacks; return what was looked for and not found."""
    kind, missing = _tonic(name), []
    folder = root / kind.__name__
    for archive in EVENTS[name].archives:
        if _there(folder, archive):
            continue
        path = folder / getattr(kind, archive.filename)
        if not path.is_file() and not download:
            missing += [str(folder / archive.folders[0]), str(path)]
            continue
        with unpacking(folder) as temporary:
            if _there(folder, archive):  # another process was faster
                continue
            if not path.is_file():
                path = temporary / path.name
                fetch(getattr(kind, archive.url), path, getattr(kind, archive.md5))
            unpack(path, archive.folders, temporary)
    return missing


def _recordings(name: str, root: Path) -> list[Any]:
    """Return tonic's sets: training and test, or one if the set has no split of its own."""
    kind, source = _tonic(name), EVENTS[name]
    # tonic counts 10,000 files before it trusts a folder and else downloads; we know it is there.
    present = type(kind.__name__, (kind,), {"_check_exists": lambda self: True})
    with tempfile.TemporaryDirectory() as empty:  # tonic's own list would hold hidden files, too
        alone = len(source.archives) == 1
        splits = [present(empty)] if alone else [present(empty, train=t) for t in (True, False)]
    top = root / kind.__name__
    for split, archive in zip(splits, source.archives, strict=True):
        for folder in [top] if alone else [top / name for name in archive.folders]:
            for path in visible_files(folder, source.suffix):
                split.data.append(str(path))
                split.targets.append(_label(source, kind, path))
    return splits


def _label(source: _Source, kind: Any, path: Path) -> int:
    """Return the class of a recording: by the name of its file or folder."""
    name = path.stem if source.label == "file" else path.parent.name
    classes = kind.classes  # names with their labels, or a list in order of the labels
    labels = classes if isinstance(classes, dict) else {str(i): i for i in range(len(classes))}
    if name not in labels:
        raise DataError(
            f"Expected recordings of {kind.__name__} as its archives unpack, but found {path}, "
            f"whose {source.label} is not named after a class. Delete it, or unpack again."
        )
    return labels[name]


def _read(recordings: Any, order: Sequence[int], steps: int, pool: int) -> tuple[Tensor, Tensor]:
    def one(index: int) -> Tensor:
        path = recordings.data[index]
        try:
            events, _ = recordings[index]
            return frames(events, steps, recordings.sensor_size, pool)
        except ImportError as error:
            raise DataError(
                f"Expected the package that reads {path}, but found it missing ({error}). Run "
                "`pip install 'saflab[events]'`."
            ) from error
        except Exception as error:  # each format has errors of its own
            raise DataError(
                f"Expected a whole recording, but found {path} damaged ({error}). Delete its "
                "folder and unpack the archive again."
            ) from error

    with ThreadPoolExecutor(os.cpu_count()) as workers:
        found = list(workers.map(one, order))
    return torch.stack(found), torch.tensor([recordings.targets[index] for index in order])


def _split(recordings: list[Any]) -> list[tuple[Any, list[int]]]:
    """Return each part with its indices, by class and name; a lone set gives its last tenth."""
    orders = [
        sorted(range(len(r)), key=lambda i, r=r: (r.targets[i], r.data[i])) for r in recordings
    ]
    if len(recordings) == 2:
        return list(zip(recordings, orders, strict=True))
    lone, parts = recordings[0], ([], [])
    for label in sorted(set(lone.targets)):
        own = [index for index in orders[0] if lone.targets[index] == label]
        tests = max(1, len(own) // 10)
        parts[0].extend(own[:-tests])
        parts[1].extend(own[-tests:])
    return [(lone, part) for part in parts]


@explain_read_errors()
def event_frames(
    name: str,
    root: str | Path | None = None,
    *,
    steps: int = 4,
    download: bool = False,
    limit: int | None = None,
) -> Dataset:
    """Return recordings of an event camera as frames over time, uint8 (N, T, 2, H, W).

    "nmnist" has frames of 34×34, "dvsgesture" and "cifar10dvs" of 32×32 (4×4 pixels summed). They
    lie in root/NMNIST, root/DVSGesture and root/CIFAR10DVS as `tonic` leaves them, or as the
    archives that their publishers give out, which are unpacked once. CIFAR10-DVS has no split of
    its own: the last tenth of each class, by name, is the test set.

    Args:
        name: One of `EVENTS`.
        root: Folder to look in; None looks where `search_folders` says.
        steps: T ≥ 1, the number of frames: equal spans from the first event to the last.
        download: Fetch it (checked against its checksum) if it is not there.
        limit: Number of training recordings, spread over the classes; None takes all.

    Raises:
        DataError: If tonic or the data are missing or damaged; lists what was tried.
        ValueError: If there is no such set, or a number is below 1.
    """
    if name not in EVENTS:
        raise ValueError(f"Expected an event dataset in {list(EVENTS)}, but found {name!r}.")
    if steps < 1 or (limit is not None and limit < 1):
        raise ValueError(
            f"Expected steps and limit of at least 1, but found {steps} and {limit}. Use e.g. "
            "steps=10; leave limit out to take all."
        )
    tried: list[str] = []
    for folder in search_folders(root):
        missing = _provide(name, folder, download)
        if not missing:
            return _dataset(name, folder, steps, limit)
        tried += missing
    raise DataError(
        f"Expected {name}, but found none of {', '.join(tried)}. Put its archives there (see "
        f"tonic.datasets.{EVENTS[name].kind} for where they are published), name their folder "
        "with --root or SAFLAB_DATA, or pass --download."
    )


def _dataset(name: str, root: Path, steps: int, limit: int | None) -> Dataset:
    kind, pool = _tonic(name), EVENTS[name].pool
    (train, order), (test, test_order) = _split(_recordings(name, root))
    for part, found in (("training", order), ("test", test_order)):
        if not found:
            raise DataError(
                f"Expected {part} recordings in {root / kind.__name__}, but found none. Delete "
                "that folder and unpack the archives again."
            )
    chosen = [order[i] for i in choose([train.targets[i] for i in order], limit)]
    return Dataset.of(
        name,
        f"{steps} frames of each recording in {(root / kind.__name__).resolve()}, by tonic",
        tuple(kind.classes),
        train=_read(train, chosen, steps, pool),
        test=_read(test, test_order, steps, pool),
    )
