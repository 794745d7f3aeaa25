"""onnxruntime's proof that the IR computes what the file computes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from .. import ops
from ..errors import GraphError, ProfileError
from ..graph import FloatArray, Graph, macs_per_frame
from ..intmath import ceil_div
from ..onnx_io import (
    FrameOrder,
    ImportedModel,
    PlainModel,
    double_bytes,
    double_file,
    fits_one_file,
    plain_model,
    write_model,
    write_model_file,
)
from ..values import FeatureMap, Head
from .accuracy import OUTPUT
from .session import Session, double_session, open_session

# Outputs may differ by the order of float32 additions: by 1e-4 of their own size, or by a tenth of
# that of the largest output where a sum nearly cancels.
RELATIVE_TOLERANCE = 1e-4
CANCELLATION_SHARE = 0.1
FRAMES_OF_A_KIND = 2
# What runs in 2 GiB: onnxruntime holds two or three maps of all frames at a time, and its blocked
# layout, measured with 4 channels, takes the memory of 16.
MOST_FRAME_WORDS = 1 << 22  # of a frame, beyond which there is one of a kind
MOST_MAP_WORDS = 1 << 26  # of the largest map, for all frames that run at once
CHANNEL_BLOCK = 16
# What is also run in float64, where float32 leaves the question open: a minute and 4 GiB or so.
MOST_DOUBLE_MACS = 1 << 32
MOST_DOUBLE_WORDS = 1 << 26  # weights, all maps of a frame, all windows of a layer
# Float32's share of the outputs' largest beyond which not even that tells what a network computes.
MOST_ROUNDING = 1e-2
NUDGES = 4  # random changes of the weights' last bits
_SEED = 20240903
_Batches: TypeAlias = Sequence[Sequence[FloatArray]]  # (n, words) of each output of each batch


class _DifferenceError(GraphError):
    """Outputs differ, which may be rounding."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the IR is from the file that it was made of.

    Attributes:
        error: the largest difference from the file in float32 without quantisers of activations
            (``onnx_io.PlainModel``; from the file itself where it is that), relative to the
            largest output of its frame; at most 1e-4.
        rounding: how far the two are in float32, where float32 was too coarse to tell and ``error``
            is of both in float64; otherwise 0.
        type_error: the same from the file as it is, in its own types and with its quantisers; 0
            where that is what ``error`` is of, None where onnxruntime cannot run it.
    """

    error: float
    rounding: float
    type_error: float | None


def prove_equal(model: ImportedModel) -> float:
    """``Proof.error`` of ``prove``.

    Raises:
        GraphError: if the graph and the file put out different values, or nothing can be proved.
        ProfileError: if onnxruntime refuses either network.
    """
    return prove(model).error


def prove(model: ImportedModel) -> Proof:
    """Run the original file and the IR on random frames and compare all outputs.

    The frames: normal (as normalised images), and uniform in 0..255 (as raw ones; they also
    drive activations into saturation). Seeded, so that the answer is always the same.

    What the host computes (``ImportedModel.head``) is computed here behind the IR.

    Some networks make the roundings of float32 large, on raw frames above all, so that the file
    itself is not what float64 makes of it. Where the two differ in float32, both are therefore
    run in float64 as well, and must then be as equal as otherwise in float32, or else be nearer
    to each other than random changes of the last bits of the weights take the outputs.

    Raises:
        GraphError: if an output differs from the file's by more than 1e-4 (relative) in float32,
            and in float64 too, or in a network too large for that; or from the file's in float16
            or bfloat16 by more than one rounding for each layer on the longest path: what rounding
            adds where no layer makes errors larger. Or if the network's maps are too large to be
            run.
        ProfileError: if onnxruntime refuses either network.
        SpecError: if the file is not there any more, or is another one.
    """
    batches = _frames(model.graph.frame)
    plain = plain_model(model.path)
    source = model.path if plain is None else plain.content
    session = open_session(source, folder=None if plain is None else plain.folder)
    _check_size(model, session)
    expected = [_run_original(session, _in_order(model.input_order, b)) for b in batches]
    del session  # a large network is held once at a time
    found = [_outputs(model, made) for made in _run_lowered(model, batches)]
    try:
        error, rounding = _apart(model.path, expected, found, RELATIVE_TOLERANCE), 0.0
    except _DifferenceError:
        exact = _error_in_double(model, batches, expected)
        if exact is None:
            raise
        error = exact
        rounding = _apart(model.path, expected, found, None)
    type_error = 0.0 if plain is None else _type_error(model, plain, batches, found[0])
    return Proof(error, rounding, type_error)


def _apart(
    path: str,
    expected: _Batches,
    found: _Batches,
    tolerance: float | None,
    slack: _Batches | None = None,
) -> float:
    """The largest difference of all outputs of all batches; see ``_difference``."""
    return max(
        _difference(path, wanted, actual, tolerance, slack=slack[b][o] if slack else 0.0)
        for b, (batch, outputs) in enumerate(zip(expected, found, strict=True))
        for o, (wanted, actual) in enumerate(zip(batch, outputs, strict=True))
    )


def _error_in_double(
    model: ImportedModel, batches: Sequence[FloatArray], single: _Batches
) -> float | None:
    """What ``Proof.error`` is of both models in float64; None where that cannot be said: the
    network is too large, or has operators that the reference has not, or float32 made other
    outputs of the file altogether, so that it shows nothing of what the reference computed.

    Args:
        model, batches: see ``prove``.
        single: what the file puts out in float32.
    """
    graph = model.graph
    convs = [(graph.in_maps(layer.name)[0], layer) for layer in graph.convs]
    words = (
        sum(int(array.size) for array in model.weights.values()),
        sum(layer.out.words for layer in graph),
        *(layer.out.pixels * source.channels * _taps(layer.op) for source, layer in convs),
    )
    macs = sum(macs_per_frame(graph, layer.name) for layer in graph)
    if max(words) > MOST_DOUBLE_WORDS or macs > MOST_DOUBLE_MACS:
        return None
    file, lowered = double_file(model.path), double_bytes(write_model(graph, model.weights))
    if file is None or lowered is None:
        return None
    original = double_session(file)
    try:
        expected = [_run_original(original, _in_order(model.input_order, b)) for b in batches]
        made = _run_all(double_session(lowered), batches)
    except ProfileError:
        return None
    if _apart(model.path, expected, single, None) > MOST_ROUNDING:
        return None
    found = [_outputs(model, outputs) for outputs in made]
    try:
        return _apart(model.path, expected, found, RELATIVE_TOLERANCE)
    except _DifferenceError:
        slack = _last_bits(model, batches, found)
        return _apart(model.path, expected, found, RELATIVE_TOLERANCE, slack)


def _last_bits(
    model: ImportedModel, batches: Sequence[FloatArray], found: _Batches
) -> list[list[FloatArray]]:
    """How far each frame's outputs move when every weight becomes the float32 number next to it, up
    or down at random, in the quadratic mean of some draws: folding a scale into weights rounds them
    once, by half as much at most.

    Args:
        model, batches: see ``prove``.
        found: the lowered network's outputs in float64.

    Returns:
        (n,) of each output of each batch.
    """
    rng = np.random.default_rng(_SEED)
    ends = np.asarray((-np.inf, np.inf), np.float32)
    moves: list[list[list[FloatArray]]] = []
    for _ in range(NUDGES):
        nudged = model.weights.replace(
            {
                name: np.nextafter(array, rng.choice(ends, array.shape))
                for name, array in model.weights.items()
            }
        )
        network = double_bytes(write_model(model.graph, nudged))
        assert network is not None  # as the network itself is known
        moved = [_outputs(model, made) for made in _run_all(double_session(network), batches)]
        moves.append(
            [
                [np.abs(a - b).max(axis=1) for a, b in zip(outputs, before, strict=True)]
                for outputs, before in zip(moved, found, strict=True)
            ]
        )
    return [
        [np.sqrt(np.mean(np.square(draws), axis=0)) for draws in zip(*of_batch, strict=True)]
        for of_batch in zip(*moves, strict=True)
    ]


def _taps(op: ops.Op) -> int:
    return op.kernel[0] * op.kernel[1] if isinstance(op, ops.Conv2d) else 1


def _outputs(model: ImportedModel, made: Mapping[str, FloatArray]) -> list[FloatArray]:
    """The lowered network's outputs in the order of the file's, and with its orders of words."""
    orders = model.output_orders or (None,) * len(made)
    # as read_model calls them
    names = [OUTPUT, *(f"{OUTPUT}_{number}" for number in range(2, len(made) + 1))]
    return [
        _in_order(order, _by_host(model.head, made[name]))
        for name, order in zip(names, orders, strict=True)
    ]


def _type_error(
    model: ImportedModel,
    plain: PlainModel,
    batches: Sequence[FloatArray],
    found: Sequence[FloatArray],
) -> float | None:
    """What the file's own types and quantisers make of the outputs, normal frames only: others
    overflow in float16 and leave the quantisers' ranges."""
    try:
        session = open_session(model.path)
        wanted = _run_original(session, _in_order(model.input_order, batches[0]))
    except ProfileError:  # no kernels for the type, or operators of QONNX
        return None
    if not all(np.isfinite(output).all() for output in wanted):
        return None
    judged = plain.roundoff > 0 and not plain.quantised
    path = _longest_path(model.graph)
    tolerance = max(plain.roundoff * path, RELATIVE_TOLERANCE) if judged else None
    return max(
        _difference(model.path, output, actual, tolerance, 1.0, plain.underflow * path)
        for output, actual in zip(wanted, found, strict=True)
    )


