"""Levers that were tried do what they say."""

from __future__ import annotations

from dataclasses import replace

from folding_cases import chain, part

from hass import ops
from hass.device import Resources, load_device
from hass.folding import (
    FASTEST,
    FoldingPlan,
    Goal,
    Infeasibility,
    Objective,
    solve,
    tried_levers,
)
from hass.values import Arithmetic, FeatureMap

CONV3 = ops.Conv2d(64, (3, 3), pads=(1, 1, 1, 1))
NET = chain(FeatureMap(16, 16, 32), CONV3, CONV3, CONV3, ops.GlobalAvgPool())


def test_a_part_on_which_it_fits() -> None:
    small = part(Resources(6_000, 6_000, 60, 6, 0))
    assert isinstance(solve(NET, small), Infeasibility)
    found = tried_levers(NET, small, FASTEST)
    (named,) = [text.split()[1] for text in found if text.startswith("on ")]
    assert isinstance(solve(NET, load_device(named)), FoldingPlan)


def test_narrower_words() -> None:
    least = next(
        lut
        for lut in range(1_000, 60_000, 500)
        if isinstance(solve(NET, part(Resources(lut, 90_000, 90, 60, 0))), FoldingPlan)
    )
    device = part(Resources(least - 500, 90_000, 90, 60, 0))
    assert isinstance(solve(NET, device), Infeasibility)
    narrow = Arithmetic(act_bits=8, weight_bits=8)
    fits = isinstance(solve(NET, device, arithmetic=narrow), FoldingPlan)
    assert fits
    assert "with 8-bit words it fits" in tried_levers(NET, device, FASTEST)
    again = tried_levers(NET, replace(device, name="again"), FASTEST, arithmetic=narrow)
    assert not any("8-bit" in text for text in again)


def test_a_throughput_that_fits() -> None:
    device = load_device("pynq-z2")
    fastest = solve(NET, device)
    assert isinstance(fastest, FoldingPlan)
    fps = fastest.estimate.throughput_fps
    objective = Objective(Goal.DSP, 2 * fps)
    assert isinstance(solve(NET, device, objective=objective), Infeasibility)
    found = tried_levers(NET, device, objective)
    (slower,) = [float(text.split()[1].replace(",", "")) for text in found if "frames" in text]
    assert slower <= fps * 1.001
    assert isinstance(
        solve(NET, device, objective=Objective(Goal.DSP, slower * 0.999)), FoldingPlan
    )


def test_nothing_helps() -> None:
    device = load_device("u250")
    assert tried_levers(NET, device, Objective(Goal.AREA, 1e9)) != ()
    assert all(
        "frames per second" in text for text in tried_levers(NET, device, Objective(Goal.AREA, 1e9))
    )
