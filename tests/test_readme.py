"""Every example, command and link of the pages works."""

import argparse
import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as benchmarks
from saflab import cli
from saflab.analysis import passes
from saflab.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
    *sorted((ROOT / "docs").glob("*.md")),
]
LANGUAGES = {"python", "sh", "text"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
# Programs that the pages call and that are not ours.
OTHERS = {"apt-get", "cd", "git", "jupyter", "nano", "."}
# How the README's commands run here, in order and in one folder: small, and without other data.
SMALL = {
    "train": "--data digits --model mlp --channels 8 --epochs 1 --steps 2 --device cpu",
    "verify": "--cases 1",
    "import": "--data digits",
}
RUN = ("train", "eval", "verify", "export", "import", "doctor")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def every(language: str) -> list:
    found = []
    for page in PAGES:
        for number, block in enumerate(blocks(page, language), 1):
            found.append(pytest.param(block, id=f"{page.name}-{number}"))
    return found


def lines(block: str) -> list[list[str]]:
    """Return the words of each command; a placeholder such as <URL> is one word."""
    joined = re.sub(r"\\\n", " ", block)
    found = []
    for line in joined.splitlines():
        words = shlex.split(re.sub(r"<[^<>]*>", "PLACEHOLDER", line), comments=True)
        if words:
            found.append(words)
    return found


def targets() -> set[str]:
    text = text_of(ROOT / "Makefile")
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE)) | {".venv/.installed"}


def check(words: list[str]) -> None:
    """Fail unless the program knows this command."""
    program, *rest = words
    if program == "make":
        assert {w for w in rest if "=" not in w} <= targets(), words
    elif program == "saflab":
        parse(rest)
    elif program == "torchrun":
        parse(rest[rest.index("saflab") + 1 :])
    elif program == "python" and rest[:1] == ["-m"]:
        module = rest[1]
        assert importlib.util.find_spec(module), words
        if module == "benchmarks":
            parser = argparse.ArgumentParser()
            benchmarks.configure(parser)
            parser.parse_args([w for w in rest[2:] if w not in ("NAME", "--help")])
    elif program == "python":
        assert (ROOT / rest[0]).is_file(), words
    elif program == "pip":
        for extras in re.findall(r"\[([\w,]+)\]", " ".join(rest)):
            assert set(extras.split(",")) <= EXTRAS, words
    else:
        assert program in OTHERS, f"Teach this test what {program!r} is."


def parse(words: list[str]) -> argparse.Namespace:
    return cli._parser(words[0]).parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page):
    opened = re.findall(r"^```(.*)$", text_of(page), re.MULTILINE)
    assert set(opened[::2]) <= LANGUAGES
    assert set(opened[1::2]) <= {""}
    # An indented block would escape the tests of this file.
    assert not re.search(r"(?:^|\n)\n {4,}\S", prose(page))


@pytest.mark.parametrize("block", every("python"))
def test_a_python_example_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    exec(compile(block, "example", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("block", every("sh"))
def test_a_shell_example_is_understood(block):
    for words in lines(block):
        check(words)


def test_a_command_that_does_not_exist_is_noticed(capsys):
    for wrong in ("saflab bench step", "saflab train --leak 0.5", "make tests", "python -m tool.x"):
        with pytest.raises((SystemExit, AssertionError, ModuleNotFoundError)):
            check(wrong.split())
    capsys.readouterr()


def inline() -> list[str]:
    """Return the commands that stand in running text, between backticks."""
    pattern = r"`((?:saflab|make|pip|python -m)\s[^`]+)`"
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it names old commands too
    found = (re.findall(pattern, prose(page)) for page in pages)
    return sorted({" ".join(command.split()) for commands in found for command in commands})


@pytest.mark.parametrize("command", inline())
def test_a_command_in_running_text_exists(command, capsys):
    words = lines(command)[0]
    if words[0] != "saflab":
        check(words)
        return
    # A mention may leave out what is required: only its words and options must exist.
    with pytest.raises(SystemExit) as end:
        parse([*words[1:3], "--help"] if words[1] == "class" and len(words) > 2 else
              [words[1], "--help"])  # fmt: skip
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for option in (w for w in words if w.startswith("--") and w != "--"):
        assert option in shown, command


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("nir")
    done = []
    for words in (w for block in blocks(ROOT / "README.md", "sh") for w in lines(block)):
        if words[0] == "saflab" and words[1] in RUN:
            options = shlex.split(SMALL.get(words[1], ""))
            assert cli.main([*words[1:], *options]) == 0, (words, capsys.readouterr().err)
            done.append(words[1])
    assert set(done) == set(RUN)


def test_three_ways_to_train_give_one_gradient():
    """What the README says of a plain `backward`."""
    from saflab import loss_fn, mlp, mode_of, sequence
    from saflab.data.encoders import constant

    torch.manual_seed(0)
    network = mlp((1, 4, 4), 3, (6,)).double()
    x, y = constant(torch.rand(5, 1, 4, 4).double(), 4), torch.arange(5) % 3
    for rule in ("saf_e", "ottt_a", "bptt"):
        network.zero_grad()
        for _ in sequence(network, x, y, rule):
            pass
        expected = [p.grad.clone() for p in network.parameters()]
        network.zero_grad()
        o, _ = network(x, mode=mode_of(rule))
        (sum(loss_fn(now, y) for now in o) / len(o)).backward()
        for p, grad in zip(network.parameters(), expected, strict=True):
            torch.testing.assert_close(p.grad, grad, rtol=1e-10, atol=1e-14)


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page):
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", text_of(target), re.MULTILINE)
            assert anchor in {slug(h) for h in headings}, link
    if page.name == "CHANGELOG.md":  # it names files that are gone
        return
    ours = r"`((?:saflab|benchmarks|tools|tests|docs|notebooks)/[\w./]+)`"
    for path in re.findall(ours, prose(page)):
        assert (ROOT / path).exists(), path


def test_the_readme_names_every_lesson_and_both_commands():
    text = text_of(ROOT / "README.md")
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        assert text.count(f"](notebooks/{path.name})") == 1
    assert {"make lab", "make test"} <= {" ".join(w) for b in blocks(ROOT / "README.md", "sh")
                                         for w in lines(b)}  # fmt: skip


def test_the_theory_names_every_rule_and_counts_passes_as_the_code_does():
    text = text_of(ROOT / "docs" / "theory.md")
    rows = re.findall(r"^\| `(\w+)` \| (?:`s`|`â`|rates)", text, re.MULTILINE)
    assert sorted(rows) == sorted(RULES)
    counted = {
        "OTTT as published": passes(RULES["ottt_a"], 6, fused=False),
        "OTTT fused": passes(RULES["ottt_a"], 6),
        "SAF-E": passes(RULES["saf_e"], 6),
        "SAF-F": passes(RULES["saf_f"], 6),
    }
    for name, count in counted.items():
        assert re.search(rf"^\| {name}.* \| {count} \|$", text, re.MULTILINE), name


def test_what_moved_is_where_the_changelog_says():
    section = text_of(ROOT / "CHANGELOG.md").partition("## 0.1.0")[0]
    rows = re.findall(r"^\| `(saflab[\w.]*)` \| `((?:saflab|benchmarks|tools)[\w.]*)`", section,
                      re.MULTILINE)  # fmt: skip
    assert len(rows) > 20
    for old, new in rows:
        assert importlib.util.find_spec(new), new
        assert old != new
