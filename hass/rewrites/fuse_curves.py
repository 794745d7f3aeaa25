"""Recognise smooth functions that are written as x times a gate: SiLU, Mish, and Gelu twice."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..curves import GELU_CUBE, GELU_SCALE
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft

_TOLERANCE = 1e-5  # of constants, relative: float32, or five digits as some exporters write them
Scaled = tuple[str, float]  # a stream, and what multiplies it


def fuse_curves(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Replace a Mul of a stream and its own gate by the Curve that it is.

    Case 1: x * Sigmoid(x), or of alpha * x, is a SiLU.
    Case 2: x * Tanh(Softplus(x)) is a Mish.
    Case 3: x * (1 + Erf(x / sqrt(2))) is twice a Gelu, and 1 + Tanh(sqrt(2 / pi) * (x + 0.044715 *
    x**3)) makes the other one. The factor becomes a scale, which cancels against the half that
    stands behind or in front; a half between the two operands is taken in.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        if name not in draft or not isinstance(draft.op(name), ops.Mul):
            continue
        first, second = draft.sources(name)
        for x, gate in ((first, second), (second, first)):
            found = _curve_of(draft, x, gate)
            if found is not None:
                _replace(draft, name, *found)
                break
    return draft.build()


def _near(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=_TOLERANCE)


def _line_of(draft: Draft, name: str) -> tuple[str, float, float]:
    """The stream behind scales and shifts that all channels share, and scale and shift in all."""
    scale, shift = 1.0, 0.0
    affine = affine_of(draft, name)
    while affine is not None and affine.is_uniform:
        scale, shift = scale * float(affine.scale[0]), shift + scale * float(affine.shift[0])
        name = draft.sources(name)[0]
        affine = affine_of(draft, name)
    return name, scale, shift


def _unscaled(draft: Draft, name: str) -> Scaled:
    """The stream behind a scale that all channels share, and the scale."""
    stream, scale, shift = _line_of(draft, name)
    return (stream, scale) if shift == 0.0 else (name, 1.0)


def _curve_of(draft: Draft, x: str, gate: str) -> tuple[str, ops.Curve, float] | None:
    """The stream, the curve and the factor of a product, if it is one."""
    op = draft.op(gate)
    if isinstance(op, ops.Sigmoid):
        stream, alpha = _unscaled(draft, draft.sources(gate)[0])
        in_range = 2.0**-4 <= alpha <= 2.0**4
        if stream == x and in_range:
            return x, ops.Curve(ops.Function.SILU, alpha), 1.0
    if op == ops.Curve(ops.Function.TANH):
        (inner,) = draft.sources(gate)
        soft = draft.op(inner) == ops.Curve(ops.Function.SOFTPLUS)
        if soft and draft.sources(inner) == (x,):
            return x, ops.Curve(ops.Function.MISH), 1.0
    return _gelu_of(draft, x, gate)


def _gelu_of(draft: Draft, x: str, gate: str) -> tuple[str, ops.Curve, float] | None:
    odd, scale, shift = _line_of(draft, gate)
    if scale == 0.0 or scale != shift:
        return None
    op = draft.op(odd)
    stream, factor = _unscaled(draft, x)
    twice = 2.0 * factor * scale
    if op == ops.Curve(ops.Function.ERF):
        inner, slope = _unscaled(draft, draft.sources(odd)[0])
        if inner == stream and _near(slope, math.sqrt(0.5)):
            return stream, ops.Curve(ops.Function.GELU), twice
    if op == ops.Curve(ops.Function.TANH) and _is_bent(draft, draft.sources(odd)[0], stream):
        return stream, ops.Curve(ops.Function.GELU_TANH), twice
    return None


def _is_bent(draft: Draft, name: str, stream: str) -> bool:
    """Whether a layer puts out sqrt(2 / pi) * (x + 0.044715 * x**3), or x * (1 + 0.044715 * x**2)
    in the place of the sum."""
    total, scale = _unscaled(draft, name)
    if not _near(scale, GELU_SCALE) or not isinstance(draft.op(total), ops.Add | ops.Mul):
        return False
    for first, second in (draft.sources(total), draft.sources(total)[::-1]):
        if first != stream:
            continue
        if isinstance(draft.op(total), ops.Add):
            cube, factor = _unscaled(draft, second)
            return _near(factor, GELU_CUBE) and _power(draft, cube, stream) == 3
        square, slope, one = _line_of(draft, second)
        is_square = _power(draft, square, stream) == 2
        return is_square and _near(slope, GELU_CUBE) and one == 1.0
    return False


def _power(draft: Draft, name: str, stream: str) -> int:
    """How many times a stream is multiplied with itself; 0: a layer is not that."""
    if name == stream:
        return 1
    if isinstance(draft.op(name), ops.Fork):
        return _power(draft, draft.sources(name)[0], stream)
    if not isinstance(draft.op(name), ops.Mul):
        return 0
    powers = [_power(draft, source, stream) for source in draft.sources(name)]
    return sum(powers) if min(powers) > 0 else 0


def _replace(draft: Draft, name: str, stream: str, curve: ops.Curve, factor: float) -> None:
    if factor == 1.0:
        draft.set_op(name, curve)
        draft.set_sources(name, [stream])
        return
    channels = draft.map(name).channels
    made = draft.add(f"{name}.{curve.function}", curve, [stream], after=stream)
    draft.set_op(name, ops.Conv2d(channels, (1, 1), groups=channels))
    draft.set_sources(name, [made])
    draft.set_weights(name, np.full((channels, 1, 1, 1), factor), np.zeros(channels))
