"""Partitions in time: a device runs the parts of a network one after the other, each over a batch.

A batch takes, for each part, the load of its bitstream, the first frame's latency and the frame II
of every further frame. Its maps lie in off-chip memory between two parts.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from math import inf

import numpy as np

from ..device import Device
from ..errors import SpecError
from ..graph import Graph
from .intervals import Intervals, planned_part
from .parts_plan import PartitionPlan, Unpartitioned
from .path import Cost, Found, search
from .request import Request
from .unpartitioned import batch_too_large, too_large, wrong_count


class _InTime:
    """Costs of parts, in seconds of a batch."""

    def __init__(self, intervals: Intervals, device: Device, batch: int) -> None:
        if device.reconfiguration_ms is None:
            raise SpecError.at(
                f"device {device.name}: reconfiguration_ms", None, "the time to load a bitstream"
            )
        self.intervals, self.device, self.batch = intervals, device, batch
        self.reload_seconds = device.reconfiguration_ms / 1e3
        self._hertz = intervals.request.clock_of(device) * 1e6

    def most_frames(self, start: int, end: int) -> float:
        """Frames whose maps, those that a part reads and those that it writes, fit off chip."""
        if self.device.off_chip_gbytes is None:
            return inf
        frame = self.intervals.bytes_at(start) + self.intervals.bytes_at(end)
        return self.device.off_chip_gbytes * 1e9 / frame

    def cost(self, _: int, start: int, end: int) -> Cost:
        if self.batch > self.most_frames(start, end):
            return Cost(inf, inf, 0, final=True)
        pace = self.intervals.pace(self.device, start, end)
        if pace.low_cycles == inf:
            return Cost(inf, inf, int(pace.sharpness), final=True)
        whole = start == 0 and end == self.intervals.nodes - 1
        load = 0.0 if whole else self.reload_seconds
        further = self.batch - 1
        # a stream carries a pixel per cycle at most: no frame is out before its last pixel
        last = self.intervals.pixels_at(end)
        proved = load + (last + further * pace.low_cycles) / self._hertz
        reached = inf
        if pace.plan is not None:
            found = pace.plan.estimate
            cycles = found.latency_cycles + further * found.frame_ii_cycles
            reached = load + cycles / self._hertz
        return Cost(proved, reached, int(pace.sharpness), pace.final)

    def sharper(self, kind: int, start: int, end: int) -> Cost:
        self.intervals.sharper(self.device, start, end)
        return self.cost(kind, start, end)

    def best(self, counts: Collection[int]) -> Found | None:
        """The best cuts into so many parts."""
        intervals = self.intervals
        possible = [count for count in counts if count in range(1, intervals.nodes)]
        if not possible:
            return None
        return search(
            intervals.nodes,
            [0] * max(possible),
            self.cost,
            self.sharper,
            np.add,
            possible,
            intervals.request.effort.gap,
            intervals.request.most_solved,
        )


def _why_not(costs: _InTime, counts: Collection[int]) -> Unpartitioned:
    intervals, device = costs.intervals, costs.device
    stuck = too_large(intervals, [device])
    if stuck is not None:
        return stuck
    every = range(1, intervals.nodes)
    if costs.best(every) is not None:
        fewest = next(count for count in every if costs.best([count]) is not None)
        wanted = " or ".join(str(count) for count in sorted(counts))
        return wrong_count(f"{wanted} parts do not do", fewest, every[-1])
    # every part fits the device, so only the memory can be short
    fits, fails = 0, costs.batch
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _InTime(intervals, device, middle).best(every) is None:
            fails = middle
        else:
            fits = middle
    return batch_too_large(device, costs.batch, fits)


def solve_partitions(
    graph: Graph,
    device: Device,
    batch: int,
    *,
    counts: Collection[int] | None = None,
    request: Request = Request(),  # noqa: B008 - a frozen value
) -> PartitionPlan | Unpartitioned:
    """The cuts with which a device is done with a batch soonest, each part with the foldings of the
    smallest frame II.

    Args:
        graph: the network.
        device: gives, besides what ``solve`` needs, ``reconfiguration_ms``; where the size of its
            off-chip memory is known, the maps that a part reads and writes must fit there.
        batch: frames that pass each part before the next one is loaded.
        counts: numbers of parts that are allowed; all without it.
        request: how each part is solved. Its ``effort.gap`` holds for the cuts as well.

    Raises:
        ProfileError, SolverError: see ``solve``.
        SpecError: as ``solve``, and if the device file does not say ``reconfiguration_ms``.
        ValueError: if batch or a count is below 1.
    """
    intervals = Intervals(graph, request)
    every = range(1, intervals.nodes)
    allowed = every if counts is None else tuple(counts)
    if batch < 1 or not allowed or min(allowed) < 1:
        raise ValueError(f"batch and counts must be at least 1, got {batch} and {counts}")
    costs = _InTime(intervals, device, batch)
    found = costs.best(allowed)
    if found is None:
        return _why_not(costs, allowed)
    parts = tuple(
        planned_part(intervals, device, start, end) for start, end in pairwise(found.way.nodes)
    )
    return PartitionPlan(
        parts=parts,
        batch=batch,
        reload_seconds=costs.reload_seconds if len(parts) > 1 else 0.0,
        seconds=found.way.cost,
        bound_seconds=found.bound,
        gap=found.way.cost / found.bound - 1.0,
    )
