"""Partitions in space: the parts of a network on a chain of devices, all at work at the same time.

Frame II is that of the slowest device, or of the slowest link between two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

import numpy as np

from ..device import Device
from ..errors import Mistake, SpecError
from ..graph import Graph
from .intervals import Intervals, planned_part
from .parts_plan import ChainPlan, Unpartitioned
from .path import Cost, Found, search
from .request import Request
from .unpartitioned import too_large, wrong_count

_Kind = tuple[Device, float]  # a device, and the bandwidth of its link to the next in byte/s


class _InSpace:
    """Costs of parts, in seconds between frames."""

    def __init__(self, intervals: Intervals, devices: Sequence[Device]) -> None:
        missing = [d for d in devices if d.link_gbytes_per_s is None]
        if missing and len(devices) > 1:
            raise SpecError(
                [
                    Mistake(f"device {name}: link_gbytes_per_s", "nothing", "a bandwidth")
                    for name in dict.fromkeys(d.name for d in missing)
                ]
            )
        self.intervals = intervals
        speeds = [inf if d.link_gbytes_per_s is None else d.link_gbytes_per_s for d in devices]
        # a link is as fast as the slower of its two ends; behind the last device there is none
        links = [1e9 * min(pair) for pair in pairwise(speeds)] + [inf]
        pairs = list(zip(devices, links, strict=True))
        self.kinds: list[_Kind] = list(dict.fromkeys(pairs))
        self.stages = [self.kinds.index(pair) for pair in pairs]

    def link_seconds(self, kind: int, end: int) -> float:
        """Time that a frame's maps take to the next device; 0 behind the last part."""
        if end == self.intervals.nodes - 1:
            return 0.0
        return self.intervals.bytes_at(end) / self.kinds[kind][1]

    def cost(self, kind: int, start: int, end: int) -> Cost:
        device = self.kinds[kind][0]
        link = self.link_seconds(kind, end)
        hertz = self.intervals.request.clock_of(device) * 1e6
        pace = self.intervals.pace(device, start, end)
        reached = inf
        if pace.plan is not None:
            reached = max(link, pace.plan.estimate.frame_ii_cycles / hertz)
        proved = max(link, pace.low_cycles / hertz)
        return Cost(proved, reached, int(pace.sharpness), pace.final)

    def sharper(self, kind: int, start: int, end: int) -> Cost:
        self.intervals.sharper(self.kinds[kind][0], start, end)
        return self.cost(kind, start, end)

    def best(self, stages: Sequence[int]) -> Found | None:
        """The best cuts over so many of the first devices as are worth it."""
        intervals = self.intervals
        used = stages[: intervals.nodes - 1]
        return search(
            intervals.nodes,
            used,
            self.cost,
            self.sharper,
            np.maximum,
            range(1, len(used) + 1),
            intervals.request.effort.gap,
            intervals.request.most_solved,
        )


def solve_chain(
    graph: Graph,
    devices: Sequence[Device],
    *,
    request: Request = Request(),  # noqa: B008 - a frozen value
) -> ChainPlan | Unpartitioned:
    """The cuts with the smallest time between frames on a chain of devices.

    A device reads the maps that come over the link, and writes those that leave, at no more than
    its off-chip bandwidth, as if they lay in its memory meanwhile.

    Args:
        graph: the network.
        devices: in order; those at the end that do not make it faster get no part.
        request: how each part is solved. Its ``effort.gap`` holds for the cuts as well.

    Raises:
        ProfileError, SolverError: see ``solve``.
        SpecError: as ``solve``, and if a device file does not say ``link_gbytes_per_s``.
        ValueError: without devices.
    """
    if not devices:
        raise ValueError("a chain has at least one device")
    intervals = Intervals(graph, request)
    costs = _InSpace(intervals, devices)
    found = costs.best(costs.stages)
    if found is None:
        return _why_not(costs, devices)
    steps = list(zip(costs.stages, found.way.nodes, found.way.nodes[1:], strict=False))
    return ChainPlan(
        parts=tuple(
            planned_part(intervals, costs.kinds[kind][0], start, end) for kind, start, end in steps
        ),
        link_seconds=tuple(costs.link_seconds(kind, end) for kind, _, end in steps[:-1]),
        frame_seconds=found.way.cost,
        bound_seconds=found.bound,
        gap=found.way.cost / found.bound - 1.0,
    )


def _why_not(costs: _InSpace, devices: Sequence[Device]) -> Unpartitioned:
    stuck = too_large(costs.intervals, list(dict.fromkeys(devices)))
    if stuck is not None:
        return stuck
    most = costs.intervals.nodes - 1
    last = costs.stages[-1]
    longer = (
        costs.stages + [last] * (count - len(devices))
        for count in range(len(devices) + 1, most + 1)
    )
    fewest = next((len(stages) for stages in longer if costs.best(stages) is not None), None)
    names = ", ".join(device.name for device in devices)
    if fewest is None:
        reason = f"{names}: no consecutive parts fit these devices in this order"
        return Unpartitioned(None, None, reason, ("other devices, or another order",))
    return wrong_count(f"{names} do not do, with more of the last", fewest, most)
