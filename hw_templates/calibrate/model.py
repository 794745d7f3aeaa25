"""What the shipped cost model says of a synthesised block."""

from __future__ import annotations

import numpy as np

from hass.cost.primitives import (
    Amount,
    amount,
    buffer,
    fifo,
    multiplier_dsps,
    uram_count,
)
from hass.cost.window import window_cost
from hass.ops import Conv2d
from hass.values import FeatureMap

from .fit import FITS
from .points import Block, Point
from .table import Counts


def modelled(point: Point) -> Counts:
    """Resources of the block by coefficients.toml and the formulas of hass.cost."""
    match point.block:
        case Block.FIFO:
            return _counts(fifo(point["DEPTH"], point["WIDTH"]))
        case Block.MEMORY:
            if point["ULTRA"]:
                return _counts(amount(uram=uram_count(point["DEPTH"], point["WIDTH"])))
            return _counts(buffer(point["DEPTH"], point["WIDTH"]))
        case Block.WINDOW:
            return _counts(_window(point))
        case Block.DYNAMIC | Block.DENSE | Block.STATIC:
            return _counts(_engine(point))


def _engine(point: Point) -> Amount:
    found = {
        fit.resource: int(np.ceil(fit.foretold([point], fit.shipped())[0] - 1e-9))
        for fit in FITS
        if point.block in fit.blocks
    }
    dsp = multiplier_dsps(point["N"], point["ACT_BITS"])
    return amount(lut=found["lut"], ff=found["ff"], dsp=dsp)


def _window(point: Point) -> Amount:
    op = Conv2d(
        out_channels=1,
        kernel=(point["ROWS"], point["COLUMNS"]),
        stride=(point["STRIDE"], point["STRIDE"]),
    )
    source = FeatureMap(point["HEIGHT"], point["WIDTH"], point["CHANNELS"])
    return window_cost(op, source, np.array([1]), point["BITS"], held_pixels=0)  # kh - 1 rows


def _counts(found: Amount) -> Counts:
    fields = (found.lut, found.ff, found.dsp, found.bram18, found.uram)
    return Counts(*(int(np.asarray(value).reshape(-1)[0]) for value in fields))
