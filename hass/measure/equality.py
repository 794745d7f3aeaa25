"""onnxruntime's proof that the IR computes what the file computes."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..errors import GraphError
from ..graph import FloatArray
from ..intmath import ceil_div
from ..onnx_io import ImportedModel, write_model
from ..values import FeatureMap, Head
from .accuracy import OUTPUT
from .session import Session, open_session

# Outputs may differ by the order of float32 additions: by 1e-4 of their own size, or by a tenth of
# that of the largest output where a sum nearly cancels. A float16 file rounds every value to 11
# bits (5e-4), the IR computes in float32.
RELATIVE_TOLERANCE = {"float": 1e-4, "double": 1e-4, "float16": 1e-2}
CANCELLATION_SHARE = 0.1
FRAMES_OF_A_KIND = 2
# What runs in 2 GiB: onnxruntime holds two or three maps of all frames at a time, and its blocked
# layout, measured with 4 channels, takes the memory of 16.
MOST_FRAME_WORDS = 1 << 22  # of a frame, beyond which there is one of a kind
MOST_MAP_WORDS = 1 << 26  # of the largest map, for all frames that run at once
CHANNEL_BLOCK = 16
_SEED = 20240903


def prove_equal(model: ImportedModel) -> float:
    """Run the original file and the IR on random frames and compare all outputs.

    The frames: normal (as normalised images), and uniform in 0..255 (as raw ones; they also
    drive activations into saturation). Seeded, so that the answer is always the same.

    What the host computes (``ImportedModel.head``) is computed here behind the IR.

    Returns:
        The largest difference relative to the largest output of its frame.

    Raises:
        GraphError: if an output differs by more than 1e-4 (relative; 1e-2 for a float16 file), or
            the network's maps are too large to be run.
        ProfileError: if onnxruntime refuses either network.
    """
    frame = model.graph.of_type(ops.Input)[0].out
    original = open_session(model.path)
    _check_size(model, original)
    tolerance = RELATIVE_TOLERANCE[original.input_type]
    outputs = [_run_original(original, images, frame) for images in _frames(frame)]
    del original  # two sessions would need twice the memory
    rewritten = open_session(write_model(model.graph, model.weights))
    worst = 0.0
    names = rewritten.output_names
    for images, wanted in zip(_frames(frame), outputs, strict=True):
        actual = dict(zip(names, rewritten.run(names, images), strict=True))
        for number, expected in enumerate(wanted):
            name = OUTPUT if number == 0 else f"{OUTPUT}_{number + 1}"  # as read_model calls them
            found = _by_host(model.head, actual[name]).reshape(len(images), -1)
            worst = max(worst, _difference(model.path, expected, found, tolerance))
    return worst


def _by_host(head: Head | None, outputs: FloatArray) -> FloatArray:
    """What the host makes of (n, channels, ...) words."""
    if head is None:
        return outputs
    with np.errstate(invalid="ignore"):  # what is not finite differs from what is
        moved = outputs - outputs.max(axis=1, keepdims=True)
        logs: FloatArray = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
    return logs if head is Head.LOG_SOFTMAX else np.exp(logs)


def _check_size(model: ImportedModel, original: Session) -> None:
    """Refuse what would take all memory."""
    batch = (original.input_shape[0] if original.input_shape else None) or 1
    blocks = {
        layer.name: layer.out.pixels * ceil_div(layer.out.channels, CHANNEL_BLOCK)
        for layer in model.graph
    }
    largest = max(model.graph, key=lambda layer: blocks[layer.name])
    if batch * blocks[largest.name] * CHANNEL_BLOCK > MOST_MAP_WORDS:
        raise GraphError(
            f"{model.path}: too large to be proved: layer {largest.name!r} makes a {largest.out} "
            f"feature map, for a batch of {batch}, and {MOST_MAP_WORDS} words, of {CHANNEL_BLOCK} "
            "channels at least, are run at most; --no-prove imports it without a proof"
        )


def _frames(frame: FeatureMap) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(_SEED)
    if frame.words > MOST_FRAME_WORDS:
        one = (1, frame.channels, frame.height, frame.width)
        uniform = rng.random(one, dtype=np.float32)
        uniform *= 255.0
        return rng.standard_normal(one, dtype=np.float32), uniform
    shape = (FRAMES_OF_A_KIND, frame.channels, frame.height, frame.width)
    return (
        rng.standard_normal(shape).astype(np.float32),
        rng.uniform(0.0, 255.0, shape).astype(np.float32),
    )


def _run_original(
    session: Session, images: FloatArray, frame: FeatureMap
) -> tuple[FloatArray, ...]:
    """All outputs, (n, words) each, whatever batch size and rank the file insists on."""
    shape = session.input_shape
    # a fixed batch size other than 1 is filled with copies of the frame
    copies = shape[0] if shape and shape[0] is not None else 1
    per_image = (frame.channels,) if len(shape) == 2 else images.shape[1:]
    rows = []
    for image in images:
        stacked = image.reshape(1, *per_image)
        if copies > 1:
            stacked = np.repeat(stacked, copies, axis=0)
        outputs = session.run(session.output_names, stacked)
        rows.append([output.reshape(copies, -1)[0] for output in outputs])
    return tuple(np.stack(output) for output in zip(*rows, strict=True))


def _difference(path: str, expected: FloatArray, actual: FloatArray, tolerance: float) -> float:
    if expected.shape != actual.shape:
        raise GraphError(
            f"{path}: the file puts out {expected.shape[1]} words per frame, "
            f"its lowered graph {actual.shape[1]}"
        )
    if not np.isfinite(expected).all():
        raise GraphError(
            f"{path}: nothing can be proved, as the file itself puts out values that are not "
            "finite on random frames; --no-prove imports it without a proof"
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
