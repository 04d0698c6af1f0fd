"""CIFAR-10 and CIFAR-100: torchvision's files, their archive, or for ten classes JPEG images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from saflab.data.archives import check_md5, unpack
from saflab.data.dataset import DataError, Dataset, choose, search_folders
from saflab.data.download import explain_read_errors, fetch, unpacking
from saflab.data.images import image_folder

__all__ = ["cifar", "is_present"]

JPEG_ARCHIVE = "cifar10-jpeg.tar.xz"


class _Files(NamedTuple):
    """What is looked for: torchvision's class, folder and archive, and if images are read."""

    kind: str
    folder: str
    archive: str
    images: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Files and folders that provide the dataset."""
        images = ("train", JPEG_ARCHIVE) if self.images else ()
        return (self.folder, self.archive, *images)

    @property
    def help(self) -> str:
        """How to provide the dataset."""
        images = ", or images as train/<class>/*.jpg and test/<class>/*.jpg," if self.images else ""
        return (
            f"Put {self.archive} or the folder {self.folder}{images} into one of these folders, "
            "name another with --root or SAFLAB_DATA, or pass --download."
        )


_CIFAR = {
    "cifar10": _Files("CIFAR10", "cifar-10-batches-py", "cifar-10-python.tar.gz", True),
    "cifar100": _Files("CIFAR100", "cifar-100-python", "cifar-100-python.tar.gz", False),
}


def is_present(name: str, folder: Path) -> bool:
    """Return whether something in `folder` claims to be the dataset, whole or not."""
    return any((folder / file).exists() for file in _CIFAR[name].names)


def _torchvision(name: str) -> Any:
    from torchvision import datasets  # slow import, needed only here

    return getattr(datasets, _CIFAR[name].kind)


def _unpack(name: str, root: Path, *, download: bool = False) -> None:
    """Provide torchvision's folder from the archive in `root`, or from the network."""
    files, kind = _CIFAR[name], _torchvision(name)
    with unpacking(root) as temporary:
        if (root / files.folder).exists():  # another process was faster
            return
        archive = root / files.archive
        if not archive.is_file() and download:
            archive = temporary / files.archive
            fetch(kind.url, archive, kind.tgz_md5)
        else:
            check_md5(archive, kind.tgz_md5)
        unpack(archive, [files.folder], temporary)


def _unpack_images(root: Path) -> None:
    with unpacking(root) as temporary:
        if not (root / "train").exists():
            # train/ comes last, since it is what the next call looks for.
            unpack(root / JPEG_ARCHIVE, ["test", "train"], temporary)


def _read(name: str, root: Path, limit: int | None) -> Dataset:
    kind = _torchvision(name)
    try:
        train, test = kind(str(root), train=True), kind(str(root), train=False)
    except Exception as error:  # torchvision's own, and of damaged pickles
        raise DataError(
            f"Expected {name} in {root / kind.base_folder}, but found it incomplete or damaged "
            f"({error}). Delete that folder, then unpack {kind.filename} again or repeat with "
            "--download."
        ) from error

    def tensors(split: Any, keep: Sequence[int]) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(split.data[list(keep)]).permute(0, 3, 1, 2).contiguous()
        return images, torch.tensor(split.targets)[list(keep)]

    return Dataset.of(
        name,
        f"torchvision {name} in {root.resolve()}",
        tuple(train.classes),
        train=tensors(train, choose(train.targets, limit)),
        test=tensors(test, range(len(test.targets))),
    )


@explain_read_errors()
def cifar(
    name: str = "cifar10",
    root: str | Path | None = None,
    *,
    download: bool = False,
    limit: int | None = None,
) -> Dataset:
    """Return CIFAR-10 or CIFAR-100.

    Read are torchvision's files, their published archive, which is checked and unpacked, and for
    ten classes a folder of images or its archive `cifar10-jpeg.tar.xz`.

    Args:
        name: "cifar10" or "cifar100".
        root: Folder to look in; None looks where `search_folders` says.
        download: Fetch it (checked against its checksum, with progress) if it is not there.
        limit: Number of training images, spread over the classes; None takes all.

    Raises:
        DataError: If nothing usable is found; lists what was tried and how to proceed.
        ValueError: If there is no such dataset, or the limit is below 1.
    """
    if name not in _CIFAR:
        raise ValueError(f"Expected one of {list(_CIFAR)}, but found {name!r}.")
    files, tried = _CIFAR[name], []
    for folder in search_folders(root):
        if (folder / files.archive).is_file() and not (folder / files.folder).is_dir():
            _unpack(name, folder)
        if (folder / files.folder).is_dir():
            return _read(name, folder, limit)
        if files.images and (folder / JPEG_ARCHIVE).is_file() and not (folder / "train").is_dir():
            _unpack_images(folder)
        if files.images and (folder / "train").is_dir():
            return image_folder(folder, limit=limit, name=name)
        tried += [str(folder / file) for file in files.names]
    if download:
        folder = search_folders(root)[0]
        _unpack(name, folder, download=True)
        return _read(name, folder, limit)
    raise DataError(f"Expected {name}, but found none of {', '.join(tried)}. {files.help}")
