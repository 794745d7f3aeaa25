"""Whole channels in a search: work that is saved, losses that are kept, a narrower network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chain_networks import Chain, network

from hass import ops
from hass.channels import ranked_classes, smallest_channels
from hass.cli.inputs import design_model
from hass.clip_family import MAGNITUDE, WholeChannels
from hass.design_file import load_design_model, read_design
from hass.errors import ProfileError
from hass.fewer_channels import without_channels
from hass.graph import Graph, macs_per_frame
from hass.measure import NetworkLosses, Split
from hass.prune import pruned_weights
from hass.search import SearchSpec, run_search
from hass.search import channel_plan as channel_plan_module
from hass.search.channel_plan import ACT_LEVELS, CHANNEL_LEVELS, ChannelPlan, work_of
from hass.search.clips import LayerFacts
from hass.search.evaluate import Problem, open_problem
from hass.search.evaluation import mean_densities
from hass.search.hooks import SilentHooks
from hass.search.known import Known
from hass.search.narrower import narrower
from hass.search.sensitivity import LossCurve
from hass.sparsity import NO_CLIPS, SparsitySetting
from hass.values import FeatureMap

SAME3 = ((3, 3), (1, 1), (1, 1, 1, 1))
UNIFORM = tuple(i / 100 for i in range(101))
TIED: Chain = [
    ("stem", ops.Conv2d(8, *SAME3), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("expand", ops.Conv2d(10, (1, 1)), ["fork"]),
    ("dw", ops.Conv2d(10, *SAME3, 10), ["expand"]),
    ("project", ops.Conv2d(8, (1, 1)), ["dw"]),
    ("sum", ops.Add(), ["project", "fork"]),
    ("fc", ops.Conv2d(3, (6, 5)), ["sum"]),
]
RISING = {
    kind: LossCurve(levels, tuple(level**2 for level in levels))
    for kind, levels in (("act", ACT_LEVELS), ("weight", CHANNEL_LEVELS))
}


def facts_of(graph: Graph) -> tuple[LayerFacts, ...]:
    """Every MAC is active."""
    led = {"stem": 8, "expand": 10}
    return tuple(
        LayerFacts(
            layer.name,
            macs_per_frame(graph, layer.name),
            float(macs_per_frame(graph, layer.name)),
            UNIFORM,
            UNIFORM,
            0.0,
            WholeChannels(),
            tuple(k / led[layer.name] for k in range(1, led[layer.name]))
            if layer.name in led
            else (),
        )
        for layer in graph.convs
    )


@pytest.fixture(scope="module")
def plan() -> ChannelPlan:
    graph, weights = network(TIED, FeatureMap(6, 5, 3))
    facts = facts_of(graph)
    work = work_of(graph, facts, ranked_classes(graph, weights))
    kinds = [("act", f.name) for f in facts] + [("weight", "stem"), ("weight", "expand")]
    return ChannelPlan(facts, work, {kind: RISING[kind[0]] for kind in kinds})


def test_work_is_that_of_the_narrower_network(plan: ChannelPlan) -> None:
    graph, weights = network(TIED, FeatureMap(6, 5, 3))
    ranked = ranked_classes(graph, weights)
    for levels in ({"stem": 3}, {"expand": 8}, {"stem": 6, "expand": 2}):
        shares = {name: CHANNEL_LEVELS[level] for name, level in levels.items()}
        narrowed = without_channels(graph, weights, smallest_channels(ranked, shares)).graph
        macs = sum(macs_per_frame(narrowed, layer.name) for layer in narrowed.convs)
        found = plan.work.total({("weight", name): level for name, level in levels.items()})
        assert found == pytest.approx(macs)


def test_more_loss_saves_more_work(plan: ChannelPlan) -> None:
    assert plan.chosen(0.0, {}).clips == {}

    def amount(budget: float, factors: dict[tuple[str, str], float]) -> float:
        clips = plan.chosen(budget, factors).clips
        return sum(s.weight_sparsity + s.act_threshold for s in clips.values())

    amounts = [amount(budget, {}) for budget in (0.05, 0.5, 5.0)]
    assert 0 < amounts[0] < amounts[1] < amounts[2]
    families = {
        str(s.weight_family) for s in plan.chosen(5.0, {}).clips.values() if s.weight_sparsity
    }
    assert families == {"channel"}
    # what is said to lose too much is left alone
    costly = dict.fromkeys([("weight", "stem"), ("weight", "expand")], 1e6)
    assert all(s.weight_sparsity == 0 for s in plan.chosen(0.5, costly).clips.values())


@pytest.fixture
def problem(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> Problem:
    spec = SearchSpec(str(tiny_model), str(tiny_data), "pynq-z2", profile_images=4, clips="channel")
    return open_problem(spec, SilentHooks(), Known(tmp_path / "known"))


def test_losses_are_measured_once(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    first = problem.channel_plan
    # conv2 goes with conv1, and the classes of the network stay
    led = [name for kind, name in first.curves if kind == "weight"]
    assert led == [problem.model.graph.convs[0].name]
    assert first.curves["weight", led[0]].losses[-1] > 0.0
    monkeypatch.setattr(channel_plan_module, "NetworkLosses", None)  # would fail if called
    second = open_problem(problem.spec, SilentHooks(), problem.known).channel_plan
    assert dict(second.curves) == dict(first.curves)


def test_a_network_loses_nothing_against_itself(problem: Problem) -> None:
    model = problem.model
    images = problem.data.count(Split.CALIBRATION)
    losses = NetworkLosses(model.graph, model.weights, problem.data, images)
    assert losses.loss(model.graph, model.weights) == pytest.approx(0.0, abs=1e-9)
    other = model.weights.replace(
        {name: 0.5 * np.asarray(array) for name, array in model.weights.items()}
    )
    assert losses.loss(model.graph, other) > 1e-3


def test_settings_of_channels_become_another_network(problem: Problem) -> None:
    model = problem.model
    first, second, last = (layer.name for layer in model.graph.convs)
    settings = {
        first: SparsitySetting(0.5, 0.25, WholeChannels()),
        second: SparsitySetting(0.0, 0.125),
    }
    ranked = ranked_classes(model.graph, model.weights)
    smaller, clips = narrower(model, ranked, settings)
    assert [layer.out.channels for layer in smaller.graph.convs] == [2, 2, 3]
    assert clips == {first: SparsitySetting(0.0, 0.25), second: SparsitySetting(0.0, 0.125)}
    assert clips[first].weight_family == MAGNITUDE
    assert narrower(model, ranked, clips) == (model, clips)
    with pytest.raises(ProfileError, match="hass prune"):
        pruned_weights(model.weights, settings)
    # what is gone counts as zeros of the whole network
    profile = problem.unclipped_profile
    narrow_profile = problem.measured_profile(smaller, NO_CLIPS)
    whole = mean_densities(model.graph, model.graph, profile)
    narrow = mean_densities(model.graph, smaller.graph, narrow_profile)
    assert whole.weight_density == 1.0
    left, total = (
        sum(macs_per_frame(graph, name) for name in (first, second, last))
        for graph in (smaller.graph, model.graph)
    )
    assert narrow.weight_density == pytest.approx(left / total)


def test_a_searched_design_is_of_the_narrower_network(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    spec = SearchSpec(
        str(tiny_model),
        str(tiny_data),
        "pynq-z2",
        trials=4,
        strategy="tpe",
        accuracy_drop=100.0,
        profile_images=4,
        clips="channel",
    )
    run_search(spec, tmp_path / "out")
    narrow = []
    for path in sorted((tmp_path / "out" / "designs").glob("trial-*.json")):
        design = read_design(path)
        model = load_design_model(design, path)
        assert model.graph.digest == design.model.graph_digest
        assert model.weights.digest == design.model.weights_digest
        if design.model.removed_channels:
            narrow.append(path)
            conv = model.graph.convs[0]
            removed = design.model.removed_channels[conv.name]
            assert conv.out.channels == 4 - len(removed) == model.graph.convs[1].out.channels
            elsewhere = design_model(design, str(path), str(tiny_model))
            assert elsewhere.weights.digest == model.weights.digest
    assert narrow
