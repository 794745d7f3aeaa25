"""What would make a network fit, found by trying.

``Infeasibility`` says which inequality fails and what that alone tells. Here foldings are solved,
with dense engines, whose tables are quick to build: what fits with these fits with more kinds.
"""

from __future__ import annotations

from dataclasses import replace

from ..device import Device, device_names, load_device
from ..graph import Graph
from ..values import Arithmetic, WordLengths, precision_of
from .effort import Effort
from .legal import ALL_ENGINES
from .objective import FASTEST, Goal, Objective
from .plan import FoldingPlan
from .solve import solve
from .tables import TABLES, TableCache

_MAX_PARTS = 4
_NARROW_BITS = 8
_ENOUGH = Effort(gap=0.05, nodes=200)  # that something fits is asked, not what is best


def tried_levers(
    graph: Graph,
    device: Device,
    objective: Objective,
    *,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
    cache: TableCache = TABLES,
) -> tuple[str, ...]:
    """Changes, one at a time, with which a folding was found where none fits as it is.

    Tried are a lower throughput, narrower words, and the known parts that are not smaller in
    everything, the smallest first.

    Args:
        graph, device, arithmetic, clock_mhz, cache: as of ``solve``.
        objective: its required throughput is what must be kept; its goal does not matter.

    Returns:
        Sentences with what was found; none where nothing helped.

    Raises:
        SolverError: if the solver fails.
    """

    def fitted(part: Device, asked: Objective, words: WordLengths) -> FoldingPlan | None:
        plan = solve(
            graph,
            part,
            engines=ALL_ENGINES,
            objective=asked,
            arithmetic=words,
            clock_mhz=clock_mhz,
            effort=_ENOUGH,
            cache=cache,
        )
        return plan if isinstance(plan, FoldingPlan) else None

    kept = Objective(Goal.THROUGHPUT, objective.min_fps)
    found = []
    if objective.min_fps is not None:
        slower = fitted(device, FASTEST, arithmetic)
        if slower is not None:
            found.append(f"at {slower.estimate.throughput_fps:,.1f} frames per second it fits")
    default = precision_of(arithmetic).default
    if max(default.act_bits, default.weight_bits) > _NARROW_BITS:
        narrow = replace(default, act_bits=_NARROW_BITS, weight_bits=_NARROW_BITS)
        if fitted(device, kept, narrow) is not None:
            found.append(f"with {_NARROW_BITS}-bit words it fits")
    others = [load_device(name) for name in device_names() if name != device.name]
    others = [part for part in others if not part.budget.fits(device.budget)]
    others.sort(key=lambda part: (part.budget.lut, part.name))
    for part in others[:_MAX_PARTS]:
        if fitted(part, kept, arithmetic) is not None:
            found.append(f"on {part.name} it fits")
            break
    return tuple(found)
