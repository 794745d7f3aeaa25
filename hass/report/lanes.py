"""Where the layers of a pipeline and the streams between them are drawn: a row per layer, streams
in lanes beside each other, as version control systems draw histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..cost.result import Edge


@dataclass(frozen=True, slots=True)
class Wire:
    """A stream between two layers.

    Attributes:
        edge: the stream.
        first_row, last_row: of the layer that writes it and of the one that reads it.
        first_lane, last_lane: of these layers.
        lane: that it runs in on the rows between them.
    """

    edge: Edge
    first_row: int
    last_row: int
    first_lane: int
    last_lane: int
    lane: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """A drawn pipeline.

    Attributes:
        lanes: of each layer, in the order of rows.
        wires: of all streams, in their order.
        count: of lanes.
    """

    lanes: tuple[int, ...]
    wires: tuple[Wire, ...]
    count: int


def in_lanes(layers: Sequence[str], edges: Sequence[Edge]) -> Lanes:
    """Lanes in which no stream runs through a layer that it does not belong to, nor along another.

    Args:
        layers: names, each after those it reads from.
        edges: between them.
    """
    row_of = {name: row for row, name in enumerate(layers)}
    reads: dict[str, list[int]] = {name: [] for name in layers}
    writes: dict[str, list[int]] = {name: [] for name in layers}
    for number, (source, target, _) in enumerate(edges):
        reads[target].append(number)
        writes[source].append(number)
    taken: set[int] = set()
    lane_of_edge: dict[int, int] = {}
    lane_of: dict[str, int] = {}
    count = 1

    def free() -> int:
        lane = 0
        while lane in taken:
            lane += 1
        return lane

    for name in layers:
        coming = sorted(lane_of_edge[number] for number in reads[name])
        taken.difference_update(coming)
        own = coming[0] if coming else free()
        lane_of[name] = own
        count = max(count, own + 1)
        for number in sorted(writes[name], key=lambda n: row_of[edges[n][1]]):
            lane = own if own not in taken else free()
            taken.add(lane)
            lane_of_edge[number] = lane
            count = max(count, lane + 1)
    wires = tuple(
        Wire(
            edge,
            row_of[edge[0]],
            row_of[edge[1]],
            lane_of[edge[0]],
            lane_of[edge[1]],
            lane_of_edge[number],
        )
        for number, edge in enumerate(edges)
    )
    return Lanes(tuple(lane_of[name] for name in layers), wires, count)
