"""Code that misbehaves, to test a grader with. Every attack is bounded if nothing stops it.

An attack that succeeds prints the word in capitals that begins its message (LEAKED, WROTE,
CONNECTED, TOOK, FORKED), so that a test can look for it.
"""

from typing import NamedTuple

__all__ = ["ATTACKS", "Attack"]


class Attack(NamedTuple):
    """Code in an answer that misbehaves.

    Args:
        about: What it does.
        code: Appended to the answer.
        ends_kernel: Whether no cell after it can run.
    """

    about: str
    code: str
    ends_kernel: bool = False


ATTACKS = {
    "endless": Attack(
        "never returns",
        """
while True:
    pass
""",
    ),
    "fork_bomb": Attack(
        "forks 200 children that sleep for 30 s",
        """
import os, time
children = 0
try:
    for children in range(200):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
    print("FORKED", children + 1)
except OSError:
    print("refused after", children)
""",
    ),
    "memory": Attack(
        "asks for 6 GiB and touches it",
        """
taken = []
for _ in range(96):
    taken.append(b"x" * (64 << 20))
print("TOOK", len(taken) * 64, "MiB")
del taken
""",
    ),
    "huge_output": Attack(
        "prints 200 MB",
        """
for _ in range(2000):
    print("x" * 100_000)
""",
    ),
    "reads_gradebook": Attack(
        "looks for the gradebook in every folder above",
        """
from pathlib import Path
for folder in list(Path.cwd().parents)[:-1] + [Path.home()]:
    for found in [*folder.glob("gradebook.db"), *folder.glob("*/gradebook.db")]:
        try:
            print("LEAKED", found, found.read_bytes()[:16])
        except OSError:
            print("refused")
""",
    ),
    "reads_others": Attack(
        "looks for other submissions and for the sources",
        """
from pathlib import Path
here = Path.cwd().resolve()
for folder in list(here.parents)[:-1]:
    for found in [*folder.glob("*/*/lab*.ipynb"), *folder.glob("*/*/*/lab*.ipynb")]:
        try:
            if here not in found.resolve().parents and found.read_bytes():
                print("LEAKED", found)
        except OSError:
            print("refused")
""",
    ),
    "writes_outside": Attack(
        "writes into the four folders above its own",
        """
from pathlib import Path
for folder in list(Path.cwd().parents)[:-1][:4]:
    try:
        (folder / "saflab_was_here.txt").write_text("outside")
        print("WROTE", folder)
    except OSError:
        print("refused")
""",
    ),
    "network": Attack(
        "opens a connection",
        """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2).close()
    print("CONNECTED")
except OSError:
    print("refused")
""",
    ),
    "exits": Attack(
        "ends its kernel with os._exit(0)",
        """
import os
os._exit(0)
""",
        ends_kernel=True,
    ),
    "kills_parent": Attack(
        "kills the process that started the kernel",
        """
import os, signal, time
if os.getppid() > 1:
    os.kill(os.getppid(), signal.SIGKILL)
time.sleep(1)
os.kill(os.getpid(), signal.SIGKILL)
""",
        ends_kernel=True,
    ),
}
