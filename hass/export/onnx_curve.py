"""A Curve's table as plain ONNX in float64, whose numbers are exactly the hardware's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from .. import ops
from ..curve_table import PIECES, direct_table, is_direct, pieces
from ..values import FixedPoint
from .onnx_maker import ModelMaker

Main = Callable[[str, list[str]], str]  # op type and inputs of the node that stands for the layer


def add_curve(
    maker: ModelMaker,
    main: Main,
    name: str,
    op: ops.Curve,
    source: str,
    formats: tuple[FixedPoint, FixedPoint],
) -> str:
    """The tensor of a curve; its values still have to be rounded to the output's format.

    Args:
        maker: where nodes go.
        main: adds the last node.
        name: of the layer.
        op: the curve.
        source: tensor of the input's values.
        formats: of the input and of the output.
    """
    fmt, out = formats
    step = math.ldexp(1.0, -fmt.frac_bits)

    def real(key: str, values: npt.ArrayLike) -> str:
        return maker.constant(f"{name}.{key}", np.asarray(values, dtype=np.float64))

    def index(place: str, first: int) -> str:
        moved = maker.node("Add", [place, real("first", -first)], f"{name}/row")
        return maker.node("Cast", [moved], f"{name}/index", {"to": TensorProto.INT64})

    if is_direct(fmt.width_bits):
        words = maker.node("Div", [source, real("step", step)], f"{name}/word_in")
        values = direct_table(op, fmt, out) * math.ldexp(1.0, -out.frac_bits)
        return main("Gather", [real("table", values), index(words, fmt.low)])
    table, half = pieces(op, fmt), PIECES // 2
    length = real("length", math.ldexp(step, table.length_bits))
    steps = maker.node("Div", [source, length], f"{name}/places")
    whole = maker.node("Floor", [steps], f"{name}/below")
    above = maker.node("Max", [whole, real("low", -half)], f"{name}/above")
    piece = maker.node("Min", [above, real("high", half - 1)], f"{name}/piece")
    start = maker.node("Mul", [piece, length], f"{name}/start")
    offset = maker.node("Sub", [source, start], f"{name}/offset")
    row = index(piece, -half)
    value_step = math.ldexp(1.0, table.align_bits - table.sum_frac_bits(fmt))
    bases = real("values", table.values * value_step)
    slopes = real("slopes", table.slopes * math.ldexp(1.0, -table.slope_frac_bits))
    value = maker.node("Gather", [bases, row], f"{name}/value")
    slope = maker.node("Gather", [slopes, row], f"{name}/slope")
    return main("Add", [value, maker.node("Mul", [slope, offset], f"{name}/rise")])
