"""Foldings of an engine kind that are worth placing, whatever memories they are placed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost.foldings import EngineKind, FoldingArrays, IntArray, streams_in
from ..cost.layer import core_amount, core_costs, stored_weights
from ..cost.ops.conv import WeightRows
from ..cost.result import LayerCosts
from ..cost.shape import LayerShape
from ..device import Family, Resources
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .legal import LANE_FIFO_DEPTHS
from .pareto import pareto_front

IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Engines:
    """What foldings of an engine kind cost whatever on-chip memory their weights are in.

    Attributes:
        rows: of the foldings, (n,), those that may fit; all, where none does.
        costs: their costs but for weights and buffers.
        weights: memories of their weights.
        streams: into the layer, (n,).
    """

    rows: IndexArray
    costs: LayerCosts
    weights: WeightRows
    streams: IntArray


def engines_of(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
    budget: Resources,
) -> Engines:
    """Of foldings that share engine kind and whether weights are off chip.

    Of dynamic engines those may fit whose lockstep form, without weight memory and buffers, fits in
    LUT, FF and DSP. Lane FIFOs and memories only add to these three.

    Args:
        shape, foldings, sparsity, family, arithmetic: as of ``core_costs``.
        budget: of all resources.

    Raises:
        ProfileError: if the sparsity is not that of the layer.
    """
    rows = np.arange(len(foldings), dtype=np.intp)
    if foldings.engine is EngineKind.DYNAMIC:
        step = len(LANE_FIFO_DEPTHS)  # lane_fifo_depth varies fastest
        light = core_amount(shape, foldings.take(rows[::step]), sparsity, family, arithmetic)
        fits = (light.lut <= budget.lut) & (light.ff <= budget.ff) & (light.dsp <= budget.dsp)
        # where none fits the smallest of each resource is that of the set itself
        rows = rows[np.repeat(fits, step)] if fits.any() else rows
    some = foldings.take(rows)
    costs = core_costs(shape, some, sparsity, family, arithmetic)
    weights = stored_weights(shape, some, sparsity, arithmetic)
    return Engines(rows, costs, weights, streams_in(some))


def undominated(core: LayerCosts, streams: IntArray) -> IndexArray:
    """Rows that no other of the same streams is as fast as with as little of every resource: those
    may have the same homes, where they cost the same, so that one of them is enough.

    Args:
        core: (n,) costs but for buffers.
        streams: into the layer, (n,).
    """
    costs = np.concatenate([core.frame_ii_cycles[:, None], core.resources()], axis=1)
    kept = []
    for wide in np.unique(streams):
        rows = np.flatnonzero(streams == wide)
        kept.append(rows[pareto_front(costs[rows])])
    return np.sort(np.concatenate(kept))
