"""Recordings of event cameras as frames over time, read through `tonic` (extra [events])."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saflab.data.dataset import DataError, Dataset, search_folders, spread
from saflab.data.download import fetch, put_in_place, reading, unpacking

__all__ = ["EVENTS", "event_frames", "frames"]


class _Archive(NamedTuple):
    """One archive of a set: its address and MD5 (names of tonic's attributes), and its folders."""

    url: str
    filename: str
    md5: str
    folders: tuple[str, ...]


class _Source(NamedTuple):
    """A set as tonic knows it: class, archives, and the pixels that are summed into one."""

    kind: str
    archives: tuple[_Archive, ...]
    pool: int


_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
EVENTS: dict[str, _Source] = {
    "nmnist": _Source(
        "NMNIST",
        (
            _Archive("train_url", "train_filename", "train_md5", ("Train",)),
            _Archive("test_url", "test_filename", "test_md5", ("Test",)),
        ),
        pool=1,
    ),
    "dvsgesture": _Source(
        "DVSGesture",
        (
            _Archive("train_url", "train_filename", "train_md5", ("ibmGestureTrain",)),
            _Archive("test_url", "test_filename", "test_md5", ("ibmGestureTest",)),
        ),
        pool=4,
    ),
    "cifar10dvs": _Source(
        "CIFAR10DVS",
        (_Archive("url", "filename", "file_md5", tuple(_CLASSES.split())),),
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


def _unpack(archive: Path, names: Sequence[str], temporary: Path) -> None:
    """Move the folders `names` of an archive (and of archives in it) beside `temporary`."""
    try:
        _extract(archive, temporary)
        for inner in temporary.glob("*.zip"):
            _extract(inner, temporary)
    except Exception as error:  # zipfile, tarfile, zlib and lzma have an error each
        raise DataError(
            f"Expected to unpack {archive}, but found it impossible ({error}). Free some space; if "
            "the archive is damaged, delete it and fetch it again."
        ) from error
    for name in names:
        if not (temporary / name).is_dir():
            raise DataError(
                f"Expected {name}/ in {archive}, but found none. Fetch the archive again."
            )
    for name in names:
        if not (temporary.parent / name).exists():
            put_in_place(temporary / name, temporary.parent / name)


def _extract(archive: Path, folder: Path) -> None:
    if archive.suffix == ".gz" and hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
        shutil.unpack_archive(archive, folder, filter="data")
    else:
        shutil.unpack_archive(archive, folder)


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
            _unpack(path, archive.folders, temporary)
    return missing


def _recordings(name: str, root: Path) -> list[Any]:
    """Return tonic's sets: training and test, or one if the set has no split of its own."""
    kind = _tonic(name)
    # tonic counts 10,000 files before it trusts a folder and else downloads; we know it is there.
    present = type(kind.__name__, (kind,), {"_check_exists": lambda self: True})
    try:
        if len(EVENTS[name].archives) == 1:
            return [present(str(root))]
        return [present(str(root), train=True), present(str(root), train=False)]
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"Expected {name} in {root / kind.__name__} as its archives unpack, but found a name "
            f"that does not belong there ({error}). Delete that folder and unpack again."
        ) from error


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


@reading()
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
    chosen = [order[i] for i in spread(len(order), limit)]
    train_images, train_labels = _read(train, chosen, steps, pool)
    test_images, test_labels = _read(test, test_order, steps, pool)
    return Dataset(
        name=name,
        source=f"{steps} frames of each recording in {(root / kind.__name__).resolve()}, by tonic",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=tuple(kind.classes),
    )
