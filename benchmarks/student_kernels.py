"""Memory and start time of student kernels that run a lesson at once: 1, 4 and 8 of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import psutil
import torch

from saflab.course.lessons import course_folder
from saflab.machine import describe_machine
from tools.markdown import machine_line, put, rows, store
from tools.waiting import wait_until

__all__ = ["COUNTS", "LESSONS", "fit", "run", "sizing", "table"]

RESULT = Path("assets") / "kernels.json"
GUIDE = Path("docs") / "instructor.md"
LESSONS = ("01_lif_neuron", "07_train_cifar10")
COUNTS = (1, 4, 8)
CLASSES = (30, 300, 3000)
_MB = 2**20


def _memory(pids: list[int]) -> tuple[float, float]:
    """Return PSS and USS in MB, added over processes: shared pages once, or not at all."""
    pss = uss = 0
    for pid in pids:
        try:
            full = psutil.Process(pid).memory_full_info()
        except psutil.Error:
            continue
        pss, uss = pss + full.pss, uss + full.uss
    return pss / _MB, uss / _MB


async def _student(path: Path, alive: list[int]) -> dict[str, float]:
    from nbclient import NotebookClient

    start, found, pids = time.monotonic(), {}, []
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    kernel: Any = client  # its manager is there once the kernel has started

    def ready(**_: Any) -> None:
        found["start_s"] = time.monotonic() - start
        pids.append(kernel.km.provisioner.pid)
        alive.extend(pids)

    def ran(**_: Any) -> None:
        times = psutil.Process(pids[0]).cpu_times()
        found["cpu_s"] = times.user + times.system

    client.on_notebook_start, client.on_cell_executed = ready, ran
    await client.async_execute()
    return found | {"run_s": time.monotonic() - start}


async def _class(path: Path, count: int) -> dict[str, Any]:
    """Run a notebook in `count` kernels at once; return medians of times and peaks of memory."""
    alive: list[int] = []
    peak_pss = peak_uss = 0.0
    tasks = [asyncio.create_task(_student(path, alive)) for _ in range(count)]
    while not all(task.done() for task in tasks):
        pss, uss = await asyncio.to_thread(_memory, alive.copy())
        peak_pss, peak_uss = max(peak_pss, pss), max(peak_uss, uss)
        await asyncio.sleep(0.25)
    found = [task.result() for task in tasks]
    medians = {key: round(float(np.median([f[key] for f in found])), 2) for key in found[0]}
    peaks = {"pss_mb": round(peak_pss), "uss_mb": round(peak_uss)}
    return {"lesson": path.stem, "kernels": count, **medians, **peaks}


def _server() -> float:
    """Return the memory of a JupyterLab server without kernels, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"JUPYTER_RUNTIME_DIR": folder}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
        nowhere = subprocess.DEVNULL
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=nowhere, stderr=nowhere
        )
        try:
            wait_until(
                lambda: list(Path(folder).glob("jpserver-*.json")),
                120.0,
                otherwise="Expected JupyterLab to start, but found that it did not. Run "
                "`jupyter lab --no-browser` and read its log.",
            )
            time.sleep(3)  # extensions load after the file is written
            return round(_memory([server.pid])[1])
        finally:
            server.terminate()
            server.wait()


def fit(measured: list[dict[str, Any]], lesson: str) -> tuple[float, float]:
    """Return (a, b) of memory = a + b·n in MB, by least squares over the counts of a lesson."""
    mine = [row for row in measured if row["lesson"] == lesson]
    slope, offset = np.polyfit([r["kernels"] for r in mine], [r["pss_mb"] for r in mine], 1)
    return float(offset), float(slope)


def sizing(result: dict[str, Any], students: int, lesson: str) -> tuple[float, float]:
    """Return memory in GB and cores for a class in which everybody works at once.

        memory = a + n·(b + server)        cores = n · (processor seconds) / (lesson's seconds)

    Cores assume that everybody runs every cell once during the lesson's stated minutes; short
    peaks queue.
    """
    offset, slope = fit(result["rows"], lesson)
    alone = next(r for r in result["rows"] if r["lesson"] == lesson and r["kernels"] == 1)
    memory = (max(offset, 0.0) + students * (slope + result["server_mb"])) / 1024
    return memory, students * alone["cpu_s"] / (60 * result["minutes"][lesson])


def table(result: dict[str, Any]) -> str:
    """Return what was measured, and what follows for a class, as Markdown."""
    cells = [
        [
            row["lesson"],
            row["kernels"],
            f"{row['start_s']:.1f} s",
            f"{row['run_s']:.0f} s",
            f"{row['pss_mb']:,} MB",
            f"{row['uss_mb'] / row['kernels']:,.0f} MB",
        ]
        for row in result["rows"]
    ]
    header = ["lesson", "kernels at once", "ready after", "whole lesson run"]
    server = f"A JupyterLab server without kernels: {result['server_mb']:.0f} MB."
    lines = rows([*header, "memory (PSS, all)", "own (USS, each)"], cells)
    lines += ["", f"{server} {machine_line(result['machine'])}", ""]
    needs = []
    for students in CLASSES:
        needs.append([f"{students:,}"])
        for lesson in LESSONS:
            memory, cores = sizing(result, students, lesson)
            needs[-1] += [f"{memory:,.0f} GB", f"{cores:,.1f}"]
    header = [f"{what}, {lesson}" for lesson in LESSONS for what in ("memory", "cores")]
    lines += rows(["students at once", *header], needs)
    for lesson in LESSONS:
        offset, slope = fit(result["rows"], lesson)
        each = f"({slope:.0f} + {result['server_mb']:.0f})"
        lines += ["", f"{lesson}: memory ≈ {max(offset, 0):.0f} MB + n · {each} MB."]
    return "\n".join(lines)


def run() -> int:
    """Measure, write assets/kernels.json and the table in docs/instructor.md; return 0."""
    from saflab.course.lessons import lessons

    os.environ.setdefault("SAFLAB_FAST", "1")
    os.environ["SAFLAB_STATE"] = ""
    folder = course_folder()
    result: dict[str, Any] = {
        "machine": describe_machine(torch.device("cpu")),
        "fast": os.environ["SAFLAB_FAST"],
        "minutes": {x.name: x.minutes for x in lessons(folder) if x.name in LESSONS},
        "server_mb": _server(),
        "rows": [],
    }
    for lesson in LESSONS:
        for count in COUNTS:
            row = asyncio.run(_class(folder / f"{lesson}.ipynb", count))
            result["rows"].append(row)
            print(row, flush=True)
    store(result, RESULT)
    print(table(result))
    put("kernels", table(result), GUIDE)
    return 0
