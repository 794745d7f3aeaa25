"""The active products of real images, in order and with their correlation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost import Estimate
from hass.errors import ProfileError
from hass.graph import Graph, Weights
from hass.measure import Dataset, Split
from hass.measure.session import open_session
from hass.onnx_io import write_model
from hass.prune import pruned_weights
from hass.sparsity import SparsityProfile, act_thresholds_of
from hass.values import FeatureMap

from . import columns as c
from .work import (
    Ints,
    Numbers,
    Row,
    Source,
    cycle_table,
    engine_columns,
    make_source,
    static_rows,
    uneven_layers,
)

FloatArray = npt.NDArray[np.float32]
Tables = tuple[Numbers, Numbers, Numbers]


def window_masks(
    active: npt.NDArray[np.bool_], op: ops.Conv2d, packed: int, out: FeatureMap
) -> Ints:
    """(n, positions, blocks) masks of the windows of n images, (n, C, H, W); padding is zero."""
    top, left, bottom, right = op.pads
    padded = np.pad(active, ((0, 0), (0, 0), (top, bottom), (left, right)))
    images, channels = active.shape[:2]
    height, width = out.height, out.width
    masks = np.zeros((images, channels // packed, height, width), dtype=np.uint64)
    bit = 0
    for channel in range(packed):
        for row in range(0, op.extent[0], op.dilation[0]):
            for column in range(0, op.extent[1], op.dilation[1]):
                tap = padded[
                    :,
                    channel::packed,
                    row : row + op.stride[0] * (height - 1) + 1 : op.stride[0],
                    column : column + op.stride[1] * (width - 1) + 1 : op.stride[1],
                ]
                masks |= tap.astype(np.uint64) << np.uint64(bit)
                bit += 1
    flat = masks.reshape(images, channels // packed, -1).swapaxes(1, 2)
    return np.ascontiguousarray(flat).view(np.int64)


def weight_masks(weights: FloatArray, packed: int) -> Ints:
    """(filters, blocks of a group) masks of weights, (F, C / groups, kh, kw)."""
    live = (weights != 0).reshape(weights.shape[0], weights.shape[1] // packed, -1)
    bits = np.uint64(1) << np.arange(live.shape[2], dtype=np.uint64)
    return np.asarray((live * bits).sum(axis=2, dtype=np.uint64).view(np.int64))


def mask_row(row: Row, fine: int, masks: Ints, live: Ints, tables: Tables) -> Row:
    """Columns of an engine that gets its cycles from masks, which go to the tables.

    Args:
        row: of ``engine_columns``.
        fine: multipliers.
        masks: (frames, positions, windows, lanes in) of windows, as dealt.
        live: (windows, lanes in, lanes out, filters of a lane) of weights, as dealt.
        tables: cycles, masks of windows, masks of weights.
    """
    numbers, acts, lives = tables
    return row | {
        c.FROM_MASKS: 1,
        c.CYCLE_TABLE: numbers.add(cycle_table(row[c.PRODUCTS], fine)),
        c.ACT_MASKS: acts.add(masks),
        c.WEIGHT_MASKS: lives.add(live),
        c.MASK_WINDOWS: masks.size // row[c.LANES_IN],
    }


def _inputs(
    graph: Graph,
    pruned: Weights,
    thresholds: Mapping[str, float],
    names: list[str],
    dataset: Dataset,
    images: int,
) -> dict[str, npt.NDArray[np.bool_]]:
    """Layer -> which of its (clipped) inputs are not zero, (images, C, H, W)."""
    taps = tuple(f"tap:{name}" for name in names)
    session = open_session(write_model(graph, pruned, act_thresholds=thresholds, taps=taps))
    found: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in names}
    for batch in dataset.batches(Split.SELECTION, 1, images):
        for name, values in zip(names, session.run(taps, batch.images), strict=True):
            found[name].append(values != 0)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def trace_source(
    graph: Graph,
    weights: Weights,
    estimate: Estimate,
    profile: SparsityProfile,
    dataset: Dataset,
    *,
    images: int,
) -> Source:
    """Cycles of segments from the first images of the selection split, one image a frame.

    Args:
        graph, weights: the dense network.
        estimate: gives the foldings.
        profile: gives the clips, and the rates by which channels and filters are dealt to lanes.
        dataset: labelled images.
        images: frames that will be simulated; they come again from the first where the split is
            smaller.

    Raises:
        ProfileError: if the data do not fit the graph.
        SpecError: if an image cannot be read.
    """
    (frame,) = graph.of_type(ops.Input)
    if frame.out != dataset.frame:
        raise ProfileError(f"the input is {frame.out}, the data ({dataset.name}) {dataset.frame}")
    pruned = pruned_weights(weights, profile.settings)
    thresholds = act_thresholds_of(profile.settings)
    layers = uneven_layers(graph, estimate, profile)
    names = [traced.layer.name for traced in layers]
    active = _inputs(graph, pruned, thresholds, names, dataset, images) if names else {}
    numbers, acts, lives = Numbers(), Numbers(), Numbers()
    rows: list[Row] = []
    actors = static_rows(graph, estimate, profile, numbers)
    for traced in layers:
        layer, op, folding = traced.layer, traced.op, traced.folding
        channels = graph.in_maps(layer.name)[0].channels
        row, actor = engine_columns(channels, folding, op, traced.filters)
        blocks = traced.blocks()
        masks = window_masks(active[layer.name], op, folding.packed, layer.out)[:, :, blocks]
        filters = traced.dealt(blocks)
        values = pruned[f"{layer.name}.weight"]
        if traced.is_broadcast:
            values = np.ones((op.groups, *values.shape[1:]), dtype=np.float32)
        live = weight_masks(values, folding.packed)
        live = live[filters, (blocks % live.shape[1])[:, :, None, None]]
        row = mask_row(row, folding.fine, masks, live, (numbers, acts, lives))
        actors[layer.name] = actor | {c.DRAWN: len(rows)}
        rows.append(row)
    return make_source(rows, numbers, actors, acts.joined(), lives.joined())
