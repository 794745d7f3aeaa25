"""Clips and foldings chosen together: what a layer loses is one more resource.

Of each layer there are a few options, each with what is lost by it and with the foldings that it
allows. The least frame II within a budget of loss is then the folding problem itself, of larger
tables and one more column. Rows are few: of each option's table those that are cheapest at some
frame II and some prices, so answers are good, not proved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..cost import off_chip_bound_cycles
from ..cost.foldings import EngineKind, IntArray
from ..device import RESOURCE_NAMES, Device
from ..errors import SolverError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic, WordLengths, precision_of
from .choice import NO_LIMIT, Budget, FloatArray, IndexArray
from .efficient import quick_efficient
from .effort import Effort
from .exact import Answer, solve_exact
from .least import Least, quick_least, solve_least
from .legal import ALL_ENGINES
from .objective import Goal, Objective
from .pareto import pareto_front
from .problem import problem_of
from .rows import Rows, falls
from .spend import Spend, amount
from .tables import TABLES, TableCache

_LOSS_STEPS = 1e6  # of a loss of 1: losses are counted in whole steps
# Prices of shares of the budget at which rows are kept, besides those of sketches: drawn evenly
# from all that add up to 1, always the same; and what a share of the loss is worth beside them.
_DRAWN_PRICES = 6
_LOSS_PRICES = (0.0, 0.2, 1.0, 3.0)
_EFFORT = Effort(gap=0.003, nodes=0)  # clips are measured afterwards: near is good enough
# objectives that the fastest choice is not the best at
_NOT_FASTEST = (Goal.EFFICIENCY, Goal.LUT, Goal.FF, Goal.DSP, Goal.BRAM18, Goal.URAM)
_DECIDING = Effort(gap=0.05, nodes=1000)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Foldings of one layer under one option, fastest first.

    Attributes:
        cycles: (n,) frame II.
        use: (n, 5) resources.
    """

    cycles: IntArray
    use: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Foldings of one layer under all its options, fastest first.

    Attributes:
        rows: what can be chosen, (n,); the last resource is the loss, of nothing.
        option: (n,) which option a row belongs to.
        priced: (prices, n) what rows cost at ``_drawn_prices`` of the part.
    """

    rows: Rows
    option: IndexArray
    priced: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A network whose layers have options.

    Attributes:
        layers: layer -> what there is to choose from.
        device: the part.
        least_cycles: what frame II cannot undercut whatever the layers do.
        clock_mhz: of the designs.
    """

    layers: Mapping[str, _Layer]
    device: Device
    least_cycles: int
    clock_mhz: float


@dataclass(frozen=True, slots=True)
class JointChoice:
    """Which option each layer takes.

    Attributes:
        options: layer -> index among its options.
        frame_ii_cycles: that their foldings reach.
    """

    options: Mapping[str, int]
    frame_ii_cycles: int


def _drawn_prices() -> FloatArray:
    return np.random.default_rng(0).dirichlet(np.ones(5), _DRAWN_PRICES)


def joint_curves(
    graph: Graph,
    device: Device,
    profile: SparsityProfile,
    *,
    clock_mhz: float | None = None,
    engines: frozenset[EngineKind] = ALL_ENGINES,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    cache: TableCache = TABLES,
) -> Mapping[str, Curve]:
    """Layer -> foldings that are cheapest at some frame II and some prices, weights on chip.

    Args: as of ``solve``.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
    """
    rates = _drawn_prices() / np.maximum(np.array(tuple(device.budget)), 1)
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    problem = problem_of(graph, device, profile, engines, arithmetic, clock, cache)
    curves = {}
    for name, table in zip(problem.names, problem.tables, strict=True):
        rows = np.unique(np.concatenate([table.sketch, *map(table.cheapest_at, rates)]))
        curves[name] = Curve(table.cycles[rows], table.use[rows].astype(np.int64))
    return curves


