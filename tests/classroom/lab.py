"""A lab without torch, and a class that hands in every kind of wrong and hostile."""

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

LIMITS = {"seconds": 60, "cell_seconds": 6, "memory_mb": 400, "files_mb": 8, "processes": 40,
          "output_mb": 2}  # fmt: skip


def mark(name, *, points=None, solution=False, locked=False, kind="code"):
    value = {"grade_id": name, "solution": solution, "grade": points is not None, "task": False,
             "locked": locked, "schema_version": 3, "cell_type": kind}  # fmt: skip
    return {"nbgrader": value if points is None else value | {"points": points}}


def code(source, **marks):
    return new_code_cell(source, metadata=mark(**marks))


def lab():
    """Return the source: tests of 2 + 3 + 5 points, and an essay of 4."""
    essay = mark("essay", points=4, solution=True, kind="markdown")
    return new_notebook(cells=[
        code("import math", name="setup", locked=True),
        code("def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION",
             name="double", solution=True),
        code("assert double(2) == 4", name="double_seen", points=2, locked=True),
        code("### BEGIN HIDDEN TESTS\nassert double(0.5) == 1\n### END HIDDEN TESTS",
             name="double_hidden", points=3, locked=True),
        code("def triple(x):\n    ### BEGIN SOLUTION\n    return 3 * x\n    ### END SOLUTION",
             name="triple", solution=True),
        code("assert triple(2) == 6", name="triple_seen", points=5, locked=True),
        new_markdown_cell("### BEGIN SOLUTION\nIt grows.\n### END SOLUTION", metadata=essay),
    ])  # fmt: skip


PROBE = """
import socket
from pathlib import Path
seen = []
for top in (Path.cwd(), Path("/"), Path("COURSE"), Path("COURSE").parent, Path("ROOT")):
    for pattern in ("gradebook.db", "*/gradebook.db", "submitted", "source", "*/labs/*/*.ipynb"):
        seen += top.glob(pattern)
for target in ("COURSE/gradebook.db", "COURSE/escaped", "/escaped", "/usr/escaped", "/home/escaped",
               "ROOT/saflab/escaped"):
    try:
        with open(target, "ab") as file:
            file.write(b"x")
        seen.append(target)
    except OSError:
        pass
for address in (("192.0.2.1", 80), ("127.0.0.1", PORT)):
    try:
        socket.create_connection(address, timeout=1)
        seen.append(address)
    except OSError:
        pass
import os
for other in (int(p) for p in os.listdir("/proc") if p.isdigit()):
    try:
        if b"pytest" in open(f"/proc/{other}/cmdline", "rb").read():
            seen.append(other)
        if other != os.getpid() and open(f"/proc/{other}/mem", "rb"):
            seen.append(("memory of", other))
    except OSError:
        pass
print("ESCAPED" if seen else "walls hold", seen)
"""
FORKS = """
import os, time
children = 0
try:
    while children < 500:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
    print("FORKED", children)
except OSError:
    print("refused")
"""
TOGETHER = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        taken = bytearray(b"x") * (100 << 20)
        time.sleep(60)
        os._exit(0)
    time.sleep(0.5)
time.sleep(30)
print("TOOK")
"""
SWALLOW = """
get_ipython().set_custom_exc((BaseException,), lambda *error, **more: None)
raise SystemError
"""
GOOD = {"double": "def double(x):\n    return 2 * x", "triple": "def triple(x):\n    return x * 3",
        "essay": "Linearly."}  # fmt: skip
# student: (what changes against GOOD, status, score)
CLASS = {
    "anna": ({}, "graded", 10),
    "ben": ({"triple": "def triple(x):\n    raise NotImplementedError()"}, "graded", 5),
    "cleo": ({"double": "def double(x):\n    return x ** 2"}, "graded", 7),
    "endless": ({"triple": "def triple(x):\n    while True: pass"}, "timed out", 5),
    "exits": ({"triple": "import os; os._exit(0)"}, "crashed", 5),
    "forks": ({"double": GOOD["double"] + FORKS}, "graded", 10),
    "kills": ({"triple": "import os, time\nos.kill(-1, 9)\ntime.sleep(9)"}, "crashed", 5),
    "memory": ({"triple": GOOD["triple"] + "\nb'x' * (600 << 20)"}, "memory", 10),
    "together": ({"triple": TOGETHER}, "memory", 5),
    "output": ({"triple": GOOD["triple"] + "\nfor _ in range(4000): print('x' * 10000)"},
               "output", 10),
    "probe": ({"double": GOOD["double"] + PROBE}, "graded", 10),
    "swallow": ({"double": SWALLOW, "triple": "1 / 0"}, "tampered", 0),
    "script": ({"double": GOOD["double"] + "\nfrom IPython.display import HTML, display\n"
                "display(HTML('<script>steal()</script><b onclick=steal()>seen</b>'))"},
               "graded", 10),
    "edited": ({"double_seen": "pass", "double_hidden": "pass", "triple_seen": "pass",
                "double": "", "triple": GOOD["triple"]}, "tampered", 5),
    "deleted": ({"double_hidden": None, "triple_seen": None}, "tampered", 10),
    "half": (None, "unreadable", None),
    "linked": (None, "unreadable", None),
    "nothing": (None, "unreadable", None),
}  # fmt: skip


def hand_in(release, folder, course, root, port):
    """Write the class as a folder of submissions, from the released notebook."""
    for student, (changes, _, _) in CLASS.items():
        notebook = nbformat.read(release, as_version=4)
        values = GOOD | (changes or {})
        for cell in list(notebook.cells):
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if values.get(name, "") is None:
                notebook.cells.remove(cell)
            elif name in values:
                source = values[name].replace("COURSE", str(course)).replace("ROOT", str(root))
                cell.source = source.replace("PORT", str(port))
        if student == "edited":
            # Points and marks come from the source, whatever the submission says.
            for cell in notebook.cells:
                cell.metadata["nbgrader"] |= {"points": 1000, "grade": False, "locked": False}
        path = Path(folder) / student / "lab" / "lab.ipynb"
        path.parent.mkdir(parents=True)
        if student == "nothing":
            continue
        if student == "linked":
            path.symlink_to(Path(folder) / "anna" / "lab" / "lab.ipynb")
            continue
        text = json.dumps(notebook)
        path.write_text(text[: len(text) // 2] if student == "half" else text)
