"""What is measured once: losses and foldings of options; kept, gone on with, and chosen from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hass.design import Design
from hass.device import Resources, load_device
from hass.measure import GroupLosses, Split, clip_losses, measure_accuracy
from hass.narrow import narrowed
from hass.onnx_io import write_model
from hass.search import codesign as codesign_module
from hass.search import sensitivity as sensitivity_module
from hass.search import words as words_module
from hass.search.codesign import LEVELS, LOSSES, CoDesign, level_losses
from hass.search.evaluate import Problem, open_problem
from hass.search.hooks import SilentHooks
from hass.search.known import Known
from hass.search.sensitivity import (
    ENOUGH,
    SHARES,
    LossCurve,
    LossSteps,
    Sensitivity,
    sensitivities,
)
from hass.search.spec import SearchSpec
from hass.search.strategy import Hopeless
from hass.search.strategy_default import OFFSETS
from hass.values import Precision, arithmetic_of

CURVE = LossCurve((0.0, 0.2, 0.4, 0.6), (0.0, 0.01, 0.01, 0.04))


@pytest.fixture
def problem(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> Problem:
    spec = SearchSpec(str(tiny_model), str(tiny_data), "pynq-z2", profile_images=4)
    return open_problem(spec, SilentHooks(), Known(tmp_path / "known"))


def test_roots_of_losses_are_interpolated() -> None:
    assert CURVE.share_at(0.0) == 0.0
    assert CURVE.share_at(0.01 / 4) == pytest.approx(0.1)
    assert CURVE.share_at(1.0) == pytest.approx(0.6)
    assert CURVE.within(1.0) == 0.04 and CURVE.within(0.02) == 0.02
    shares = [CURVE.share_at(loss) for loss in np.linspace(0, 0.05, 30)]
    assert shares == sorted(shares)
    flat = LossCurve((0.0, 0.5), (0.0, 0.0))
    assert flat.share_at(0.1) <= 0.5


def test_curves_reach_as_far_as_they_are_asked_for() -> None:
    assert max(LOSSES) / 2**OFFSETS.low <= ENOUGH


def test_steps_are_taken_whole() -> None:
    steps = LossSteps((0.0, 0.25, 0.5), (0.0, 0.01, 0.01))
    assert [steps.share_at(loss) for loss in (0.0, 0.009, 0.01, 1.0)] == [0.0, 0.0, 0.5, 0.5]
    assert [steps.within(loss) for loss in (0.0, 0.009, 0.01, 1.0)] == [0.0, 0.0, 0.01, 0.01]


@pytest.mark.parametrize(("clips", "shares"), [("filter", SHARES), ("2:4", (0.5,))])
def test_losses_and_options_are_of_the_family(
    problem: Problem, clips: str, shares: tuple[float, ...]
) -> None:
    of_family = replace(problem, spec=replace(problem.spec, clips=clips))
    found = of_family.codesign
    last = found.facts[-1].name
    measured = found.curves[last].weight.shares
    assert len(measured) > 1 and measured == (0.0, *shares)[: len(measured)]
    settings = found.chosen(1.0, {}).clips
    clipped = [s for s in settings.values() if s.weight_sparsity > 0]
    assert clipped and {str(s.weight_family) for s in clipped} == {clips.replace("2", "n")}
    for setting in clipped:
        assert clips == "filter" or setting.weight_sparsity == 0.5


def test_levels_lose_what_the_clips_do() -> None:
    losses = level_losses(Sensitivity(weight=CURVE, act=CURVE), 2.0, 0.5)
    assert len(losses) == len(LEVELS) and losses[0] == 0.0
    for (act, weight), loss in zip(LEVELS, losses, strict=True):
        expected = 2.0 * min(LOSSES[act], 0.04) + 0.5 * min(LOSSES[weight], 0.04)
        assert loss == pytest.approx(expected)


def test_curves_are_measured_once_and_gone_on_with(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, facts = problem.model, problem.facts
    measured = []
    measure = clip_losses.measure_clip_losses

    def counted(*args: object, **more: object) -> Iterator[GroupLosses]:
        for part in measure(*args, **more):  # type: ignore[arg-type]
            measured.append(part.images)
            yield part

    monkeypatch.setattr(sensitivity_module, "measure_clip_losses", counted)
    monkeypatch.setattr(clip_losses, "CROSSING_WORDS", 3 * 8 * 30)  # three images at a time

    def curves() -> dict[str, Sensitivity]:
        return sensitivities(
            model.graph, model.weights, problem.data, facts, problem.known, SilentHooks()
        )

    first = curves()
    assert set(first) == {layer.name for layer in facts}
    curve = first[facts[0].name].act
    assert len(curve.losses) == len(SHARES) + 1 or curve.losses[-1] >= ENOUGH
    parts = list(measured)
    assert len(parts) > 1 and sum(parts) == 8  # a fifth of 40 images are for calibration
    measured.clear()
    assert curves() == first and measured == []
    kept = sorted(problem.known.folder.glob("losses-*.json"))  # type: ignore[union-attr]
    assert len(kept) == len(parts)
    kept[0].write_text("torn")  # whatever is lost is measured again
    again = curves()
    assert measured and again == first


def test_foldings_are_kept_by_content(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    first = problem.codesign
    monkeypatch.setattr(codesign_module, "measure_alone", None)  # would fail if it were called
    second = open_problem(problem.spec, SilentHooks(), problem.known).codesign
    for budget in (0.01, 0.1):
        assert second.chosen(budget, {}) == first.chosen(budget, {})


def test_more_loss_clips_more_and_none_clips_nothing(problem: Problem) -> None:
    found: CoDesign = problem.codesign
    assert found.chosen(0.0, {}).clips == {}

    def lost(budget: float) -> float:
        clips = found.chosen(budget, {}).clips
        return sum(s.weight_sparsity + s.act_threshold for s in clips.values())

    assert lost(1.0) > 0.0
    # a layer that is said to lose too much is left alone
    costly = {(kind, f.name): 1e6 for f in found.facts for kind in ("act", "weight")}
    assert found.chosen(0.5, costly).clips == {}


def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    known = Known(tmp_path / "known")
    assert known.text("a", {"x": 1}) is None and known.arrays("a", {"x": 1}) is None
    known.keep_text("a", {"x": 1}, {"y": [1.5]})
    known.keep_arrays("a", {"x": 1}, {"0": np.arange(6).reshape(2, 3)})
    assert known.text("a", {"x": 1}) == {"y": [1.5]} and known.text("a", {"x": 2}) is None
    arrays = known.arrays("a", {"x": 1})
    assert arrays is not None and arrays["0"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for path in (tmp_path / "known").iterdir():
        path.write_bytes(path.read_bytes()[:-4])
    assert known.text("a", {"x": 1}) is None and known.arrays("a", {"x": 1}) is None
    Known().keep_text("a", {}, 1)  # nowhere to keep it
    assert Known().text("a", {}) is None


def test_word_lengths_are_chosen_once_and_trials_are_measured_with_them(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = replace(problem.spec, layer_bits=(8, 4), accuracy_drop=40.0)
    known = Known(tmp_path / "words")
    small = replace(load_device("zcu104"), budget=Resources(9_000, 18_000, 24, 40, 0))
    narrow = replace(problem, spec=spec, device=small, known=known)
    own = narrow.words.layers
    assert own and {words.act_bits for words in own.values()} <= {8, 4}
    evaluation = narrow.evaluate({}, Hopeless.MEASURED)
    design = evaluation.answer
    assert isinstance(design, Design)
    assert design.precision == narrow.words
    # trials have the accuracy of the rounded words
    graph, weights = problem.model.graph, problem.model.weights
    words = narrowed(graph, weights, narrow.words, narrow.unclipped_profile.output_max_abs)
    assert set(words.operands) == set(own)
    rounded = write_model(graph, words.weights, operands=words.operands)
    assert evaluation.selection == measure_accuracy(rounded, problem.data, Split.SELECTION)
    assert narrow.test_accuracy(design) == measure_accuracy(rounded, problem.data, Split.TEST)
    assert narrow.integer_accuracy(design, Split.SELECTION).images == 16
    dense = narrow.dense()
    assert isinstance(dense.answer, Design)
    assert not dense.answer.layer_arithmetic and dense.selection == narrow.unclipped_accuracy
    # read again, not measured
    monkeypatch.setattr(words_module, "measure_word_losses", None)
    assert replace(narrow).words == narrow.words
    assert problem.words == Precision(arithmetic_of(16))
