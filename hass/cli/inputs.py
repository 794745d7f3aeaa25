"""What several verbs read."""

from __future__ import annotations

from pathlib import Path

from ..cuts import WHOLE
from ..design import Design
from ..design_file import load_design_model
from ..errors import Mistake, ProfileError, SpecError
from ..frames import TestFrames, data_frames, design_data
from ..graph import Graph
from ..onnx_io import ImportedModel, read_model, take_part, without
from ..sparsity import SparsityProfile, part_profile


def load_profile(path: str | None, model: ImportedModel) -> SparsityProfile | None:
    """The profile at ``path``, or None without one; of a part of a network what the profile of the
    whole says of it.

    Raises:
        SpecError: if the file is not a profile.
        ProfileError: if it was measured on another network.
    """
    if path is None:
        return None
    from ..measure import check_profile, read_profile  # here, as it loads onnxruntime

    profile = read_profile(path)
    try:
        if model.origin is None:
            check_profile(profile, model.graph, model.weights)
            return profile
        whole = model.origin.whole
        check_profile(profile, whole.graph, whole.weights)
        return part_profile(profile, model.graph, model.weights, model.origin.carries)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


def is_json(path: str) -> bool:
    """Whether a file holds JSON rather than a model; False if it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False


def design_model(design: Design, design_path: str, model_path: str | None) -> ImportedModel:
    """The network of a design: where its file says, or at ``model_path``, perhaps saved anew.

    Raises:
        SpecError: if it is not there, or is another network.
    """
    if model_path is None:
        return load_design_model(design, design_path)
    whole = without(read_model(model_path), design.model.removed_channels)
    model = take_part(whole, design.model.part)
    mistakes = [
        Mistake(
            f"--model {model_path}", f"{what} {found[:16]}", f"{wanted[:16]}, the design's network"
        )
        for what, found, wanted in (
            ("graph", model.graph.digest, design.model.graph_digest),
            ("weights", model.weights.digest, design.model.weights_digest),
        )
        if found != wanted
    ]
    if mistakes:
        raise SpecError(mistakes)
    return model


def design_frames(
    design: Design,
    graph: Graph,
    design_path: str,
    data: str | None,
    count: int,
    *,
    split_name: str | None = None,
) -> TestFrames | None:
    """Images of ``data``, or else of the data that the design was measured on; None if there are
    none, as for a part of a network.

    Raises:
        SpecError: if the data cannot be read, do not fit, or are given for a part of a network.
    """
    if design.model.part != WHOLE:
        if data is not None:
            raise SpecError.at("--data", data, "nothing: images and labels are of whole networks")
        return None
    path = design_data(design, design_path) if data is None else Path(data)
    if path is None:
        return None
    seed = design.provenance.seed or 0  # that of the splits which the design was measured on
    return data_frames(graph, path, count, split_name=split_name, seed=seed)
