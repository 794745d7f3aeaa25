"""Numbers of a benchmark: the best after k trials, medians, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hass.pareto import Measure

from .pareto import best_of
from .record import TrialRecord, TrialState

RESAMPLES = 2000
CONFIDENCE = 0.95

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A median over seeds.

    Attributes:
        median: of the values.
        low, high: what 95 % of the medians of resampled seeds lie between; the median for one seed.
        seeds: number of values.
    """

    median: float
    low: float
    high: float
    seeds: int


def best_after(records: Sequence[TrialRecord], trials: int) -> TrialRecord | None:
    """The best design of the first ``trials`` finished trials; None if no design is feasible."""
    finished = [record for record in records if record.state is TrialState.COMPLETE]
    return best_of(finished[:trials])


def fps_after(records: Sequence[TrialRecord], trials: int) -> float:
    """Throughput of the best design after so many trials; 0 if there is none."""
    best = best_after(records, trials)
    return 0.0 if best is None or best.throughput_fps is None else best.throughput_fps


def _resampled(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    picked = rng.integers(0, len(values), (RESAMPLES, len(values)))
    return np.asarray(np.median(values[picked], axis=1))


def _interval(values: FloatArray, medians: FloatArray, middle: float) -> Interval:
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(middle, float(low), float(high), len(values))


def median_of(values: Sequence[float]) -> Interval:
    """Median of one value per seed, and its percentile bootstrap; the same for equal values."""
    array = np.asarray(values, dtype=np.float64)
    medians = _resampled(array, np.random.default_rng(0))
    return _interval(array, medians, float(np.median(array)))


def ratio_of(values: Sequence[float], others: Sequence[float]) -> Interval | None:
    """Ratio of two medians, each over its own seeds; None where the second is 0."""
    above = np.asarray(values, dtype=np.float64)
    below = np.asarray(others, dtype=np.float64)
    if not np.median(below) > 0 or (below <= 0).any():
        return None
    rng = np.random.default_rng(0)
    medians = _resampled(above, rng) / _resampled(below, rng)
    return _interval(above, medians, float(np.median(above) / np.median(below)))


def trials_to_reach(records: Sequence[TrialRecord], fps: float) -> int | None:
    """Finished trials until a feasible design is at least so fast; None if none is."""
    finished = [record for record in records if record.state is TrialState.COMPLETE]
    for count, record in enumerate(finished, start=1):
        if record.feasible and (record.throughput_fps or 0.0) >= fps:
            return count
    return None


def efficiency(record: TrialRecord) -> float:
    """Images per cycle and DSP; 0 without a folding or DSPs."""
    return Measure.EFFICIENCY.of(record) or 0.0
