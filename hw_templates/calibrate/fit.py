"""Fits of the engines' coefficients to synthesis results, with leave-one-out errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hass.cost.coefficients import coefficients
from hass.cost.primitives import Amount, clog2, counter

from .points import Block, Point
from .table import Row

FloatArray = npt.NDArray[np.float64]
ACC_BITS = 32  # of all engines of the grid


@dataclass(frozen=True, slots=True)
class Fit:
    """A linear formula of one resource of some blocks.

    Attributes:
        blocks: whose rows it is fitted to, together.
        resource: ``lut`` or ``ff``.
        section: of coefficients.toml.
        names: of the coefficients in that section.
        terms: what each coefficient is multiplied by, at a point.
        fixed: what is added that is not fitted here.
    """

    blocks: tuple[Block, ...]
    resource: str
    section: str
    names: tuple[str, ...]
    terms: Callable[[Point], tuple[float, ...]]
    fixed: Callable[[Point], float]

    def matrix(self, points: Sequence[Point]) -> FloatArray:
        """(points, coefficients)."""
        return np.array([self.terms(point) for point in points], dtype=np.float64)

    def foretold(self, points: Sequence[Point], values: FloatArray) -> FloatArray:
        """(points,) resource by (coefficients,) values."""
        added = np.array([self.fixed(point) for point in points], dtype=np.float64)
        return np.asarray(self.matrix(points) @ values + added)

    def shipped(self) -> FloatArray:
        """(coefficients,) of the shipped coefficients.toml."""
        section = getattr(coefficients(), self.section)
        return np.array([getattr(section, name) for name in self.names], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """What a fit came to.

    Attributes:
        coefficients: (coefficients,), none negative.
        left_out_errors: (rows,) relative error at each row of the fit to all other rows.
    """

    fit: Fit
    coefficients: FloatArray
    left_out_errors: FloatArray

    @property
    def median_error(self) -> float:
        """Of the absolute left-out errors."""
        return float(np.median(np.abs(self.left_out_errors)))

    @property
    def worst_error(self) -> float:
        """Of the absolute left-out errors."""
        return float(np.abs(self.left_out_errors).max())


def _turns(point: Point) -> int:
    return -(-point["M"] // point["N"])


def _outside(point: Point) -> int:
    """Bits of an accumulator in LUTs; a single multiplier accumulates in its DSP."""
    return ACC_BITS if point["N"] > 1 else 0


def _skewed_words(point: Point) -> int:
    """Operand pairs that the cascade delays in flip-flops outside the DSPs."""
    return min((point["N"] - 1) * (point["N"] - 2) // 2, 3)


def _stages(choices: int) -> int:
    """4:1 multiplexers per bit of a multiplexer."""
    return -(-(choices - 1) // 3)


def _dynamic_lut(point: Point) -> tuple[float, ...]:
    m, n, bits = point["M"], point["N"], point["ACT_BITS"]
    return _stages(m) * n * bits, m * bits, m * n


def _accumulator_lut(point: Point) -> float:
    """The accumulator is the dense engine's, so it is charged by that one's fit."""
    dense = coefficients().dense_engine
    return 2.0 * dense.lut_per_acc_bit * _outside(point)  # adder, and select of the start


def _nothing(point: Point) -> float:
    return 0.0


def _dynamic_ff(point: Point) -> tuple[float, ...]:
    m, n, bits = point["M"], point["N"], point["ACT_BITS"]
    return m * bits, n, _outside(point), bits * _skewed_words(point)


def _cascade_lut(point: Point) -> tuple[float, ...]:
    """A static engine's multiplexers choose among the segment's products, a dense one's among its
    turns."""
    n, bits, turns = point["N"], point["ACT_BITS"], _turns(point)
    choices = turns if point.block is Block.DENSE else point["M"]
    adder = _outside(point)
    select = adder if turns > 1 else 0
    return adder + select, _stages(choices) * n * bits, bits * max(0, n - 4), 1.0


def _cascade_ff(point: Point) -> tuple[float, ...]:
    turning = 1.0 if _turns(point) > 1 else 0.0
    skew = point["ACT_BITS"] * _skewed_words(point)
    return _outside(point), 1.0, turning, point["N"], skew


def turn_counter(point: Point) -> Amount:
    """What a dense engine counts its turns with; what the others count lies outside them."""
    return counter(clog2(_turns(point) if point.block is Block.DENSE else 1))


def _turn_counter_lut(point: Point) -> float:
    return float(turn_counter(point).lut)


def _turn_counter_ff(point: Point) -> float:
    return float(turn_counter(point).ff)


FITS = (
    Fit(
        (Block.DYNAMIC,),
        "lut",
        "dynamic_engine",
        ("mux_lut_per_stage_bit", "lut_per_m_b", "lut_per_m_n"),
        _dynamic_lut,
        _accumulator_lut,
    ),
    Fit(
        (Block.DYNAMIC,),
        "ff",
        "dynamic_engine",
        ("ff_per_m_b", "ff_per_n", "ff_per_acc_bit", "ff_skew_per_b"),
        _dynamic_ff,
        _nothing,
    ),
    Fit(
        (Block.DENSE, Block.STATIC),
        "lut",
        "dense_engine",
        (*("lut_per_acc_bit", "mux_lut_per_stage_bit", "skew_lut_per_n_b", "lut_control"),),
        _cascade_lut,
        _turn_counter_lut,
    ),
    Fit(
        (Block.DENSE, Block.STATIC),
        "ff",
        "dense_engine",
        ("ff_per_acc_bit", "ff_control", "ff_turn_control", "ff_per_n", "ff_skew_per_b"),
        _cascade_ff,
        _turn_counter_ff,
    ),
)


def rows_of(fit: Fit, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that a fit stands on."""
    return tuple(row for row in rows if row.point.block in fit.blocks)


