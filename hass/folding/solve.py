"""Folding of a whole network on a part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..cost import (
    Folding,
    MemoryKind,
    estimate,
    frame_bits,
    layer_shapes,
    off_chip_bits_per_cycle,
    off_chip_bound_cycles,
)
from ..cost.flow import NO_PASSES
from ..cost.foldings import EngineKind
from ..device import Device
from ..errors import ProfileError, SpecError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic
from .bound import relax
from .choice import Budget, join_options
from .exact import Answer, Effort, solve_exact
from .explain import joint_shortage, single_shortage
from .greedy import widened
from .legal import ALL_ENGINES
from .outline import priced_floor, quick_choice, sketched
from .plan import FoldingPlan, Infeasibility
from .streaming import Streaming, WeightsAt, counted, every_layer, narrowed
from .tables import (
    TABLES,
    OffChip,
    OptionTable,
    TableCache,
    TableKey,
    memories_of,
    option_costs,
)


class Solver(StrEnum):
    """How the foldings are found."""

    GREEDY = "greedy"
    EXACT = "exact"


# A thousandth is below what any coefficient of the model is good for. The node limit keeps a search
# from standing still in one trial; if it is met, bound and gap of the plan say what is left open.
DEFAULT_EFFORT = Effort(gap=1e-3, nodes=2_000)
PROVE_OPTIMUM = Effort()
_GUESS = Effort(gap=0.05, nodes=0)  # of which layers to read off chip, and how
_CHOICE_GAP = 0.01  # where choices of layers are compared, and the bound is further off than that


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    names: tuple[str, ...]
    tables: tuple[OptionTable, ...]
    budget: Budget
    least_cycles: int


def _problem(
    graph: Graph,
    device: Device,
    profile: SparsityProfile | None,
    engines: frozenset[EngineKind],
    arithmetic: Arithmetic,
    clock_mhz: float,
    cache: TableCache,
    streaming: Streaming | None = None,
) -> _Problem:
    if profile is not None:
        absent = [layer.name for layer in graph.convs if layer.name not in profile.layers]
        if absent:
            raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    memories = memories_of(device)
    waited = NO_PASSES if streaming is None else streaming.waited
    bits_per_cycle = 0.0 if streaming is None else off_chip_bits_per_cycle(device, clock_mhz)
    names, tables = [], []
    for name, shape in layer_shapes(graph, profile, waited).items():
        sparsity = None if profile is None else profile.layers.get(name)
        off_chip, places = None, memories
        if streaming is not None:
            waits = streaming.wait_bits.get(name, (0, 0))
            off_chip = OffChip(bits_per_cycle, streaming.rows.get(name, 0), waits)
            places = memories | ({MemoryKind.OFF_CHIP} if name in streaming.rows else set())
        key = TableKey(
            shape, sparsity, device.family, arithmetic, engines, places, device.budget, off_chip
        )
        names.append(name)
        tables.append(cache.table(key))
    without = [name for name, table in zip(names, tables, strict=True) if not table.legal]
    if without:
        raise SpecError.at(
            "engines",
            ", ".join(sorted(engines)) or "none",
            "an engine for every layer (dynamic, static: a profile, and 2 to 64 products per "
            "segment; static: zero weights); "
            f"there is none for {', '.join(without)}",
        )
    amounts = list(device.budget)
    if streaming is not None:
        amounts.append(-frame_bits(graph, arithmetic))
    budget = Budget(np.array(amounts, dtype=np.int64), bits_per_cycle)
    least = off_chip_bound_cycles(graph, device, clock_mhz, arithmetic)
    return _Problem(tuple(names), tuple(tables), budget, least)


def _greedy(problem: _Problem, effort: Effort) -> Answer | None:
    sketch = sketched(problem.tables, problem.budget, problem.least_cycles)
    start = quick_choice(sketch, relax(sketch))
    if start is None:
        # too tight for repair: only the integer program can tell
        return solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)
    rows = sketch.source[widened(sketch, start)]
    return Answer(rows, priced_floor(problem.tables, problem.budget, problem.least_cycles))


def _answered(problem: _Problem, solver: Solver, effort: Effort) -> Answer | None:
    if not all(len(table) for table in problem.tables):
        return None
    match solver:
        case Solver.GREEDY:
            return _greedy(problem, effort)
        case Solver.EXACT:
            return solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)


def _foldings(problem: _Problem, answer: Answer) -> dict[str, Folding]:
    return {
        name: table.folding(int(row))
        for name, table, row in zip(problem.names, problem.tables, answer.rows, strict=True)
    }


def _explained(problem: _Problem, device: Device, arithmetic: Arithmetic) -> Infeasibility:
    single = single_shortage(problem.names, problem.tables, device, arithmetic)
    if single is not None:
        return single
    options = join_options(
        [option_costs(table) for table in problem.tables], problem.budget, problem.least_cycles
    )
    answer = relax(options)
    priced = options.shares() @ answer.prices
    demands = np.minimum.reduceat(priced, options.starts[:-1])
    return joint_shortage(problem.names, demands.tolist(), answer.prices[:5], device, arithmetic)


def solve(
    graph: Graph,
    device: Device,
    *,
    profile: SparsityProfile | None = None,
    engines: frozenset[EngineKind] = ALL_ENGINES,
    solver: Solver = Solver.EXACT,
    arithmetic: Arithmetic = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
    effort: Effort = DEFAULT_EFFORT,
    cache: TableCache = TABLES,
    weights: WeightsAt = WeightsAt.AUTO,
) -> FoldingPlan | Infeasibility:
    """Foldings of all layers with the smallest frame II that the device's budget allows.

    Args:
        graph: the network.
        device: gives the budget, the memories, the off-chip bandwidth and the default clock.
        profile: measured sparsity; without it all engines are dense.
        engines: kinds that layers with weights may have.
        solver: ``exact`` proves the optimum; ``greedy`` is the baseline.
        arithmetic: word lengths.
        clock_mhz: instead of the device's; with the off-chip bandwidth it bounds frame II.
        effort: how far the exact solver goes; see ``DEFAULT_EFFORT``. Bound and gap of the plan
            say what is proved.
        cache: where option tables are kept between calls.
        weights: where weights may be; see ``WeightsAt``.

    Returns:
        The plan, or the inequality that fails if nothing fits.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
        SolverError: if an integer program fails.
    """
    clock = device.clock_mhz if clock_mhz is None else clock_mhz

    def posed(streaming: Streaming | None = None) -> _Problem:
        return _problem(
            graph, device, profile, engines, arithmetic, clock, cache, streaming=streaming
        )

    def planned(problem: _Problem, answer: Answer, bound_cycles: int) -> FoldingPlan:
        foldings = _foldings(problem, answer)
        result = estimate(
            graph, foldings, device, profile=profile, arithmetic=arithmetic, clock_mhz=clock
        )
        gap = result.frame_ii_cycles / bound_cycles - 1.0
        return FoldingPlan(foldings, result, str(solver), bound_cycles, gap)

    problem = posed()
    answer = _answered(problem, solver, effort)
    if weights is WeightsAt.ON_CHIP or (weights is WeightsAt.AUTO and answer is not None):
        if answer is None:
            return _explained(problem, device, arithmetic)
        return planned(problem, answer, answer.bound_cycles)
    # Joins in front of which no branch waits for a pass: a bound for every choice of layers whose
    # weights are off chip; then some choices, with FIFOs for their passes.
    freely, waits = posed(every_layer(graph, arithmetic)), counted(graph, arithmetic)
    roughly = replace(effort, gap=max(effort.gap, _CHOICE_GAP))
    bound = _answered(freely, solver, effort if waits.none_waits else roughly)
    if bound is None:
        return _explained(freely, device, arithmetic)
    if waits.none_waits:
        return planned(freely, bound, bound.bound_cycles)
    guide = posed(waits)
    guided = _answered(guide, solver, _GUESS)
    chosen = _foldings(freely, bound) if guided is None else _foldings(guide, guided)
    plans = [] if answer is None else [planned(problem, answer, bound.bound_cycles)]
    for streaming in narrowed(graph, arithmetic, chosen):
        problem = posed(streaming)
        answer = _answered(problem, solver, roughly)
        if answer is not None:
            plans.append(planned(problem, answer, bound.bound_cycles))
    if not plans:
        return _explained(problem, device, arithmetic)
    return min(plans, key=lambda plan: plan.estimate.frame_ii_cycles)
