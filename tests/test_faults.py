"""Named faults: a full disk, no permission, a broken download, two at once, a clock that jumps."""

import contextlib
import functools
import hashlib
import http.server
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest
import recordings
import torch

from saflab import cli, data
from saflab.data.download import fetch, unpacking
from saflab.files import append_line
from saflab.training import checkpoints, fit
from saflab.training.events import Controls, RunEnd, RunStart, StepEnd

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534


def half_written(folder):
    return [p for p in Path(folder).rglob("*") if p.suffix == ".tmp" or ".unpacking" in p.name]


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if not ROOT or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a full disk needs root and the right to mount; left out")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_named_and_keeps_the_earlier_checkpoint(tiny_disk, few, small):
    list(fit(small, few, out=tiny_disk / "run"))
    before = checkpoints.load(tiny_disk / "run")["step"]
    room = os.statvfs(tiny_disk)
    # One block is left, so that a write of more is cut off in the middle.
    (tiny_disk / "filler").write_bytes(bytes((room.f_bavail - 1) * room.f_frsize))
    run = tiny_disk / "run"
    with pytest.raises(checkpoints.CheckpointError, match=r"No space left.*--out"):
        list(fit(small, few, out=run, controls=Controls(overwrite=True)))
    with pytest.raises(OSError, match=r"disk full|No space left"):
        append_line(run / "log.jsonl", "x" * (room.f_frsize + 1000))
    assert checkpoints.load(run)["step"] == before
    assert not half_written(tiny_disk)
    assert not (run / "log.jsonl").exists() or not (run / "log.jsonl").read_bytes()


def test_a_full_disk_leaves_no_half_unpacked_data(tiny_disk, tmp_path):
    pytest.importorskip("tonic")
    root = recordings.nmnist(tmp_path / "made", train=40)
    recordings.pack("nmnist", root)
    target = tiny_disk / "NMNIST"
    target.mkdir()
    for archive in (root / "NMNIST").glob("*.zip"):
        with contextlib.suppress(OSError):
            (target / archive.name).write_bytes(archive.read_bytes())
    found = sorted(p.name for p in target.iterdir())
    with pytest.raises(
        data.DataError, match=r"Expected to (unpack|write).*(Free some space|name another)"
    ):
        data.load("nmnist", tiny_disk)
    assert sorted(p.name for p in target.iterdir() if p.name != ".lock") == found


def as_nobody(call):
    """Run `call` in a child without privileges; return what it returns."""
    torch.zeros(1)  # modules that load late would not be readable to nobody
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            answer = call()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, str(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def closed(tmp_path):
    """A folder that nobody may read but not write."""
    if not ROOT:
        pytest.skip("the test makes itself unprivileged, which needs root; left out")
    for part in [tmp_path, *tmp_path.parents]:
        if part.stat().st_uid == os.getuid() and part != Path("/"):
            part.chmod(part.stat().st_mode | 0o555)
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    return folder


def test_a_folder_without_permission_is_named(closed, few, small):
    def train():
        return next(fit(small, few, out=closed / "run"))

    answer = as_nobody(train)
    assert answer.startswith("CheckpointError: Expected to write")
    assert "Permission denied" in answer
    assert "--out" in answer
    assert not list(closed.iterdir())


def test_a_checkpoint_in_a_folder_closed_later_is_named(closed, few, small):
    closed.chmod(0o755)
    list(fit(small, few, out=closed))
    closed.chmod(0o555)
    content = checkpoints.load(closed)
    answer = as_nobody(lambda: checkpoints.save(closed / "checkpoint.pt", content))
    assert answer.startswith("CheckpointError: Expected to write")
    assert checkpoints.load(closed)["step"] == content["step"]
    assert not half_written(closed)


def test_data_without_permission_are_named(closed, images):
    def unpack():
        with unpacking(closed / "data"):
            pass

    assert as_nobody(unpack).startswith("DataError: Expected to write")
    victim = images / "train" / "cat" / "1.png"
    victim.chmod(0)
    for part in images.rglob("*"):
        if part != victim:
            part.chmod(0o755)
    answer = as_nobody(lambda: data.load("cifar10", images))
    assert answer.startswith("DataError")
    assert "1.png" in answer
    (images / "train").chmod(0)
    answer = as_nobody(lambda: data.load("cifar10", images))
    assert answer.startswith("DataError")
    (images / "train").chmod(0o755)


class Server(http.server.BaseHTTPRequestHandler):
    """Send a file, but break off after `keep` bytes."""

    def __init__(self, body, keep, *args):
        self.body, self.keep = body, keep
        super().__init__(*args)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body[: self.keep])

    def log_message(self, *args):
        """Say nothing."""


@contextlib.contextmanager
def serving(body, keep):
    handler = functools.partial(Server, body, keep)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def packed(tmp_path):
    """Recordings in archives, as their publishers give them out, and where they would unpack."""
    pytest.importorskip("tonic")
    recordings.nmnist(tmp_path / "published", train=3, test=2)
    recordings.pack("nmnist", tmp_path / "published")
    return tmp_path / "published" / "NMNIST", tmp_path / "mine"


