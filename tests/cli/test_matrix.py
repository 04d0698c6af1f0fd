"""Commands × options × {missing, empty, wrong type, extreme, contradictory}: one line, status 2."""

import argparse
import io
import random
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import pytest

from benchmarks import __main__ as benchmarks
from saflab import cli, data
from saflab.cli import COMMANDS

CASES = 2000
# Values that no option takes; each text stays far below what a machine could hold or compute.
WORDS = ("x", "", " ", "nan", "inf", "-inf", "1e400", "-1", "1.5", "0x10", "9" * 30, "9" * 5000,
         "-" * 3, "é", "a\nb", "\0", "None", "/dev/null/x", "x" * 300)  # fmt: skip
# Numbers that are far out of range, beside options that a value of any size would only slow down.
SLOW = {"--steps", "--epochs", "--seeds", "--cases", "--jobs", "--rounds", "--limit", "--batch"}
SKIP = {"lab", "doctor"}  # they open a server, and take no value


def parsers():
    """Yield the words of each command and its options."""
    for name in COMMANDS:
        if name in SKIP:
            continue
        parser = cli._parser(name)
        chosen = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        command = chosen.choices[name]
        nested = [a for a in command._actions if isinstance(a, argparse._SubParsersAction)]
        if nested:
            yield from (([name, sub], p) for sub, p in nested[0].choices.items())
        else:
            yield [name], command


PARSERS = list(parsers())


