"""Code that misbehaves, to test a grader with. Every attack is bounded if nothing stops it.

An attack that succeeds prints the word in capitals that begins its message (LEAKED, WROTE,
CONNECTED, TOOK, FORKED), so that a test can look for it.
"""

__all__ = ["ATTACKS", "EVIDENCE", "TRACE"]

EVIDENCE = ("LEAKED", "WROTE", "CONNECTED", "TOOK", "FORKED")
"""Words that appear in the output of an attack that was not stopped."""

TRACE = "saflab_was_here.txt"
"""Name of the files that `writes_outside` leaves behind."""

# name: (limit it runs into, what it does, does it surely end the kernel, code)
ATTACKS: dict[str, tuple[str, str, bool, str]] = {
    "endless": ("time", "never returns", False, """
while True:
    pass
"""),
    "fork_bomb": ("processes", "forks 200 children that sleep for 30 s", False, """
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
"""),
    "memory": ("memory", "asks for 6 GiB and touches it", False, """
taken = []
for _ in range(96):
    taken.append(b"x" * (64 << 20))
print("TOOK", len(taken) * 64, "MiB")
del taken
"""),
    "huge_output": ("output", "prints 200 MB", False, """
for _ in range(2000):
    print("x" * 100_000)
"""),
    "reads_gradebook": ("files", "looks for the gradebook in every folder above", False, """
from pathlib import Path
for folder in list(Path.cwd().parents)[:-1] + [Path.home()]:
    for found in [*folder.glob("gradebook.db"), *folder.glob("*/gradebook.db")]:
        try:
            print("LEAKED", found, found.read_bytes()[:16])
        except OSError:
            print("refused")
"""),
    "reads_others": ("files", "looks for other submissions and for the sources", False, """
from pathlib import Path
here = Path.cwd().resolve()
for folder in list(here.parents)[:-1]:
    for found in [*folder.glob("*/*/lab*.ipynb"), *folder.glob("*/*/*/lab*.ipynb")]:
        try:
            if here not in found.resolve().parents and found.read_bytes():
                print("LEAKED", found)
        except OSError:
            print("refused")
"""),
    "writes_outside": ("files", "writes into the four folders above its own", False, """
from pathlib import Path
for folder in list(Path.cwd().parents)[:-1][:4]:
    try:
        (folder / "saflab_was_here.txt").write_text("outside")
        print("WROTE", folder)
    except OSError:
        print("refused")
"""),
    "network": ("network", "opens a connection", False, """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2).close()
    print("CONNECTED")
except OSError:
    print("refused")
"""),
    "exits": ("process", "ends its kernel with os._exit(0)", True, """
import os
os._exit(0)
"""),
    "kills_parent": ("process", "kills the process that started the kernel", True, """
import os, signal, time
if os.getppid() > 1:
    os.kill(os.getppid(), signal.SIGKILL)
time.sleep(1)
os.kill(os.getpid(), signal.SIGKILL)
"""),
}  # fmt: skip
