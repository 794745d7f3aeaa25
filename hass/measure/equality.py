"""onnxruntime's proof that the IR computes what the file computes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import ops
from ..errors import GraphError
from ..graph import FloatArray
from ..onnx_io import (
    FrameOrder,
    ImportedModel,
    fits_one_file,
    write_model,
    write_model_file,
)
from ..values import FeatureMap
from .accuracy import OUTPUT
from .session import Session, open_session

# Outputs may differ by the order of float32 additions: by 1e-4 of their own size, or by a tenth of
# that of the largest output where a sum nearly cancels. A float16 file rounds every value to 11
# bits (5e-4), the IR computes in float32.
RELATIVE_TOLERANCE = {"float": 1e-4, "double": 1e-4, "float16": 1e-2}
CANCELLATION_SHARE = 0.1
FRAMES_OF_A_KIND = 2
_SEED = 20240903


def prove_equal(model: ImportedModel) -> float:
    """Run the original file and the IR on random frames and compare all outputs.

    The frames: normal (as normalised images), and uniform in 0..255 (as raw ones; they also
    drive activations into saturation). Seeded, so that the answer is always the same.

    Returns:
        The largest difference relative to the largest output of its frame.

    Raises:
        GraphError: if an output differs by more than 1e-4 (relative; 1e-2 for a float16 file).
        ProfileError: if onnxruntime refuses either network.
    """
    batches = _frames(model.graph.of_type(ops.Input)[0].out)
    original = open_session(model.path)
    tolerance = RELATIVE_TOLERANCE[original.input_type]
    expected = [_run_original(original, _in_order(model.input_order, b)) for b in batches]
    del original  # a large network is held once at a time
    worst = 0.0
    for wanted, found in zip(expected, _run_lowered(model, batches), strict=True):
        actual = _in_order(model.output_order, found)
        worst = max(worst, _difference(model.path, wanted, actual, tolerance))
    return worst


def _run_lowered(model: ImportedModel, batches: Sequence[FloatArray]) -> list[FloatArray]:
    if fits_one_file(model.weights):
        session = open_session(write_model(model.graph, model.weights))
        return [session.run((OUTPUT,), images)[0] for images in batches]
    with tempfile.TemporaryDirectory(prefix="hass-") as folder:
        path = Path(folder, "model.onnx")
        write_model_file(model.graph, model.weights, path)
        session = open_session(path)
        return [session.run((OUTPUT,), images)[0] for images in batches]


def _frames(frame: FeatureMap) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(_SEED)
    shape = (FRAMES_OF_A_KIND, frame.channels, frame.height, frame.width)
    return (
        rng.standard_normal(shape).astype(np.float32),
        rng.uniform(0.0, 255.0, shape).astype(np.float32),
    )


def _in_order(order: FrameOrder | None, frames: FloatArray) -> FloatArray:
    """(n, words) in the file's order."""
    return frames.reshape(len(frames), -1) if order is None else order.to_file(frames)


def _run_original(session: Session, frames: FloatArray) -> FloatArray:
    """The first output, (n, words), whatever batch size and rank the file insists on."""
    shape = session.input_shape
    # a fixed batch size other than 1 is filled with copies of the frame
    copies = shape[0] if shape and shape[0] is not None else 1
    rows = []
    for frame in frames:
        stacked = np.repeat(frame.reshape(1, *(size or -1 for size in shape[1:])), copies, axis=0)
        (output,) = session.run(session.output_names[:1], stacked)
        rows.append(output.reshape(copies, -1)[0])
    return np.stack(rows)


def _difference(path: str, expected: FloatArray, actual: FloatArray, tolerance: float) -> float:
    if expected.shape != actual.shape:
        raise GraphError(
            f"{path}: the file puts out {expected.shape[1]} words per frame, "
            f"its lowered graph {actual.shape[1]}"
        )
    worst = 0.0
    for wanted, got in zip(expected.astype(np.float64), actual.astype(np.float64), strict=True):
        error, largest = np.abs(wanted - got), float(np.abs(wanted).max())
        allowed = tolerance * (np.abs(wanted) + CANCELLATION_SHARE * largest)
        relative = float(error.max()) / largest if largest > 0 else float(error.max())
        if not (error <= allowed).all():
            raise GraphError(
                f"{path}: the lowered graph differs from the file by {relative:.2g} of the "
                f"largest output; expected at most {tolerance:g}"
            )
        worst = max(worst, relative)
    return worst
