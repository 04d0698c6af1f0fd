"""The wiring of a NIR graph: sub-graphs written out, chains of nodes, order of populations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Path", "check_edges", "flat", "paths", "populations"]

Edges = list[tuple[str, str]]


class Path(NamedTuple):
    """A chain of linear nodes from a neuron (or the input) to a neuron (or the output)."""

    source: str
    nodes: tuple[str, ...]
    target: str


def flat(graph: Any) -> Any:
    """Return the graph with each sub-graph's nodes in its place, named "sub-graph/node".

    Raises:
        ValueError: If a sub-graph has not one input and one output, or two nodes have one name.
    """
    nodes: dict[str, Any] = {}
    edges: Edges = [(str(a), str(b)) for a, b in graph.edges]
    metadata = dict(graph.metadata or {})
    for name, node in graph.nodes.items():
        if type(node).__name__ != "NIRGraph":
            inner = {name: node}
        else:
            part = flat(node)
            check_edges(part, f"sub-graph {name!r}")
            inner = {f"{name}/{key}": value for key, value in part.nodes.items()}
            (start,), (end,) = part.inputs, part.outputs
            edges = [
                (f"{name}/{end}" if a == name else a, f"{name}/{start}" if b == name else b)
                for a, b in edges
            ] + [(f"{name}/{a}", f"{name}/{b}") for a, b in part.edges]
            for key in (f"{name}/{start}", f"{name}/{end}"):
                del inner[key]
                edges = _bridged(edges, key)
            metadata |= {f"{name}/{key}": value for key, value in part.metadata.items()}
        if same := sorted(nodes.keys() & inner.keys()):
            raise ValueError(
                f"Expected nodes of different names, but found {same} "
                f"outside and inside the sub-graph {name!r}. Rename one."
            )
        nodes |= inner
    return type(graph)(nodes, edges, metadata, type_check=False)


def _bridged(edges: Edges, name: str) -> Edges:
    """Return the edges without a node that passes on what it gets."""
    before = [a for a, b in edges if b == name]
    after = [b for a, b in edges if a == name]
    return [e for e in edges if name not in e] + [(a, b) for a in before for b in after]


def check_edges(graph: Any, where: str = "the graph") -> None:
    """Refuse edges that are missing, double or lead nowhere.

    Raises:
        ValueError: If there are; names the node.
    """
    edges, known = [tuple(edge) for edge in graph.edges], set(graph.nodes)
    unknown = sorted({name for edge in edges for name in edge if name not in known})
    if unknown:
        raise ValueError(
            f"Expected edges between nodes of {where}, but found edges of {unknown}, which are no "
            "nodes. Check the file with the library that wrote it."
        )
    if double := sorted(edge for edge, count in Counter(edges).items() if count > 1):
        raise ValueError(
            f"Expected each edge of {where} once, but found {double} several times. Leave one, or "
            "double the weights if the input is meant to count twice."
        )
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"Expected one input and one output of {where}, but found {inputs} and {outputs}. "
            "Nodes without an edge into or out of them count; connect or remove them."
        )
    starts, ends = {a for a, _ in edges}, {b for _, b in edges}
    for name in graph.nodes:
        into, out = name in ends, name in starts
        if into == (name in inputs):
            raise _off_the_way(where, name, "an edge into" if into else "no edge into")
        if out == (name in outputs):
            raise _off_the_way(where, name, "an edge out of" if out else "no edge out of")
    reached, new = set(inputs), set(inputs)
    while new:
        new = {b for a, b in edges if a in new} - reached
        reached |= new
    if lost := sorted(known - reached):
        raise ValueError(
            f"Expected every node of {where} to be reached from the input, but found {lost} that "
            "are not. Remove them, or connect them."
        )


def _off_the_way(where: str, name: str, found: str) -> ValueError:
    return ValueError(
        f"Expected every node of {where} on a way from input to output, but found {found} node "
        f"{name!r}. Mend the edges, or remove the node."
    )


def paths(graph: Any, spiking: Sequence[str]) -> list[Path]:
    """Return every chain between neurons of a graph that `check_edges` accepts.

    Raises:
        ValueError: If a chain joins another.
    """
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        after[source].append(target)
        before[target].append(source)
    ends = {*spiking, *graph.outputs}
    found: list[Path] = []

    def walk(source: str, nodes: tuple[str, ...], name: str) -> None:
        if name in ends:
            found.append(Path(source, nodes, name))
            return
        if len(before[name]) != 1 or name in nodes:
            raise ValueError(
                f"Expected node {name!r} to have one input, but found {before[name]}. In a saflab "
                "network only neurons and the readout add up; give each its own weights."
            )
        for following in sorted(after[name]):
            walk(source, (*nodes, name), following)

    for source in (*graph.inputs, *spiking):
        for following in sorted(after[source]):
            walk(source, (), following)
    return found


def populations(graph: Any, wires: Sequence[Path], spiking: Sequence[str]) -> dict[str, int]:
    """Return the number of each population: 0 the input, then in order, at last the output.

    A connection back to a population that the walk from the input is still in is feedback, all
    others lead to later populations.
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
    order = [name for name in reversed(done) if name != last]
    return {name: index for index, name in enumerate([*order, last])}
