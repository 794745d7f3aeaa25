"""What a design was folded for, in its file."""

from __future__ import annotations

import pytest
from simple_design import edited, simple_design

from hass.design_file import design_json, parse_design
from hass.errors import SpecError
from hass.folding.objective import FASTEST, Goal, Objective


def test_older_files_name_no_objective() -> None:
    plan = parse_design(edited(lambda content: content.pop("objective")), "old.json").plan
    assert (plan.objective, plan.bound, plan.proved_bound) == (FASTEST, None, 50.0)


def test_an_objective_is_kept_with_its_bound() -> None:
    content = design_json(simple_design())
    assert content["objective"] == {"goal": "throughput", "min_fps": None, "bound": 50.0}
    text = edited(
        lambda content: content.update(objective={"goal": "dsp", "min_fps": 2.5, "bound": 3})
    )
    plan = parse_design(text, "design.json").plan
    assert plan.objective == Objective(Goal.DSP, 2.5)
    assert (plan.proved_bound, plan.proved_bound_cycles) == (3.0, 50)


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        ({"goal": "throughput", "min_fps": None, "bound": 49}, "bound of throughput is 50"),
        ({"goal": "speed", "min_fps": None, "bound": 49}, "goal"),
        ({"goal": "dsp", "min_fps": 0, "bound": 49}, "min_fps"),
        ({"goal": "dsp", "min_fps": None}, "bound"),
    ],
)
def test_a_wrong_objective_is_told(objective: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse_design(edited(lambda content: content.update(objective=objective)), "d.json")
