"""The default strategy: clip where it buys throughput, find how much, then let TPE refine.

For every budget of predicted loss there is a best choice of clips (``codesign``): the least frame
II that they can buy, as the folding solver's own tables say. What is left unknown is how much loss
the network bears within the accuracy asked for, a single number: a short ladder brackets it, each
rung measured truly. What layers lose is known from a few images only, and adds up only roughly; so
each loss has a factor 2**offset for TPE to find. With these it is known what loss buys a design
that is faster than the best so far, so that is what is tried: what cannot win is not. With the
factors of a trial that TPE found to be the best, a few steps up see whether the network bears more.

With the goal DSP or LUT the clips are those with which the least of it does at the frame rate that
is required, with efficiency those of the best product of frame II and DSPs, by the same tables.
With latency and energy they are still those that buy throughput: the tables know neither the first
frame nor the energy. With goals other than throughput TPE chooses the loss, too, near that of the
best. Whatever the goal, trials are folded for it and judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from statistics import median

from hass.pareto import Measure
from hass.sparsity import NO_CLIPS, Settings

from .chosen import Chooser, Chosen
from .pareto import best_of
from .record import Origin, TrialRecord
from .strategy import (
    Follows,
    History,
    Hopeless,
    Proposal,
    Range,
    Space,
    Values,
    gain,
)

LEVEL = "level"  # the root of the budget of loss, in nats
LEVELS = Range(0.0, 1.0)
OFFSETS = Range(-0.5, 0.5)  # of a loss, in doublings
FIRST_LOSS = 0.05  # a network is taken to bear for each point that it may lose: where to begin
GROWTH = 2**0.5  # of the level, while the floor is not bracketed: the loss doubles
CLOSE_ENOUGH = 1.04  # ratio of levels at which the ladder stops
SMALLEST_LEVEL = 0.02
MOST_RUNGS = 9
NEAR = Range(0.9, 1.12)  # levels that TPE tries, relative to the best trial's
HIGHEST = 1.25  # of the best trial's level: more loss than that is not tried
AHEAD = 0.99  # of the best frame II so far: what TPE tries is to be faster
PATIENCE = 6  # trials in a row that miss the floor before the next is to be slower ...
EASIER = 1.01  # ... by this factor each: those that keep it tell where to look
EASIEST = 1.1  # of the best frame II: no slower ones are tried
RECENT = 5  # trials that tell by how much frame II is more than expected
STEP = 1.12  # of the level, up from a trial that TPE found
STEP_ENOUGH = 1.06  # ratio of levels at which such steps stop


def next_level(
    tried: Mapping[float, bool],
    first: float,
    growth: float = GROWTH,
    close_enough: float = CLOSE_ENOUGH,
) -> float | None:
    """The next rung: up or down until the floor is bracketed, then bisecting.

    Args:
        tried: level -> whether the design kept the accuracy floor.
        first: the level to begin with.
        growth: of the level, while the floor is not bracketed.
        close_enough: ratio of levels at which it is known well enough.

    Returns:
        None once the bracket is closer than that or has left the range.
    """
    if not tried:
        return LEVELS.clamp(first)
    lowest_bad = min((level for level, kept in tried.items() if not kept), default=None)
    good = [
        level
        for level, kept in tried.items()
        if kept and (lowest_bad is None or level < lowest_bad)
    ]
    if lowest_bad is None:
        highest = max(good)
        return LEVELS.clamp(growth * highest) if highest < LEVELS.high else None
    if not good:
        lower = lowest_bad / growth
        return lower if lower >= SMALLEST_LEVEL else None
    if lowest_bad / max(good) <= close_enough:
        return None
    return float((lowest_bad * max(good)) ** 0.5)


def _aim(history: History) -> float:
    """Frame II that the sampler's next trial is to have, relative to the best: a little less; after
    a row of trials that missed the floor, more from trial to trial, until one keeps it."""
    missed = 0
    for tried in history:
        if tried.record.origin is Origin.SAMPLER:
            missed = 0 if tried.record.feasible else missed + 1
    return min(AHEAD * EASIER ** max(0, missed - PATIENCE), EASIEST)


def _factors(values: Values) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != LEVEL}


def _levels(history: History, values: Values) -> dict[float, bool]:
    """Level -> whether the floor was kept, of trials with the same factors of losses.

    A trial that runs (``supposed``) is taken to miss it, but not where one that risked more has
    kept it.
    """
    factors = _factors(values)
    same = [tried for tried in history if _factors(tried.values) == factors]
    kept = max((t.values[LEVEL] for t in same if t.record.feasible), default=0.0)
    return {
        t.values[LEVEL]: t.record.feasible
        or (t.record.selection_images is None and t.values[LEVEL] < kept)
        for t in same
    }


class DefaultStrategy:
    """A ladder over the loss that is risked, then TPE around it.

    Args:
        layers: those that may be clipped.
        chooser: what their clips cost and buy; asked for when the first clips are chosen, as it
            takes long to measure and nothing may fit the part.
        accuracy_drop: points that a design may lose.
        goal: what designs are to be best at.
    """

    def __init__(
        self,
        layers: Sequence[str],
        chooser: Callable[[], Chooser],
        accuracy_drop: float,
        goal: Measure = Measure.THROUGHPUT,
    ) -> None:
        self._goal = goal
        self._layers = tuple(layers)
        self._chooser = chooser
        self._first = (FIRST_LOSS * accuracy_drop) ** 0.5
        self._chosen = lru_cache(maxsize=256)(self._bought)

    @property
    def space(self) -> Space:
        """The level, and per layer the offsets ``weight:<layer>`` and ``act:<layer>``."""
        offsets = {
            f"{kind}:{layer}": OFFSETS for layer in self._layers for kind in ("weight", "act")
        }
        return {LEVEL: LEVELS, **offsets}

    @property
    def neutral(self) -> Values:
        """Level and offsets 0."""
        return dict.fromkeys(self.space, 0.0)

    @property
    def random_trials(self) -> int:
        """None: the ladder has been there."""
        return 0

    @property
    def hopeless(self) -> Hopeless:
        """Only designs that keep the floor are of use."""
        return Hopeless.STOPPED

    def propose(self, history: History) -> Proposal:
        """The next rung, a step up from the best trial, or the sampler near it."""
        rungs = {level: kept for level, kept in _levels(history, self.neutral).items() if level > 0}
        level = self._next_rung(rungs)
        if level is not None:
            return Proposal(Origin.SEED, self._at(level))
        best = best_of((tried.record for tried in history), self._goal)
        known = {tried.record.number: tried.values for tried in history}
        if best is not None and (step := self._next_step(history, known[best.number])) is not None:
            return Proposal(Origin.SEED, step)
        level = SMALLEST_LEVEL if best is None else max(known[best.number][LEVEL], SMALLEST_LEVEL)
        wanted = None if best is None else self._wanted(history, best)
        if wanted is None:
            near = Range(LEVELS.clamp(NEAR.low * level), LEVELS.clamp(NEAR.high * level))
            return Proposal(Origin.SAMPLER, within={LEVEL: near})
        most = LEVELS.clamp(HIGHEST * level)

        def enough(values: Values) -> float:
            loss = self._chooser().least_loss(wanted, LEVELS.high**2, self._factors_of(values))
            return most if loss is None else min(loss**0.5, most)

        return Proposal(Origin.SAMPLER, follows=Follows(LEVEL, enough))

    def _wanted(self, history: History, best: TrialRecord) -> float | None:
        """Cycles that have to be expected of clips that are to beat the best trial; None: not
        known."""
        if self._goal is not Measure.THROUGHPUT or best.frame_ii_cycles is None:
            return None
        measured = [
            (tried.values, cycles)
            for tried in history
            if (cycles := tried.record.frame_ii_cycles) is not None and tried.values[LEVEL] > 0
        ]
        ratios = [
            expected / cycles
            for values, cycles in measured[-RECENT:]
            if (expected := self._chosen_at(values).cycles) is not None
        ]
        return _aim(history) * best.frame_ii_cycles * median(ratios) if ratios else None

    def _at(self, level: float) -> Values:
        return {**self.neutral, LEVEL: level}

    def _next_rung(self, rungs: dict[float, bool]) -> float | None:
        """A level whose clips no rung has had; of those that had the same, the outcome is known."""
        measured = [(self.settings(self._at(level)), kept) for level, kept in rungs.items()]
        for _ in range(MOST_RUNGS - len(rungs)):
            level = next_level(rungs, max(self._first, SMALLEST_LEVEL))
            if level is None:
                return None
            clips = self.settings(self._at(level))
            same = [kept for settings, kept in measured if settings == clips]
            if not same:
                return level if clips else None
            rungs[level] = same[0]
        return None

    def _next_step(self, history: History, best: Values) -> Values | None:
        """The best trial's factors at another level; None where the sampler's turn is.

        A level above the best's that is borne, but no better, ends it: more loss buys nothing.
        """
        tried = _levels(history, best)
        if best[LEVEL] == 0 or _factors(best) == _factors(self.neutral):
            return None  # the ladder was there
        if any(kept and level > best[LEVEL] for level, kept in tried.items()):
            return None
        level = next_level(tried, best[LEVEL], STEP, STEP_ENOUGH)
        if level is None:
            return None
        step = {**best, LEVEL: level}
        return None if self.settings(step) == self.settings(best) else step

    def settings(self, values: Values) -> Settings:
        """The clips that buy most for the level's loss."""
        if values[LEVEL] == 0.0:
            return NO_CLIPS
        return self._chosen_at(values).clips

    def _chosen_at(self, values: Values) -> Chosen:
        return self._chosen(tuple(sorted(values.items())))

    def _factors_of(self, values: Values) -> dict[tuple[str, str], float]:
        return {
            (kind, layer): 2.0 ** values[f"{kind}:{layer}"]
            for layer in self._layers
            for kind in ("act", "weight")
        }

    def _bought(self, values: tuple[tuple[str, float], ...]) -> Chosen:
        named = dict(values)
        return self._chooser().chosen(named[LEVEL] ** 2, self._factors_of(named))

    def score(self, record: TrialRecord, reference: TrialRecord) -> float:
        """Gain at the goal over the reference; the accuracy floor is a constraint."""
        return gain(record, reference, self._goal)
