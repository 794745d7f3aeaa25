"""Folding of a whole network on a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..cost import Estimate, even_estimate
from ..cost.foldings import EngineKind
from ..cost.uneven import with_waiting
from ..device import Device
from ..errors import SolverError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic, WordLengths, precision_of
from .bound import relax
from .choice import NO_LIMIT, IndexArray, join_options
from .efficient import quick_efficient, solve_efficient
from .effort import Effort, Remaining
from .exact import Answer, solve_exact
from .explain import joint_shortage, parts_lever, single_shortage, too_slow
from .frugal import with_energy
from .greedy import widened
from .latency import solve_latency, swept_latency
from .least import quick_least, solve_least
from .legal import ALL_ENGINES
from .objective import FASTEST, Goal, Objective
from .outline import priced_floor, quick_choice, sketched
from .plan import FoldingPlan, Infeasibility, gap_above
from .problem import Problem, problem_of
from .rows import Rows
from .spend import amount, whole_area
from .streaming import Streaming, WeightsAt, counted, every_layer, large_layers, narrowed
from .tables import TABLES, TableCache, option_costs, up_to


class Solver(StrEnum):
    """How the foldings are found."""

    GREEDY = "greedy"
    EXACT = "exact"


# A thousandth is below what any coefficient of the model is good for. The node limit keeps a search
# from standing still in one trial; if it is met, bound and gap of the plan say what is left open.
DEFAULT_EFFORT = Effort(gap=1e-3, nodes=2_000)
PROVE_OPTIMUM = Effort()
_OFF_CHIP_LEVER = "weights off chip (throughput only, --weights auto)"
_GUESS = Effort(gap=0.05, nodes=0)  # of which layers to read off chip, and how
_CHOICE_GAP = 0.01  # where choices of layers are compared, and the bound is further off than that


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """One table row per layer, and the bound of the objective."""

    rows: IndexArray
    bound: float


def _fastest(problem: Problem, solver: Solver, effort: Effort) -> _Found | None:
    answer: Answer | None
    match solver:
        case Solver.EXACT:
            answer = solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)
        case Solver.GREEDY:
            answer = _greedy(problem, effort)
    return None if answer is None else _Found(answer.rows, answer.bound_cycles)


def _cycles(problem: Problem, rows: IndexArray) -> int:
    """Frame II of a choice."""
    cycles = [int(t.cycles[row]) for t, row in zip(problem.tables, rows, strict=True)]
    return max(problem.least_cycles, *cycles)


def _greedy(problem: Problem, effort: Effort) -> Answer | None:
    sketch = sketched(problem.tables, problem.budget, problem.least_cycles)
    start = quick_choice(sketch, relax(sketch))
    if start is None:
        # too tight for repair: only the integer program can tell
        return solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)
    rows = sketch.source[widened(sketch, start)]
    return Answer(rows, priced_floor(problem.tables, problem.budget, problem.least_cycles))


def _smallest(
    problem: Problem, goal: Goal, limit: int | None, solver: Solver, effort: Effort
) -> _Found | None:
    budget = problem.budget.amounts
    within = NO_LIMIT if limit is None else limit
    tables: Sequence[Rows] = problem.tables
    unit = 1
    match goal:
        case Goal.AREA:
            spend = whole_area(budget)
        case Goal.ENERGY:
            column = with_energy(problem.tables, budget)
            tables, spend, unit = column.tables, column.spend, column.step_pj
        case _:
            spend = amount(goal.columns[0], budget)
    asked = tables, spend, problem.least_cycles, within
    answer = quick_least(*asked) if solver is Solver.GREEDY else None
    try:
        if answer is None:  # greedy may miss what the integer program finds
            answer = solve_least(*asked, effort)
    except SolverError:
        # so near to the fastest that nothing else was found: then that, of which nothing is proved
        fast = _fastest(problem, Solver.EXACT, effort)
        if fast is None or _cycles(problem, fast.rows) > within:
            raise
        return _Found(fast.rows, 0.0)
    return None if answer is None else _Found(answer.rows, float(answer.bound * unit))


def _efficient(
    problem: Problem, limit: int | None, solver: Solver, effort: Effort
) -> _Found | None:
    within = NO_LIMIT if limit is None else limit
    find = quick_efficient if solver is Solver.GREEDY else solve_efficient
    answer = find(problem.tables, problem.budget.amounts, problem.least_cycles, within, effort)
    return None if answer is None else _Found(answer.rows, answer.bound)


def _fast_enough(problem: Problem, limit: int | None, effort: Effort) -> IndexArray | None:
    """The fastest choice, if a frame II of ``limit`` is in reach."""
    found = _fastest(problem, Solver.EXACT, effort)
    if found is None or limit is None:
        return None if found is None else found.rows
    if _cycles(problem, found.rows) <= limit:
        return found.rows
    least = _smallest(problem, Goal.AREA, limit, Solver.EXACT, effort)
    return None if least is None else least.rows


def _earliest(
    graph: Graph,
    problem: Problem,
    limit: int | None,
    solver: Solver,
    left: Remaining,
    cycles_of: Callable[[IndexArray], int],
) -> _Found | None:
    start = _fast_enough(problem, limit, left.effort())
    if start is None:
        return None
    budget = problem.budget.amounts
    asked = graph, problem.shapes, problem.tables, budget, limit, (start,), cycles_of
    search = swept_latency if solver is Solver.GREEDY else solve_latency
    early = search(*asked, left.effort())
    return _Found(early.rows, float(early.bound_cycles))


def _explained(
    graph: Graph,
    problem: Problem,
    device: Device,
    arithmetic: WordLengths,
    limit: int | None,
    clock_mhz: float,
) -> Infeasibility:
    fast = problem
    alone = all(map(len, problem.tables))  # each layer fits by itself
    if limit is not None and alone:
        slow = too_slow(problem, limit, clock_mhz)
        if slow is not None:
            return slow
        fast = replace(problem, tables=tuple(up_to(table, limit) for table in problem.tables))
    words = precision_of(arithmetic).default
    single = single_shortage(fast.names, fast.tables, device, words)
    place: tuple[str, ...] = ()
    if not problem.budget.bits_per_cycle and large_layers(graph, arithmetic):
        place = (_OFF_CHIP_LEVER,)
    if single is not None:
        least = np.array([table.least for table in fast.tables])
        limits = np.array(tuple(device.budget), dtype=np.int64)
        lever = parts_lever(graph, problem.names, least, limits) if alone else ()
        return replace(single, levers=(*place, *lever, *single.levers))
    options = join_options(
        [option_costs(table) for table in fast.tables], problem.budget, problem.least_cycles
    )
    answer = relax(options)
    priced = options.shares() @ answer.prices
    demands = np.minimum.reduceat(priced, options.starts[:-1])
    joint = joint_shortage(problem.names, demands.tolist(), answer.prices[:5], device, words)
    lever = parts_lever(graph, problem.names, demands[:, None], np.ones(1)) if alone else ()
    return replace(joint, levers=(*joint.levers[:1], *place, *lever, *joint.levers[1:]))


def solve(
    graph: Graph,
    device: Device,
    *,
    profile: SparsityProfile | None = None,
    engines: frozenset[EngineKind] = ALL_ENGINES,
    solver: Solver = Solver.EXACT,
    objective: Objective = FASTEST,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
    effort: Effort = DEFAULT_EFFORT,
    cache: TableCache = TABLES,
    weights: WeightsAt = WeightsAt.AUTO,
) -> FoldingPlan | Infeasibility:
    """Foldings of all layers that are best at an objective within the device's budget.

    Args:
        graph: the network.
        device: gives the budget, the memories, the off-chip bandwidth and the default clock.
        profile: measured sparsity; without it all engines are dense.
        engines: kinds that layers with weights may have.
        solver: ``exact`` proves the optimum, of latency as far as it can; ``greedy`` is the
            baseline.
        objective: what is made as good as it gets: throughput by default; and a throughput that is
            required.
        arithmetic: word lengths, of all layers or of each.
        clock_mhz: instead of the device's; with the off-chip bandwidth it bounds frame II.
        effort: how far the solver goes; see ``DEFAULT_EFFORT``. Bound and gap of the plan say what
            is proved.
        cache: where option tables are kept between calls.
        weights: where weights may be; see ``WeightsAt``. Objectives other than throughput keep them
            on chip.

    Returns:
        The plan, or the inequality that fails if nothing fits.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
        SolverError: if the solver fails, or a limit is met before any folding that fits is found.
    """
    left = Remaining(effort)
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    limit = objective.frame_ii_limit(clock)

    def posed(streaming: Streaming | None = None) -> Problem:
        return problem_of(
            graph, device, profile, engines, arithmetic, clock, cache, streaming=streaming
        )

    def judged(problem: Problem, rows: IndexArray) -> Estimate:
        foldings = problem.foldings(rows)
        return even_estimate(
            graph, foldings, device, profile=profile, arithmetic=arithmetic, clock_mhz=clock
        )

    def planned(problem: Problem, found: _Found) -> FoldingPlan:
        result = with_waiting(graph, judged(problem, found.rows), profile)
        gap = gap_above(objective.value(result, device.budget), found.bound)
        fastest = objective.goal is Goal.THROUGHPUT
        return FoldingPlan(
            {name: layer.folding for name, layer in result.layers.items()},
            result,
            str(solver),
            int(found.bound) if fastest else problem.floor_cycles,
            gap,
            objective,
            None if fastest else found.bound,
        )

    def fast(problem: Problem, effort: Effort) -> _Found | None:
        return _fastest(problem, solver, effort) if all(map(len, problem.tables)) else None

    def waited_for(problem: Problem, found: _Found) -> FoldingPlan:
        """The plan, or the dense one where that is faster as its layers do not wait."""
        plan = planned(problem, found)
        kinds = frozenset({EngineKind.DENSE})
        if not plan.estimate.waiting_cycles or not kinds < engines:
            return plan
        # without the profile, so that its tables are those of every other profile
        dense = problem_of(graph, device, None, kinds, arithmetic, clock, cache)
        answer = fast(dense, left.effort())
        if answer is None or _cycles(dense, answer.rows) >= plan.estimate.frame_ii_cycles:
            return plan
        even = planned(dense, _Found(answer.rows, found.bound))
        return min(plan, even, key=lambda one: one.estimate.frame_ii_cycles)

    def answered(limit: int | None) -> FoldingPlan | Infeasibility:
        problem = posed()
        found: _Found | None = None
        if all(len(table) for table in problem.tables):
            match objective.goal:
                case Goal.THROUGHPUT:
                    found = _fastest(problem, solver, left.effort())
                    if found is not None and limit is not None:
                        found = _required(problem, found, limit, left)
                case Goal.LATENCY:
                    found = _earliest(
                        graph,
                        problem,
                        limit,
                        solver,
                        left,
                        lambda rows: judged(problem, rows).latency_cycles,
                    )
                case Goal.EFFICIENCY:
                    found = _efficient(problem, limit, solver, left.effort())
                case _:
                    found = _smallest(problem, objective.goal, limit, solver, left.effort())
        on_chip = weights is WeightsAt.ON_CHIP or objective.goal is not Goal.THROUGHPUT
        if on_chip or (weights is WeightsAt.AUTO and found is not None):
            if found is None:
                return _explained(graph, problem, device, arithmetic, limit, clock)
            fastest = objective.goal is Goal.THROUGHPUT
            return waited_for(problem, found) if fastest else planned(problem, found)
        # Joins in front of which no branch waits for a pass: a bound for every choice of layers
        # whose weights are off chip; then some choices, with FIFOs for their passes.
        freely, waits = posed(every_layer(graph, arithmetic)), counted(graph, arithmetic)
        roughly = replace(left.effort(), gap=max(effort.gap, _CHOICE_GAP))
        bound = fast(freely, left.effort() if waits.none_waits else roughly)
        if bound is None:
            return _explained(graph, freely, device, arithmetic, None, clock)
        plans = [] if found is None else [planned(problem, _Found(found.rows, bound.bound))]
        if waits.none_waits:
            plans.append(planned(freely, bound))
        else:
            guide = posed(waits)
            guided = fast(guide, _GUESS)
            chosen = freely.foldings(bound.rows) if guided is None else guide.foldings(guided.rows)
            for streaming in narrowed(graph, arithmetic, chosen):
                problem = posed(streaming)
                answer = fast(problem, roughly)
                if answer is not None:
                    plans.append(planned(problem, _Found(answer.rows, bound.bound)))
        best = min(plans, key=lambda plan: plan.estimate.frame_ii_cycles, default=None)
        if best is None or (limit is not None and best.estimate.frame_ii_cycles > limit):
            return _explained(graph, problem, device, arithmetic, limit, clock)
        return best

    within = limit
    first = answer = answered(limit)
    while isinstance(answer, FoldingPlan) and limit is not None and within is not None:
        reached = answer.estimate.frame_ii_cycles
        if reached <= limit:
            break
        # what layers wait for each other comes on top, and the solvers do not know it
        within = min(within - 1, answer.estimate.slowest_cycles * limit // reached)
        answer = answered(within)
    if answer is first or limit is None or within is None:
        return answer
    if isinstance(answer, Infeasibility):
        lost = f"{limit - within:,} of the {limit:,} cycles"
        return replace(
            answer, levers=(*answer.levers, f"layers wait for each other for {lost} asked for")
        )
    assert isinstance(first, FoldingPlan)
    value = objective.value(answer.estimate, device.budget)
    return replace(
        answer,
        gap=gap_above(value, first.proved_bound),
        proved_bound_cycles=first.proved_bound_cycles,
        bound=first.bound,
    )


def _required(problem: Problem, found: _Found, limit: int, left: Remaining) -> _Found | None:
    """What was found if it is fast enough; otherwise whatever is, with the same bound."""
    if _cycles(problem, found.rows) <= limit:
        return found
    if found.bound > limit:
        return None
    least = _smallest(problem, Goal.AREA, limit, Solver.EXACT, left.effort())
    return None if least is None else _Found(least.rows, found.bound)
