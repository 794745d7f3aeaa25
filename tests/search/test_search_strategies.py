"""Strategies are pure: from what was tried to what to try next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_history import Buys, default_strategy, follow_ladder, record

from hass.clip_family import Neighbours
from hass.pareto import Measure
from hass.search.chosen import Chosen, Factors
from hass.search.clips import (
    LARGEST_SHARE,
    LayerFacts,
    quantile_at,
    setting_of,
    share_below,
)
from hass.search.record import Origin, TrialRecord, TrialState
from hass.search.spec import ObjectiveWeights
from hass.search.strategy import SAMPLE, Proposal, Strategy, Tried, Values
from hass.search.strategy_climb import HillClimbStrategy
from hass.search.strategy_default import (
    CLOSE_ENOUGH,
    LEVEL,
    LEVELS,
    MOST_RUNGS,
    STEP,
    STEP_ENOUGH,
    DefaultStrategy,
    next_level,
)
from hass.search.strategy_tpe import TpeStrategy
from hass.sparsity import SparsitySetting

UNIFORM = tuple(i / 100 for i in range(101))
FACTS = (
    LayerFacts("big", 2_000_000, 1e6, UNIFORM, tuple(2 * q for q in UNIFORM), 0.0),
    LayerFacts("small", 1_000_000, 1e5, UNIFORM, UNIFORM, 0.5),
    LayerFacts("tiny", 10, 10.0, UNIFORM, UNIFORM, 0.0),
)


STRATEGIES = (
    default_strategy(),
    TpeStrategy(FACTS, ObjectiveWeights()),
    HillClimbStrategy(FACTS),
)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_neutral_values_clip_nothing_and_lie_in_the_space(strategy: Strategy) -> None:
    assert strategy.settings(strategy.neutral) == {}
    assert strategy.neutral.keys() == strategy.space.keys()
    assert all(s.low <= strategy.neutral[name] <= s.high for name, s in strategy.space.items())


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(data=st.data())
def test_all_values_of_the_space_make_legal_settings(
    strategy: Strategy, data: st.DataObject
) -> None:
    values = {n: data.draw(st.floats(s.low, s.high)) for n, s in strategy.space.items()}
    for name, setting in strategy.settings(values).items():
        facts = next(layer for layer in FACTS if layer.name == name)
        assert setting.weight_sparsity <= max(LARGEST_SHARE, facts.weight_zero_share)
        assert setting.act_threshold <= quantile_at(facts.act_quantiles, LARGEST_SHARE)


def test_tpe_shares_become_sparsity_and_threshold() -> None:
    strategy = TpeStrategy(FACTS, ObjectiveWeights())
    values = {**strategy.neutral, "weight:big": 0.25, "act:small": 0.5}
    assert strategy.settings(values) == {
        "big": SparsitySetting(0.25, 0.0),
        "small": SparsitySetting(0.0, 0.5),
    }
    assert strategy.propose([]) == SAMPLE


def test_tpe_score_is_the_papers_objective() -> None:
    strategy = TpeStrategy(FACTS, ObjectiveWeights(0.1, 1.0, 0.2))
    dense = record(0, Origin.DENSE, feasible=True)
    fast = record(1, Origin.SAMPLER, feasible=True, fps=3.0)
    assert strategy.score(fast, dense) == pytest.approx(0.5 + 0.1 * 0.25 + 3.0 - 0.2)
    unfit = TrialRecord(2, TrialState.COMPLETE, Origin.SAMPLER)
    assert strategy.score(unfit, dense) == pytest.approx(-0.2)


def test_tpe_scores_the_gain_at_another_goal() -> None:
    strategy = TpeStrategy(FACTS, ObjectiveWeights(0.0, 1.0, 0.0), Measure.LATENCY)
    dense = replace(record(0, Origin.DENSE, feasible=True), latency_us=30.0)
    early = replace(record(1, Origin.SAMPLER, feasible=True), latency_us=10.0)
    assert strategy.score(early, dense) == pytest.approx(0.5 + 3.0)
    unfit = TrialRecord(2, TrialState.COMPLETE, Origin.SAMPLER)
    assert strategy.score(unfit, dense) == 0.0


def test_default_score_is_the_gain_at_the_goal() -> None:
    strategy = DefaultStrategy(["big"], Buys, 1.0, Measure.DSP)
    dense = record(0, Origin.DENSE, feasible=True)
    assert strategy.score(replace(dense, dsp=4), dense) == pytest.approx(2.5)


def test_the_sampler_stays_near_what_is_best_at_the_goal() -> None:
    strategy = DefaultStrategy(["big", "small"], Buys, 1.0, Measure.DSP)
    history = follow_ladder(strategy, 0.3)
    best = min(t.values[LEVEL] for t in history[2:] if t.record.feasible)
    lean = [
        Tried(t.values, replace(t.record, dsp=3 if t.values[LEVEL] == best else 9)) for t in history
    ]
    within = strategy.propose(lean).within[LEVEL]
    assert within.low < best < within.high


def test_default_score_is_throughput() -> None:
    strategy = default_strategy()
    dense = record(0, Origin.DENSE, feasible=True)
    fast = record(1, Origin.SAMPLER, feasible=True, fps=1.2)
    assert strategy.score(fast, dense) == pytest.approx(1.2)


@pytest.mark.parametrize("bears", [0.0, 0.003, 0.06, 0.4, 99.0])
def test_the_ladder_ends_and_stays_in_the_space(bears: float) -> None:
    strategy = default_strategy()
    rungs = follow_ladder(strategy, bears)[2:]
    assert 1 <= len(rungs) <= MOST_RUNGS
    for tried in rungs:
        assert all(s.low <= tried.values[name] <= s.high for name, s in strategy.space.items())


def test_the_ladder_comes_close_to_what_the_network_bears() -> None:
    rungs = follow_ladder(default_strategy(), 0.3)[2:]
    kept = max(t.values[LEVEL] ** 2 for t in rungs if t.record.feasible)
    assert 0.3 / CLOSE_ENOUGH**4 < kept <= 0.3


def test_no_rung_asks_for_clips_that_another_has_had() -> None:
    class Coarse(Buys):
        def chosen(self, budget: float, factors: object) -> Chosen:
            return Chosen({"big": SparsitySetting(0.5 if budget > 0.06 else 0.25, 0.0)})

    coarse = DefaultStrategy(["big"], Coarse, 1.0)
    rungs = follow_ladder(coarse, 0.06)[2:]
    assert [tried.record.feasible for tried in rungs] == [True, False]


def test_the_sampler_stays_near_the_best_trial() -> None:
    strategy = default_strategy()
    history = follow_ladder(strategy, 0.3)
    best = max(t.values[LEVEL] for t in history if t.record.feasible)
    fast = [
        Tried(t.values, replace(t.record, throughput_fps=1.0 + t.values[LEVEL])) for t in history
    ]
    within = strategy.propose(fast).within[LEVEL]
    assert within.low < best < within.high
    assert within.high - within.low < 0.25 * best


def found_by_the_sampler(history: list[Tried], level: float, *, feasible: bool) -> list[Tried]:
    """The history with a trial of other factors that is faster than all before."""
    values = {**default_strategy().neutral, LEVEL: level, "act:big": 0.5}
    number = len(history)
    found = record(number, Origin.SAMPLER, feasible=feasible, fps=number + level)
    return [*history, Tried(values, found)]


def test_from_what_the_sampler_found_steps_lead_up_to_what_is_borne() -> None:
    strategy = default_strategy()
    history = found_by_the_sampler(follow_ladder(strategy, 0.3), 0.5, feasible=True)
    steps = []
    while (proposal := strategy.propose(history)).origin is Origin.SEED:
        values = proposal.values
        assert values is not None and values["act:big"] == 0.5
        steps.append(values[LEVEL])
        kept = values[LEVEL] ** 2 <= 0.35
        fps = 99.0 + values[LEVEL]
        history.append(Tried(values, record(len(history), Origin.SEED, feasible=kept, fps=fps)))
    assert steps[:2] == pytest.approx([0.5 * STEP, 0.5 * STEP**2])  # 0.314, 0.393: one too many
    assert 2 < len(steps) < 6
    assert 0.35**0.5 / STEP_ENOUGH < max(s for s in steps if s**2 <= 0.35) <= 0.35**0.5
    within = proposal.within[LEVEL]
    assert within.low < max(s for s in steps if s**2 <= 0.35) < within.high


def test_no_step_up_from_what_is_no_better_or_was_not_borne() -> None:
    strategy = default_strategy()
    ladder = follow_ladder(strategy, 0.3)
    assert strategy.propose(found_by_the_sampler(ladder, 0.5, feasible=False)) == strategy.propose(
        ladder
    )
    found = found_by_the_sampler(ladder, 0.5, feasible=True)
    step = strategy.propose(found).values
    assert step is not None
    slower = Tried(step, record(len(found), Origin.SEED, feasible=True, fps=2.0))
    assert strategy.propose([*found, slower]).origin is Origin.SAMPLER


def test_factors_of_losses_are_the_offsets_doublings() -> None:
    seen: dict[tuple[str, str], float] = {}

    class Watching(Buys):
        def chosen(self, budget: float, factors: Factors) -> Chosen:
            seen.update(factors)
            return Chosen()

    strategy = DefaultStrategy(["big"], Watching, 1.0)
    strategy.settings({**strategy.neutral, LEVEL: 0.2, "act:big": 1.0, "weight:big": -1.0})
    assert seen == {("act", "big"): 2.0, ("weight", "big"): 0.5}


def test_next_level_brackets_then_bisects() -> None:
    assert next_level({}, 0.25) == 0.25
    assert next_level({0.25: True}, 0.25) == pytest.approx(0.25 * 2**0.5)
    assert next_level({LEVELS.high: True}, 0.25) is None
    assert next_level({0.25: False}, 0.25) == pytest.approx(0.25 / 2**0.5)
    assert next_level({0.25: True, 0.5: False}, 0.25) == pytest.approx(0.125**0.5)
    assert next_level({0.5: True, 0.5 * CLOSE_ENOUGH: False}, 0.25) is None
    # a rung that was lucky above one that was not does not count
    assert next_level({0.25: True, 0.5: False, 1.0: True}, 0.25) == pytest.approx(0.125**0.5)


def climb(tops: Callable[[int, int], float], speeds: Callable[[int, int], float]) -> list[Values]:
    """All values that hill climbing asks for, floor 0.9, from what a place is worth."""
    strategy = HillClimbStrategy(FACTS)
    history = [
        Tried(strategy.neutral, record(0, Origin.DENSE, feasible=True)),
        Tried(strategy.neutral, replace(record(1, Origin.SEED, feasible=True), selection_top1=1.0)),
    ]
    while (proposal := strategy.propose(history)) is not None:
        values = proposal.values
        assert values is not None
        place = round(values["steps:weight"]), round(values["steps:act"])
        known = record(len(history), Origin.SEED, feasible=tops(*place) >= 0.9, fps=speeds(*place))
        history.append(Tried(values, replace(known, selection_top1=tops(*place))))
    return [tried.values for tried in history[2:]]


def test_the_climb_takes_the_step_that_loses_less_per_image_won() -> None:
    # weights lose 0.03 for 1 image/s, activations 0.02 for 0.5: three steps of the weights
    steps = climb(lambda w, a: 1 - 0.03 * w - 0.02 * a, lambda w, a: 1 + w + 0.5 * a)
    places = [(v["steps:weight"], v["steps:act"]) for v in steps]
    assert places == [(w + dw, 1 - dw) for w in range(4) for dw in (1, 0)]


def test_the_climb_goes_on_over_a_flat_place() -> None:
    steps = climb(lambda w, a: 1 - 0.03 * w - 0.04 * a, lambda w, a: 1.0)
    assert max(v["steps:weight"] for v in steps) == 4


def test_the_climb_counts_what_is_won_of_its_goal() -> None:
    """Weights save 4 DSPs a step for 0.03, activations 1 for 0.02: three steps of the weights."""
    strategy = HillClimbStrategy(FACTS, Measure.DSP, 10.0)
    neutral = replace(record(1, Origin.SEED, feasible=True), selection_top1=1.0, dsp=100)
    history = [Tried(strategy.neutral, neutral), Tried(strategy.neutral, neutral)]
    while (proposal := strategy.propose(history)) is not None:
        values = proposal.values
        assert values is not None
        weight, act = values["steps:weight"], values["steps:act"]
        top1 = 1 - 0.03 * weight - 0.02 * act
        known = record(len(history), Origin.SEED, feasible=top1 >= 0.9)
        found = replace(known, selection_top1=top1, dsp=round(100 - 4 * weight - act))
        history.append(Tried(values, found))
    assert max(tried.values["steps:weight"] for tried in history) == 4


def test_the_climb_goes_on_where_it_is_too_slow_yet() -> None:
    strategy = HillClimbStrategy(FACTS, Measure.DSP, 10.0)
    dense = replace(record(0, Origin.DENSE, feasible=False), selection_top1=1.0)
    history = [Tried(strategy.neutral, dense)]
    slow = TrialRecord(1, TrialState.COMPLETE, Origin.SEED, selection_top1=1.0)
    history.append(Tried(strategy.neutral, slow))
    while (proposal := strategy.propose(history)) is not None and len(history) < 30:
        values = proposal.values
        assert values is not None
        top1 = 1 - 0.03 * values["steps:weight"] - 0.03 * values["steps:act"]
        history.append(Tried(values, replace(slow, number=len(history), selection_top1=top1)))
    last = history[-1].values
    assert last["steps:weight"] + last["steps:act"] == 4  # the first below 0.9


def test_the_climbs_thresholds_are_global() -> None:
    strategy = HillClimbStrategy(FACTS)
    settings = strategy.settings({"steps:weight": 200.0, "steps:act": 30.0})
    assert settings["big"].weight_sparsity == pytest.approx(0.1)
    assert settings["big"].act_threshold == pytest.approx(0.3)
    # half of its weights are zero already, and a fifth of the others is below the threshold
    assert settings["small"].weight_sparsity == pytest.approx(0.6)


def test_a_proposal_says_who_chose_it() -> None:
    with pytest.raises(ValueError, match="sampler"):
        Proposal(Origin.SEED)


@given(st.floats(0.001, 1.0))
def test_share_and_quantile_undo_each_other(share: float) -> None:
    assert share_below(UNIFORM, quantile_at(UNIFORM, share)) == pytest.approx(share)


def test_clips_of_edge_cases() -> None:
    assert quantile_at(UNIFORM, 0.0) == 0.0
    assert share_below((0.5,) * 101, 0.4) == 0.0
    assert setting_of(FACTS[0], act_share=0.0, weight_sparsity=0.0) is None
    assert setting_of(FACTS[0], act_share=1.0, weight_sparsity=1.0) == SparsitySetting(0.9, 0.9)
    stepped = replace(FACTS[0], weight_family=Neighbours(4), weight_shares=(0.25, 0.5))
    for share, clipped in ((0.2, 0.0), (0.25, 0.25), (0.49, 0.25), (0.9, 0.5)):
        found = setting_of(stepped, act_share=0.5, weight_sparsity=share)
        assert found == SparsitySetting(clipped, 0.5, Neighbours(4))
    with pytest.raises(ValueError, match="101"):
        LayerFacts("x", 1, 1.0, (1.0,), UNIFORM, 0.0)
