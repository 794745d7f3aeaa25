"""Words, limits and pictures: the figures a reader takes away."""

from __future__ import annotations

import dataclasses

import pytest
from made_designs import made_design

from hass.design import summarise
from hass.device import Resources, load_device
from hass.folding import Goal, Objective
from hass.report.limits import budget_shares, critical_layers, idle_share, limits
from hass.report.words import number, percent, ratio, short, shown, standard_error, top1
from hass.sparsity import Accuracy


@pytest.mark.parametrize(
    "value, text",
    [
        (1234567, "1,234,567"),
        (1234.56, "1,235"),
        (12.3456, "12.35"),
        (0.00001234567, "1.235e-05"),
        (0, "0"),
        (0.0, "0"),
        (None, "–"),
        (float("inf"), "–"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_percent_ratio_and_top1() -> None:
    assert percent(0.12345) == "12.3 %"
    assert percent(float("inf")) == "–"
    assert ratio(3, 2) == "1.50×"
    assert ratio(3, 0) == "–"
    assert top1(None) == "–"
    assert top1(Accuracy(456, 500)) == "91.20 % ± 1.27 (456 of 500)"
    assert standard_error(Accuracy(500, 500)) == 0


def test_names_that_do_not_print_or_are_long() -> None:
    assert shown("a\x00b\u202ec\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert short("conv1", 5) == "conv1"
    cut = short("features.12.block.conv.weight", 12)
    assert len(cut) == 12 and cut.startswith("feat") and cut.endswith(".weight")


def test_critical_layers_are_those_within_five_percent() -> None:
    design = made_design()
    limit = 0.95 * design.summary.frame_ii_cycles
    for name, layer in design.plan.estimate.layers.items():
        assert (name in critical_layers(design)) == (layer.frame_ii_cycles >= limit)
    assert design.summary.bottleneck in critical_layers(design)


def test_multipliers_time_adds_up() -> None:
    design = made_design()
    idle = idle_share(design)
    assert idle is not None
    # made_design: active MACs are 0.8 of each layer's multiplier cycles
    assert design.summary.multiplier_bound_share == pytest.approx(0.8 * (1 - idle))
    assert idle_share(made_design(["add0"], density=None)) is None


def test_limits_name_what_runs_out() -> None:
    facts = dict(limits(made_design()))
    assert "no resource has run out" in facts["Resources"]
    small = made_design()
    used = small.summary.resources
    for factor, words in ((1.0, "what runs out"), (0.5, "Does not fit the budget")):
        budget = Resources(*(int(factor * amount) for amount in used))
        device = dataclasses.replace(small.device, budget=budget)
        tight = dataclasses.replace(
            small, device=device, summary=summarise(small.plan.estimate, device)
        )
        assert max(budget_shares(tight).values()) == pytest.approx(1 / factor, rel=0.1)
        assert words in dict(limits(tight))["Resources"]


def test_limits_of_a_design_bound_off_chip_and_proved_best() -> None:
    design = made_design(device=load_device("pynq-z2"))
    estimate = dataclasses.replace(design.plan.estimate, bottleneck="off-chip input")
    plan = dataclasses.replace(
        design.plan, estimate=estimate, gap=0.0, proved_bound_cycles=estimate.frame_ii_cycles
    )
    bound = dataclasses.replace(design, plan=plan, summary=summarise(estimate, design.device))
    facts = dict(limits(bound))
    assert "off-chip bandwidth of 2.1 GB/s" in facts["Slowest part"]
    assert facts["Proof"].startswith("Proved best: no legal folding that fits")


@pytest.mark.parametrize(
    ("objective", "bound", "words"),
    [
        (Objective(Goal.DSP, 100.0), 12.0, "fits at 100 fps has less than 12 DSP"),
        (Objective(Goal.LATENCY), 4321.0, "has its first frame through in less than 4,321 cycles"),
        (Objective(Goal.AREA), 0.25, "has less than 25.0 % of the scarcest resource's budget"),
        (Objective(), None, "has a frame II below"),
    ],
)
def test_the_proof_is_that_of_the_objective(
    objective: Objective, bound: float | None, words: str
) -> None:
    design = made_design(device=load_device("pynq-z2"))
    for gap, begin in ((0.0, "Proved best: no legal"), (0.125, "No legal")):
        plan = dataclasses.replace(design.plan, objective=objective, bound=bound, gap=gap)
        proof = dict(limits(dataclasses.replace(design, plan=plan)))["Proof"]
        assert proof.startswith(begin)
        assert words in proof
        assert ("12.50 % above" in proof) == (gap > 0)
