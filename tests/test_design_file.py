"""A design file: reading undoes writing, and every mistake in a file is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simple_design import DEVICE, Content, edited, simple_design

from hass.clip_family import family_of
from hass.cost.foldings import EngineKind, Folding, MemoryKind
from hass.cost.result import Estimate, FifoEstimate, LayerEstimate
from hass.cuts import Part
from hass.design import (
    DataRef,
    Design,
    DesignAccuracy,
    DesignResult,
    LayerDensity,
    ModelRef,
    Provenance,
    summarise,
)
from hass.design_file import design_json, parse_design, read_design, summary_json, write_design
from hass.device import Resources
from hass.errors import OutputError, SpecError
from hass.files import canonical_json
from hass.folding.objective import Goal, Objective
from hass.folding.plan import FoldingPlan
from hass.sparsity import Accuracy, SparsitySetting
from hass.values import Arithmetic

COUNTS = st.integers(0, 10**9)
POSITIVE = st.integers(1, 10**9)
AMOUNTS = st.floats(0, 1e12)
FAMILIES = st.sampled_from(["magnitude", "filter", "n:4", "block:4x1"]).map(family_of)
REMOVED = ({}, {"alpha": (0, 2), "beta": (1,)})
SHARES = st.floats(0, 1)
RESOURCES = st.builds(Resources, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
MEMORIES = st.sampled_from(MemoryKind)
ENGINES = st.builds(
    Folding,
    st.sampled_from([EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC]),
    *[POSITIVE] * 6,
    st.sampled_from([MemoryKind.BRAM, MemoryKind.LUTRAM, MemoryKind.URAM]),
    MEMORIES,
    MEMORIES,
)
FOLDINGS = ENGINES | st.builds(Folding, coarse_in=POSITIVE, fifo_memory=MEMORIES)
LAYERS = st.builds(LayerEstimate, FOLDINGS, POSITIVE, COUNTS, AMOUNTS, COUNTS, AMOUNTS, RESOURCES)
ACCURACIES = st.none() | st.integers(1, 10**6).flatmap(
    lambda images: st.builds(Accuracy, st.integers(0, images), st.just(images))
)
SPLITS = st.none() | st.builds(DesignAccuracy, ACCURACIES, ACCURACIES, ACCURACIES)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    layers = draw(st.dictionaries(st.text(max_size=8), LAYERS, min_size=1, max_size=4))
    return Estimate(
        layers=layers,
        fifos=tuple(
            FifoEstimate("a", "b", port, 2, 16, draw(MEMORIES), draw(RESOURCES))
            for port in range(draw(st.integers(0, 2)))
        ),
        frame_ii_cycles=draw(POSITIVE),
        depth_cycles=draw(COUNTS),
        latency_cycles=draw(COUNTS),
        clock_mhz=draw(st.floats(1, 1000)),
        resources=draw(RESOURCES),
        bottleneck=draw(st.text(max_size=8)),
        active_macs_per_frame=draw(AMOUNTS),
        multipliers=draw(COUNTS),
    )


FPS = st.none() | st.floats(1e-3, 1e9)
OBJECTIVES = st.tuples(st.builds(Objective, st.just(Goal.THROUGHPUT), FPS), st.none()) | st.tuples(
    st.builds(Objective, st.sampled_from([g for g in Goal if g != "throughput"]), FPS), AMOUNTS
)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    estimate = draw(estimates())
    some = st.dictionaries(st.sampled_from(sorted(estimate.layers)), st.just(0), max_size=3)
    return Design(
        model=draw(
            st.builds(
                ModelRef, *[st.text(max_size=8)] * 4, removed_channels=st.sampled_from(REMOVED)
            )
        ),
        data=draw(st.none() | st.builds(DataRef, st.text(max_size=8), st.text(max_size=8))),
        device=DEVICE,
        arithmetic=draw(
            st.builds(Arithmetic, st.integers(2, 18), st.integers(2, 18), st.integers(18, 48))
        ),
        layer_arithmetic={
            name: draw(st.builds(Arithmetic, st.just(2), st.integers(2, 16), st.integers(49, 60)))
            for name in draw(some)
        },
        settings={
            name: SparsitySetting(
                draw(st.floats(0, 1, exclude_max=True)), draw(AMOUNTS), draw(FAMILIES)
            )
            for name in draw(some)
        },
        plan=FoldingPlan(
            {name: layer.folding for name, layer in estimate.layers.items()},
            estimate,
            draw(st.sampled_from(["greedy", "exact"])),
            draw(POSITIVE),
            draw(AMOUNTS),
            *draw(OBJECTIVES),
        ),
        summary=summarise(estimate, DEVICE),
        densities={
            name: draw(st.builds(LayerDensity, SHARES, SHARES, SHARES)) for name in draw(some)
        },
        output_max_abs={name: draw(AMOUNTS) for name in draw(some)},
        accuracy=draw(SPLITS),
        integer_accuracy=draw(SPLITS),
        dense=draw(
            st.none()
            | st.builds(DesignResult, st.just(summarise(estimate, DEVICE)), SPLITS, SPLITS)
        ),
        trials=draw(st.none() | COUNTS),
        provenance=draw(
            st.builds(
                Provenance,
                st.text(max_size=8),
                st.integers(0, 9),
                st.none() | COUNTS,
                st.none() | st.text(max_size=8),
                st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
            )
        ),
    )


@settings(max_examples=50, deadline=None)
@given(designs())
def test_reading_undoes_writing(design: Design) -> None:
    text = canonical_json(design_json(design))
    again = parse_design(text, "here")
    assert again == design
    assert canonical_json(design_json(again)) == text


def test_the_file_keeps_the_order_of_the_layers(tmp_path: Path) -> None:
    design = simple_design()
    write_design(design, tmp_path / "design.json")
    again = read_design(tmp_path / "design.json")
    assert again == design
    for values in (again.plan.estimate.layers, again.plan.foldings, again.output_max_abs):
        assert list(values) == ["zeta", "alpha"]


def test_infinite_utilisation_is_null() -> None:
    design = simple_design()
    estimate = replace(design.plan.estimate, resources=Resources(uram=1))
    printed = summary_json(summarise(estimate, DEVICE))
    assert printed["utilisation"] == {"lut": 0, "ff": 0, "dsp": 0, "bram18": 0, "uram": None}
    changed = replace(
        design,
        plan=replace(design.plan, estimate=estimate),
        summary=summarise(estimate, DEVICE),
    )
    assert (
        parse_design(canonical_json(design_json(changed)), "x").summary.utilisation["uram"]
        == math.inf
    )


def test_top_level_keys() -> None:
    assert {
        "schema_version",
        "frame_ii_cycles",
        "throughput_fps",
        "latency_us",
        "depth_cycles",
        "resources",
        "utilisation",
        "bottleneck",
        "active_macs_per_frame",
        "multiplier_bound_share",
        "solver",
        "proved_bound_cycles",
        "gap",
        "accuracy",
        "integer_accuracy",
        "dense",
        "trials",
        "settings",
    } <= set(design_json(simple_design()))


def test_all_mistakes_are_told_at_once_with_their_place() -> None:
    def edit(content: Content) -> None:
        content["surprise"] = 1
        content["gap"] = "none"
        del content["solver"]
        layers = content["layers"]
        assert isinstance(layers, list)
        layers[1]["resources"]["lut"] = -1

    with pytest.raises(SpecError) as caught:
        parse_design(edited(edit), "d.json")
    places = {mistake.where for mistake in caught.value.mistakes}
    assert places == {
        "d.json: surprise",
        "d.json: gap",
        "d.json: solver",
        "d.json: layers.1.resources.lut",
    }


_WORDS = {"act_bits": 8, "weight_bits": 16, "acc_bits": 32}


def test_a_file_without_word_lengths_of_layers_has_one_for_all() -> None:
    text = edited(lambda content: content.pop("layer_arithmetic"))
    assert parse_design(text, "d.json") == simple_design()


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("throughput_fps", 1.0, "summary is not that of the plan"),
        ("frame_ii_cycles", 50.0, "frame_ii_cycles"),
        ("trials", 10**30, "less than or equal to 9007199254740992"),
        ("layers", [], "layers and foldings name the same layers"),
        ("settings", {"beta": {"weight_sparsity": 0.5, "act_threshold": 0.0}}, "beta"),
        ("settings", {"alpha": {"weight_sparsity": 1.0, "act_threshold": 0.0}}, "less than 1"),
        (
            "settings",
            {"alpha": {"weight_sparsity": 0.5, "act_threshold": 0.0, "weight_family": "2:4"}},
            "settings.alpha.weight_family: got '2:4', expected one of magnitude, filter, n:M",
        ),
        ("accuracy", {"calibration": None, "selection": None}, "accuracy.test"),
        ("arithmetic", {"act_bits": 99, "weight_bits": 8, "acc_bits": 32}, "2..18"),
        ("layer_arithmetic", {"beta": _WORDS}, "beta"),
        ("layer_arithmetic", {"alpha": {**_WORDS, "weight_bits": 1}}, "2..18"),
        ("layer_arithmetic", {"alpha": {**_WORDS, "act_bits": 18}}, "wider than the 16 bits"),
        ("layer_arithmetic", {"alpha": {**_WORDS, "act_bits": 16}}, "are arithmetic's"),
    ],
)
def test_what_does_not_hold_together_is_refused(key: str, value: object, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        parse_design(edited(lambda content: content.update({key: value})), "d.json")


def test_files_of_before_families_are_as_they_were() -> None:
    content = json.loads(canonical_json(design_json(simple_design())))
    assert set(content["settings"]["alpha"]) == {"weight_sparsity", "act_threshold"}


def test_a_dense_design_that_does_not_hold_together_is_refused() -> None:
    design = simple_design()
    dense = replace(design, dense=DesignResult(design.summary, None))
    content = json.loads(canonical_json(design_json(dense)))
    assert parse_design(json.dumps(content), "d.json") == dense
    content["dense"]["utilisation"]["dsp"] = None
    with pytest.raises(SpecError, match="the dense design's utilisation"):
        parse_design(json.dumps(content), "d.json")


@pytest.mark.parametrize("version", [1, 2, 4, "3"])
def test_another_version_is_the_only_complaint(version: object) -> None:
    def edit(content: Content) -> None:
        content.clear()
        content["schema_version"] = version

    with pytest.raises(SpecError) as caught:
        parse_design(edited(edit), "d.json")
    assert [m.where for m in caught.value.mistakes] == ["d.json: schema_version"]


def test_a_part_and_the_figures_for_parts_come_back() -> None:
    design = simple_design()
    device = replace(
        design.device, off_chip_gbytes=2.0, reconfiguration_ms=96.5, link_gbytes_per_s=0.5
    )
    model = replace(design.model, part=Part("alpha", None))
    design = replace(design, device=device, model=model)
    assert parse_design(canonical_json(design_json(design)), "x") == design


@pytest.mark.parametrize("version", [3, 99])
def test_another_kind_of_file_is_the_only_complaint(version: int) -> None:
    """Versions of other kinds count for themselves."""
    with pytest.raises(SpecError, match="got another kind of file, expected a design"):
        parse_design(f'{{"schema_version": {version}, "layers": []}}', "profile.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 3, "gap": NaN}'])
def test_not_a_design(text: str, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(SpecError, match=r"d\.json"):
        read_design(path)


@pytest.mark.parametrize(
    ("name", "found"), [("net.onnx", "an ONNX model"), ("net.json", "no JSON object")]
)
def test_what_is_given_in_place_of_a_design_is_named(name: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x08\x08\x12\x07pytorch\xe0")
    with pytest.raises(SpecError, match=rf"{name}: got '{found}', expected a design file"):
        read_design(path)


def test_a_missing_file_and_a_folder_are_spec_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SpecError, match="a design file"):
            read_design(path)


def test_an_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_design(simple_design(), tmp_path / "file" / "design.json")


def test_a_design_holds_together() -> None:
    design = simple_design()
    with pytest.raises(ValueError, match="foldings are not those"):
        replace(design, plan=replace(design.plan, foldings={}))
    with pytest.raises(ValueError, match="densities"):
        replace(design, densities={"beta": LayerDensity(1, 1, 1)})
