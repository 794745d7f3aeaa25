"""Bounds on all parts of a network at once, from what each layer with weights takes at the least.

A part between two cuts has its layers in common with the whole network; only the FIFOs in front of
a layer behind a cut, the haste of layers whose join lies behind one, and the layers without weights
differ. So each layer with weights is costed with the shallowest FIFO and no haste, nothing else is
counted, and what any run of layers takes at the least is
the difference of two running sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf

import numpy as np

from ..cost import layer_shapes
from ..cost.shape import FifoNeed
from ..cuts import cutting_order
from ..device import Device
from ..graph import Graph
from ..ops import Conv2d
from .bound import PROOF_MARGIN
from .choice import FloatArray
from .exact import NO_LIMIT
from .request import Request
from .tables import OptionTable, TableKey, memories_of

_ROUNDING = 1e-9  # of sums of some hundred products


def _running(rows: Sequence[FloatArray]) -> FloatArray:
    """Sums of the first 0, 1, 2, ... rows."""
    sums = np.cumsum(np.array(rows, dtype=np.float64), axis=0)
    return np.concatenate([np.zeros_like(sums[:1]), sums])


def _light_table(request: Request, device: Device, graph: Graph) -> dict[str, OptionTable]:
    """Layer with weights -> its table with the shallowest FIFO and no haste, in cutting order."""
    memories = memories_of(device)
    shapes = layer_shapes(graph, request.profile)
    found = {}
    for name in cutting_order(graph):
        if isinstance(graph[name].op, Conv2d):
            sparsity = None if request.profile is None else request.profile.layers.get(name)
            key = TableKey(
                replace(shapes[name], fifos=(FifoNeed(),), haste=1),
                sparsity,
                device.family,
                request.arithmetic,
                request.engines,
                memories,
                device.budget,
            )
            found[name] = request.cache.table(key)
    return found


class Counted:
    """What runs of a network's layers with weights take at the least on a device.

    Layers are counted in cutting order; a run is (first, end), the end not in it.
    """

    def __init__(self, graph: Graph, device: Device, request: Request) -> None:
        """``request``: how parts are solved.

        Raises:
            ProfileError: see ``build_table``.
        """
        self.tables = _light_table(request, device, graph)
        tables = list(self.tables.values())
        self._budget = np.maximum(np.array(tuple(device.budget), dtype=np.float64), 1.0)
        # where T cycles are allowed a layer uses at least (its least cycles * use) / T
        work = [
            (t.use * t.cycles[:, None].astype(np.float64)).min(axis=0) if len(t) else np.zeros(5)
            for t in tables
        ]
        self._work = _running(work)
        self._least = _running([np.array(table.least, dtype=np.float64) for table in tables])
        self._fastest = [int(table.cycles[0]) if len(table) else NO_LIMIT for table in tables]
        self._limits = np.array(tuple(device.budget), dtype=np.float64)
        self._priced: list[FloatArray] = []

    def low_cycles(self, first: int, end: int) -> float:
        """No folding of these layers that fits has a smaller frame II; infinite: none fits."""
        fastest = max(self._fastest[first:end])
        least = self._least[end] - self._least[first]
        if fastest == NO_LIMIT or (least * (1.0 - _ROUNDING) > self._limits).any():
            return inf
        slack = 1.0 + PROOF_MARGIN
        if any(float(sums[end] - sums[first]) > slack for sums in self._priced):
            return inf
        needed = float(((self._work[end] - self._work[first]) / self._budget).max())
        return max(fastest, ceil(needed * (1.0 - _ROUNDING)))

    def learn(self, prices: FloatArray) -> None:
        """Also tell by these (5,) prices of shares of the budget what does not fit: prices that
        rule one run of layers out rule out all that contain it."""
        rates = prices / self._budget
        costs = [
            np.array((t.use @ rates).min()) if len(t) else np.array(0.0)
            for t in self.tables.values()
        ]
        self._priced.append(_running(costs))
