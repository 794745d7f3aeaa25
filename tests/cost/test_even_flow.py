"""What blocks hold in the even flow: by hand, and against a flow that is stepped through."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import feature_maps, windows

from hass import ops
from hass.cost.even_flow import burst_words, slice_flow, window_flow
from hass.cost.window import window_cost
from hass.shapes import output_map
from hass.values import FeatureMap

WIDTH = 20
MAP = FeatureMap(12, WIDTH, 8)


def _conv(kernel: ops.Pair, stride: ops.Pair, pads: ops.Pads) -> ops.Conv2d:
    return ops.Conv2d(4, kernel, stride, pads)


@pytest.mark.parametrize(
    ("op", "held"),
    [
        (_conv((1, 1), (1, 1), (0, 0, 0, 0)), 0),
        (_conv((3, 3), (1, 1), (1, 1, 1, 1)), 2 * WIDTH + 2),  # kh - 1 rows and kw - 1 columns
        (_conv((5, 5), (1, 1), (2, 2, 2, 2)), 4 * WIDTH + 4),
        (_conv((3, 3), (2, 2), (1, 1, 1, 1)), 3 * WIDTH + 3),  # the row that a stride skips
        (_conv((1, 1), (2, 2), (0, 0, 0, 0)), WIDTH + 1),
    ],
)
def test_rows_that_are_held(op: ops.Conv2d, held: int) -> None:
    assert window_flow(op, MAP, output_map(op, [MAP])).held_pixels == held


def test_a_map_that_is_one_window_is_held_while_the_next_comes() -> None:
    source = FeatureMap(7, 7, 16)
    op = ops.Conv2d(10, (7, 7))
    flow = window_flow(op, source, output_map(op, [source]))
    assert flow.held_pixels == 48 + 48
    assert flow.delay_frames == 1.0
    hasty = window_flow(op, source, output_map(op, [source]), haste=8)
    assert hasty.held_pixels == 48 + 6


@settings(max_examples=200, deadline=None)
@given(source=feature_maps(), data=st.data())
def test_windows_hold_what_a_stepped_flow_does(source: FeatureMap, data: st.DataObject) -> None:
    """One window per position: pixel q comes at (q + 1) / Q, position p is worked on from lead +
    p / P for 1 / P."""
    kernel, stride, pads = data.draw(windows(source))
    op = ops.Conv2d(3, kernel, stride, pads)
    out = output_map(op, [source])
    pixels, positions = source.pixels, out.pixels
    assume(positions <= pixels)
    first, last = np.full(positions, -1), np.full(pixels, -1)
    for position in range(positions):
        row, column = divmod(position, out.width)
        for y in range(row * stride[0] - pads[0], row * stride[0] - pads[0] + kernel[0]):
            for x in range(column * stride[1] - pads[1], column * stride[1] - pads[1] + kernel[1]):
                if 0 <= y < source.height and 0 <= x < source.width:
                    first[position] = max(first[position], y * source.width + x)
                    last[y * source.width + x] = position
    # times in units of 1 / (P * Q)
    lead = max(
        (int((first[p] + 1) * positions - p * pixels) for p in range(positions) if first[p] >= 0),
        default=0,
    )
    flow = window_flow(op, source, out)
    assert flow.delay_frames * pixels * positions >= lead - 1e-6
    lead = round(flow.delay_frames * pixels * positions)
    needed = 0
    for pixel in range(pixels):
        if last[pixel] >= 0:
            released = lead + (int(last[pixel]) + 1) * pixels
            needed = max(needed, ceil(released / positions) - 1 - pixel)
    # besides the window that is worked on, which here is a whole pixel
    assert flow.held_pixels + 1 >= needed


def test_a_strided_slice_comes_a_row_at_a_time() -> None:
    op = ops.Slice(ops.Span(0, 12, 2), ops.Span(0, WIDTH, 2), ops.Span(0, 8))
    flow = slice_flow(op, MAP, output_map(op, [MAP]))
    assert flow.held_positions == WIDTH // 4 + 1  # half a row of positions, and one


def test_bursts() -> None:
    depthwise = ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1), groups=8)
    assert burst_words(depthwise, (MAP,), output_map(depthwise, [MAP])) == 0
    point = ops.Conv2d(6, (1, 1))
    assert burst_words(point, (MAP,), output_map(point, [MAP])) == 6
    assert burst_words(ops.GlobalAvgPool(), (MAP,), FeatureMap(1, 1, 8)) == 8
    assert burst_words(ops.Relu(), (MAP,), MAP) == 0


@pytest.mark.parametrize("streams", [1, 2, 8])
def test_a_window_that_holds_more_costs_more(streams: int) -> None:
    source = FeatureMap(64, 64, 32)
    op = ops.Conv2d(8, (3, 3), (2, 2), (1, 1, 1, 1))
    held = window_flow(op, source, output_map(op, [source])).held_pixels
    count = np.array([streams])
    plain = window_cost(op, source, count, 16, held_pixels=0)
    deep = window_cost(op, source, count, 16, held_pixels=held)
    assert deep.bram18[0] > plain.bram18[0]
    assert deep.lut[0] > plain.lut[0]
    point = ops.Conv2d(8, (1, 1), (2, 2))
    kept = window_flow(point, source, output_map(point, [source])).held_pixels
    assert window_cost(point, source, count, 16, kept).bram18[0] > 0
