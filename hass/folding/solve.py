"""Folding of a whole network on a part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..cost import estimate, layer_shapes, off_chip_bound_cycles
from ..cost.foldings import EngineKind, IntArray
from ..device import Device
from ..errors import ProfileError, SpecError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic
from .bound import relax
from .choice import join_options
from .exact import Answer, Effort, solve_exact
from .explain import joint_shortage, parts_lever, single_shortage
from .greedy import widened
from .legal import ALL_ENGINES
from .outline import priced_floor, quick_choice, sketched
from .plan import FoldingPlan, Infeasibility
from .tables import (
    TABLES,
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


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The option tables of all layers, and what bounds a choice from them."""

    names: tuple[str, ...]
    tables: tuple[OptionTable, ...]
    budget: IntArray
    least_cycles: int


def problem_of(
    graph: Graph,
    device: Device,
    profile: SparsityProfile | None,
    engines: frozenset[EngineKind],
    arithmetic: Arithmetic,
    clock_mhz: float,
    cache: TableCache,
) -> Problem:
    """The problem that ``solve`` of the same arguments has.

    Raises:
        ProfileError, SpecError: see ``solve``.
    """
    if profile is not None:
        absent = [layer.name for layer in graph.convs if layer.name not in profile.layers]
        if absent:
            raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    memories = memories_of(device)
    names, tables = [], []
    for name, shape in layer_shapes(graph, profile).items():
        sparsity = None if profile is None else profile.layers.get(name)
        key = TableKey(shape, sparsity, device.family, arithmetic, engines, memories, device.budget)
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
    budget = np.array(tuple(device.budget), dtype=np.int64)
    least = off_chip_bound_cycles(graph, device, clock_mhz, arithmetic)
    return Problem(tuple(names), tuple(tables), budget, least)


def _greedy(problem: Problem, effort: Effort) -> Answer | None:
    sketch = sketched(problem.tables, problem.budget, problem.least_cycles)
    start = quick_choice(sketch, relax(sketch))
    if start is None:
        # too tight for repair: only the integer program can tell
        return solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)
    rows = sketch.source[widened(sketch, start)]
    return Answer(rows, priced_floor(problem.tables, problem.budget, problem.least_cycles))


def _explained(
    graph: Graph, problem: Problem, device: Device, arithmetic: Arithmetic
) -> Infeasibility:
    alone = all(map(len, problem.tables))  # each layer fits by itself
    single = single_shortage(problem.names, problem.tables, device, arithmetic)
    if single is not None:
        least = np.array([table.least for table in problem.tables])
        lever = parts_lever(graph, problem.names, least, problem.budget) if alone else ()
        return replace(single, levers=(*lever, *single.levers))
    options = join_options(
        [option_costs(table) for table in problem.tables], problem.budget, problem.least_cycles
    )
    answer = relax(options)
    priced = options.shares() @ answer.prices
    demands = np.minimum.reduceat(priced, options.starts[:-1])
    joint = joint_shortage(problem.names, demands.tolist(), answer.prices, device, arithmetic)
    lever = parts_lever(graph, problem.names, demands[:, None], np.ones(1)) if alone else ()
    return replace(joint, levers=(*joint.levers[:1], *lever, *joint.levers[1:]))


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

    Returns:
        The plan, or the inequality that fails if nothing fits.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
        SolverError: if an integer program fails.
    """
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    problem = problem_of(graph, device, profile, engines, arithmetic, clock, cache)
    answer: Answer | None = None
    if all(len(table) for table in problem.tables):
        match solver:
            case Solver.GREEDY:
                answer = _greedy(problem, effort)
            case Solver.EXACT:
                answer = solve_exact(problem.tables, problem.budget, problem.least_cycles, effort)
    if answer is None:
        return _explained(graph, problem, device, arithmetic)
    foldings = {
        name: table.folding(int(row))
        for name, table, row in zip(problem.names, problem.tables, answer.rows, strict=True)
    }
    result = estimate(
        graph, foldings, device, profile=profile, arithmetic=arithmetic, clock_mhz=clock
    )
    gap = result.frame_ii_cycles / answer.bound_cycles - 1.0
    return FoldingPlan(foldings, result, str(solver), answer.bound_cycles, gap)