def joint_of(
    graph: Graph,
    device: Device,
    layers: Sequence[str],
    options: Sequence[Mapping[str, Curve]],
    clock_mhz: float | None = None,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
) -> Joint:
    """Options put together.

    Args:
        graph, device, clock_mhz, arithmetic: as of ``joint_curves``.
        layers: those whose options count; of others the first is all there is.
        options: curves under the first option of every layer, then under the second, ...
    """
    chosen = frozenset(layers)
    joined = {}
    for layer in graph:
        curves = [known[layer.name] for known in options[: None if layer.name in chosen else 1]]
        cycles = np.concatenate([curve.cycles for curve in curves])
        which = np.repeat(np.arange(len(curves)), [len(curve.cycles) for curve in curves])
        order = np.argsort(cycles, kind="stable")
        use = np.concatenate([curve.use for curve in curves])[order]
        priced = _drawn_prices() @ (use / np.maximum(np.array(tuple(device.budget)), 1)).T
        joined[layer.name] = _layer(cycles[order], use, which[order], priced)
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    ends = precision_of(arithmetic).default
    least = off_chip_bound_cycles(graph, device, clock, ends)
    return Joint(joined, device, least, clock)


def _layer(cycles: IntArray, use: IntArray, option: IndexArray, priced: FloatArray) -> _Layer:
    lossless = np.column_stack([use, np.zeros(len(use), dtype=np.int64)])
    sketch = np.unique(np.concatenate([falls(cycles, cost) for cost in priced]))
    return _Layer(Rows(cycles, lossless, sketch), option, priced)


def in_reach(joint: Joint, objective: Objective, share: float = 1.0) -> Joint:
    """The rows that matter to ``best_within`` whatever may be lost.

    Without any loss some frame II is reached: slower rows are of no use. A smaller one than with
    any loss is not: of rows that are faster than that, those matter that nothing is cheaper than.
    Other objectives than throughput may use all rows.

    Args:
        joint: the layers' foldings; the first option of each loses nothing.
        objective, share: as of ``best_within``.
    """
    if objective.goal in _NOT_FASTEST:
        return joint
    dear = {name: _beyond_first(layer) for name, layer in joint.layers.items()}
    slow = fastest_within(joint, dear, 0.0, share)
    if slow is None:
        return joint
    most = slow.frame_ii_cycles
    fast = _fastest(joint, {}, 0.0, share)
    least = 0 if fast is None else fast.bound_cycles
    layers = {name: _cut(layer, least, most) for name, layer in joint.layers.items()}
    return replace(joint, layers=layers)


def _beyond_first(layer: _Layer) -> FloatArray:
    """(options,) losses with which there is the first only."""
    losses = np.ones(int(layer.option.max()) + 1)
    losses[0] = 0.0
    return losses


def _cut(layer: _Layer, least: int, most: int) -> _Layer:
    """Rows of at most so many cycles, of which fewer than ``least`` are of no use."""
    end = int(np.searchsorted(layer.rows.cycles, most, "right"))
    cycles, use, option = layer.rows.cycles[:end], layer.rows.use[:end], layer.option[:end]
    columns = np.column_stack([np.maximum(cycles, least), use[:, :-1]])
    kept = []
    for one in np.unique(option):
        rows = np.flatnonzero(option == one)
        kept.append(rows[pareto_front(columns[rows])])
    rows = np.sort(np.concatenate(kept))
    kept_use = use[rows, :-1].astype(np.int64)
    return _layer(cycles[rows], kept_use, option[rows], layer.priced[:, rows])


def fastest_within(
    joint: Joint,
    losses: Mapping[str, npt.NDArray[np.float64]],
    loss: float,
    share: float = 1.0,
) -> JointChoice | None:
    """The options with which frame II is least, where all fits and no more is lost than may be.

    Args:
        joint: the layers' foldings.
        losses: layer -> (options,) what each option loses, >= 0; layers without lose nothing.
        loss: what all may lose together.
        share: of the part that may be used.

    Returns:
        None where no choice fits.

    Raises:
        SolverError: if an integer program fails.
    """
    answer = _fastest(joint, losses, loss, share)
    return None if answer is None else _choice(joint, answer.rows)


def _fastest(
    joint: Joint, losses: Mapping[str, npt.NDArray[np.float64]], loss: float, share: float
) -> Answer | None:
    tables, budget = _posed(joint, losses, loss, share)
    return solve_exact(tables, Budget(budget), joint.least_cycles, _EFFORT)


