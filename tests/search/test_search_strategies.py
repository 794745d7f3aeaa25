"""Strategies are pure: from what was tried to what to try next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hass.search.clips import (
    LARGEST_SHARE,
    LayerFacts,
    quantile_at,
    rms,
    setting_of,
    share_below,
)
from hass.search.record import Origin, TrialRecord, TrialState
from hass.search.spec import ObjectiveWeights
from hass.search.strategy import SAMPLE, Proposal, Strategy, Tried, Values
from hass.search.strategy_default import CLOSE_ENOUGH, RAYS, DefaultStrategy, next_level
from hass.search.strategy_tpe import TpeStrategy
from hass.sparsity import SparsitySetting

UNIFORM = tuple(i / 100 for i in range(101))
FACTS = (
    LayerFacts("big", 2_000_000, 1e6, UNIFORM, tuple(2 * q for q in UNIFORM), 0.0),
    LayerFacts("small", 1_000_000, 1e5, UNIFORM, UNIFORM, 0.5),
    LayerFacts("tiny", 10, 10.0, UNIFORM, UNIFORM, 0.0),
)
STRATEGIES = (DefaultStrategy(FACTS), TpeStrategy(FACTS, ObjectiveWeights()))


def record(number: int, origin: Origin, *, feasible: bool, fps: float | None = 1.0) -> TrialRecord:
    return TrialRecord(
        number,
        TrialState.COMPLETE,
        origin,
        feasible=feasible,
        selection_top1=0.5,
        throughput_fps=fps,
        dsp=10,
        pair_density=0.75,
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


def test_default_score_is_throughput_and_on_a_plateau_sparsity() -> None:
    strategy = DefaultStrategy(FACTS)
    dense = record(0, Origin.DENSE, feasible=True)
    fast = record(1, Origin.SAMPLER, feasible=True, fps=1.2)
    sparse = replace(dense, pair_density=0.1)
    assert (
        strategy.score(fast, dense) > strategy.score(sparse, dense) > strategy.score(dense, dense)
    )


def test_default_clips_more_where_more_is_saved_and_leaves_the_tiny_alone() -> None:
    strategy = DefaultStrategy(FACTS)
    settings = strategy.settings({**strategy.neutral, "level:act": 0.3, "level:weight": 0.3})
    assert settings.keys() == {"big", "small"}
    assert settings["big"].act_threshold > settings["small"].act_threshold > 0
    assert settings["small"].weight_sparsity > FACTS[1].weight_zero_share
    tilted = strategy.settings({**strategy.neutral, "level:act": 0.3, "tilt": 2.0})
    assert tilted["small"].act_threshold > settings["small"].act_threshold
    more = strategy.settings({**strategy.neutral, "level:act": 0.3, "act:small": 0.5})
    assert more["small"].act_threshold == pytest.approx(2**0.5 * settings["small"].act_threshold)


def follow_ladder(strategy: DefaultStrategy, bears: float) -> list[Values]:
    """Propose and judge until the sampler's turn; noise up to ``bears`` keeps the accuracy."""
    history = [
        Tried(strategy.neutral, record(0, Origin.DENSE, feasible=True)),
        Tried(strategy.neutral, record(1, Origin.SEED, feasible=True)),
    ]
    while (proposal := strategy.propose(history)) != SAMPLE:
        values = proposal.values
        assert values is not None and proposal.origin is Origin.SEED
        kept = values["level:act"] + values["level:weight"] <= bears
        history.append(Tried(values, record(len(history), Origin.SEED, feasible=kept)))
    return [tried.values for tried in history[2:]]


@pytest.mark.parametrize("bears", [0.0, 0.05, 0.4, 1.3, 99.0])
def test_the_ladder_ends_and_stays_in_the_space(bears: float) -> None:
    strategy = DefaultStrategy(FACTS)
    rungs = follow_ladder(strategy, bears)
    assert 1 <= len(rungs) <= sum(ray.trials for ray in RAYS)
    for values in rungs:
        assert all(s.low <= values[name] <= s.high for name, s in strategy.space.items())


def test_the_ladder_comes_close_to_what_the_network_bears() -> None:
    rungs = follow_ladder(DefaultStrategy(FACTS), 0.62)
    kept = max(2 * v["level:act"] for v in rungs if v["level:act"] == v["level:weight"] <= 0.31)
    assert kept > 0.62 / 1.2


def test_next_level_brackets_then_bisects() -> None:
    assert next_level({}, 0.25, 2.0, 2.0) == 0.25
    assert next_level({0.25: True}, 0.25, 2.0, 2.0) == 0.5
    assert next_level({2.0: True}, 0.25, 2.0, 2.0) is None
    assert next_level({0.25: False}, 0.25, 2.0, 2.0) == 0.125
    assert next_level({0.25: True, 0.5: False}, 0.25, 2.0, 2.0) == pytest.approx(0.125**0.5)
    assert next_level({1.0: True, CLOSE_ENOUGH: False}, 0.25, 2.0, 2.0) is None
    # a rung that was lucky above one that was not does not count
    assert next_level({0.25: True, 0.5: False, 1.0: True}, 0.25, 2.0, 2.0) == pytest.approx(
        0.125**0.5
    )


def test_a_proposal_says_who_chose_it() -> None:
    with pytest.raises(ValueError, match="sampler"):
        Proposal(Origin.SEED)


@given(st.floats(0.001, 1.0))
def test_share_and_quantile_undo_each_other(share: float) -> None:
    assert share_below(UNIFORM, quantile_at(UNIFORM, share)) == pytest.approx(share)


def test_clips_of_edge_cases() -> None:
    assert rms((2.0,) * 101) == pytest.approx(2.0)
    assert quantile_at(UNIFORM, 0.0) == 0.0
    assert share_below((0.5,) * 101, 0.4) == 0.0
    assert setting_of(FACTS[0], act_share=0.0, weight_sparsity=0.0) is None
    assert setting_of(FACTS[0], act_share=1.0, weight_sparsity=1.0) == SparsitySetting(0.9, 0.9)
    with pytest.raises(ValueError, match="101"):
        LayerFacts("x", 1, 1.0, (1.0,), UNIFORM, 0.0)