def told(main, arguments):
    """Run in-process; return the status and what was printed on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as stop:
            status = stop.code
    return status, err.getvalue()


def problem(status, text, arguments):
    """Return what is wrong with a refusal, or None."""
    shown = [a[:40] for a in arguments]
    if status == 0:
        return None
    if status not in (1, 2):
        return f"{shown}: status {status}, {text[-300:]}"
    if not re.fullmatch(r"(?s)saflab: Expected .+, but found .+\n", text) or "Traceback" in text:
        return f"{shown}: {text[-300:]!r}"
    return None


@pytest.fixture
def few_digits(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    digits = data.digits()
    few = replace(digits, train_images=digits.train_images[:20],
                  train_labels=digits.train_labels[:20], test_images=digits.test_images[:5],
                  test_labels=digits.test_labels[:5])  # fmt: skip
    monkeypatch.setattr(data.catalogue, "digits", lambda **_: few)


def wrong(rng, action):
    """Return the words of an option with a value that is odd for it."""
    flag = action.option_strings[-1]
    if action.nargs == 0:
        return [f"{flag}=x"]
    slow = flag in SLOW
    value = rng.choice([w for w in WORDS if not (slow and re.fullmatch(r"\d+", w))])
    kind = rng.randrange(5)
    return [flag] if kind == 0 else [f"{flag}={value}"] if kind < 4 else [flag, value]


BASE = {
    "train": ["--data", "digits", "--model", "mlp", "--channels", "2", "--epochs", "1",
              "--steps", "1", "--device", "cpu", "--batch", "20"],
    "verify": ["--cases", "1", "--seed", "x"],  # always refused: a run takes seconds
    "export": ["--nir"],
    "import": ["--nir"],
}  # fmt: skip


def case(rng):
    """Return a command line in which at least one thing is odd."""
    words, parser = rng.choice(PARSERS)
    arguments = [*words, *BASE.get(words[0], [])]
    options = [a for a in parser._actions if a.option_strings and a.dest != "help"]
    places = [a for a in parser._actions if not a.option_strings]
    for _ in places:
        if rng.random() < 0.7:
            arguments.append(rng.choice(["nowhere", "", "a/b", "x" * 300, "\0", "file", "."]))
    for action in rng.sample(options, min(len(options), rng.randrange(1, 4))):
        arguments += wrong(rng, action)
    if rng.random() < 0.1:
        arguments += rng.choice([["--unknown"], ["extra"], ["--resume", "--overwrite"], ["-q"]])
    return arguments


def test_every_odd_command_line_is_refused_in_one_line(few_digits, tmp_path):
    (tmp_path / "file").write_text("a file")
    rng, found, seen = random.Random(0), [], {0: 0, 1: 0, 2: 0}
    for _ in range(CASES):
        arguments = case(rng)
        try:
            status, text = told(cli.main, arguments)
        except BaseException as error:
            found.append(f"{[a[:40] for a in arguments]}: {type(error).__name__}: {error}")
            continue
        seen[status] = seen.get(status, 0) + 1
        if what := problem(status, text, arguments):
            found.append(what)
    print(f"\n{CASES} command lines, by status: {seen}", end="")
    assert not found, f"{len(found)} of {CASES}:\n" + "\n".join(found[:15])
    assert seen[2] > 0.8 * CASES


TRAIN = ["train", *BASE["train"]]
NAMED = [
    ([*TRAIN, "--device", "mps"], "'mps', which is not supported"),
    ([*TRAIN, "--device", "meta"], "'meta', which is not supported"),
    ([*TRAIN, "--out", "x" * 300], "File name too long"),
    ([*TRAIN, "--out", "file/run"], "a file of this name"),
    ([*TRAIN, "--out", "file"], "a file of this name is there"),
    ([*TRAIN, "--save-every", "nan"], "a finite number for --save-every"),
    ([*TRAIN, "--save-every", "-1"], "save_every ≥ 0"),
    ([*TRAIN, "--lr", "1e300"], "learning rate"),
    ([*TRAIN, "--tau", "2", "--decay", "0.5"], "either decay or tau"),
    ([*TRAIN, "--resume", "--overwrite"], "either --overwrite or --resume, but found both"),
    ([*TRAIN, "--resume"], "found none. Train first"),
    ([*TRAIN, "--channels", "1000000000000"], "channels"),
    ([*TRAIN, "--channels", "2000000000", "2000000000"], "enough memory"),
    ([*TRAIN, "--update", "step", "--rule", "saf_f"], "update 'sequence' for 'saf_f'"),
    ([*TRAIN, "--precision", "float16"], "precision in"),
    ([*TRAIN, "--seeds", "0"], "1…10000"),
    ([*TRAIN, "--epochs"], "a value after --epochs, but found none"),
    (["class", "init", "file"], "Expected a folder, but found the file file"),
    (["eval", ""], "the name of a file or folder"),
    (["eval", "runs/latest"], "Train first"),
    (["eval", "nowhere", "--rule", "hebb"], "Expected a rule in"),
    (["verify", "--cases", "0"], "1 or more"),
    (["trian"], "COMMAND in"),
    ([], "Expected COMMAND, but found none"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), NAMED, ids=lambda v: str(v)[-40:])
def test_a_refusal_names_the_cause_and_leaves_nothing(arguments, message, few_digits, tmp_path):
    (tmp_path / "file").write_text("a file")
    status, text = told(cli.main, arguments)
    assert status == 2
    assert re.search(message, text), text
    assert problem(status, text, arguments) is None
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "variables",
    [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "x"}, {"WORLD_SIZE": "0"}, {"LOCAL_RANK": "x"},
     {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}],
)  # fmt: skip
def test_variables_of_torchrun_are_complete_or_refused(variables, few_digits, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    arguments = [*TRAIN, "--device", "auto"]
    status, text = told(cli.main, arguments)
    assert (status, problem(status, text, arguments)) == (
        (2, None) if "x" not in variables.get("LOCAL_RANK", "") else (status, None)
    )


@pytest.mark.parametrize("option", ["--batch", "--steps", "--rounds"])
@pytest.mark.parametrize("value", ["-1", "0", "x", "", "nan", "9" * 400])
def test_benchmarks_refuse_numbers_out_of_range(option, value):
    status, text = told(benchmarks.main, ["step", f"{option}={value}"])
    assert status == 2
    assert re.search(r"Expected a whole number.*, but found .*", text)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9"),
     RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")],
)  # fmt: skip
def test_too_little_memory_is_said_in_one_line(error, monkeypatch, few_digits):
    def short(*_, **__):
        raise error

    monkeypatch.setattr(data.catalogue, "load", short)
    status, text = told(cli.main, TRAIN)
    assert (status, problem(status, text, TRAIN)) == (2, None)
    assert "--batch" in text
