"""pyproject.toml declares what the package imports: the core little, each extra its own."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "saflab").is_dir(), reason="reads the source, which is not in this folder"
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = packages_distributions()
# Folders of saflab/ that import more than the core's dependencies, and the extras that bring it.
EXTRAS = {
    "figures": ("course",),
    "widgets": ("course",),
    "classroom": ("classroom", "course"),
    "interop": ("nir",),
    "data": ("events",),
    "benchmarks": ("bench", "dev"),
    "tools": ("dev",),
}
INSTALLED_WITH = {"triton": "torch", "cycler": "matplotlib", "ipython": "ipykernel"}
# Declared, though no line imports them.
NOT_IMPORTED = {
    "jupyterlab": "started by `saflab lab`",
    "ipykernel": "runs the notebooks",
    "aedat": "tonic reads CIFAR10-DVS with it",
}


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=;!~ ]", requirement)[0].lower()


def declared(extra: str | None) -> set[str]:
    """Return the names that the core (None) or an extra declares, with the extras it includes."""
    optional = PROJECT["optional-dependencies"]
    found = set()
    for requirement in PROJECT["dependencies"] if extra is None else optional[extra]:
        if requirement.startswith("saflab["):
            inner = requirement.removeprefix("saflab[").partition("]")[0].split(",")
            found |= set().union(*map(declared, inner))
        else:
            found.add(name_of(requirement))
    return found


def external(source: str) -> set[str]:
    """Return the distributions that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    own = {"saflab", "benchmarks", "tools", "tests", "__future__"}
    names = {n for n in found if n not in sys.stdlib_module_names and n not in own}
    return {DISTRIBUTIONS.get(n, [n])[0].lower() for n in names}


def imports() -> dict[str, set[str]]:
    """Return what each folder of the checkout and of saflab imports."""
    found: dict[str, set[str]] = {}
    for top in ("saflab", "benchmarks", "tools"):
        for path in sorted((ROOT / top).rglob("*.py")):
            inside = path.relative_to(ROOT).parts
            folder = inside[1].removesuffix(".py") if top == "saflab" else top
            found.setdefault(folder, set()).update(external(path.read_text(encoding="utf-8")))
    return found


IMPORTS = imports()


@pytest.mark.parametrize("folder", IMPORTS)
def test_a_folder_imports_only_what_the_core_or_its_extras_declare(folder):
    allowed = declared(None).union(*map(declared, EXTRAS.get(folder, ())))
    needed = {INSTALLED_WITH.get(name, name) for name in IMPORTS[folder]}
    assert needed - allowed == set()


@pytest.mark.parametrize("extra", [None, "course", "classroom", "nir", "events"])
def test_every_declared_package_is_imported(extra):
    folders = [f for f, extras in EXTRAS.items() if extra in extras and f not in ("tools",)]
    used = set().union(*(IMPORTS[f] for f in (folders if extra else IMPORTS)))
    if extra == "classroom":
        used |= declared("course")
    assert declared(extra) - used - set(NOT_IMPORTED) == set()


def test_the_core_needs_no_notebook_no_plot_and_no_scikit_learn():
    heavy = {"jupyterlab", "ipykernel", "ipywidgets", "anywidget", "matplotlib", "scikit-learn"}
    assert not declared(None) & heavy


def test_the_check_sees_lazy_imports():
    found = external("from PIL import Image\ndef f():\n    import matplotlib.pyplot as p\n")
    assert found == {"pillow", "matplotlib"}


def test_the_notebooks_import_only_what_the_course_installs():
    allowed = declared(None) | declared("course")
    # Lesson 10 says which extras let another library run the network, and goes on without it.
    elsewhere = {"10_deploy.ipynb": declared("bench")}
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                text = "".join(cell["source"])
                code = "\n".join(x for x in text.splitlines() if not x.startswith(("%", "!")))
                more = external(code) - allowed - elsewhere.get(path.name, set())
                assert more == set(), path.name


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)
    return {name.lower().replace("_", "-"): v for name, v in (x.split("==") for x in lines)}


def test_every_dependency_is_pinned():
    everything = declared(None).union(*map(declared, PROJECT["optional-dependencies"]))
    assert everything - set(pins()) == set()


def test_the_conda_environment_is_the_course_with_pinned_versions():
    lines = [x.strip("- ") for x in (ROOT / "environment.yml").read_text().splitlines()]
    assert "c constraints.txt" in lines
    assert "e .[course]" in lines
