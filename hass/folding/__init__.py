"""Folding: which parallel factors, engine and memory every layer gets."""

from .chain import solve_chain
from .exact import Effort
from .legal import ALL_ENGINES, legal_foldings
from .many import FoldingSpace, ManyEstimates, estimate_many, folding_space
from .objections import is_legal, objections
from .partition import solve_partitions
from .parts_plan import ChainPlan, PartitionPlan, PlannedPart, Unpartitioned
from .plan import FoldingPlan, Infeasibility
from .request import Request
from .solve import DEFAULT_EFFORT, PROVE_OPTIMUM, Solver, solve
from .tables import TABLES, TableCache, memories_of

__all__ = [
    "ALL_ENGINES",
    "DEFAULT_EFFORT",
    "PROVE_OPTIMUM",
    "TABLES",
    "ChainPlan",
    "Effort",
    "FoldingPlan",
    "FoldingSpace",
    "Infeasibility",
    "ManyEstimates",
    "PartitionPlan",
    "PlannedPart",
    "Request",
    "Solver",
    "TableCache",
    "Unpartitioned",
    "estimate_many",
    "folding_space",
    "is_legal",
    "legal_foldings",
    "memories_of",
    "objections",
    "solve",
    "solve_chain",
    "solve_partitions",
]
