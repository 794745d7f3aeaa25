"""Which layers get fewer bits: losses, and the fastest choice that loses little enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hass.device import Resources, load_device
from hass.folding import FoldingPlan, solve
from hass.measure import Split, measure_profile, open_dataset
from hass.onnx_io import read_model
from hass.ops import Input
from hass.sparsity import NO_CLIPS
from hass.values import Precision, arithmetic_of
from hass.word_choice import WordTask, choose_word_lengths, measure_word_losses, word_options


@pytest.fixture(scope="module")
def task(tiny_model: Path, tiny_data: Path) -> WordTask:
    model = read_model(tiny_model)
    data = open_dataset(str(tiny_data), model.graph.of_type(Input)[0].out)
    profile = measure_profile(model.graph, model.weights, data, NO_CLIPS, images=8)
    return WordTask(model.graph, model.weights, profile, data, (16, 8, 4))


def test_losses_grow_as_bits_become_fewer(task: WordTask) -> None:
    told: list[tuple[int, int]] = []
    losses = measure_word_losses(task, 8, progress=lambda done, total: told.append((done, total)))
    assert list(losses) == list(task.convs)
    for lost in losses.values():
        assert len(lost) == 3 and lost[0] == 0.0 and list(lost) == sorted(lost)
        assert lost[2] > 2 * lost[1] > 0.0
    runs = 2 * len(task.convs)
    assert told == [(done, runs) for done in range(1, runs + 1)]
    assert losses == measure_word_losses(task, 8)


def test_the_fastest_choice_that_loses_little_enough(task: WordTask) -> None:
    device = replace(load_device("zcu104"), budget=Resources(9_000, 18_000, 24, 40, 0))
    losses = measure_word_losses(task, 8)
    joint = word_options(task, device)
    strict = choose_word_lengths(task, joint, losses, 0.0)
    loose = choose_word_lengths(task, joint, losses, 1.0)
    assert strict.default == loose.default
    assert strict.default.images == task.dataset.count(Split.SELECTION)
    assert strict.accuracy.correct >= strict.default.correct
    cycles = []
    for words in (Precision(arithmetic_of(16)), strict.precision, loose.precision):
        plan = solve(task.graph, device, profile=task.profile, arithmetic=words)
        assert isinstance(plan, FoldingPlan)
        cycles.append(plan.estimate.frame_ii_cycles)
    assert cycles[0] >= cycles[1] >= cycles[2] and cycles[0] > cycles[2]
    # a layer has fewer bits only where that is worth a cycle, or nothing is lost by it
    none = choose_word_lengths(task, joint, dict.fromkeys(losses, (0.0, 1e3, 1e3)), 1.0)
    assert none.precision == task.precision({})
