"""Bounds on all parts of a network at once, from what each layer takes at the least.

A part between two cuts has its layers in common with the whole network; only FIFOs, the haste of
layers whose join lies behind a cut, readers of a Fork, and the layers that cuts add differ. So each
layer is costed with the shallowest FIFOs, no haste and one reader, nothing is added, and what any
run of layers takes at the least is the difference of two running sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf

import numpy as np

from ..cost import MemoryKind, layer_shapes, off_chip_bits_per_cycle
from ..cost.shape import FifoNeed
from ..cuts import cutting_order
from ..device import Device
from ..graph import Graph
from ..ops import Input, Output
from ..word_lengths import arithmetic_by_layer
from .bound import PROOF_MARGIN
from .choice import NO_LIMIT, FloatArray
from .request import Request
from .streaming import WeightsAt, large_layers
from .tables import OffChip, OptionTable, TableKey, memories_of

_ROUNDING = 1e-9  # of sums of some hundred products


def _running(rows: Sequence[FloatArray]) -> FloatArray:
    """Sums of the first 0, 1, 2, ... rows."""
    sums = np.cumsum(np.array(rows, dtype=np.float64), axis=0)
    return np.concatenate([np.zeros_like(sums[:1]), sums])


def _light_tables(request: Request, device: Device, graph: Graph) -> dict[str, OptionTable]:
    """Layer -> its table at the least that it may cost in a part, in cutting order."""
    memories, off_chip = memories_of(device), None
    large: tuple[str, ...] = ()
    if request.weights is not WeightsAt.ON_CHIP:
        large = large_layers(graph, request.arithmetic)
        off_chip = OffChip(off_chip_bits_per_cycle(device, request.clock_of(device)))
    shapes = layer_shapes(graph, request.profile)
    lengths = arithmetic_by_layer(graph, request.arithmetic)
    found = {}
    for name in layers_to_count(graph):
        shape = shapes[name]
        sparsity = None if request.profile is None else request.profile.layers.get(name)
        key = TableKey(
            replace(shape, fifos=tuple(FifoNeed() for _ in shape.inputs), readers=1, haste=1),
            sparsity,
            device.family,
            lengths[name],  # in a part words that cross its ends may be wider
            request.engines,
            memories | ({MemoryKind.OFF_CHIP} if name in large else set()),
            device.budget,
            off_chip,
        )
        found[name] = request.cache.table(key)
    return found


def layers_to_count(graph: Graph) -> tuple[str, ...]:
    """All layers but Input and Output, in cutting order."""
    ends = {layer.name for layer in graph.of_type(Input, Output)}
    return tuple(name for name in cutting_order(graph) if name not in ends)


class Counted:
    """What runs of a network's layers take at the least on a device.

    A run is (first, end) of ``layers_to_count``, the end not in it.
    """

    def __init__(self, graph: Graph, device: Device, request: Request) -> None:
        """``request``: how parts are solved.

        Raises:
            ProfileError: see ``build_table``.
        """
        self.tables = _light_tables(request, device, graph)
        tables = list(self.tables.values())
        self._budget = np.maximum(np.array(tuple(device.budget), dtype=np.float64), 1.0)
        # where T cycles are allowed a layer uses at least (its least cycles * use) / T
        work = [
            (table.use[:, :5] * table.cycles[:, None].astype(np.float64)).min(axis=0)
            if len(table)
            else np.zeros(5)
            for table in tables
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
        """Also tell by these prices of shares of the budget what does not fit: prices that rule one
        run of layers out rule out all that contain it."""
        rates = prices[:5] / self._budget  # a sixth, of bits that are read, only adds to the cost
        costs = [
            np.array((t.use[:, :5] @ rates).min()) if len(t) else np.array(0.0)
            for t in self.tables.values()
        ]
        self._priced.append(_running(costs))
