"""Break each feature on purpose, one at a time, and see its tests fail.

`python tests/breakages.py` copies the repository, makes one change, runs the tests named beside
it, and writes assets/breakages.json; exit status 1 if any test did not notice. Words on the command
line choose the breakages whose feature or file contains one. `test_breakages.py` sees to it that
the list keeps up with the code.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch

from saflab.bench.pages import store
from saflab.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("saflab", "saflab_jupyter", "tests", "notebooks", "docs", "assets", "pyproject.toml",
          "setup.py", "conftest.py", "constraints.txt", "environment.yml", "README.md")  # fmt: skip


class Breakage(NamedTuple):
    """A change of one place, and the tests (arguments of pytest) that must then fail."""

    feature: str
    file: str
    old: str
    new: str
    tests: str


NIR, ENERGY, MANY, FAULTS = "NIR", "firing and energy", "many processes", "faults"
EVENTS, WIRES, LONG, PACKAGE = "event data", "skip and feedback", "long run", "packaging"
CLASS, LABS, WIDGETS, TRAINER = "classroom", "labs", "explorers", "live trainer"

BREAKAGES = (
    Breakage(NIR, "saflab/nir/writing.py", "effective_weight().double() * factor",
             "effective_weight().double()", "tests/test_nir.py -k others_fire"),
    Breakage(NIR, "saflab/nir/writing.py", "weight = -p.leak * p.threshold *",
             "weight = -p.threshold *", "tests/test_nir.py -k others_fire"),
    Breakage(NIR, "saflab/nir/writing.py", "v_threshold=full(float(below))",
             "v_threshold=full(p.threshold)", "tests/test_nir.py -k equality"),
    Breakage(NIR, "saflab/nir/reading.py", 'neuron.reset == "hard" and not',
             'neuron.reset == "never" and not', "tests/test_nir.py -k foreign"),
    Breakage(NIR, "saflab/nir/reading.py", "_fill(layer, weight * gain, None",
             "_fill(layer, weight, None", "tests/test_nir.py -k imports"),
    Breakage(EVENTS, "saflab/events.py", "t * steps // (t.max() + 1)", "t * 0",
             "tests/test_events.py -k 'frames or time_reaches'"),
    Breakage(EVENTS, "saflab/events.py", "p, y // pool, x // pool)", "p, x // pool, y // pool)",
             "tests/test_events.py -k 'read_as or frames'"),
    Breakage(EVENTS, "saflab/events.py", "if not (temporary / name).is_dir():", "if False:",
             "tests/test_events.py -k damaged"),
    Breakage(MANY, "saflab/distributed.py", "share * dist.get_world_size(), [], []",
             "share, [], []", "tests/test_distributed.py -k gradients_of_one"),
    Breakage(MANY, "saflab/distributed.py", "rows = slice(self.rank, count, self.size)",
             "rows = slice(0, count, self.size)", "tests/test_distributed.py -k 'shares or one'"),
    Breakage(MANY, "saflab/distributed.py", "return self.total(torch.tensor(values,",
             "return (torch.tensor(values,", "tests/test_distributed.py -k send_t_times"),
    Breakage(MANY, "saflab/distributed.py", "raise DistributedError(_GONE.format(str(error)",
             "raise SystemExit(_GONE[:9].format(str(error)",
             "tests/test_distributed.py -k 'killed or gone'"),
    Breakage(MANY, "saflab/distributed.py", "os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')",
             "0", "tests/test_distributed.py -k elastic"),
    Breakage(MANY, "saflab/run.py", "if path is not None and self.team.leads",
             "if path is not None", "tests/test_distributed.py -k 'killed or elastic'"),
    Breakage(ENERGY, "saflab/energy.py", 'if self.kind == "saf":', "if False:",
             "tests/test_energy.py -k every_rule"),
    Breakage(ENERGY, "saflab/energy.py", "if source == 0 and analog_steps:", "if False:",
             "tests/test_energy.py -k 'by_hand or constant_image'"),
    Breakage(ENERGY, "saflab/energy.py", "            divisor_override=1,\n", "",
             "tests/test_energy.py -k 'pooled or counted_alone'"),
    Breakage(WIRES, "saflab/network.py", "            return tuple(signals)",
             "            return (None,) * self.readout", "tests/test_theory.py -k holds"),
    Breakage(WIRES, "saflab/network.py", "    return x + y", "    return y",
             "tests/test_theory.py -k holds"),
    Breakage(WIRES, "saflab/models.py", "[*connections, Connection(8, 7, feedback)]",
             "connections", "tests/test_network.py tests/test_cost.py"),
    Breakage(WIRES, "saflab/models.py",
             "            Connection(source, source + 2, Synapse(Scale(SCALE), *pool, skip)),\n", "",
             "tests/test_network.py tests/test_cost.py"),
    Breakage(FAULTS, "saflab/network.py", "not torch.isfinite(x[0]).all()", "False",
             "tests/test_fuzz.py -k forward"),
    Breakage(FAULTS, "saflab/gradients.py", "if chunk < 1 or (", "if (",
             "tests/test_fuzz.py -k gradient"),
    Breakage(FAULTS, "saflab/checkpoints.py", "        temporary.replace(path)",
             "        path.write_bytes(temporary.read_bytes())",
             "tests/test_training.py -k failed_write"),
    Breakage(FAULTS, "saflab/checkpoints.py", 'FileLock(folder / ".lock").acquire(timeout=0)',
             "contextlib.nullcontext()", "tests/test_faults.py -k second_run"),
    Breakage(FAULTS, "saflab/checkpoints.py", "weights_only=True", "weights_only=False",
             "tests/test_training.py -k runs_no_code"),
    Breakage(FAULTS, "saflab/checkpoints.py", "                file.truncate(size)",
             "                pass", "tests/test_faults.py -k full_disk"),
    Breakage(FAULTS, "saflab/download.py", 'lock = FileLock(folder / ".lock").acquire()',
             "lock = contextlib.nullcontext()", "tests/test_faults.py -k two_processes"),
    Breakage(FAULTS, "saflab/download.py", "path.parent, path.name, md5)",
             "path.parent, path.name)", "tests/test_faults.py -k broken_download"),
    Breakage(FAULTS, "saflab/training.py", "due = time.monotonic() - saved",
             "due = time.time() - saved", "tests/test_faults.py -k clock"),
    Breakage(LONG, "saflab/run.py", "            arrival = Arrival(numbers)",
             '            Run.kept = [*getattr(Run, "kept", []), numbers]\n'
             "            arrival = Arrival(numbers)", "tests/test_long.py -k step_after"),
    Breakage(LONG, "saflab/widgets/training.py", "        self._inside = True\n        self._thread",
             "        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
             "        self._inside = True\n        self._thread",
             "tests/test_long.py -k live_trainer"),
    Breakage(PACKAGE, "saflab/cli/lab.py", "if not target.exists():", "if True:",
             "tests/test_packaging.py -k keeps"),
    Breakage(PACKAGE, "saflab/encoders.py", ">>> constant(torch.ones(2, 3), 4)",
             ">>> constant(torch.ones(2, 3), 5)", "tests/test_reference.py -k encoders"),
    Breakage(PACKAGE, "saflab/reference.py", "show_source=False, ",
             'show_source=False, favicon="https://example.org/x.png", ',
             "tests/test_reference.py -k fetches"),
    Breakage(CLASS, "saflab/classroom/isolation.py", '"--unshare-net",', "",
             "tests/classroom/test_class.py -k 'probe or attack'"),
    Breakage(CLASS, "saflab/classroom/isolation.py", 'f"--data={limits.memory_mb * MB}",', "",
             "tests/classroom/test_class.py -k 'memory'"),
    Breakage(CLASS, "saflab/classroom/notebook.py", "if not proved and not failed:", "if False:",
             "tests/classroom/test_class.py -k swallow"),
    Breakage(CLASS, "saflab/classroom/notebook.py",
             "            mine = _copy(known[name])\n            if _mark", "            continue\n"
             "            if _mark", "tests/classroom/test_class.py -k deleted"),
    Breakage(CLASS, "saflab/classroom/collect.py", "os.O_NOFOLLOW | ", "",
             "tests/classroom/test_class.py -k linked"),
    Breakage(LABS, "notebooks/labs/lab1/lab1.ipynb", "### BEGIN HIDDEN TESTS", "# more",
             "tests/labs/test_labs.py -k release"),
    Breakage(WIDGETS, "saflab/widgets/explorer.py", "control.observe(self._changed", "(self._changed",
             "tests/widgets/test_explorers.py -k redraws"),
    Breakage(WIDGETS, "saflab/figures/svg.py", ' role="img" ', " ",
             "tests/widgets/test_explorers.py tests/figures"),
    Breakage(WIDGETS, "saflab/widgets/slider.js", "aria-label", "data-label",
             "tests/e2e/test_lab.py -k neuron"),
    Breakage(TRAINER, "saflab/widgets/trainer.py", "            before.end()", "            pass",
             "tests/widgets/test_trainer.py -k second_trainer"),
    Breakage(TRAINER, "saflab/widgets/training.py", "            self.error = error",
             "            del error", "tests/widgets/test_trainer.py -k exception"),
    Breakage(TRAINER, "saflab/widgets/training.py", "controls.lr = self.controls.lr", "pass",
             "tests/widgets/test_trainer.py -k steer"),
)


def missing() -> list[Breakage]:
    """Return the breakages whose place is no longer in the code, or that change nothing."""
    texts = {b.file: (ROOT / b.file).read_text(encoding="utf-8") for b in BREAKAGES}
    return [b for b in BREAKAGES if b.old not in texts[b.file] or b.old == b.new]


def broken(breakage: Breakage, folder: Path) -> dict[str, object]:
    """Run the tests of a breakage in a broken copy of the repository."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".hypothesis")
        if source.is_dir():
            shutil.copytree(source, target, ignore=skip)
        elif source.is_file():
            shutil.copy2(source, target)
    path = folder / breakage.file
    path.write_text(
        path.read_text(encoding="utf-8").replace(breakage.old, breakage.new), encoding="utf-8"
    )
    start = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               *shlex.split(breakage.tests)]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return {
        **breakage._asdict(), "noticed": done.returncode == 1, "status": done.returncode,
        "failed": failed[:1], "seconds": round(time.monotonic() - start, 1),
        "end": "" if done.returncode == 1 else done.stdout[-400:] + done.stderr[-400:],
    }  # fmt: skip


def main(words: list[str]) -> int:
    """Try the chosen breakages, print a line for each, and write assets/breakages.json."""
    if gone := missing():
        raise SystemExit(f"Expected every place in the code, but found none of {gone}.")
    rows = []
    for breakage in BREAKAGES:
        if words and not any(w in breakage.feature or w in breakage.file for w in words):
            continue
        with tempfile.TemporaryDirectory(prefix="saflab-broken-") as folder:
            rows.append(broken(breakage, Path(folder)))
        row = rows[-1]
        word = "noticed" if row["noticed"] else "NOT NOTICED"
        print(f"{word}: {row['feature']}, {row['file']}, {row['old']!r} {row['end']}", flush=True)
    if not words:
        machine = describe_machine(torch.device("cpu"))
        store({"machine": machine, "rows": rows}, ROOT / "assets" / "breakages.json")
    unnoticed = sum(not row["noticed"] for row in rows)
    print(f"{len(rows)} breakages, {unnoticed} not noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
