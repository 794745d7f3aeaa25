"""Fits of the engines' coefficients to synthesis results, with leave-one-out errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hass.cost.coefficients import coefficients

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
    """

    blocks: tuple[Block, ...]
    resource: str
    section: str
    names: tuple[str, ...]
    terms: Callable[[Point], tuple[float, ...]]

    def matrix(self, points: Sequence[Point]) -> FloatArray:
        """(points, coefficients)."""
        return np.array([self.terms(point) for point in points], dtype=np.float64)

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


def _dynamic_lut(point: Point) -> tuple[float, ...]:
    m, n, bits = point["M"], point["N"], point["ACT_BITS"]
    return m * n * bits, m, n


def _dynamic_ff(point: Point) -> tuple[float, ...]:
    m, n, bits = point["M"], point["N"], point["ACT_BITS"]
    return m * bits, n * bits, m, n


def _cascade_lut(point: Point) -> tuple[float, ...]:
    """A static engine's multiplexers choose among the segment's products, a dense one's among its
    turns; both have a count of turns or filters."""
    n, bits, turns = point["N"], point["ACT_BITS"], _turns(point)
    choices = turns if point.block is Block.DENSE else point["M"]
    select = ACC_BITS if turns > 1 else 0
    return ACC_BITS, select, -(-(choices - 1) // 3) * n * bits, bits * max(0, n - 3)


def _cascade_ff(point: Point) -> tuple[float, ...]:
    n, bits = point["N"], point["ACT_BITS"]
    return ACC_BITS, 1.0, bits * min(n * (n - 1) // 2, 3)


FITS = (
    Fit(
        (Block.DYNAMIC,),
        "lut",
        "dynamic_engine",
        ("lut_per_m_n_b", "lut_per_m", "lut_per_n"),
        _dynamic_lut,
    ),
    Fit(
        (Block.DYNAMIC,),
        "ff",
        "dynamic_engine",
        ("ff_per_m_b", "ff_per_n_b", "ff_per_m", "ff_per_n"),
        _dynamic_ff,
    ),
    Fit(
        (Block.DENSE, Block.STATIC),
        "lut",
        "dense_engine",
        (
            *("adder_lut_per_acc_bit", "select_lut_per_acc_bit"),
            *("mux_lut_per_stage_bit", "skew_lut_per_n_b"),
        ),
        _cascade_lut,
    ),
    Fit(
        (Block.DENSE, Block.STATIC),
        "ff",
        "dense_engine",
        ("ff_per_acc_bit", "ff_control", "ff_skew_per_b"),
        _cascade_ff,
    ),
)


def rows_of(fit: Fit, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that a fit stands on."""
    return tuple(row for row in rows if row.point.block in fit.blocks)


def measured(fit: Fit, rows: Sequence[Row]) -> FloatArray:
    """(rows,) of the fit's resource."""
    return np.array([getattr(row.counts, fit.resource) for row in rows], dtype=np.float64)


def solved(matrix: FloatArray, wanted: FloatArray) -> FloatArray:
    """Coefficients of least relative squares, none negative: those that would be are dropped, the
    most negative first."""
    scaled = matrix / wanted[:, None]
    kept = list(range(matrix.shape[1]))
    result = np.zeros(matrix.shape[1])
    while kept:
        values = np.linalg.lstsq(scaled[:, kept], np.ones(len(wanted)), rcond=None)[0]
        if values.min() >= 0.0:
            result[kept] = values
            break
        kept.pop(int(values.argmin()))
    return result


def fitted(fit: Fit, rows: Sequence[Row]) -> FitResult:
    """Fit to the rows of its blocks, and to all but each of them.

    Args:
        rows: of any blocks; at least one more of the fit's than it has coefficients.
    """
    own = rows_of(fit, rows)
    matrix, wanted = fit.matrix([row.point for row in own]), measured(fit, own)
    errors = np.empty(len(own))
    for left_out in range(len(own)):
        others = np.arange(len(own)) != left_out
        guess = matrix[left_out] @ solved(matrix[others], wanted[others])
        errors[left_out] = guess / wanted[left_out] - 1.0
    return FitResult(fit, solved(matrix, wanted), errors)
