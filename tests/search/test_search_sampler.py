"""What the default strategy lets the sampler try: what is expected to beat the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from made_up_history import Buys, default_strategy, follow_ladder, record

from hass.search.record import Origin
from hass.search.strategy import Tried
from hass.search.strategy_default import AHEAD, HIGHEST, LEVEL, PATIENCE, RECENT
from hass.search.trial import supposed
from hass.search.trial_notes import UnderWay


def measured(history: list[Tried], more: Callable[[int], float]) -> list[Tried]:
    """The history with frame IIs, ``more`` times what is expected of the n-th trial."""
    chooser = Buys()
    told = []
    for number, tried in enumerate(history):
        factors = {("weight", "big"): 2.0 ** tried.values["weight:big"]}
        expected = chooser.chosen(tried.values[LEVEL] ** 2, factors).cycles
        assert expected is not None
        cycles = round(more(number) * expected)
        record = replace(tried.record, frame_ii_cycles=cycles, throughput_fps=1e6 / cycles)
        told.append(Tried(tried.values, record))
    return told


@pytest.mark.parametrize("offset", [-0.1, 0.0, 0.1])
def test_what_the_sampler_tries_is_expected_to_be_faster(offset: float) -> None:
    """By the frame II of the best, and by how much the last ones were above what was expected."""
    strategy = default_strategy()
    ladder = follow_ladder(strategy, 0.3)
    history = measured(ladder, lambda number: 1.1 if number >= len(ladder) - RECENT else 3.0)
    best = min(t.record.frame_ii_cycles or 0 for t in history if t.record.feasible)
    follows = strategy.propose(history).follows
    assert follows is not None and follows.name == LEVEL
    values = {**strategy.neutral, "weight:big": offset}
    level = follows.of({name: value for name, value in values.items() if name != LEVEL})
    share = 1.0 - strategy.settings({**values, LEVEL: level})["big"].weight_sparsity
    # frame IIs of some hundred cycles are whole numbers, in the best and in what was expected
    assert 1.1 * 1000 * share == pytest.approx(AHEAD * best, rel=2e-3)


def test_the_sampler_risks_little_more_than_the_best() -> None:
    strategy = default_strategy()
    history = measured(follow_ladder(strategy, 0.3), lambda number: 1.0)
    best = max(t.values[LEVEL] for t in history if t.record.feasible)
    follows = strategy.propose(history).follows
    assert follows is not None
    assert follows.of({**strategy.neutral, "weight:big": 0.5}) < HIGHEST * best
    assert follows.of({**strategy.neutral, "weight:big": 5.0}) == pytest.approx(HIGHEST * best)


def test_after_trials_that_miss_the_floor_less_is_asked_for() -> None:
    strategy = default_strategy()
    history = measured(follow_ladder(strategy, 0.3), lambda number: 1.0)

    def level() -> float:
        follows = strategy.propose(history).follows
        assert follows is not None
        return follows.of(strategy.neutral)

    def add(*, feasible: bool) -> None:
        found = record(len(history), Origin.SAMPLER, feasible=feasible, fps=0.5)
        history.append(Tried({**strategy.neutral, LEVEL: 0.01}, found))

    first = level()
    for _ in range(PATIENCE):
        add(feasible=False)
        assert level() == first
    add(feasible=False)
    eased = level()
    add(feasible=False)
    assert level() < eased < first
    add(feasible=True)
    assert level() == first


def test_a_rung_below_one_that_kept_the_floor_does_not_send_the_ladder_down() -> None:
    """Two at a time, one worker's rung is taken to miss the floor while the other's is judged."""
    strategy = default_strategy()
    history = follow_ladder(strategy, 0.3)[:2]
    levels = [0.0]
    under_way: list[UnderWay] = []
    for number in range(2, 20):
        told = supposed(history, under_way, strategy.space)
        proposal = strategy.propose(told)
        if proposal.values is None:
            break
        levels.append(proposal.values[LEVEL])
        owner = str(number)
        under_way.append(
            UnderWay(number, Origin.SEED, proposal.values, strategy.space, owner, None, 0)
        )
        if len(under_way) == 2:
            first = under_way.pop(0)
            kept = first.values[LEVEL] ** 2 <= 0.3
            done = replace(record(first.number, Origin.SEED, feasible=kept), selection_images=400)
            history.append(Tried(first.values, done))
    assert max(level for level in levels if level**2 <= 0.3) > 0.3**0.5 / 1.1
    assert sum(level < 0.2 for level in levels) <= 2  # the first, and what went beside it
