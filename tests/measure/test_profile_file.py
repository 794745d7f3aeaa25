"""profile.json: back to the same value, and all that can be wrong with it."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import dense_profile, random_profile
from small_graphs import random_weights, residual_graph

from hass.clip_family import Blocks
from hass.errors import OutputError, ProfileError, SpecError
from hass.measure import check_profile, profile_json, read_profile, write_profile
from hass.sparsity import Accuracy, SparsityProfile, SparsitySetting


def with_all_parts(seed: int = 0, correct: int = 3) -> SparsityProfile:
    graph = residual_graph()
    asked = {
        "stem": SparsitySetting(0.1, 0.3),
        "grouped": SparsitySetting(1 / 3, 0.0, Blocks(2, 1)),
    }
    profile = random_profile(graph, random_weights(graph), seed=seed, settings=asked)
    return dataclasses.replace(profile, accuracy=Accuracy(correct, 7))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_round_trip_is_identity(tmp_path_factory, seed, correct) -> None:
    path = tmp_path_factory.mktemp("p") / "profile.json"
    profile = with_all_parts(seed, correct)
    write_profile(profile, path)
    text = path.read_bytes()
    assert read_profile(path) == profile
    write_profile(read_profile(path), path)
    assert path.read_bytes() == text


def test_a_profile_without_labels_or_clips(tmp_path) -> None:
    profile = dense_profile(residual_graph())
    write_profile(profile, tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == profile
    assert json.loads((tmp_path / "p.json").read_text())["accuracy"] is None


def test_a_folder_that_is_not_there(tmp_path) -> None:
    with pytest.raises(OutputError, match="ghost"):
        write_profile(dense_profile(residual_graph()), tmp_path / "ghost" / "p.json")


def mistakes(tmp_path, text: str) -> str:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        read_profile(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def changed(**changes: object) -> str:
    return json.dumps({**profile_json(with_all_parts()), **changes})


def test_all_mistakes_at_once(tmp_path) -> None:
    content = profile_json(with_all_parts())
    stem = content["layers"]["stem"]
    stem["act_density"] = 1.5
    stem["weight_density"] = "half"
    stem["colour"] = "red"
    stem["histograms"][0]["counts"][0].append(3)
    stem["histograms"][1]["counts"][0] = [0] * len(stem["histograms"][1]["counts"][0])
    content["layers"]["grouped"]["histograms"].reverse()
    content["layers"]["grouped"]["weight_counts"]["filters"][0] += "0"
    del content["output_max_abs"]
    content["schema_version"] = 5
    content["layers"]["stem"]["work"] = {"images": 2, "parts": 3, "levels": "eJwDAAAAAAE="}
    content["accuracy"]["top1"] = 0.99
    message = mistakes(tmp_path, json.dumps(content))
    for place, expected in {
        "schema_version": "4",
        "layers.stem.work": "6 bytes",
        "layers.stem.act_density": "less than or equal to 1",
        "layers.stem.weight_density": "number",
        "layers.stem.colour": "no such key",
        "layers.stem.histograms.0.counts": "same length",
        "layers.stem.histograms.1.counts": "at least one segment",
        "layers.grouped.histograms": "packed = 1 first",
        "layers.grouped.weight_counts": "same length",
        "output_max_abs": "required",
        "accuracy": "top1",
    }.items():
        (line,) = [text for text in message.splitlines() if f"p.json: {place}: " in text]
        assert expected in line


def test_weight_counts_that_are_not_the_layers(tmp_path) -> None:
    for name, value, expected in (
        ("taps", 4, "9 taps"),
        ("filters", ["9"], "filters, 9 taps"),
        ("filters", ["f"], "at most 9"),
        ("filters", ["g"], "pattern"),
    ):
        content = profile_json(with_all_parts())
        counts = content["layers"]["stem"]["weight_counts"]
        assert counts["taps"] == 9
        if name == "taps":
            counts["filters"] = ["0" * len(row) for row in counts["filters"]]
        counts[name] = value
        assert expected in mistakes(tmp_path, json.dumps(content))


def test_a_sample_that_is_not_the_layers(tmp_path) -> None:
    size = with_all_parts().layers["stem"].sample.counts.size
    for changes, expected in (
        ({"counts": "?"}, "deflated bytes in base64"),
        ({"counts": "AAAA"}, "deflated bytes in base64"),
        ({"positions": 63}, "counts"),
        ({"positions": 65}, "counts"),
        ({"filters": [0, 0]}, "ascending"),
        ({"filters": [99]}, "filters below"),
        ({"counts": base64.b64encode(zlib.compress(b"\xff" * size)).decode()}, "at most 9"),
    ):
        content = profile_json(with_all_parts())
        content["layers"]["stem"]["sample"] |= changes
        assert expected in mistakes(tmp_path, json.dumps(content))


def test_activations_that_are_not_the_layers(tmp_path) -> None:
    for change, expected in (
        (lambda acts: acts["histograms"].pop(), "expected histograms of the sizes"),
        (lambda acts: acts["sample"].update(filters=[1]), "filter 0 alone"),
        (lambda acts: acts["sample"].update(positions=63), "counts"),
        (lambda acts: acts.update(density=2.0), "less than or equal to 1"),
    ):
        content = profile_json(with_all_parts())
        change(content["layers"]["stem"]["acts"])
        message = mistakes(tmp_path, json.dumps(content))
        assert expected in message and "layers.stem.acts" in message


def test_a_profile_of_an_earlier_hass_says_what_to_do(tmp_path) -> None:
    message = mistakes(tmp_path, changed(schema_version=1))
    assert "hass profile" in message and "schema_version" in message
    assert len(message.splitlines()) == 1


def test_values_that_are_not_json_or_not_finite(tmp_path) -> None:
    assert "a JSON file" in mistakes(tmp_path, "{")
    assert "finite" in mistakes(tmp_path, changed(output_max_abs={"stem": float("inf")}))
    assert "dictionary" in mistakes(tmp_path, "[]")
    with pytest.raises(SpecError, match=r"ghost\.json"):
        read_profile(tmp_path / "ghost.json")


def test_a_setting_of_an_unknown_layer(tmp_path) -> None:
    setting = {"weight_sparsity": 0.5, "act_threshold": 0.0}
    assert "settings.ghost" in mistakes(tmp_path, changed(settings={"ghost": setting}))


def test_a_profile_of_another_network_is_refused() -> None:
    graph = residual_graph()
    weights = random_weights(graph)
    profile = random_profile(graph, weights)
    check_profile(profile, graph, weights)
    check_profile(profile, graph, None)
    other = random_weights(graph, seed=1)
    with pytest.raises(ProfileError) as caught:
        check_profile(profile, graph, other)
    assert weights.digest in str(caught.value) and other.digest in str(caught.value)
    renamed = dataclasses.replace(graph, name="renamed")
    with pytest.raises(ProfileError, match="another graph") as caught:
        check_profile(profile, renamed, weights)
    assert graph.digest in str(caught.value) and renamed.digest in str(caught.value)
    lacking = dataclasses.replace(
        profile, layers={n: v for n, v in profile.layers.items() if n != "stem"}
    )
    with pytest.raises(ProfileError, match="lacks layers of residual: stem"):
        check_profile(lacking, graph, weights)
