"""The integer program: one option per layer within the budget."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import pulp  # type: ignore[import-untyped]

from ..errors import SolverError
from .choice import FloatArray, IndexArray, Options

# Resources are whole numbers, so half a unit more allows nothing more and keeps the solver's
# tolerances away from the budget.
_HALF = 0.5
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


def _solver(limits: Limits) -> pulp.LpSolver:
    common = {
        "msg": False,
        "threads": 1,
        "timeLimit": limits.seconds,
    }
    if solver_name() == "HiGHS":
        more: dict[str, float] = {
            "random_seed": 0,
            "mip_feasibility_tolerance": 1e-9,
            "objective_target": 1.0,  # any choice at this cost or less may be the answer
            "mip_rel_gap": 0.0,
        }
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
    status = _status(problem, _solver(limits))
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
