"""Fits of the LUT coefficients to synthesis results, with leave-one-out errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hass.cost.coefficients import Fitted, coefficients

from .model import lut_terms, modelled
from .points import Block, Point, unseen
from .table import Row

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """The LUTs of some blocks: what hass.cost counts, and coefficients times their terms.

    Attributes:
        section: of coefficients.toml.
        blocks: whose rows its coefficients are fitted to, together.
    """

    section: str
    blocks: tuple[Block, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the coefficients."""
        return tuple(name for name in type(self._shipped()).model_fields if name != "origin")

    def _shipped(self) -> Fitted:
        section: Fitted = getattr(coefficients(), self.section)
        return section

    def shipped(self) -> FloatArray:
        """(coefficients,) of the shipped coefficients.toml."""
        return np.array([self._shipped().value(name) for name in self.names])

    def matrix(self, points: Sequence[Point]) -> FloatArray:
        """(points, coefficients): what each coefficient is multiplied by."""
        return np.array(
            [
                [float(np.max(lut_terms(point).get(name, 0.0))) for name in self.names]
                for point in points
            ]
        )

    def counted(self, points: Sequence[Point]) -> FloatArray:
        """(points,) LUTs that no coefficient is needed for: what the model says but the fitted
        part, which it rounds up."""
        said = np.array([modelled(point).lut for point in points], dtype=np.float64)
        return np.asarray(said - np.ceil(self.matrix(points) @ self.shipped() - 1e-9))

    def foretold(self, points: Sequence[Point], values: FloatArray) -> FloatArray:
        """(points,) LUTs by (coefficients,) values."""
        return np.asarray(self.matrix(points) @ values + self.counted(points))


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


FITS = (
    Fit("dynamic_engine", (Block.DYNAMIC,)),
    Fit("broadcast_engine", (Block.BROADCAST,)),
    Fit("dense_engine", (Block.DENSE, Block.STATIC, Block.PAIR)),
    Fit("fifo", (Block.FIFO,)),
    Fit("window", (Block.WINDOW,)),
)


def rows_of(fit: Fit, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows that a fit stands on."""
    judges = set(unseen())
    return tuple(
        row
        for row in rows
        if row.point.block in fit.blocks and "lut" in row.point.judged and row.point not in judges
    )


def measured(rows: Sequence[Row]) -> FloatArray:
    """(rows,) LUTs."""
    return np.array([row.counts.lut for row in rows], dtype=np.float64)


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
    matrix, wanted, counted = fit.matrix(points), measured(own), fit.counted(points)
    part = wanted - counted
    errors = np.empty(len(own))
    for left_out in range(len(own)):
        others = np.arange(len(own)) != left_out
        guess = solved(matrix[others], part[others], wanted[others])
        errors[left_out] = (matrix[left_out] @ guess + counted[left_out]) / wanted[left_out] - 1.0
    return FitResult(fit, solved(matrix, part, wanted), errors)
