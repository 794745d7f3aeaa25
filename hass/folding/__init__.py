"""Folding: which parallel factors, engine and memory every layer gets."""

from .chain import solve_chain
from .effort import Effort
from .joint import (
    Curve,
    Joint,
    JointChoice,
    best_within,
    fastest_within,
    in_reach,
    joint_curves,
    joint_of,
    least_loss,
)
from .legal import ALL_ENGINES, legal_foldings
from .levers import tried_levers
from .many import FoldingSpace, ManyEstimates, estimate_many, folding_space
from .objections import is_legal, objections
from .objective import FASTEST, Goal, Objective
from .partition import solve_partitions
from .parts_plan import ChainPlan, PartitionPlan, PlannedPart, Unpartitioned
from .plan import FoldingPlan, Infeasibility
from .prices import LayerPrice, Prices, prices
from .request import Request
from .solve import DEFAULT_EFFORT, PROVE_OPTIMUM, Solver, solve
from .streaming import WeightsAt
from .tables import TABLES, TableCache, memories_of

__all__ = [
    "ALL_ENGINES",
    "DEFAULT_EFFORT",
    "FASTEST",
    "PROVE_OPTIMUM",
    "TABLES",
    "ChainPlan",
    "Curve",
    "Effort",
    "FoldingPlan",
    "FoldingSpace",
    "Goal",
    "Infeasibility",
    "Joint",
    "JointChoice",
    "LayerPrice",
    "ManyEstimates",
    "Objective",
    "PartitionPlan",
    "PlannedPart",
    "Prices",
    "Request",
    "Solver",
    "TableCache",
    "Unpartitioned",
    "WeightsAt",
    "best_within",
    "estimate_many",
    "fastest_within",
    "folding_space",
    "in_reach",
    "is_legal",
    "joint_curves",
    "joint_of",
    "least_loss",
    "legal_foldings",
    "memories_of",
    "objections",
    "prices",
    "solve",
    "solve_chain",
    "solve_partitions",
    "tried_levers",
]