def _longest_path(graph: Graph) -> int:
    """Layers between input and output, on the path that has most."""
    length: dict[str, int] = {}
    for layer in graph:
        before = (length[edge.src] for edge in graph.in_edges(layer.name))
        length[layer.name] = 1 + max(before, default=0)
    return max(length.values())


def _run_lowered(
    model: ImportedModel, batches: Sequence[FloatArray]
) -> list[Mapping[str, FloatArray]]:
    if fits_one_file(model.weights):
        return _run_all(open_session(write_model(model.graph, model.weights)), batches)
    with tempfile.TemporaryDirectory(prefix="hass-") as folder:
        path = Path(folder, "model.onnx")
        write_model_file(model.graph, model.weights, path)
        return _run_all(open_session(path), batches)


def _run_all(session: Session, batches: Sequence[FloatArray]) -> list[Mapping[str, FloatArray]]:
    names = session.output_names
    return [dict(zip(names, session.run(names, b), strict=True)) for b in batches]


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


def _in_order(order: FrameOrder | None, frames: FloatArray) -> FloatArray:
    """(n, words) in the file's order."""
    return frames.reshape(len(frames), -1) if order is None else order.to_file(frames)


def _run_original(session: Session, frames: FloatArray) -> tuple[FloatArray, ...]:
    """All outputs, (n, words) each, whatever batch size and rank the file insists on."""
    shape = session.input_shape
    # a fixed batch size other than 1 is filled with copies of the frame
    copies = shape[0] if shape and shape[0] is not None else 1
    rows = []
    for frame in frames:
        stacked = frame.reshape(1, *(size or -1 for size in shape[1:]))
        if copies > 1:
            stacked = np.repeat(stacked, copies, axis=0)
        outputs = session.run(session.output_names, stacked)
        rows.append([output.reshape(copies, -1)[0] for output in outputs])
    return tuple(np.stack(output) for output in zip(*rows, strict=True))


def _difference(
    path: str,
    expected: FloatArray,
    actual: FloatArray,
    tolerance: float | None,
    share: float = CANCELLATION_SHARE,
    slack: FloatArray | float = 0.0,
) -> float:
    """The largest difference, relative to the largest output of its frame.

    Args:
        path: of the file.
        expected, actual: (n, words) of the file and of its graph.
        tolerance: of an output's size and of a ``share`` of the largest's; None: of any size.
        slack: what may differ whatever the size, of all frames or (n,) of each.
    """
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
    more = np.broadcast_to(slack, len(expected))
    pairs = zip(expected.astype(np.float64), actual.astype(np.float64), strict=True)
    for (wanted, got), extra in zip(pairs, more, strict=True):
        error, largest = np.abs(wanted - got), float(np.abs(wanted).max())
        whole = largest or float(np.abs(got).max()) or 1.0
        relative = float(error.max()) / whole
        if tolerance is not None:
            allowed = tolerance * (np.abs(wanted) + share * largest) + float(extra)
            if not (error <= allowed).all():
                raise _DifferenceError(
                    f"{path}: the lowered graph differs from the file by {relative:.2g} of the "
                    f"largest output; expected at most {tolerance:g}"
                )
        worst = max(worst, relative)
    return worst
