"""A proxy of the energy of a frame: what is multiplied, read and moved, weighed by a 45 nm ASIC.

    multiplications * (multiplier * act_bits * weight_bits + adder * acc_bits)
    + bits read from on-chip memories * on_chip + bits moved off chip * off_chip

The weights are those of coefficients.toml, ``energy``. They are used as relative weights: an FPGA
takes several times as much, each part and each voltage another amount, and clock, routing, control
and static power are not in it. So only ratios mean anything, of designs of one network.

What counts as read: each word that enters a layer, once from its FIFO and once for each other
position of the window that it is held for; the weights of every segment; partial sums. A dense
engine multiplies all, a dynamic one active pairs but reads all weights, a static one reads and
multiplies the weights that are not zero, each with its index, a broadcast one those that meet
activations that are not zero.
"""

from __future__ import annotations

import numpy as np

from .. import ops
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .coefficients import coefficients
from .foldings import EngineKind, FoldingArrays, IntArray
from .ops.conv import segment_products, segments_per_lane
from .primitives import FloatArray, clog2, scaled
from .shape import LayerShape
from .weight_passes import off_chip_bits


def energy_proxy_pj(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> IntArray:
    """Of a frame in one layer, (n,), in whole pJ of the 45 nm ASIC, rounded up.

    Args: as of ``layer_costs``; without a sparsity every product is active, no weight zero.
    """
    weights = coefficients().energy
    read = np.full(len(foldings), _words_read(shape) * arithmetic.act_bits, dtype=np.float64)
    moved = np.zeros(len(foldings))
    multiplied = np.zeros(len(foldings))
    match shape.op:
        case ops.Input() | ops.Output():
            moved = moved + shape.out.words * arithmetic.act_bits
        case ops.Conv2d() as op:
            macs = float(shape.out.words * (shape.inputs[0].channels // op.groups))
            macs *= op.kernel[0] * op.kernel[1]
            worked = 1.0 if sparsity is None else _worked(foldings.engine, op, sparsity)
            multiplied = multiplied + macs * worked
            read = read + _weight_bits_read(op, foldings, macs, worked, arithmetic)
            read = read + _sum_bits_read(op, shape, foldings, arithmetic)
            moved = moved + off_chip_bits(op, shape, foldings, arithmetic)
    per_mac = (
        weights.multiplier_pj_per_square_bit.value * arithmetic.act_bits * arithmetic.weight_bits
        + weights.adder_pj_per_bit.value * arithmetic.acc_bits
    )
    on_chip, off_chip = weights.on_chip_pj_per_bit.value, weights.off_chip_pj_per_bit.value
    return scaled(multiplied * per_mac + read * on_chip + moved * off_chip, 1.0)


def _words_read(shape: LayerShape) -> int:
    """Input words times the positions of a window that each is read for; 1 without a window. Words
    that leave in another order are read from the memory of their pixels too."""
    words = sum(source.words for source in shape.inputs)
    match shape.op:
        case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d():
            return words * shape.op.kernel[0] * shape.op.kernel[1]
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():  # and once in all orders
            return words + shape.out.words
        case _:
            return words


def _worked(engine: EngineKind, op: ops.Conv2d, sparsity: LayerSparsity) -> float:
    """Share of the MACs that an engine multiplies."""
    match engine:
        case EngineKind.DYNAMIC:
            return sparsity.pair_density
        case EngineKind.STATIC:
            return sparsity.weight_density
        case EngineKind.BROADCAST:
            return sparsity.of_activations(op.groups).pair_density
        case _:
            return 1.0


def _weight_bits_read(
    op: ops.Conv2d,
    foldings: FoldingArrays,
    macs: float,
    worked: float,
    arithmetic: Arithmetic,
) -> FloatArray:
    match foldings.engine:
        case EngineKind.STATIC:
            index_bits = clog2(segment_products(op, foldings))
            return np.asarray(macs * worked * (arithmetic.weight_bits + index_bits))
        case EngineKind.BROADCAST:
            return np.full(len(foldings), macs * worked * arithmetic.weight_bits)
        case _:
            return np.full(len(foldings), macs * arithmetic.weight_bits)


def _sum_bits_read(
    op: ops.Conv2d, shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> FloatArray:
    """Partial sums that wait in a memory while a window's other channels are computed."""
    blocks = shape.inputs[0].channels // (op.groups * foldings.coarse_in * foldings.packed)
    filters = op.out_channels // (op.groups * foldings.coarse_out)
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    sums = segments_per_lane(op, shape, foldings) * lanes * arithmetic.acc_bits
    return np.where((blocks > 1) & (filters > 1), sums, 0).astype(np.float64)