def least_loss(
    joint: Joint,
    losses: Mapping[str, npt.NDArray[np.float64]],
    frame_ii_cycles: int,
    most: float,
    share: float = 1.0,
) -> float | None:
    """The least that is lost where all fits and frame II is at most so many cycles; None where none
    is found.

    Args:
        frame_ii_cycles: that is asked for.
        joint, losses, share: as of ``fastest_within``.
        most: that all may lose together.
    """
    tables, budget = _posed(joint, losses, most, share)
    column = len(RESOURCE_NAMES)
    found = quick_least(tables, amount(column, budget), joint.least_cycles, frame_ii_cycles)
    if found is None:
        return None
    steps = sum(int(t.use[row, column]) for t, row in zip(tables, found.rows, strict=True))
    return (steps + 0.5) / _LOSS_STEPS


def best_within(
    joint: Joint,
    losses: Mapping[str, npt.NDArray[np.float64]],
    loss: float,
    objective: Objective,
    share: float = 1.0,
) -> JointChoice | None:
    """The options that are best at an objective, where all fits and no more is lost than may be.

    Of resources and of efficiency they are those with which the least is spent at the frame rate
    that is required, or those with the best product. What curves do not tell, the first frame and
    energy, is taken to go with throughput; and so is what is required, as long as it is out of
    reach, or no choice is found.

    Args: as of ``fastest_within``; of the frame time that is required the same ``share`` is used.

    Raises:
        SolverError: as of ``fastest_within``.
    """
    if objective.goal not in _NOT_FASTEST:
        return fastest_within(joint, losses, loss, share)
    limit = objective.frame_ii_limit(joint.clock_mhz)
    within = NO_LIMIT if limit is None else int(limit * share)
    tables, budget = _posed(joint, losses, loss, share)
    rows: IndexArray | None = None
    if objective.goal is Goal.EFFICIENCY:
        with suppress(SolverError):
            product = quick_efficient(tables, budget, joint.least_cycles, within, _EFFORT)
            rows = None if product is None else product.rows
    else:
        spend = amount(objective.goal.columns[0], budget)
        least = _least(tables, spend, joint.least_cycles, within)
        rows = None if least is None else least.rows
    return fastest_within(joint, losses, loss, share) if rows is None else _choice(joint, rows)


def _least(tables: Sequence[Rows], spend: Spend, least_cycles: int, limit: int) -> Least | None:
    """By integer programs only where nothing is found without; None too where they do not tell."""
    for effort in (_EFFORT, _DECIDING):
        with suppress(SolverError):
            return solve_least(tables, spend, least_cycles, limit, effort)
    return None


def _posed(
    joint: Joint, losses: Mapping[str, npt.NDArray[np.float64]], loss: float, share: float
) -> tuple[list[Rows], IntArray]:
    """Tables with the loss as a sixth resource, and the budget."""
    amounts = np.floor(np.array(tuple(joint.device.budget)) * share)
    budget = np.append(amounts, loss * _LOSS_STEPS).astype(np.int64)
    return [_table(layer, losses.get(name), budget) for name, layer in joint.layers.items()], budget


def _choice(joint: Joint, rows: IndexArray) -> JointChoice:
    options, cycles = {}, joint.least_cycles
    for (name, layer), row in zip(joint.layers.items(), rows.tolist(), strict=True):
        options[name] = int(layer.option[row])
        cycles = max(cycles, int(layer.rows.cycles[row]))
    return JointChoice(options, cycles)


def _table(layer: _Layer, losses: npt.NDArray[np.float64] | None, budget: IntArray) -> Rows:
    if losses is None:
        return layer.rows
    cycles = layer.rows.cycles
    lost = np.rint(losses * _LOSS_STEPS).astype(np.int64)[layer.option]
    use = np.column_stack([layer.rows.use[:, :-1], lost])
    share = lost / max(int(budget[-1]), 1)
    priced = [cost + price * share for cost in layer.priced for price in _LOSS_PRICES]
    return Rows(cycles, use, np.unique(np.concatenate([falls(cycles, cost) for cost in priced])))
