"""Legal foldings against a definition written with plain loops."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import dense_layer_sparsity, random_layer_sparsity

from hass import ops
from hass.cost import EngineKind, Folding, LayerShape, MemoryKind
from hass.cost.even_flow import window_flow
from hass.cost.shape import FifoNeed
from hass.cost.window import window_stores
from hass.folding import ALL_ENGINES, is_legal, legal_foldings, objections
from hass.folding.legal import LANE_FIFO_DEPTHS, WEIGHT_MEMORIES
from hass.shapes import output_map
from hass.values import FeatureMap

LUTRAM = frozenset({MemoryKind.LUTRAM})


def conv_shape(
    channels: int, out: int, kernel: ops.Pair, groups: int = 1, size: int = 7
) -> LayerShape:
    source = FeatureMap(size, size + 2, channels * groups)
    op = ops.Conv2d(out * groups, kernel, groups=groups)
    return LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),))


def plain_definition(shape: LayerShape, engine: EngineKind, measured: set[int]) -> set[Folding]:
    op = shape.op
    assert isinstance(op, ops.Conv2d)
    channels, filters = shape.inputs[0].channels // op.groups, op.out_channels // op.groups
    taps = op.kernel[0] * op.kernel[1]
    result = set()
    sizes = [range(1, n + 1) for n in (channels, filters, op.groups, channels)]
    for ci, co, cg, packed in itertools.product(*sizes):
        if channels % (ci * packed) or filters % co or op.groups % cg:
            continue
        m = packed * taps
        if engine is EngineKind.DENSE:
            fines = [f for f in range(1, m + 1) if m % f == 0]
            legal, depths = packed == 1 or (taps == 1 and packed <= 64), (1,)
        else:
            fines = list(range(1, min(8, m) + 1))
            legal = packed in measured and 2 <= m <= 64
            depths = (1,) if engine is EngineKind.STATIC else LANE_FIFO_DEPTHS
        if engine is EngineKind.BROADCAST:
            fines = [1]
        if legal:
            result |= {
                Folding(engine, ci, co, cg, fine, packed, depth, MemoryKind.LUTRAM, lines)
                for fine in fines
                for depth in depths
                for lines in plain_line_memories(shape, ci * cg)
            }
    return result


def plain_line_memories(shape: LayerShape, streams: int) -> set[MemoryKind]:
    """Of a part without URAM. Input FIFOs of these small maps are never deep."""
    op, source = shape.op, shape.inputs[0]
    assert isinstance(op, ops.Conv2d)
    held = window_flow(op, source, shape.out).held_pixels
    deep, large = False, False
    for store in window_stores(op, source, np.array([streams]), 16, held):
        words, bits = int(np.max(store.depth_words)), int(np.max(store.width_bits))
        if words > 64 and words * bits > 4096:
            deep, large = True, large or (words > 256 and words * bits > 32768)
    if not deep:
        return {MemoryKind.NONE}
    return {MemoryKind.BRAM} if large else {MemoryKind.BRAM, MemoryKind.LUTRAM}


@given(
    st.sampled_from([1, 2, 4, 6, 7, 12]),
    st.sampled_from([1, 3, 4, 10]),
    st.sampled_from([(1, 1), (3, 3), (1, 3), (7, 7)]),
    st.sampled_from([1, 2, 3]),
    st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_convolution(channels: int, out: int, kernel: ops.Pair, groups: int, seed: int) -> None:
    shape = conv_shape(channels, out, kernel, groups)
    assert isinstance(shape.op, ops.Conv2d)
    sparsity = random_layer_sparsity(shape.op, shape.inputs[0], np.random.default_rng(seed))
    measured = {histogram.packed for histogram in sparsity.histograms}
    found = legal_foldings(shape, ALL_ENGINES, LUTRAM, sparsity)
    rows = [group.row(index) for group in found for index in range(len(group))]
    expected = plain_definition(shape, EngineKind.DENSE, measured)
    expected |= plain_definition(shape, EngineKind.DYNAMIC, measured)
    expected |= plain_definition(shape, EngineKind.BROADCAST, measured)
    if sparsity.weight_density < 1.0:
        expected |= plain_definition(shape, EngineKind.STATIC, measured)
    assert len(rows) == len(set(rows))
    assert set(rows) == expected
    for row in rows[:: max(1, len(rows) // 5)]:
        assert is_legal(shape, row, ALL_ENGINES, LUTRAM, sparsity)
        wrong = dataclasses.replace(row, coarse_out=out + 1)
        assert not is_legal(shape, wrong, ALL_ENGINES, LUTRAM, sparsity)


def test_no_sparse_engine_without_a_measurement() -> None:
    groups = legal_foldings(conv_shape(4, 4, (3, 3)), ALL_ENGINES, LUTRAM, None)
    assert {group.engine for group in groups} == {EngineKind.DENSE}
    sparse = frozenset({EngineKind.DYNAMIC, EngineKind.STATIC})
    assert legal_foldings(conv_shape(4, 4, (3, 3)), sparse, LUTRAM, None) == ()


def test_no_broadcast_engine_without_activations_alone() -> None:
    shape = conv_shape(4, 4, (3, 3))
    assert isinstance(shape.op, ops.Conv2d)
    sparsity = random_layer_sparsity(shape.op, shape.inputs[0], np.random.default_rng(0))
    without = dataclasses.replace(sparsity, acts=None)
    engines = frozenset({EngineKind.BROADCAST})
    (group,) = legal_foldings(shape, engines, LUTRAM, sparsity)
    assert legal_foldings(shape, engines, LUTRAM, without) == ()
    (reason,) = objections(shape, group.row(0), engines, LUTRAM, without)
    assert reason == ("engine", "another one: the profile lacks activations alone")
    ((field, said),) = objections(
        shape, dataclasses.replace(group.row(0), fine=2), engines, LUTRAM, sparsity
    )
    assert field == "fine" and "at most 1" in said


def test_no_static_engine_without_a_zero_weight() -> None:
    shape = conv_shape(4, 4, (3, 3))
    assert isinstance(shape.op, ops.Conv2d)
    dense = dense_layer_sparsity(shape.op, shape.inputs[0])
    kinds = {group.engine for group in legal_foldings(shape, ALL_ENGINES, LUTRAM, dense)}
    assert kinds == set(EngineKind) - {EngineKind.NONE, EngineKind.STATIC}


def test_one_group_per_memory() -> None:
    memories = frozenset({MemoryKind.LUTRAM, MemoryKind.URAM})
    groups = legal_foldings(conv_shape(4, 4, (3, 3)), ALL_ENGINES, memories, None)
    assert [group.weight_memory for group in groups] == [MemoryKind.LUTRAM, MemoryKind.URAM]


@pytest.mark.parametrize(
    ("op", "inputs", "streams"),
    [
        (ops.Input(), (), [1, 2, 3, 4, 6, 12]),
        (ops.Concat(), (4, 8), [1, 2, 4]),
        (ops.Pad((0, 0, 0, 0), 2, 4), (6,), [1, 2, 3, 6]),
    ],
)
def test_layers_without_weights(op: ops.Op, inputs: tuple[int, ...], streams: list[int]) -> None:
    sources = tuple(FeatureMap(4, 5, channels) for channels in inputs)
    shape = LayerShape(op, sources, FeatureMap(4, 5, 12), (FifoNeed(),) * len(sources))
    (group,) = legal_foldings(shape, ALL_ENGINES, LUTRAM, None)
    assert group.coarse_in.tolist() == group.coarse_out.tolist() == streams
    assert group.row(0) == Folding()


@given(
    st.sampled_from([1, 4, 6, 12]),
    st.sampled_from([1, 4, 10]),
    st.sampled_from([(1, 1), (3, 3), (7, 7)]),
    st.sampled_from([1, 3]),
    st.sampled_from(EngineKind),
    st.tuples(*[st.sampled_from([1, 2, 3, 4, 5, 6, 8, 9, 32])] * 6),
    st.sampled_from(MemoryKind),
    st.sampled_from([MemoryKind.NONE, MemoryKind.NONE, MemoryKind.BRAM]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_objections_are_raised_exactly_to_what_is_not_listed(
    channels: int,
    out: int,
    kernel: ops.Pair,
    groups: int,
    engine: EngineKind,
    factors: tuple[int, ...],
    lines: MemoryKind,
    fifos: MemoryKind,
    measured: bool,
) -> None:
    shape = conv_shape(channels, out, kernel, groups)
    assert isinstance(shape.op, ops.Conv2d)
    rng = np.random.default_rng(0)
    sparsity = random_layer_sparsity(shape.op, shape.inputs[0], rng) if measured else None
    memory = MemoryKind.NONE if engine is EngineKind.NONE else MemoryKind.LUTRAM
    folding = Folding(engine, *factors, memory, lines, fifos)
    listed = {
        group.row(index)
        for group in legal_foldings(shape, ALL_ENGINES, LUTRAM, sparsity)
        for index in range(len(group))
    }
    said = objections(shape, folding, ALL_ENGINES, LUTRAM, sparsity)
    assert (said == ()) == (folding in listed)


@given(
    st.sampled_from([2, 6]),
    st.sampled_from([(1, 1), (3, 3)]),
    st.sampled_from([(1, 1), (2, 3)]),
    st.sampled_from([EngineKind.DENSE, EngineKind.DENSE, EngineKind.STATIC]),
    st.tuples(*[st.sampled_from([1, 2, 3, 6])] * 5),
    st.sampled_from([1, 2, 3, 4, 5]),
    st.sampled_from([1, 1, 8]),
)
@settings(max_examples=300, deadline=None)
def test_objections_to_weights_off_chip(
    channels: int,
    kernel: ops.Pair,
    strides: ops.Pair,
    engine: EngineKind,
    factors: tuple[int, ...],
    rows: int,
    haste: int,
) -> None:
    op = ops.Conv2d(4, kernel, strides, (kernel[0] // 2,) * 4)
    source = FeatureMap(8, 9, channels)
    shape = LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),), haste=haste)
    memories = frozenset(WEIGHT_MEMORIES)
    folding = Folding(engine, *factors, 1, MemoryKind.OFF_CHIP, rows_per_pass=rows)
    every = [
        group.row(index)
        for group in legal_foldings(shape, ALL_ENGINES, memories, None)
        for index in range(len(group))
    ]
    wrong = {field for field, _ in objections(shape, folding, ALL_ENGINES, memories, None)}
    nowhere = {"line_memory": MemoryKind.NONE, "fifo_memory": MemoryKind.NONE}
    listed = {dataclasses.replace(one, **nowhere) for one in every}
    assert (not wrong - set(nowhere)) == (folding in listed)
    for one in every:
        if dataclasses.replace(one, **nowhere) == folding:
            assert not objections(shape, one, ALL_ENGINES, memories, None)
    some = legal_foldings(
        shape, ALL_ENGINES, frozenset({MemoryKind.OFF_CHIP}), None, rows_per_pass=rows
    )
    assert sum(map(len, some)) == sum(
        f.weight_memory is MemoryKind.OFF_CHIP and f.rows_per_pass == rows
        for f in every
        if MemoryKind.URAM not in (f.line_memory, f.fifo_memory)
    )


def test_an_objection_names_the_field_and_what_it_should_be() -> None:
    shape = conv_shape(4, 6, (3, 3), groups=2)
    dense = Folding(EngineKind.DENSE, weight_memory=MemoryKind.LUTRAM)

    def said(**fields: int) -> tuple[tuple[str, str], ...]:
        folding = dataclasses.replace(dense, **fields)
        return objections(shape, folding, ALL_ENGINES, LUTRAM, None)

    assert said(coarse_in=3) == (("coarse_in", "a divisor of 4 (input channels per group)"),)
    assert said(coarse_in=10**30) == (("coarse_in", "a divisor of 4 (input channels per group)"),)
    assert [field for field, _ in said(coarse_out=4, fine=2)] == ["coarse_out", "fine"]
    relu = LayerShape(ops.Relu(), shape.inputs, shape.inputs[0], (FifoNeed(),))
    assert [field for field, _ in objections(relu, dense, ALL_ENGINES, LUTRAM, None)] == ["engine"]
