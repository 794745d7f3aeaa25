"""What a resource, and the work of a layer, is worth to a solved plan.

The prices of the linear relaxation at the plan's frame II T say what a share of each resource's
budget is worth compared with the others. At these, the cheapest foldings with a frame II of at most
t cost phi(t) in shares of the budget: a sum over layers, whose steps are few and far apart. So
slopes are taken as means over the frame IIs within a factor of ``reach`` of T, evenly spread in
log t:

    elasticity of a layer  e = (f(T / reach) - f(T * reach)) / (2 ln reach)    f: its part of phi

counting only steps that its engines' work makes: streams are not faster where there is less to do.
A layer that cannot be as fast as T / reach is looked at as far above its own smallest frame II.
It is the share of the budget that the layer gives back, at the same frame II, per relative fall of
its work. With S the elasticity of all layers together, streams included, a share of the budget buys
T / S cycles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .. import ops
from ..cost import passes_of
from ..cost.foldings import EngineKind
from ..cost.layer import stream_cycles
from ..device import RESOURCE_NAMES, Device
from ..errors import SpecError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic, WordLengths
from .bound import relax
from .choice import FloatArray, IndexArray, Options, join_options
from .legal import ALL_ENGINES
from .objective import Goal, Objective
from .outline import sketched
from .plan import FoldingPlan
from .problem import Problem, problem_of
from .spend import amount, priced_least, whole_area
from .streaming import Streaming
from .tables import TABLES, OptionTable, TableCache

REACH = math.sqrt(2.0)  # parallel factors of many layers are a factor of 2 apart
OFF_CHIP_MEMORY = "off-chip memory"


@dataclass(frozen=True, slots=True)
class LayerPrice:
    """What less work in a layer is worth.

    Attributes:
        worth: in the goal's unit, per relative fall of the layer's work: 1 % less is worth a
            hundredth of it.
        share: of the budget, weighed by the prices of its resources, that the layer would give back
            at the same frame II, per relative fall of its work.
    """

    worth: float
    share: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What more budget and less work are worth to a plan, for small changes.

    Attributes:
        objective: of the plan; gains are in the unit of its goal.
        frame_ii_cycles: where the prices are taken: of the plan, or the largest allowed.
        paced_by: where more of any resource is worth nothing because streams or the off-chip memory
            set the pace: who does; empty otherwise.
        weights: resource -> price of a share of its budget; they add up to 1.
        resources: resource -> gain by one more unit of its budget.
        layers: Conv2d layer -> price of its work.
    """

    objective: Objective
    frame_ii_cycles: int
    paced_by: tuple[str, ...]
    weights: Mapping[str, float]
    resources: Mapping[str, float]
    layers: Mapping[str, LayerPrice]

    def __post_init__(self) -> None:
        for name in ("weights", "resources", "layers"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


def _falls(
    table: OptionTable, rates: FloatArray, cycles: float, reach: float
) -> tuple[float, float]:
    """How much the cost of the cheapest folding falls within a factor of ``reach`` of a frame II,
    or as far above the layer's smallest: in all, and by what engines with less work would do."""
    low = max(cycles / reach, float(table.cycles[0]))
    begin, end = np.searchsorted(table.cycles, [low, low * reach**2], "right").tolist()
    now = float((table.use[:begin] @ rates).min())
    costs = table.use[begin:end] @ rates
    cheaper = np.flatnonzero(costs < now)
    if not len(cheaper):
        return 0.0, 0.0
    rows, costs = begin + cheaper, costs[cheaper]
    works = np.zeros(len(rows), dtype=np.bool_)
    for places, foldings in table.by_group(rows):
        if foldings.engine is not EngineKind.NONE:
            paced = stream_cycles(table.key.shape, foldings)
            works[places] = table.cycles[rows[places]] > paced
    ticks = np.unique(table.cycles[rows], return_index=True)[1]
    least = np.minimum.reduceat(costs, ticks)
    before = np.minimum.accumulate(np.append(now, least))[:-1]
    worked = np.minimum.reduceat(np.where(works, costs, np.inf), ticks)
    falls = [np.maximum(before - lower, 0.0).sum() for lower in (least, worked)]
    return float(falls[0]), float(falls[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Exchange:
    """Prices at a frame II.

    Attributes:
        rates: (r,) of one unit of each resource, in shares of ``budget`` weighed by ``weights``.
        weights: (r,) prices of shares, adding up to 1.
        own: (r,) what of the gain of one unit of each resource's budget counts.
    """

    rates: FloatArray
    weights: FloatArray
    own: FloatArray


def _refined(problem: Problem, sketch: Options, rates: FloatArray) -> Options:
    """The sketch, and the cheapest rows at some frame II at these prices of units."""
    chosen: dict[int, IndexArray] = {}
    parts = []
    for layer, table in enumerate(problem.tables):
        if id(table) not in chosen:
            known = sketch.source[sketch.rows_of(layer)]
            more = table.cheapest_at(rates)
            chosen[id(table)] = np.union1d(known, more)
        rows = chosen[id(table)]
        parts.append((table.cycles[rows], table.use[rows], rows))
    return join_options(parts, problem.budget, problem.least_cycles)


def _exchange(
    problem: Problem, sketch: Options, cycles: int, goal: Goal
) -> tuple[_Exchange, float]:
    if goal is Goal.THROUGHPUT:
        return _of_frame_ii(problem, sketch, cycles), 0.0
    return _of_spend(problem, sketch, cycles, goal)


def _of_frame_ii(problem: Problem, sketch: Options, cycles: int) -> _Exchange:
    found = relax(sketch.up_to(cycles), math.inf).prices
    return _Exchange(found / np.maximum(problem.budget.at(cycles), 1), found, np.ones(len(found)))


def _of_spend(
    problem: Problem, sketch: Options, cycles: int, goal: Goal
) -> tuple[_Exchange, float]:
    """Prices where resources are made small, and what a share of the budget is worth then."""
    budget = problem.budget.amounts
    spend = whole_area(budget) if goal is Goal.AREA else amount(goal.columns[0], budget)
    priced = priced_least(sketch.up_to(cycles), spend)
    prices = priced.answer.prices
    rates = prices / np.maximum(priced.budget, 1)
    unit = float((rates[spend.columns] * spend.scales).sum())
    # more budget of what is made small makes its share smaller, but not its amount
    own = np.ones(len(prices))
    own[spend.columns] = priced.value if goal is Goal.AREA else 0.0
    return _Exchange(rates, prices, own), 1.0 / unit if unit > 0 else 0.0


def prices(
    graph: Graph,
    device: Device,
    plan: FoldingPlan,
    *,
    profile: SparsityProfile | None = None,
    engines: frozenset[EngineKind] = ALL_ENGINES,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    cache: TableCache = TABLES,
    reach: float = REACH,
) -> Prices:
    """What resources and the layers' work are worth to a plan.

    Args:
        graph, device, profile, engines, arithmetic, cache: with which ``solve`` made the plan.
        plan: of throughput or of few resources.
        reach: slopes are means over the frame IIs within this factor of the plan's.

    Raises:
        SpecError: if the plan is one of latency, efficiency or energy, which have no such prices.
        ProfileError: if the profile does not belong to the graph.
    """
    goal = plan.objective.goal
    if not goal.priced:
        raise SpecError.at("prices", goal.value, "throughput, area or one resource")
    clock = plan.estimate.clock_mhz
    passes = passes_of(plan.foldings)
    streaming = Streaming(passes, passes) if passes else None
    problem = problem_of(graph, device, profile, engines, arithmetic, clock, cache, streaming)
    cycles = plan.estimate.slowest_cycles
    sketch = sketched(problem.tables, problem.budget, problem.least_cycles)
    if goal is not Goal.THROUGHPUT:
        limit = plan.objective.frame_ii_limit(clock)
        cycles = int(sketch.cycles.max()) if limit is None else limit
    exchange, worth = _exchange(problem, sketch, cycles, goal)
    # prices of the sketch, then of the rows that matter at these
    exchange, worth = _exchange(problem, _refined(problem, sketch, exchange.rates), cycles, goal)
    known: dict[int, tuple[float, float]] = {}
    for table in problem.tables:
        if id(table) not in known:
            known[id(table)] = _falls(table, exchange.rates, cycles, reach)
    octave = 2.0 * math.log(reach)
    falls = [known[id(table)] for table in problem.tables]
    paced_by: tuple[str, ...] = ()
    if goal is Goal.THROUGHPUT:
        paced_by = _pacers(problem, cycles)
        total = sum(fall for fall, _ in falls) / octave
        if streaming is not None:  # a longer frame time lets off-chip memory read more, too
            moved = problem.budget.bits_per_cycle * cycles
            total += float(exchange.rates[-1]) * moved
        worth = cycles / total if total > 0 and not paced_by else 0.0
    gains = exchange.rates * exchange.own * worth
    return Prices(
        plan.objective,
        cycles,
        paced_by,
        dict(zip(RESOURCE_NAMES, exchange.weights.tolist(), strict=False)),
        dict(zip(RESOURCE_NAMES, gains.tolist(), strict=False)),
        {
            name: LayerPrice(fall / octave * worth, fall / octave)
            for name, (_, fall) in zip(problem.names, falls, strict=True)
            if isinstance(graph[name].op, ops.Conv2d)
        },
    )


def _pacers(problem: Problem, cycles: int) -> tuple[str, ...]:
    """Who allows no smaller frame II than that of the plan, whatever is spent."""
    if cycles > problem.floor_cycles:
        return ()
    pairs = zip(problem.names, problem.tables, strict=True)
    slow = [name for name, table in pairs if int(table.cycles[0]) >= cycles]
    return (*([OFF_CHIP_MEMORY] if problem.least_cycles >= cycles else []), *slow)
