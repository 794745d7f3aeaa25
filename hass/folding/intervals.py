"""How fast the part of a network between two cuts can be on a device, as sharply as is asked: first
counted (``counted``), then by prices (``outline``), at last solved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import inf

from .. import ops
from ..cuts import Part, PartGraph, cutting_order, graph_between, useful_cuts
from ..device import Device
from ..graph import Graph
from ..values import precision_of
from .counted import Counted, layers_to_count
from .outline import outlined
from .parts_plan import PlannedPart
from .plan import FoldingPlan, Infeasibility
from .problem import Problem, problem_of
from .request import Request
from .solve import solve
from .streaming import WeightsAt, every_layer


class Sharpness(IntEnum):
    """What a bound comes from."""

    COUNTED = 0
    PRICED = 1
    SOLVED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """What is known of a part on a device.

    Attributes:
        sharpness: how it is known.
        low_cycles: no folding that fits has a smaller frame II; infinite: none fits.
        plan: the solver's answer, where it was asked and something fits.
    """

    sharpness: Sharpness
    low_cycles: float
    plan: FoldingPlan | None

    @property
    def final(self) -> bool:
        """Whether nothing is left to learn."""
        return self.sharpness is Sharpness.SOLVED or self.low_cycles == inf


class Intervals:
    """The parts between any two of a network's useful cuts; node 0 is the network's Input, the last
    one its Output. What was learnt of a part is kept."""

    def __init__(self, graph: Graph, request: Request) -> None:
        self.graph = graph
        self.request = request
        self.cuts = useful_cuts(graph)
        self._ends = (None, *(cut.last for cut in self.cuts), None)
        first, last = (graph.of_type(kind)[0].out for kind in (ops.Input, ops.Output))
        self._maps = (first, *(cut.crossing for cut in self.cuts), last)
        self._graphs: dict[tuple[int, int], PartGraph] = {}
        self._paces: dict[tuple[Device, int, int], Pace] = {}
        self._counted: dict[Device, Counted] = {}
        self._order = cutting_order(graph)
        order = layers_to_count(graph)
        self._places = (0, *(order.index(cut.last) + 1 for cut in self.cuts), len(order))

    @property
    def nodes(self) -> int:
        """Cuts and both ends."""
        return len(self._ends)

    def bytes_at(self, node: int) -> float:
        """Of the maps of a frame that pass a node."""
        return self._maps[node].words * precision_of(self.request.arithmetic).default.act_bits / 8

    def pixels_at(self, node: int) -> int:
        """Of the map that passes a node."""
        return self._maps[node].pixels

    def part(self, start: int, end: int) -> Part:
        """The part between two nodes."""
        return Part(self._ends[start], self._ends[end])

    def part_graph(self, start: int, end: int) -> Graph:
        """The part between two nodes as a network."""
        key = start, end
        if key not in self._graphs:
            ends = (None, *self.cuts, None)
            self._graphs[key] = graph_between(self.graph, self._order, ends[start], ends[end])
        return self._graphs[key].graph

    def counted(self, device: Device) -> Counted:
        """Bounds on all parts on a device.

        Raises:
            ProfileError, SpecError: see ``solve``.
        """
        if device not in self._counted:
            self.problem(device, 0, self.nodes - 1)  # refuses what solve refuses
            self._counted[device] = Counted(self.graph, device, self.request)
        return self._counted[device]

    def pace(self, device: Device, start: int, end: int) -> Pace:
        """What is known of a part."""
        known = self._paces.get((device, start, end))
        if known is not None:
            return known
        low = 1.0
        if self._places[start] < self._places[end]:  # else nothing lies between Input and Output
            run = self._places[start], self._places[end]
            low = self.counted(device).low_cycles(*run)
        if low != inf:
            frame = self.bytes_at(start) + self.bytes_at(end)
            clock = self.request.clock_of(device)
            low = max(low, int(frame / (device.off_chip_gbytes_per_s * 1e9) * clock * 1e6))
        return Pace(Sharpness.COUNTED, low, None)

    def sharper(self, device: Device, start: int, end: int) -> Pace:
        """The same, known by the next means.

        Raises:
            ProfileError, SpecError, SolverError: see ``solve``.
        """
        pace = self.pace(device, start, end)
        if pace.final:
            return pace
        if pace.sharpness is Sharpness.COUNTED:
            new = Pace(Sharpness.PRICED, self._priced(device, start, end, pace.low_cycles), None)
        else:
            answer = self.solved(device, start, end)
            if isinstance(answer, Infeasibility):
                new = Pace(Sharpness.SOLVED, inf, None)
            else:
                low = max(pace.low_cycles, answer.proved_bound_cycles)
                new = Pace(Sharpness.SOLVED, low, answer)
        self._paces[device, start, end] = new
        return new

    def _priced(self, device: Device, start: int, end: int, counted: float) -> float:
        problem = self.problem(device, start, end)
        if not all(map(len, problem.tables)):
            return inf
        outline = outlined(problem.tables, problem.budget, problem.least_cycles)
        if outline.low is not None:
            return max(counted, outline.low)
        for prices in outline.floor.prices:
            self.counted(device).learn(prices)
        return inf

    def solved(self, device: Device, start: int, end: int) -> FoldingPlan | Infeasibility:
        """The solver's answer for a part.

        Raises:
            ProfileError, SpecError, SolverError: see ``solve``.
        """
        request = self.request
        return solve(
            self.part_graph(start, end),
            device,
            profile=request.profile,
            engines=request.engines,
            arithmetic=request.arithmetic,
            clock_mhz=request.clock_mhz,
            effort=request.effort,
            cache=request.cache,
            weights=request.weights,
        )

    def problem(self, device: Device, start: int, end: int) -> Problem:
        """The option tables of a part, with weights wherever they may be.

        Raises:
            ProfileError, SpecError: see ``solve``.
        """
        request = self.request
        graph = self.part_graph(start, end)
        streaming = None
        if request.weights is not WeightsAt.ON_CHIP:
            streaming = every_layer(graph, request.arithmetic)
        return problem_of(
            graph,
            device,
            request.profile,
            request.engines,
            request.arithmetic,
            request.clock_of(device),
            request.cache,
            streaming,
        )


def planned_part(intervals: Intervals, device: Device, start: int, end: int) -> PlannedPart:
    """A part that has a plan."""
    plan = intervals.pace(device, start, end).plan
    assert plan is not None  # a way of finite cost leads through planned parts only
    return PlannedPart(
        intervals.part(start, end),
        intervals.part_graph(start, end),
        device,
        plan,
        intervals.bytes_at(start),
        intervals.bytes_at(end),
    )
