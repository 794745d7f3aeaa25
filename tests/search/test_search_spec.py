"""spec.toml reads back to the same value, and a resumed search must ask for the same."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.clip_family import MAGNITUDE, Blocks, Neighbours, WholeChannels
from hass.errors import SpecError
from hass.pareto import Measure
from hass.search import ObjectiveWeights, SearchSpec, read_spec, write_spec
from hass.search.spec import check_resumable, spec_toml
from hass.search.weight_clips import WeightClips, weight_clips_of, weight_shares

SPEC = SearchSpec("m.onnx", "data", "zcu104")
FULL = SearchSpec(
    "m.onnx",
    "data/dataset.toml",
    "mine.toml",
    trials=7,
    strategy="tpe",
    goal="dsp",
    min_fps=1000.0,
    front=("dsp", "accuracy"),
    accuracy_drop=0.5,
    seed=3,
    profile_images=16,
    selection_limit=100,
    clock_mhz=187.5,
    layer_bits=(8, 4),
    clips="2:4",
    storage="sqlite:///x.db",
    objective=ObjectiveWeights(0.3, 2.0, 0.0),
)


@pytest.mark.parametrize("spec", [SPEC, FULL])
def test_reading_undoes_writing(spec: SearchSpec, tmp_path: Path) -> None:
    write_spec(spec, tmp_path / "spec.toml")
    assert read_spec(tmp_path / "spec.toml") == spec


def test_all_mistakes_of_a_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    write_spec(SPEC, path)
    text = path.read_text().replace("seed = 0", 'seed = "no"') + "\nspeed = 1\n"
    path.write_text(text.replace('model = "m.onnx"\n', ""))
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    places = " ".join(mistake.where for mistake in caught.value.mistakes)
    for key in ("seed", "model", "speed"):
        assert key in places
    assert str(path) in places


def test_a_value_out_of_range_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    write_spec(SPEC, path)
    path.write_text(path.read_text().replace("trials = 50", "trials = 0"))
    with pytest.raises(SpecError, match=r"spec\.toml: trials: got 0, expected at least 1"):
        read_spec(path)


@pytest.mark.parametrize("text", ["not toml [", "schema_version = 1"])
def test_another_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(SpecError, match=r"spec\.toml"):
        read_spec(path)


def test_all_bad_values_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        SearchSpec(
            "m", "d", "p", trials=0, strategy="x", accuracy_drop=-1, profile_images=0, clips="y"
        )
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "trials",
        "strategy",
        "accuracy_drop",
        "profile_images",
        "clips",
    ]


@pytest.mark.parametrize("layer_bits", [(16,), (4, 8), (8, 8), (12,)])
def test_bits_of_layers_are_fewer_and_descend(layer_bits: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match=r"layer_bits: got .*, expected descending, below bits"):
        SearchSpec("m", "d", "p", layer_bits=layer_bits)


def test_a_spec_of_before_families_has_the_same_text(tmp_path: Path) -> None:
    """The names of studies follow from it."""
    assert "clips" not in spec_toml(SPEC) and 'clips = "2:4"' in spec_toml(FULL)


@pytest.mark.parametrize(
    ("name", "clips"),
    [
        ("magnitude", WeightClips(MAGNITUDE)),
        ("block:4x1", WeightClips(Blocks(4, 1))),
        ("channel", WeightClips(WholeChannels())),
        ("n:8", WeightClips(Neighbours(8))),
        ("2:4", WeightClips(Neighbours(4), 2)),
    ],
)
def test_names_of_clips(name: str, clips: WeightClips) -> None:
    assert weight_clips_of(name) == clips


@pytest.mark.parametrize("name", ["4:4", "0:4", "n:1", "2:65", "channels", ""])
def test_other_names_of_clips_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"N:M|2:4|must be in"):
        weight_clips_of(name)
    with pytest.raises(SpecError, match="clips: got"):
        replace(SPEC, clips=name)


def test_shares_that_a_pattern_can_clip() -> None:
    assert weight_shares(WeightClips(Neighbours(4)), 16, 0) == (0.25, 0.5, 0.75)
    assert weight_shares(WeightClips(Neighbours(4), 2), 16, 0) == (0.5,)
    assert weight_shares(WeightClips(Neighbours(4)), 2, 0) == (0.75,)  # keeps one of two
    assert weight_shares(WeightClips(Neighbours(4)), 1, 0) == ()  # depthwise
    assert weight_shares(WeightClips(MAGNITUDE), 1, 0) is None
    assert weight_shares(WeightClips(WholeChannels()), 16, 4) == (0.25, 0.5, 0.75)
    assert weight_shares(WeightClips(WholeChannels()), 16, 1) == ()


@pytest.mark.parametrize("goal", ["dsp", "lut", "energy"])
def test_what_says_nothing_of_speed_needs_a_throughput(goal: str) -> None:
    with pytest.raises(SpecError, match=rf"min_fps: got None, .*--min-fps.*{goal} alone"):
        replace(SPEC, goal=goal)
    assert replace(SPEC, goal=goal, min_fps=1.0).aim.pair == (Measure.ACCURACY, Measure(goal))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("goal", "accuracy"), ("goal", "area"), ("min_fps", 0.0), ("min_fps", math.inf)),
        *(("front", ("dsp",)), ("front", ("dsp", "dsp")), ("front", ("dsp", "speed"))),
    ],
)
def test_goals_and_fronts_that_are_none(name: str, value: object) -> None:
    with pytest.raises(SpecError) as caught:
        replace(SPEC, **{name: value})
    assert [mistake.where for mistake in caught.value.mistakes] == [name]


def test_a_spec_that_is_older_than_goals_reads_as_it_did(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    write_spec(SPEC, path)
    assert "goal" not in path.read_text() and "front" not in path.read_text()
    assert read_spec(path).measure is Measure.THROUGHPUT


def test_only_trials_and_front_may_change() -> None:
    check_resumable(replace(SPEC, trials=99, front=("dsp", "lut")), SPEC, "spec.toml")
    with pytest.raises(SpecError) as caught:
        check_resumable(replace(SPEC, trials=9, seed=1, clock_mhz=100.0), SPEC, "spec.toml")
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "spec.toml: seed",
        "spec.toml: clock_mhz",
    ]


def test_the_flag_for_bits_of_layers(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> None:
    def search(bits: str) -> Result:
        words = ["search", tiny_model, "--data", tiny_data, "--device", "pynq-z2", "--trials", 2]
        words += ["--profile-images", 4, "--bits", bits, "-o", tmp_path / "out"]
        return CliRunner().invoke(main, [str(word) for word in words])

    assert search("16,8").exit_code == 0
    spec = read_spec(tmp_path / "out/spec.toml")
    assert (spec.bits, spec.layer_bits) == (16, (8,))
    assert search("16,8").exit_code == 0  # the same search
    for bits, told in (("16", "layer_bits"), ("16,", "16,8,4"), ("8,16", "descending, below bits")):
        done = search(bits)
        assert done.exit_code == 2 and told in done.stderr
