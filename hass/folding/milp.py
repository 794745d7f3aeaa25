"""The integer program: one option per layer within the budget; and the linear program of mixes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pulp  # type: ignore[import-untyped]

from ..errors import SolverError
from .choice import FloatArray, IndexArray, Options

# Resources are whole numbers, so half a unit more allows nothing more and keeps the solver's
# tolerances away from the budget.
_HALF = 0.5
_NOTHING = 1e-12  # of the whole: a difference that is rounding
_AT_LIMIT = 7  # none of pulp's own


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up on one integer program; None: never. ``nodes`` of the search tree give the
    same answer every time, ``seconds`` do not."""

    nodes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Undecided:
    """A limit was reached before the solver knew."""


@cache
def solver_name() -> str:
    """HiGHS where highspy is installed, otherwise a CBC, the one that comes with pulp at last.

    Raises:
        SolverError: if there is neither.
    """
    found = pulp.listSolvers(onlyAvailable=True)
    for name in ("HiGHS", "COIN_CMD", "PULP_CBC_CMD"):
        if name in found:
            return name
    raise SolverError("no MILP solver: install highspy, or a pulp with its CBC")


# of the integer program, where any choice at this cost or less may be the answer
_DECIDE = {"mip_feasibility_tolerance": 1e-9, "objective_target": 1.0, "mip_rel_gap": 0.0}


def _solver(limits: Limits, options: Mapping[str, float]) -> pulp.LpSolver:
    common = {
        "msg": False,
        "threads": 1,
        "timeLimit": limits.seconds,
    }
    if solver_name() == "HiGHS":
        more: dict[str, float] = {"random_seed": 0, **options}
        if limits.nodes is not None:
            more["mip_max_nodes"] = limits.nodes
        return pulp.getSolver("HiGHS", **common, **more)
    with warnings.catch_warnings():
        # pulp 3.3 announces that 4.0 will not bring CBC along; COIN_CMD is then what is found
        warnings.simplefilter("ignore", DeprecationWarning)
        return pulp.getSolver(
            solver_name(), **common, maxNodes=limits.nodes, options=["randomSeed 1"]
        )


def find(options: Options, prices: FloatArray, limits: Limits) -> IndexArray | Undecided | None:
    """Any choice within the budget.

    Args:
        options: the rows to choose from.
        prices: (k,) of a share of each resource, adding up to 1. They guide the search: every
            choice that fits costs at most 1.
        limits: where to give up.

    Returns:
        (layers,) rows; None where it is proved that none fits; ``Undecided`` at a limit.

    Raises:
        SolverError: if the solver breaks down or its answer does not hold.
    """
    problem = pulp.LpProblem("folding", pulp.LpMinimize)
    # pulp 3.3 deprecates variables made apart from their problem, earlier ones know only those
    new = getattr(problem, "add_variable", pulp.LpVariable)
    picks = [new(f"x{row}", cat=pulp.LpBinary) for row in range(len(options.cycles))]
    costs = (options.shares() @ prices).tolist()
    problem += pulp.LpAffineExpression(zip(picks, costs, strict=True))
    for layer in range(options.layers):
        rows = options.rows_of(layer)
        ones = ((pick, 1) for pick in picks[rows])
        problem += pulp.LpAffineExpression(ones) == 1
    for resource, limit in enumerate(options.allowed.tolist()):
        amounts = options.use[:, resource]
        most = np.maximum.reduceat(amounts, options.starts[:-1]).sum()
        if most > limit:
            terms = zip(picks, amounts.tolist(), strict=True)
            problem += pulp.LpAffineExpression(terms) <= limit + _HALF
    status = _status(problem, _solver(limits, _DECIDE))
    if status == pulp.LpStatusInfeasible:
        return None
    values = np.array([pick.varValue or 0.0 for pick in picks])
    layers = [options.rows_of(layer) for layer in range(options.layers)]
    chosen = np.array([rows.start + int(values[rows].argmax()) for rows in layers], dtype=np.intp)
    if values[chosen].min() > _HALF and options.fits(chosen):
        return chosen
    if status in (pulp.LpStatusNotSolved, _AT_LIMIT):
        return Undecided()
    raise SolverError(
        f"{solver_name()} ended with status {pulp.LpStatus[status]!r} and no choice that fits"
    )


def _status(problem: pulp.LpProblem, solver: pulp.LpSolver) -> int:
    try:
        return int(problem.solve(solver))
    except pulp.PulpError as error:
        raise SolverError(f"{solver_name()} failed: {error}") from error
    except KeyError as error:
        # pulp 3.3 has no word for HiGHS's "solution limit reached", which a node limit ends in
        if "kSolutionLimit" in str(error):
            return _AT_LIMIT
        raise SolverError(f"{solver_name()} ended with {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """The best mix of options, each layer's adding up to one.

    Attributes:
        value: the largest of the sums there.
        weights: (n,) share of each row.
        rates: (m,) of each sum, adding up to 1: what its growth is worth.
        prices: (r,) of one unit of each resource.
    """

    value: float
    weights: FloatArray
    rates: FloatArray
    prices: FloatArray


def best_mix(options: Options, terms: FloatArray, constants: FloatArray) -> Mix | None:
    """The mix of options within the budget in which the largest of some sums is smallest.

    Args:
        options: the rows to mix.
        terms: (m, n) what each row adds to each sum.
        constants: (m,) what each sum begins with.

    Returns:
        None where no mix is within the budget.

    Raises:
        SolverError: if the solver breaks down.
    """
    problem = pulp.LpProblem("mix", pulp.LpMinimize)
    new = getattr(problem, "add_variable", pulp.LpVariable)
    shares = [new(f"x{row}", 0) for row in range(len(options.cycles))]
    largest = new("largest", 0)
    problem += largest
    for layer in range(options.layers):
        ones = ((share, 1) for share in shares[options.rows_of(layer)])
        problem += pulp.LpAffineExpression(ones) == 1
    used = options.shares()
    for resource in range(used.shape[1]):
        pairs = zip(shares, used[:, resource].tolist(), strict=True)
        problem += pulp.LpAffineExpression(pairs) <= 1
    # of each layer's rows only the difference to the least matters, and it is often none
    least = np.minimum.reduceat(terms, options.starts[:-1], axis=1)
    more = terms - np.repeat(least, np.diff(options.starts), axis=1)
    base = constants + least.sum(axis=1)
    scale = max(1.0, float(np.abs(base).max()))
    for row, constant in zip(more / scale, (base / scale).tolist(), strict=True):
        some = np.flatnonzero(row > _NOTHING)
        added = [(shares[i], x) for i, x in zip(some.tolist(), row[some].tolist(), strict=True)]
        problem += pulp.LpAffineExpression([*added, (largest, -1)]) <= -constant
    if _status(problem, _solver(Limits(), {})) != pulp.LpStatusOptimal:
        return None
    # pulp 3.3 says how 4.0 will have it, earlier ones have a mapping
    rows = problem.constraints
    every = rows() if callable(rows) else rows.values()
    duals = [row.pi or 0.0 for row in every]
    slopes = np.maximum(-np.array(duals[options.layers :]), 0.0)
    prices, rates = np.split(slopes, [used.shape[1]])
    total = max(float(rates.sum()), 1e-12)
    return Mix(
        float(largest.varValue or 0.0) * scale,
        np.array([share.varValue or 0.0 for share in shares]),
        rates / total,
        prices / total * scale / np.maximum(options.allowed, 1),
    )
