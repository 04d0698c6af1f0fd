"""A synthetic class: submissions of every kind, with the exact score each must get."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.rehearsal.hostile import ATTACKS
from benchmarks.rehearsal.mistakes import MISTAKES
from saflab.classroom.labs import answers, points, read, release, solved

__all__ = ["Kind", "kinds", "mixed", "submission", "write_class"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of submission.

    Args:
        name: Unique within a lab.
        group: "correct", "partly", "mistake" or "hostile".
        score: Autograded points if every test is run (a cell that is stopped has failed). A grader
            that stops a submission as a whole gives 0 instead.
        total: Autograded points of the lab.
        about: One sentence.
    """

    name: str
    group: str
    score: int
    total: int
    about: str


def kinds(lab: str) -> dict[str, Kind]:
    """Return every kind of submission for a lab, by name.

    A test belongs to the answer with whose grade id its own begins.
    """
    source = read(lab)
    marks, asked = points(source), list(answers(source))
    total = sum(marks.values())
    out = []

    def add(name: str, group: str, score: int, about: str) -> None:
        out.append(Kind(name=name, group=group, score=score, total=total, about=about))

    def earned(chosen: Sequence[str]) -> int:
        heads = tuple(f"{answer}_" for answer in chosen)
        return sum(p for test, p in marks.items() if test.startswith(heads))

    add("correct", "correct", total, "every answer is right")
    add("unattempted", "partly", 0, "handed in as released")
    add("first_half", "partly", earned(asked[: len(asked) // 2]), "the later answers are missing")
    add("last_half", "partly", earned(asked[len(asked) // 2 :]), "the earlier answers are missing")
    for mistake in MISTAKES[lab]:
        lost = sum(marks[test] for test in mistake.caught)
        add(mistake.name, "mistake", total - lost, mistake.why)
    for name, attack in ATTACKS.items():
        score = earned(asked[:-1]) if name == "endless" else total
        add(name, "hostile", 0 if attack.ends_kernel else score, attack.about)
    add("edited_tests", "hostile", earned(asked[:1]), "tests replaced by `pass`")
    add("deleted_tests", "hostile", 0, "no tests and no answers")
    add("broken_json", "hostile", 0, "the file ends half-way")
    add("missing", "hostile", 0, "the folder holds no notebook")
    return {kind.name: kind for kind in out}


def submission(lab: str, name: str) -> str | None:
    """Return the text of a notebook of kind `name`, or None where there is none.

    Raises:
        ValueError: If there is no such kind.
    """
    every = kinds(lab)
    if name not in every:
        raise ValueError(f"Expected a kind in {sorted(every)}, but found {name!r}.")
    if name == "missing":
        return None
    blank = release(lab)
    notebook = release(lab) if name == "unattempted" else solved(lab)
    mine, empty = answers(notebook), answers(blank)
    asked = list(mine)
    half = len(asked) // 2
    blank_answers = {
        "deleted_tests": asked,
        "first_half": asked[half:],
        "last_half": asked[:half],
        "edited_tests": asked[1:],
    }
    for answer in blank_answers.get(name, []):
        mine[answer].source = empty[answer].source
    for mistake in MISTAKES[lab]:
        if mistake.name == name:
            mine[mistake.answer].source = _changed(mine[mistake.answer].source, mistake)
    if name == "endless":
        # In the last answer, where it costs the tests of that answer and no others.
        head, *_ = mine[asked[-1]].source.partition('"""\n')
        mine[asked[-1]].source = f'{head}"""\n    while True:\n        pass'
    elif name in ATTACKS:
        mine[asked[0]].source += "\n" + ATTACKS[name].code
    _change_tests(notebook, name)
    text = nbformat.writes(notebook)
    return text[: len(text) // 2] if name == "broken_json" else text


def _changed(source: str, mistake: Any) -> str:
    if source.count(mistake.old) != 1:
        raise ValueError(
            f"Expected {mistake.old!r} once in the solution of {mistake.answer}, but found it "
            f"{source.count(mistake.old)} times. Update the mistake {mistake.name!r}."
        )
    return source.replace(mistake.old, mistake.new)


def _change_tests(notebook: Any, name: str) -> None:
    tests = points(notebook)

    def is_test(cell: Any) -> bool:
        return cell.metadata.get("nbgrader", {}).get("grade_id") in tests

    if name == "deleted_tests":
        notebook.cells = [cell for cell in notebook.cells if not is_test(cell)]
    if name == "edited_tests":
        for cell in notebook.cells:
            if is_test(cell):
                cell.source = "pass"


def mixed(lab: str, count: int = 100, seed: int = 0) -> list[str]:
    """Return the kinds of a class: each kind once as far as `count` allows, the rest not hostile.

    The rest is one half correct, one quarter partly correct, one quarter mistakes.
    """
    every = kinds(lab)
    rng = random.Random(seed)
    names = list(every)[:count]
    groups = {
        group: [n for n, kind in every.items() if kind.group == group]
        for group in ("correct", "partly", "mistake")
    }
    turn = ("correct", "mistake", "correct", "partly")
    while len(names) < count:
        names.append(rng.choice(groups[turn[len(names) % 4]]))
    rng.shuffle(names)
    return names


def write_class(folder: Path, lab: str, names: Sequence[str]) -> dict[str, Kind]:
    """Write one submission per name in nbgrader's layout, and return each student's kind.

        <folder>/<student>/<lab>/<lab>.ipynb      student001, student002, …

    Args:
        folder: nbgrader's `submitted` folder; made if it is missing.
        lab: One of `labs()`.
        names: Kinds, e.g. `mixed(lab, 100)` or `["correct", "endless"]`.
    """
    every = kinds(lab)
    texts = {name: submission(lab, name) for name in dict.fromkeys(names)}
    students = {}
    for index, name in enumerate(names, 1):
        student = f"student{index:03d}"
        target = Path(folder) / student / lab
        target.mkdir(parents=True, exist_ok=True)
        text = texts[name]
        if text is None:
            (target / "sorry.txt").write_text("I sent the wrong file.\n", encoding="utf-8")
        else:
            (target / f"{lab}.ipynb").write_text(text, encoding="utf-8")
        students[student] = every[name]
    return students
