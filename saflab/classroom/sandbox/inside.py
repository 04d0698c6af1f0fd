"""What runs inside the sandbox: a notebook comes in on stdin, each cell's outputs go out as a line.

The file stands alone (no import of saflab, which would load torch twice): `python inside.py`.
Input: {"notebook": …, "cell_timeout": seconds, "cell_output": bytes}. Output: one JSON object a
line: {"ready": true} before the student's first cell, {"cell": index, "outputs": […]} after each,
{"end": true} after the last. What was finished before a crash is therefore kept.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from typing import IO, Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

_PR_SET_DUMPABLE = 4


def _private_channel() -> IO[str]:
    """Return stdout, out of the kernel's reach: it inherits /dev/null instead.

    Without "dumpable" no other process of the same user can open this one's memory or files.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    return channel


class _Client(NotebookClient):
    """Stops a cell that prints without end: the outputs are held in this process's memory."""

    budget = 0
    used = 0

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        kind = msg["msg_type"]
        if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            before, self.used = self.used, self.used + len(json.dumps(msg["content"]))
            if self.used > self.budget:
                if before <= self.budget:
                    cell.outputs.append(_error("OutputLimit", f"more than {self.budget} bytes"))
                    os.kill(_pid(self), signal.SIGINT)
                return None
        return super().process_message(msg, cell, cell_index)


def _pid(client: Any) -> int:
    return client.km.provisioner.pid


def _error(name: str, value: str) -> Any:
    return nbformat.v4.new_output("error", ename=name, evalue=value, traceback=[f"{name}: {value}"])


def _execute(task: dict[str, Any], channel: IO[str]) -> None:
    notebook: Any = nbformat.from_dict(task["notebook"])
    limit = task["cell_timeout"]
    client = _Client(
        notebook,
        timeout=limit,
        interrupt_on_timeout=True,
        error_on_timeout={"ename": "CellTimeoutError", "evalue": "", "traceback": []},
        allow_errors=True,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
    )
    client.budget = task["cell_output"]
    with client.setup_kernel():
        channel.write('{"ready": true}\n')
        channel.flush()
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.used, dead, start = 0, False, time.monotonic()
            try:
                client.execute_cell(cell, index)
                if time.monotonic() - start > limit:
                    cell.outputs.append(_error("CellTimeoutError", f"more than {limit} s"))
            except DeadKernelError:
                cell.outputs.append(_error("KernelDied", "the kernel ended in this cell"))
                dead = True
            channel.write(json.dumps({"cell": index, "outputs": cell.outputs}) + "\n")
            channel.flush()
            if dead:
                break
        channel.write('{"end": true}\n')
        channel.flush()
        # Nothing in here is worth an orderly end, and hostile code may refuse one.
        os._exit(0)


if __name__ == "__main__":
    task = json.loads(sys.stdin.buffer.read())
    _execute(task, _private_channel())
