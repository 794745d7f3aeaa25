"""The integer programs: one option per layer within the budget, and the cheapest such choice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pulp  # type: ignore[import-untyped]

from ..errors import SolverError
from .choice import FloatArray, IndexArray, Options

# The design is chosen for cheapness only after its frame II is settled; a thousandth is enough.
CHEAPEST_GAP = 1e-3
# Resources are whole numbers, so half a unit more allows nothing more and keeps the solver's
# tolerances away from the budget.
_HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Undecided:
    """The time ran out before the solver knew."""


@cache
def solver_name() -> str:
    """HiGHS where highspy is installed, otherwise the CBC that comes with pulp.

    Raises:
        SolverError: if there is neither.
    """
    found = pulp.listSolvers(onlyAvailable=True)
    for name in ("HiGHS", "PULP_CBC_CMD"):
        if name in found:
            return name
    raise SolverError("no MILP solver: install highspy, or a pulp with its CBC")


def _solver(gap: float, seconds: float | None) -> pulp.LpSolver:
    common = {"msg": False, "threads": 1, "gapRel": gap, "timeLimit": seconds}
    if solver_name() == "HiGHS":
        return pulp.HiGHS(**common, random_seed=0, mip_feasibility_tolerance=1e-9)
    return pulp.PULP_CBC_CMD(**common, options=["randomSeed 1"])


def choose(
    options: Options, weights: FloatArray | None = None, seconds: float | None = None
) -> IndexArray | Undecided | None:
    """One row per layer within the budget, as an integer program.

    Args:
        options: the rows to choose from.
        weights: (5,) what a share of each resource costs; the cheapest choice is sought, to
            ``CHEAPEST_GAP``. Without it any choice that fits will do.
        seconds: time limit.

    Returns:
        (layers,) rows; None where it is proved that none fits; ``Undecided`` at the time limit.

    Raises:
        SolverError: if the solver breaks down or its answer does not hold.
    """
    problem = pulp.LpProblem("folding", pulp.LpMinimize)
    picks = [pulp.LpVariable(f"x{row}", cat=pulp.LpBinary) for row in range(len(options.cycles))]
    if weights is None:
        problem += pulp.LpAffineExpression()
    else:
        costs = (options.shares() @ weights).tolist()
        problem += pulp.LpAffineExpression(zip(picks, costs, strict=True))
    for layer in range(options.layers):
        rows = options.rows_of(layer)
        ones = ((pick, 1) for pick in picks[rows])
        problem += pulp.LpAffineExpression(ones) == 1
    for resource, limit in enumerate(options.budget.tolist()):
        amounts = options.use[:, resource]
        most = np.maximum.reduceat(amounts, options.starts[:-1]).sum()
        if most > limit:
            terms = zip(picks, amounts.tolist(), strict=True)
            problem += pulp.LpAffineExpression(terms) <= limit + _HALF
    try:
        status = problem.solve(_solver(0.0 if weights is None else CHEAPEST_GAP, seconds))
    except pulp.PulpError as error:
        raise SolverError(f"{solver_name()} failed: {error}") from error
    if status == pulp.LpStatusInfeasible:
        return None
    values = np.array([pick.varValue or 0.0 for pick in picks])
    chosen = np.array(
        [
            rows.start + int(values[rows].argmax())
            for rows in map(options.rows_of, range(options.layers))
        ],
        dtype=np.intp,
    )
    if values[chosen].min() > _HALF and options.fits(chosen):
        return chosen
    if seconds is not None:
        return Undecided()
    raise SolverError(
        f"{solver_name()} ended with status {pulp.LpStatus[status]!r} and no choice that fits"
    )