def measured(fit: Fit, rows: Sequence[Row]) -> FloatArray:
    """(rows,) of the fit's resource."""
    return np.array([getattr(row.counts, fit.resource) for row in rows], dtype=np.float64)


def solved(matrix: FloatArray, part: FloatArray, whole: FloatArray) -> FloatArray:
    """Coefficients whose sums are nearest to ``part``: least absolute deviations relative to
    ``whole``, so that a few points which the mapper treats badly do not pull the others along.

    None is negative: those that would be are dropped, the most negative first.
    """
    kept = list(range(matrix.shape[1]))
    result = np.zeros(matrix.shape[1])
    while kept:
        values = _least_absolute(matrix[:, kept] / whole[:, None], part / whole)
        if values.min() >= 0.0:
            result[kept] = values
            break
        kept.pop(int(values.argmin()))
    return result


def _least_absolute(matrix: FloatArray, wanted: FloatArray) -> FloatArray:
    """By squares, reweighted; deviations below 1 % count as 1 %."""
    weights = np.ones(len(wanted))
    for _ in range(50):
        root = np.sqrt(weights)
        values = np.linalg.lstsq(matrix * root[:, None], wanted * root, rcond=None)[0]
        weights = 1.0 / np.maximum(np.abs(matrix @ values - wanted), 0.01)
    return np.asarray(values)


def fitted(fit: Fit, rows: Sequence[Row]) -> FitResult:
    """Fit to the rows of its blocks, and to all but each of them.

    Args:
        rows: of any blocks; at least one more of the fit's than it has coefficients.
    """
    own = rows_of(fit, rows)
    points = [row.point for row in own]
    matrix, wanted = fit.matrix(points), measured(fit, own)
    part = wanted - np.array([fit.fixed(point) for point in points], dtype=np.float64)
    errors = np.empty(len(own))
    for left_out in range(len(own)):
        others = np.arange(len(own)) != left_out
        guess = solved(matrix[others], part[others], wanted[others])
        errors[left_out] = fit.foretold([points[left_out]], guess)[0] / wanted[left_out] - 1.0
    return FitResult(fit, solved(matrix, part, wanted), errors)
