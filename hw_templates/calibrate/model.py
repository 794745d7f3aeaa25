"""What the shipped cost model says of a synthesised block."""

from __future__ import annotations

import numpy as np

from hass.cost.engines import (
    EngineSize,
    broadcast_engine,
    broadcast_terms,
    dense_engine,
    dense_terms,
    dynamic_engine,
    dynamic_terms,
    pair_engine,
    static_engine,
    static_terms,
)
from hass.cost.foldings import IntArray
from hass.cost.primitives import Amount, Terms, buffer, fifo, fifo_control_terms, ultra_memory
from hass.cost.window import window_cost, window_terms
from hass.ops import Conv2d
from hass.values import FeatureMap

from .points import Block, Point
from .table import Counts

ACC_BITS = 32  # of all engines of the grid
_ONE_STREAM = np.array([1])


def modelled(point: Point) -> Counts:
    """Resources of the block by coefficients.toml and the formulas of hass.cost."""
    return _counts(_amount(point))


def _amount(point: Point) -> Amount:
    match point.block:
        case Block.FIFO:
            return fifo(point["DEPTH"], point["WIDTH"])
        case Block.MEMORY:
            memory = ultra_memory if point["ULTRA"] else buffer
            return memory(point["DEPTH"], point["WIDTH"])
        case Block.WINDOW:
            return window_cost(*_window(point), _ONE_STREAM, point["BITS"], held_pixels=0)
        case Block.DYNAMIC:
            return dynamic_engine(_size(point))
        case Block.DENSE:
            return dense_engine(_size(point))
        case Block.STATIC:
            return static_engine(_size(point))
        case Block.BROADCAST:
            return broadcast_engine(_size(point), *_sharing(point))
        case Block.PAIR:
            return pair_engine(_size(point))


def lut_terms(point: Point) -> Terms:
    """What each LUT coefficient is multiplied by in a block, arrays of one; memories: none."""
    match point.block:
        case Block.FIFO:
            return fifo_control_terms(point["DEPTH"])
        case Block.MEMORY:
            return {}
        case Block.WINDOW:
            return window_terms(*_window(point), _ONE_STREAM)
        case Block.DYNAMIC:
            return dynamic_terms(_size(point))
        case Block.DENSE | Block.PAIR:
            return dense_terms(_size(point))
        case Block.STATIC:
            return static_terms(_size(point))
        case Block.BROADCAST:
            return broadcast_terms(_size(point))


def _size(point: Point) -> EngineSize:
    single = point.block is Block.BROADCAST
    products, fine = np.array([point["M"]]), np.array([1 if single else point["N"]])
    return EngineSize(products, fine, point["ACT_BITS"], point["WEIGHT_BITS"], ACC_BITS)


def _sharing(point: Point) -> tuple[IntArray, IntArray]:
    """Filters and segments of a broadcast engine."""
    return np.array([point["OUTS"]]), np.array([point["SEGMENTS"]])


def _window(point: Point) -> tuple[Conv2d, FeatureMap]:
    op = Conv2d(
        out_channels=1,
        kernel=(point["ROWS"], point["COLUMNS"]),
        stride=(point["STRIDE"], point["STRIDE"]),
    )
    return op, FeatureMap(point["HEIGHT"], point["WIDTH"], point["CHANNELS"])


def _counts(found: Amount) -> Counts:
    fields = (found.lut, found.ff, found.dsp, found.bram18, found.uram)
    return Counts(*(int(np.asarray(value).reshape(-1)[0]) for value in fields))
