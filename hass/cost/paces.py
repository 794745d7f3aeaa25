"""What of a folding the first frame's time depends on, in numbers that bound it from below.

``first_frame`` multiplies and divides what foldings give; here each folding of a layer becomes a
few numbers of which its time is a convex function (``first_frame_floor``), so that tangents to it
bound the time of all foldings at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from .coefficients import coefficients
from .foldings import EngineKind, FoldingArrays, IntArray, streams_in, streams_out
from .layer import stream_cycles
from .ops.conv import compute_cycles, engine_stages, segments_per_lane
from .shape import LayerShape

Floats = npt.NDArray[np.float64]

# columns of what ``paces`` returns
BEAT = 0  # of a frame's stream at the input (of the input layer: at its output): 1 / streams
CYCLES = 1  # of work on a position, at the least
TAIL = 2  # from a position's last word in to its last word out, at the least
LAG = 3  # the same where its words come at once, less the time that they take to be read
BURST = 4  # from a position's first word out to its last, at the most
STAGES = 5  # registers
COLUMNS = 6


def _conv(shape: LayerShape, foldings: FoldingArrays, frame_ii: IntArray) -> Floats:
    op, pixels = shape.op, shape.out.pixels
    assert isinstance(op, ops.Conv2d)
    streams = streams_in(foldings)
    most = frame_ii / (shape.haste * pixels)
    # where streams set the pace, what the engine does is not in its frame II
    if foldings.engine is EngineKind.DENSE:
        least = compute_cycles(shape, foldings, None) / pixels
        most = least
    else:  # a segment takes a cycle at least
        least = segments_per_lane(op, shape, foldings) / pixels
        paced = frame_ii <= stream_cycles(shape, foldings)
        least = np.where(~paced, most, np.minimum(least, most))
    beats_in = shape.inputs[0].channels / streams
    beats_out = shape.out.channels / streams_out(foldings)
    rounds = op.groups // foldings.coarse_group
    tail = least * foldings.packed / beats_in
    burst = most * (1.0 - 1.0 / rounds)
    burst = burst + most * foldings.packed / beats_in * np.maximum(1.0 - rounds / beats_out, 0.0)
    spread = 1.0 - (foldings.packed - 1) / np.maximum(1.0, beats_in - 1.0)
    lag = least - 1.0 + np.minimum(tail, 1.0) - spread * (beats_in - 1.0)
    return np.stack([1.0 / streams, least, tail, lag, burst, engine_stages(foldings)], axis=1)


def paces(shape: LayerShape, foldings: FoldingArrays, frame_ii_cycles: IntArray) -> Floats:
    """(n, 6) columns ``BEAT`` to ``STAGES`` of n foldings of a layer.

    Args:
        shape: the layer.
        foldings: n of its legal foldings.
        frame_ii_cycles: (n,) of ``layer_costs``.
    """
    if isinstance(shape.op, ops.Conv2d):
        return _conv(shape, foldings, frame_ii_cycles)
    streams = streams_out(foldings)
    beats = shape.out.channels / streams
    match shape.op:
        case ops.MaxPool2d() | ops.AvgPool2d() | ops.Upsample():
            tail = np.ones(len(foldings))
        case ops.DepthToSpace() | ops.Shuffle():
            tail = beats
        case _:
            tail = np.zeros(len(foldings))
    lag = np.zeros(len(foldings))
    if len(shape.inputs) == 1:
        beats_in = shape.inputs[0].channels / streams_in(foldings)
        lag = beats - 1.0 + np.minimum(tail, 1.0) - (beats_in - 1.0)
    stages = np.full(len(foldings), float(coefficients().pipeline.stream_cycles.value))
    return np.stack([1.0 / streams, beats, tail, lag, beats - 1.0, stages], axis=1)
