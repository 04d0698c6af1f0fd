"""The wiring of a NIR graph: chains of nodes between neurons, and the order of populations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Path", "paths", "populations"]


class Path(NamedTuple):
    """A chain of linear nodes from a neuron (or the input) to a neuron (or the output)."""

    source: str
    nodes: tuple[str, ...]
    target: str


def paths(graph: Any, spiking: Sequence[str]) -> list[Path]:
    """Return every chain between neurons.

    Raises:
        ValueError: If the graph has not one input and one output, or a chain joins another.
    """
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"Expected one input and one output, but found {len(inputs)} and {len(outputs)}."
        )
    known = set(graph.nodes)
    if any(a not in known or b not in known for a, b in graph.edges):
        raise ValueError("Expected edges between nodes of the graph, but found an unknown node.")
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in dict.fromkeys(map(tuple, graph.edges)):
        after[source].append(target)
        before[target].append(source)
    ends = {*spiking, *outputs}
    found: list[Path] = []

    def walk(source: str, nodes: tuple[str, ...], name: str) -> None:
        if name in ends:
            found.append(Path(source, nodes, name))
            return
        if len(before[name]) != 1 or name in nodes:
            raise ValueError(
                f"Expected node {name!r} to have one input, but found {before[name]}. In a saflab "
                "network only neurons and the readout add up."
            )
        for following in sorted(after[name]):
            walk(source, (*nodes, name), following)

    for source in (*inputs, *spiking):
        for following in sorted(after[source]):
            walk(source, (), following)
    return found


def populations(graph: Any, wires: Sequence[Path], spiking: Sequence[str]) -> dict[str, int]:
    """Return the number of each population: 0 the input, then in order, at last the output.

    A connection back to a population that the walk from the input is still in is feedback, all
    others lead to later populations.

    Raises:
        ValueError: If a neuron is not reached from the input, or the output feeds back.
    """
    (first,), (last,) = graph.inputs, graph.outputs
    after: dict[str, list[str]] = {name: [] for name in (first, *spiking, last)}
    for wire in wires:
        after[wire.source].append(wire.target)
    done: list[str] = []
    open_: set[str] = set()

    def visit(name: str) -> None:
        open_.add(name)
        for following in sorted(after[name]):
            if following not in open_ and following not in done:
                visit(following)
        open_.discard(name)
        done.append(name)

    visit(first)
    missing = [name for name in (*spiking, last) if name not in done]
    if missing:
        raise ValueError(
            f"Expected every neuron to be reached from the input, but found {missing} that are "
            "not. Remove them, or connect them."
        )
    order = [name for name in reversed(done) if name != last]
    return {name: index for index, name in enumerate([*order, last])}
