"""A goal that counts resources, in numbers: what choices spend, and what prices prove of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..cost.foldings import IntArray
from ..device import RESOURCE_NAMES
from .bound import PROOF_MARGIN, Relaxed, relax
from .choice import Budget, Options

_MAX_STEPS = 60
_ROUNDING = 1e-6  # of a unit
_CLOSE = 1e-7  # steps of a bound by less are not worth another relaxation


@dataclass(frozen=True, slots=True, eq=False)
class Spend:
    """The largest of some columns of the resources, each divided by its scale.

    One column of scale 1 is an amount; all columns by the budget are the largest share of it.

    Attributes:
        columns: (k,) columns of the resources.
        scales: (k,) what each is divided by, at least 1.
        budget: (r,) what all layers together may use, of every resource.
    """

    columns: IntArray
    scales: IntArray
    budget: IntArray

    def value(self, usage: IntArray) -> Fraction:
        """Of (r,) resources of a choice."""
        amounts = usage[self.columns].tolist()
        return max(Fraction(a, s) for a, s in zip(amounts, self.scales.tolist(), strict=True))

    def _capped(self, caps: list[int]) -> IntArray:
        capped = self.budget.copy()
        most = int(np.iinfo(np.int64).max)  # a bound may prove that nothing is near any budget
        near = np.array([min(cap, most) for cap in caps], dtype=np.int64)
        capped[self.columns] = np.minimum(capped[self.columns], near)
        return capped

    def up_to(self, value: Fraction) -> IntArray:
        """(r,) budget of the choices that spend at most ``value``."""
        return self._capped([math.floor(value * scale) for scale in self.scales.tolist()])

    def below(self, value: Fraction) -> IntArray:
        """(r,) budget of the choices that spend less than ``value``; negative if none can."""
        return self._capped([math.ceil(value * scale) - 1 for scale in self.scales.tolist()])

    def beyond(self, budget: IntArray) -> Fraction:
        """The least that a choice can spend that does not fit such a budget, but fits the whole."""
        caps = (budget[self.columns] + 1).tolist()
        return min(Fraction(c, s) for c, s in zip(caps, self.scales.tolist(), strict=True))

    def proved(self, budget: IntArray, prices: np.ndarray, cost: float) -> float:
        """What no choice within the whole budget spends less than.

        Args:
            budget: (r,) the budget whose shares the prices are of.
            prices: (r,) of these shares.
            cost: what the cheapest choice costs at these prices.

        Returns:
            Infinite where no choice is within the budget at all.
        """
        # of choices that spend v: cost <= sum of v * scale / budget over the columns, and the rest
        shares = np.maximum(budget, 1)
        own = float((prices[self.columns] * self.scales / shares[self.columns]).sum())
        others = np.delete(np.arange(len(prices)), self.columns)
        rest = float((prices[others] * self.budget[others] / shares[others]).sum())
        left = cost - PROOF_MARGIN - rest
        if own > 0.0:
            return max(0.0, left / own)
        return math.inf if left > 0.0 else 0.0

    def rounded(self, bound: float) -> Fraction:
        """A bound, raised to what can be spent: of some column a whole number of units. A rounded
        number may be above what it stands for, and then proves nothing beyond that."""
        scales = self.scales.tolist()
        return min(Fraction(math.ceil(bound * scale - _ROUNDING), scale) for scale in scales)


def amount(column: int, budget: IntArray) -> Spend:
    """One resource, by its column."""
    return Spend(np.array([column]), np.array([1]), budget)


def whole_area(budget: IntArray) -> Spend:
    """The largest share of the budget, of all resources of the part."""
    columns = np.arange(len(RESOURCE_NAMES))
    return Spend(columns, np.maximum(budget[columns], 1), budget)


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """What the linear relaxation says of the least that is spent.

    Attributes:
        value: no choice within the whole budget spends less; infinite: there is none.
        budget: (r,) of the last relaxation.
        answer: the last relaxation.
    """

    value: float
    budget: IntArray
    answer: Relaxed


def priced_least(options: Options, spend: Spend, start: float = 0.0) -> Priced:
    """The best bound by prices, from below by Newton's method: at the budget that a bound allows,
    the best prices prove the next bound.

    Args:
        options: the rows to choose from.
        spend: what is made small, and the budget.
        start: a bound that is known.
    """
    least = np.minimum.reduceat(options.use, options.starts[:-1], axis=0).sum(axis=0)
    value = max(start, float(spend.value(least)))
    for _ in range(_MAX_STEPS):
        budget = spend.up_to(spend.rounded(value))
        answer = relax(replace(options, budget=Budget(budget)), math.inf)
        better = spend.proved(budget, answer.prices, answer.bound)
        if better <= value * (1.0 + _CLOSE) or math.isinf(better):
            break
        value = better
    return Priced(max(value, better), budget, answer)
