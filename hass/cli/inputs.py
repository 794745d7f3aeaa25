"""What several verbs read."""

from __future__ import annotations

from pathlib import Path

from ..errors import ProfileError
from ..onnx_io import ImportedModel
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
