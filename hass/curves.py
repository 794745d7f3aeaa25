"""The functions that a ``Curve`` may have: one entry each. All else about them (integers, hardware,
cost, ONNX) follows from it.

A function is smooth but for a bend at 0. It is close to a straight line on either side, so that
even pieces around 0 hold all of it (``curve_table``); or level up to 0, and then ever flatter, so
that pieces as long as they are far from 0 do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .ops import Curve, Function

Reals = npt.NDArray[np.float64]
Line = tuple[float, float]  # slope, and value at 0

GELU_CUBE = 0.044715  # of x**3 in the approximation by tanh (Hendrycks and Gimpel 2016)
GELU_SCALE = math.sqrt(2.0 / math.pi)
_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class Entry:
    """One function.

    Attributes:
        value: of reals and ``alpha``.
        left, right: of ``alpha``; the lines that it comes close to. On the right, None: to none.
    """

    value: Callable[[Reals, float], Reals]
    left: Callable[[float], Line]
    right: Callable[[float], Line] | None


def logistic(x: Reals) -> Reals:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))


def _softplus(x: Reals) -> Reals:
    return np.asarray(np.logaddexp(0.0, x))


def _gelu_by_tanh(x: Reals) -> Reals:
    return np.asarray(0.5 * x * (1.0 + np.tanh(GELU_SCALE * (x + GELU_CUBE * x**3))))


def _level(value: float) -> Callable[[float], Line]:
    return lambda _: (0.0, value)


def _itself(_: float) -> Line:
    return 1.0, 0.0


ENTRIES: Mapping[Function, Entry] = MappingProxyType(
    {
        Function.TANH: Entry(lambda x, _: np.tanh(x), _level(-1.0), _level(1.0)),
        Function.ERF: Entry(lambda x, _: _erf(x), _level(-1.0), _level(1.0)),
        Function.SOFTPLUS: Entry(lambda x, _: _softplus(x), _level(0.0), _itself),
        Function.SILU: Entry(lambda x, a: x * logistic(a * x), _level(0.0), _itself),
        Function.GELU: Entry(
            lambda x, _: 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0))), _level(0.0), _itself
        ),
        Function.GELU_TANH: Entry(lambda x, _: _gelu_by_tanh(x), _level(0.0), _itself),
        Function.MISH: Entry(lambda x, _: x * np.tanh(_softplus(x)), _level(0.0), _itself),
        Function.DECAY: Entry(lambda x, a: (1.0 + np.maximum(x, 0.0)) ** -a, _level(1.0), None),
        Function.ELU: Entry(
            lambda x, a: np.where(x > 0.0, x, a * np.expm1(np.minimum(x, 0.0))),
            lambda a: (0.0, -a),
            _itself,
        ),
    }
)


def value(op: Curve, x: npt.ArrayLike) -> Reals:
    """The curve at reals; same shape."""
    return np.asarray(ENTRIES[op.function].value(np.asarray(x, np.float64), op.alpha))


def lines(op: Curve) -> tuple[Line, Line] | None:
    """The straight lines that a curve comes close to, far to the left and far to the right; None of
    one that is level up to 0 and then comes close to none."""
    entry = ENTRIES[op.function]
    return None if entry.right is None else (entry.left(op.alpha), entry.right(op.alpha))
