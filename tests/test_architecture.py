"""Imports go to lower floors only."""

import ast
from pathlib import Path

import saflab

PACKAGE = Path(saflab.__file__).resolve().parent
FLOORS = {
    "augment": 0, "distributed": 0, "download": 0, "encoders": 0, "files": 0, "machine": 0,
    "maps": 0, "neurons": 0, "protocol": 0, "rules": 0,
    "checkpoints": 1, "data": 1, "ops": 1, "synapses": 1,
    "events": 2, "layers": 2, "network": 2,
    "gradients": 3, "models": 3,
    "capture": 4, "config": 4, "energy": 4, "record": 4,
    "cost": 5, "evaluation": 5, "progress": 5, "theory": 5,
    "run": 6,
    "checks": 7, "figures": 7, "pages": 7, "reference": 7, "saved": 7, "training": 7,
    "nir": 8, "notebooks": 8, "widgets": 8,
    "classroom": 9, "labs": 9,
    "bench": 10,
    "cli": 11,
    "__main__": 12,
}  # fmt: skip


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("saflab"):
            if node.module == "saflab":
                yield from (alias.name for alias in node.names)
            else:
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("saflab."))


def test_every_module_has_a_floor_and_imports_lower_ones_only():
    seen = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if module == "__init__":
            continue
        seen.add(module)
        assert module in FLOORS, f"Give {module} a floor in this table."
        for imported in imports(path):
            if imported in FLOORS and imported != module:
                assert FLOORS[imported] < FLOORS[module], f"{path} imports {imported}"
    assert {"neurons", "network", "training", "cli"} <= seen


def test_the_check_sees_an_upward_import(tmp_path):
    bad = tmp_path / "neurons.py"
    bad.write_text("from saflab.training import fit\nimport saflab.cli\n")
    assert list(imports(bad)) == ["training", "cli"]


def test_no_module_needs_posix_to_be_imported():
    """Windows lacks these; who needs one imports it where the system is known."""
    posix = {"fcntl", "grp", "pwd", "pty", "resource", "termios"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                assert not posix & {alias.name for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in posix, path
