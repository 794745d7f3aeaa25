"""Step programs of layers that move words: the ports read in a step, and whether it writes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.errors import GraphError
from hass.graph import Layer
from hass.values import FeatureMap

from .columns import INPUT_PORTS, WRITE_BIT

Codes = npt.NDArray[np.int64]


def _codes(*codes: int) -> Codes:
    return np.array(codes, dtype=np.int64)


def _reader_codes(needed: npt.NDArray[np.int64], beats_in: int) -> Codes:
    """A program that writes beat j once ``needed[j]`` beats were read, and reads all of a frame."""
    needed = np.maximum.accumulate(needed)
    reads = np.diff(needed, prepend=0)
    steps = np.maximum(reads, 1)
    result = np.full(int(steps.sum()) + beats_in - int(needed[-1]), 1, dtype=np.int64)
    result[np.cumsum(steps) - 1] = np.where(reads > 0, WRITE_BIT | 1, WRITE_BIT)
    return result


def _sliced(op: ops.Slice, source: FeatureMap, streams: int) -> Codes:
    rows = np.arange(op.rows.start, op.rows.stop, op.rows.step)
    columns = np.arange(op.columns.start, op.columns.stop, op.columns.step)
    channels = np.arange(op.channels.start, op.channels.stop, op.channels.step)
    pixels = (rows[:, None] * source.width + columns).reshape(-1)
    words = (pixels[:, None] * source.channels + channels).reshape(-1, streams)
    return _reader_codes(words.max(axis=1) // streams + 1, source.words // streams)


def _padded(op: ops.Pad, source: FeatureMap, streams: int) -> Codes:
    words = np.arange(source.words, dtype=np.int64).reshape(
        source.height, source.width, source.channels
    )
    top, left, bottom, right = op.pads
    around = ((top, bottom), (left, right), (op.channels_front, op.channels_back))
    padded = np.pad(words, around, constant_values=-1).reshape(-1, streams)
    return _reader_codes(padded.max(axis=1) // streams + 1, source.words // streams)


def _binary(layer: Layer, inputs: tuple[FeatureMap, ...], streams: int) -> Codes:
    if len({source.pixels for source in inputs}) == 1:
        return _codes(WRITE_BIT | 0b11)
    result = np.empty(layer.out.words // streams, dtype=np.int64)
    result[:] = WRITE_BIT | (0b01 if inputs[0].pixels > 1 else 0b10)
    result[: layer.out.channels // streams] = WRITE_BIT | 0b11  # then held for the frame
    return result


def program(layer: Layer, inputs: tuple[FeatureMap, ...], streams: int) -> Codes:
    """The steps of a frame, or of a part of it that repeats; bit p = read port p.

    Args:
        layer: of any kind but those with a sliding window.
        inputs: its input maps.
        streams: words of a beat at every port; divides the channels of all maps.

    Raises:
        GraphError: if it has more inputs than a step can name.
    """
    if len(inputs) > INPUT_PORTS:
        raise GraphError(
            f"layer {layer.name!r} has {len(inputs)} inputs, expected at most {INPUT_PORTS} to be "
            "simulated: join them in groups"
        )
    match layer.op:
        case ops.Input():
            return _codes(WRITE_BIT)
        case ops.Output():
            return _codes(WRITE_BIT | 1)  # off the chip
        case ops.Add() | ops.Mul():
            return _binary(layer, inputs, streams)
        case ops.Concat():
            turns = [[WRITE_BIT | 1 << p] * (m.channels // streams) for p, m in enumerate(inputs)]
            return _codes(*(code for turn in turns for code in turn))
        case ops.GlobalAvgPool():
            result = np.full(inputs[0].words // streams, 1, dtype=np.int64)
            result[-(layer.out.words // streams) :] |= WRITE_BIT
            return result
        case ops.Slice():
            return _sliced(layer.op, inputs[0], streams)
        case ops.Pad():
            return _padded(layer.op, inputs[0], streams)
        case _:
            return _codes(WRITE_BIT | 1)


def frame_steps(layer: Layer, streams: int, program_length: int) -> int:
    """Steps per frame of a layer with such a program."""
    if isinstance(layer.op, ops.GlobalAvgPool | ops.Slice | ops.Pad):
        return program_length
    return layer.out.words // streams
