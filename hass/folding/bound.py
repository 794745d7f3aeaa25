"""Lower bounds by prices: what the linear relaxation proves, found without a solver.

Put a price on each share of a resource, the prices adding up to 1. If even the cheapest choice of
options at a frame II costs more than 1, no choice fits at that frame II. The best prices are the
dual of: mix whole choices so that the largest share of any resource is smallest; the simplex method
on that mix (6 basic columns, a new choice priced in at each step) finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost.foldings import IntArray
from .choice import Budget, FloatArray, IndexArray, Options

# Above all rounding of sums of some hundred shares; a proof must clear 1 by this much.
PROOF_MARGIN = 1e-9
_MAX_STEPS = 400
_TINY = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """What the linear relaxation says at one frame II.

    Attributes:
        prices: (k,) non-negative, adding up to 1.
        bound: cost of the cheapest choice at these prices: no choice has all shares below it.
        choices: choices met on the way that make up the best mix, each (layers,) rows.
    """

    prices: FloatArray
    bound: float
    choices: tuple[IndexArray, ...]

    @property
    def infeasible(self) -> bool:
        """Whether it is proved that no choice fits."""
        return self.bound > 1.0 + PROOF_MARGIN


class _Pricing:
    """Cheapest choice at given prices among the rows of an ``Options``."""

    def __init__(self, options: Options) -> None:
        self.shares = options.shares()
        self._starts = options.starts[:-1]
        self._lengths = np.diff(options.starts)

    def cheapest(self, prices: FloatArray) -> tuple[float, IndexArray]:
        costs = self.shares @ prices
        least = np.minimum.reduceat(costs, self._starts)
        hits = np.flatnonzero(costs == np.repeat(least, self._lengths))
        return float(least.sum()), hits[np.searchsorted(hits, self._starts)]


PROOF = 1.0 + PROOF_MARGIN


def relax(options: Options, enough: float = PROOF) -> Relaxed:
    """Best prices for the given rows; ends early once the bound is above ``enough``: by default,
    once a choice is proved not to exist."""
    pricing = _Pricing(options)
    count = pricing.shares.shape[1]
    _, chosen = pricing.cheapest(np.full(count, 1.0 / count))
    usage = pricing.shares[chosen].sum(axis=0)
    # columns (shares, weight): a choice (u, 1); slack of a resource (e_k, 0); the level (-1, 0)
    top = int(usage.argmax())
    columns = [np.append(usage, 1.0), np.append(np.full(count, -1.0), 0.0)]
    members: list[IndexArray | None] = [chosen, None]
    for k in range(count):
        if k != top:
            columns.append(np.append(np.eye(count)[k], 0.0))
            members.append(None)
    basis = np.array(columns).T
    cost = np.zeros(count + 1)
    cost[1] = 1.0
    target = np.append(np.zeros(count), 1.0)
    best_prices, best_bound = np.full(count, 1.0 / count), -np.inf
    for _ in range(_MAX_STEPS):
        try:
            inverse = np.linalg.inv(basis)
        except np.linalg.LinAlgError:
            break  # a degenerate step; the bound so far stands
        dual = cost @ inverse
        prices, level = -dual[:count], dual[count]
        usable = np.maximum(prices, 0.0)
        usable /= usable.sum()
        bound, chosen = pricing.cheapest(usable)
        if bound > best_bound:
            best_prices, best_bound = usable, bound
        if best_bound > enough:
            break
        entering: FloatArray
        if prices.min() < -_TINY:
            entering = np.append(np.eye(count)[int(prices.argmin())], 0.0)
            member = None
        elif bound < level - 1e-9:
            entering = np.append(pricing.shares[chosen].sum(axis=0), 1.0)
            member = chosen
        else:
            break
        values, direction = inverse @ target, inverse @ entering
        steps = np.where(direction > _TINY, values / np.maximum(direction, _TINY), np.inf)
        steps[1] = np.inf if direction[1] <= _TINY else steps[1]
        leaving = int(np.lexsort([-direction, steps])[0])
        if not np.isfinite(steps[leaving]) or leaving == 1:
            break
        basis[:, leaving] = entering
        members[leaving] = member
    found = tuple(member for member in members if member is not None)
    return Relaxed(best_prices, best_bound, found)


class PricedBound:
    """For fixed prices, the cheapest cost of a choice at every frame II at once."""

    def __init__(
        self,
        layers: Sequence[tuple[IntArray, npt.NDArray[np.integer]]],
        prices: FloatArray,
        budget: Budget,
    ) -> None:
        """Of (cycles ascending, (n, k) use) of each layer, at (k,) prices of a share."""
        fixed = len(prices) - bool(budget.bits_per_cycle)
        rates = prices[:fixed] / np.maximum(budget.amounts[:fixed], 1)
        self._budget = budget
        self._traffic_price = float(prices[-1])
        self._layers = []
        for ticks, use in layers:
            cost = use[:, :fixed] @ rates
            if not budget.bits_per_cycle:  # nothing else depends on the frame II
                cost = np.minimum.accumulate(cost)
            self._layers.append((ticks, cost, use[:, -1]))

    def at(self, cycles: int) -> float:
        """Cost at a frame II; infinite where some layer is not that fast."""
        total = 0.0
        rate = 0.0
        if self._budget.bits_per_cycle:
            rate = self._traffic_price / max(int(self._budget.at(cycles)[-1]), 1)
        for ticks, cost, bits in self._layers:
            end = int(np.searchsorted(ticks, cycles, side="right"))
            if end == 0:
                return float("inf")
            if self._budget.bits_per_cycle:
                total += float((cost[:end] + rate * bits[:end]).min())
            else:
                total += float(cost[end - 1])
        return total

    def first_open(self, candidates: IntArray) -> int:
        """Index of the first of the ascending candidate frame IIs that the prices do not rule out;
        their number if they rule out all."""
        low, high = 0, len(candidates)
        while low < high:
            middle = (low + high) // 2
            if self.at(int(candidates[middle])) > 1.0 + PROOF_MARGIN:
                low = middle + 1
            else:
                high = middle
        return low


def priced_bound(options: Options, prices: FloatArray) -> PricedBound:
    """The bound that ``prices`` give over the rows of ``options``."""
    rows = [options.rows_of(layer) for layer in range(options.layers)]
    layers = [(options.cycles[some], options.use[some]) for some in rows]
    return PricedBound(layers, prices, options.budget)
