"""A Curve as plain ONNX: a table of the hardware's word for every word."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from .. import ops
from ..curve_table import apply_curve
from ..values import FixedPoint
from .onnx_maker import ModelMaker, word_dtype

Main = Callable[[str, list[str]], str]  # op type and inputs of the node that stands for the layer


def add_curve(
    maker: ModelMaker,
    main: Main,
    name: str,
    op: ops.Curve,
    source: str,
    formats: tuple[FixedPoint, FixedPoint],
) -> str:
    """The tensor of a curve's output values, float64.

    Args:
        maker: where nodes go.
        main: adds the node that stands for the layer.
        name: of the layer.
        op: the curve.
        source: tensor of the input's values.
        formats: of the input and of the output.
    """
    fmt, out = formats
    words = np.arange(fmt.low, fmt.high + 1, dtype=np.int64)
    made = apply_curve(op, words, fmt, out).astype(word_dtype(out.width_bits))
    table = maker.constant(f"{name}.table", made)
    step, first, out_step = (
        maker.constant(f"{name}.{key}", np.asarray(value, dtype=np.float64))
        for key, value in (
            ("in_step", math.ldexp(1.0, -fmt.frac_bits)),
            ("first", -fmt.low),
            ("out_step", math.ldexp(1.0, -out.frac_bits)),
        )
    )
    places = maker.node("Div", [source, step], f"{name}/places")
    moved = maker.node("Add", [places, first], f"{name}/row")
    index = maker.node("Cast", [moved], f"{name}/index", {"to": TensorProto.INT64})
    word = main("Gather", [table, index])
    wide = maker.node("Cast", [word], f"{name}/words", {"to": TensorProto.DOUBLE})
    return maker.node("Mul", [wide, out_step], name)