def test_a_broken_download_keeps_nothing_and_a_whole_one_is_checked(packed, monkeypatch):
    from tonic.datasets import NMNIST

    published, mine = packed
    body = (published / "train.zip").read_bytes()
    for part in ("train", "test"):
        whole = (published / f"{part}.zip").read_bytes()
        monkeypatch.setattr(NMNIST, f"{part}_md5", hashlib.md5(whole).hexdigest())
    for keep, sent in ((len(body) // 2, body), (len(body), bytes(len(body))), (0, body)):
        with serving(sent, keep) as url:
            monkeypatch.setattr(NMNIST, "train_url", url)
            with pytest.raises(data.DataError, match=r"Nothing was kept; try again"):
                data.load("nmnist", mine, download=True)
        assert [p.name for p in mine.rglob("*")] in (["NMNIST", ".lock"], ["NMNIST"])
    with serving(body, len(body)) as url, serving((published / "test.zip").read_bytes(), None) as b:
        monkeypatch.setattr(NMNIST, "train_url", url)
        monkeypatch.setattr(NMNIST, "test_url", b)
        found = data.load("nmnist", mine, download=True)
    assert len(found.train_labels) == 12
    assert not half_written(mine)


def test_a_broken_download_of_cifar_keeps_nothing(tmp_path, monkeypatch):
    from torchvision import datasets

    inside = tmp_path / "made" / "cifar-10-batches-py"
    inside.mkdir(parents=True)
    (inside / "data_batch_1").write_bytes(bytes(1000))
    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as tar:
        tar.add(inside, inside.name)
    body = (tmp_path / "cifar.tar.gz").read_bytes()
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(body).hexdigest())
    mine = tmp_path / "mine"
    with serving(body, len(body) // 2) as url:
        monkeypatch.setattr(datasets.CIFAR10, "url", url)
        with pytest.raises(data.DataError, match="--download"):
            data.load("cifar10", mine, download=True)
    assert not [p for p in mine.rglob("*") if p.name != ".lock"]


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(data.DataError, match="unreachable"):
        fetch("http://127.0.0.1:9/file", tmp_path / "file", "0" * 32)
    assert not list(tmp_path.iterdir())


def unpack(root, queue):
    torch.set_num_threads(1)
    queue.put(int(data.load("nmnist", root).train_images.sum()))


def test_two_processes_unpack_one_data_folder(packed):
    published, _ = packed
    root = published.parent
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [context.Process(target=unpack, args=(root, queue)) for _ in range(2)]
    for process in both:
        process.start()
    answers = [queue.get(timeout=120) for _ in both]
    for process in both:
        process.join()
    assert answers[0] == answers[1] > 0
    assert not half_written(root)


def test_a_second_arrival_waits_for_the_first(tmp_path):
    order = []

    def second():
        with unpacking(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with unpacking(tmp_path):
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_what_a_killed_process_left_is_removed(packed, few, small, tmp_path):
    published, _ = packed
    (published / ".unpacking-killed").mkdir()
    data.load("nmnist", published.parent)
    assert not half_written(published)
    run = tmp_path / "run"
    run.mkdir()
    (run / ".checkpoint.pt.1.tmp").write_bytes(b"half")
    list(fit(small, few, out=run))
    assert not half_written(run)


def test_a_second_run_in_a_folder_is_refused_while_the_first_goes_on(few, small, tmp_path, capsys):
    first = fit(small, few, out=tmp_path)
    next(first)
    with pytest.raises(checkpoints.CheckpointError, match=r"another run at work.*--out"):
        next(fit(small, few, out=tmp_path))
    arguments = ["train", "--data", "digits", "--model", "mlp", "--out", str(tmp_path)]
    code = "import sys; from saflab.cli import main; sys.exit(main(sys.argv[1:]))"
    other = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert other.returncode == 2
    assert "another run at work" in other.stderr
    *_, end = first
    assert isinstance(end, RunEnd)
    *_, again = fit(small, few, out=tmp_path, resume=True)  # and is free afterwards
    assert isinstance(again, RunEnd)


def test_a_clock_that_jumps_back_changes_nothing(few, small, tmp_path, monkeypatch):
    whole = [e.loss for e in fit(small, few, out=tmp_path / "a") if isinstance(e, StepEnd)]
    now = iter(range(10**6, 0, -1000))
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: float(next(now)))
    jumping = list(fit(small, few, out=tmp_path / "b"))
    monkeypatch.undo()
    assert [e.loss for e in jumping if isinstance(e, StepEnd)] == whole
    assert isinstance(jumping[-1], RunEnd)
    assert jumping[-1].finished
    a, b = (checkpoints.load(tmp_path / name)["model"] for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_calendar_that_is_set_changes_no_interval(few, small, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(checkpoints, "save", lambda path, content: saved.append(content["step"]))
    list(fit(small, few, out=tmp_path / "a"))
    steps, days = list(saved), iter(range(0, 10**9, 10**5))
    saved.clear()
    monkeypatch.setattr(time, "time", lambda: float(next(days)))
    list(fit(small, few, out=tmp_path / "b"))
    assert saved == steps


def test_an_interrupted_command_leaves_whole_lines_and_goes_on(tmp_path, monkeypatch, capsys):
    """Ctrl-C in the middle: the log has whole lines, and --resume ends the run."""
    from saflab import training

    real, seen = training.fit, []

    def interrupted(*args, **kwargs):
        for event in real(*args, **kwargs):
            yield event
            seen.append(event)
            if len(seen) == 5:
                raise KeyboardInterrupt

    arguments = ["train", "--data", "digits", "--model", "mlp", "--channels", "8", "--epochs", "1",
                 "--device", "cpu", "--limit", "200", "--save-every", "0",
                 "--out", str(tmp_path)]  # fmt: skip
    monkeypatch.setattr(training, "fit", interrupted)
    assert cli.main(arguments) == 130
    monkeypatch.setattr(training, "fit", real)
    assert cli.main([*arguments, "--resume"]) == 0
    lines = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sum(line["event"] == RunStart.__name__ for line in lines) == 2
    assert lines[-1]["finished"]
    assert not half_written(tmp_path)
