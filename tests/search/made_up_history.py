"""Trials that nobody ran: a default strategy whose clips buy what they say, and its ladder."""

from __future__ import annotations

from hass.search.chosen import Chosen, Factors
from hass.search.record import Origin, TrialRecord, TrialState
from hass.search.strategy import Tried
from hass.search.strategy_default import LEVEL, DefaultStrategy
from hass.sparsity import SparsitySetting


class Buys:
    """A co-design that clips the more the more may be lost, the large layer only."""

    def chosen(self, budget: float, factors: Factors) -> Chosen:
        share = min(0.9, budget / factors["weight", "big"])
        clips = {"big": SparsitySetting(share, 0.0)} if share > 0 else {}
        return Chosen(clips, 1000.0 * (1.0 - share))

    def least_loss(self, cycles: float, most: float, factors: Factors) -> float | None:
        loss = (1.0 - cycles / 1000.0) * factors["weight", "big"]
        return loss if 0.0 <= loss <= min(most, 0.9 * factors["weight", "big"]) else None


def default_strategy() -> DefaultStrategy:
    return DefaultStrategy(["big", "small"], Buys, 1.0)


def record(number: int, origin: Origin, *, feasible: bool, fps: float | None = 1.0) -> TrialRecord:
    return TrialRecord(
        number,
        TrialState.COMPLETE,
        origin,
        feasible=feasible,
        selection_top1=0.5,
        selection_images=400,
        throughput_fps=fps,
        dsp=10,
        pair_density=0.75,
    )


def follow_ladder(strategy: DefaultStrategy, bears: float) -> list[Tried]:
    """Propose and judge until the sampler's turn; a loss up to ``bears`` keeps the accuracy."""
    history = [
        Tried(strategy.neutral, record(0, Origin.DENSE, feasible=True)),
        Tried(strategy.neutral, record(1, Origin.SEED, feasible=True)),
    ]
    while (proposal := strategy.propose(history)).origin is Origin.SEED:
        values = proposal.values
        assert values is not None
        kept = values[LEVEL] ** 2 <= bears
        history.append(Tried(values, record(len(history), Origin.SEED, feasible=kept)))
    return history
