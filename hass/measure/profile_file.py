"""profile.json: a profile as text, and back to the same value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from ..errors import Mistake, ProfileError, SpecError
from ..files import JsonValue, canonical_json, write_text_atomic
from ..graph import Graph, Weights
from ..near import unreadable
from ..setting_record import SettingRecord, setting_json
from ..sparsity import (
    Accuracy,
    SparsityProfile,
)
from ..validation import FileFormat, StrictRecord, mistakes_of
from .profile_layer import Count, LayerRecord, NotNegative, Positive, Share, layer_json, layer_value

# 1 had neither a sample of windows nor frame_correlation, 2 not where in a frame the work is, 3 not
# for which images lanes take longer
SCHEMA_VERSION = 4

Digest = Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$")]


class _Accuracy(StrictRecord):
    top1: Share
    correct: Count
    images: Positive

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> _Accuracy:
        if self.correct > self.images or self.top1 != self.correct / self.images:
            raise ValueError("expected correct <= images and top1 = correct / images")
        return self


class _ProfileFile(StrictRecord):
    schema_version: Literal[4]
    graph_digest: Digest
    weights_digest: Digest
    data_digest: Digest
    settings: dict[str, SettingRecord]
    layers: dict[str, LayerRecord]
    output_max_abs: dict[str, NotNegative]
    accuracy: _Accuracy | None


FORMAT = FileFormat(
    "profile.json",
    "what was measured of a network under one set of clips",
    _ProfileFile.model_json_schema,
)


def profile_json(profile: SparsityProfile) -> dict[str, JsonValue]:
    """The profile as JSON values; the content of profile.json."""
    accuracy = profile.accuracy
    return {
        "schema_version": SCHEMA_VERSION,
        "graph_digest": profile.graph_digest,
        "weights_digest": profile.weights_digest,
        "data_digest": profile.data_digest,
        "settings": {name: setting_json(setting) for name, setting in profile.settings.items()},
        "layers": {name: layer_json(layer) for name, layer in profile.layers.items()},
        "output_max_abs": dict(profile.output_max_abs),
        "accuracy": None
        if accuracy is None
        else {"top1": accuracy.top1, "correct": accuracy.correct, "images": accuracy.images},
    }


def write_profile(profile: SparsityProfile, path: str | Path) -> None:
    """Write profile.json, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text_atomic(path, canonical_json(profile_json(profile)))


def read_profile(path: str | Path) -> SparsityProfile:
    """Read profile.json; equal to what was written.

    Raises:
        SpecError: if it cannot be read, or listing all mistakes in it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(Path(path), error, "a readable profile (JSON)") from None
    except json.JSONDecodeError as error:
        raise SpecError.at(path, str(error), "a JSON file") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version < SCHEMA_VERSION:
        raise SpecError.at(
            f"{path}: schema_version",
            str(version),
            f"{SCHEMA_VERSION}: it was written by an earlier hass and lacks measurements; "
            "run `hass profile` again",
        )
    try:
        data = _ProfileFile.model_validate(content)
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _ProfileFile.model_json_schema) from None
    mistakes = [
        Mistake(f"{path}: settings.{name}", "a setting", "the name of one of the layers")
        for name in data.settings
        if name not in data.layers
    ]
    if mistakes:
        raise SpecError(mistakes)
    accuracy = data.accuracy
    return SparsityProfile(
        graph_digest=data.graph_digest,
        weights_digest=data.weights_digest,
        data_digest=data.data_digest,
        settings={name: item.value() for name, item in data.settings.items()},
        layers={name: layer_value(item) for name, item in data.layers.items()},
        output_max_abs=data.output_max_abs,
        accuracy=None if accuracy is None else Accuracy(accuracy.correct, accuracy.images),
    )


def check_profile(profile: SparsityProfile, graph: Graph, weights: Weights | None) -> None:
    """Refuse a profile of another network.

    Args:
        profile: to be used with the graph.
        graph: the network.
        weights: its dense weights; None: not checked.

    Raises:
        ProfileError: naming the digests that differ, or the layers that lack.
    """
    if profile.graph_digest != graph.digest:
        raise ProfileError(
            f"the profile is of another graph: digest {profile.graph_digest}, "
            f"{graph.name} has {graph.digest}"
        )
    if weights is not None and profile.weights_digest != weights.digest:
        raise ProfileError(
            f"the profile is of other weights: digest {profile.weights_digest}, "
            f"{graph.name} has {weights.digest}"
        )
    lacking = [layer.name for layer in graph.convs if layer.name not in profile.layers]
    if lacking:
        raise ProfileError(f"the profile lacks layers of {graph.name}: {', '.join(lacking)}")
