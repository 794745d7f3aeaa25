"""Where buffers lie is chosen with the rest: what is legal, what it costs, what it makes possible.

``only_bram`` is how it was before: deep buffers in BRAM, whatever the part has of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folding_cases import best_by_force, chain, part, residual
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import hass
from hass import ops
from hass.cost import (
    EngineKind,
    Folding,
    FoldingArrays,
    LayerShape,
    MemoryKind,
    as_arrays,
    estimate,
    layer_costs,
    layer_shapes,
    off_chip_bound_cycles,
)
from hass.cost.buffers import Home, buffer_homes, settled
from hass.cost.depths import with_depths
from hass.cost.primitives import BoolArray, buffer, home_of, ring
from hass.device import Device, Family, Resources, load_device
from hass.errors import SpecError
from hass.folding import (
    ALL_ENGINES,
    PROVE_OPTIMUM,
    FoldingPlan,
    Infeasibility,
    TableCache,
    WeightsAt,
    is_legal,
    memories_of,
    solve,
    tables,
)
from hass.folding.tables import OptionTable, TableKey, build_table
from hass.graph import Graph
from hass.user_files import read_foldings, smallest_foldings
from hass.values import Arithmetic, FeatureMap
from hass.word_lengths import arithmetic_by_layer

DIGITS = Path(__file__).parents[2] / "models" / "digits" / "digits.onnx"
CONV3 = ops.Conv2d(2, (3, 3), pads=(1, 1, 1, 1))
GRAPHS = (
    chain(FeatureMap(5, 60, 2), CONV3),  # line buffers of 7.7 kbit
    chain(FeatureMap(4, 600, 2), CONV3),  # 77 kbit
    chain(FeatureMap(6, 300, 4), ops.MaxPool2d((3, 3), (2, 2))),
    chain(FeatureMap(2, 2, 1200), ops.GlobalAvgPool()),
    residual(FeatureMap(5, 90, 2)),  # a FIFO beside the line buffers
)
KINDS = (MemoryKind.LUTRAM, MemoryKind.BRAM, MemoryKind.URAM)


def only_bram(
    shape: LayerShape,
    foldings: FoldingArrays,
    arithmetic: Arithmetic,
    memories: Iterable[MemoryKind],
) -> dict[Home, BoolArray]:
    every = buffer_homes(shape, foldings, arithmetic, memories)
    fixed = {MemoryKind.NONE, MemoryKind.BRAM}
    return {home: legal for home, legal in every.items() if fixed.issuperset(home)}


@pytest.mark.parametrize(
    ("depth", "bits", "homes"),
    [
        (64, 4000, ["lutram"] * 3),  # as deep as a LUT memory without banks
        (4096, 1, ["lutram"] * 3),
        (65, 64, ["lutram", "bram", "lutram"]),
        (256, 4000, ["lutram", "bram", "lutram"]),
        (2048, 16, ["lutram", "bram", "lutram"]),
        (2049, 16, ["bram", "bram", "uram"]),
    ],
)
def test_a_buffer_lies_where_it_is_worth_it(depth: int, bits: int, homes: list[str]) -> None:
    assert [home_of(depth, bits, kind).value for kind in KINDS] == homes
    assert home_of(depth, bits, MemoryKind.NONE).value == homes[1]
    for kind, home in zip(KINDS, homes, strict=True):
        for build in (buffer, ring):
            cost = build(depth, bits, kind)
            found = {"bram": int(cost.bram18) > 0, "uram": int(cost.uram) > 0}
            assert found == {"bram": home == "bram", "uram": home == "uram"}
            assert (int(cost.ff) >= bits) == (home == "lutram")


def test_uram_packs_narrow_words_and_rings_are_as_large_as_buffers() -> None:
    assert int(buffer(3712, 32, MemoryKind.URAM).uram) == 1
    assert int(buffer(8192, 32, MemoryKind.URAM).uram) == 1
    assert int(ring(8193, 36, MemoryKind.URAM).uram) == 2
    assert int(ring(4096, 73, MemoryKind.URAM).uram) == 2


@given(st.sampled_from(GRAPHS), st.booleans())
@settings(deadline=None)
def test_equal_hardware_has_one_name(graph: Graph, has_uram: bool) -> None:
    """Of the legal foldings of a layer, no two that differ in a home only cost the same."""
    memories = frozenset(KINDS) if has_uram else frozenset(KINDS[:2])
    for shape in layer_shapes(graph).values():
        bare = isinstance(shape.op, ops.Conv2d)
        one = Folding(EngineKind.DENSE, weight_memory=MemoryKind.BRAM) if bare else Folding()
        costs = []
        for lines in MemoryKind:
            for fifos in MemoryKind:
                folding = replace(one, line_memory=lines, fifo_memory=fifos)
                if not is_legal(shape, folding, ALL_ENGINES, memories, None):
                    continue
                found = layer_costs(shape, as_arrays([folding]), None, Family.SERIES7, Arithmetic())
                costs.append(tuple(found.resources()[0].tolist()))
                assert has_uram or found.uram[0] == 0
        assert len(costs) == len(set(costs)) >= 1
        assert is_legal(shape, settled(shape, one, Arithmetic()), ALL_ENGINES, memories, None)


def tables_of(graph: Graph, device: Device) -> list[OptionTable]:
    return [
        build_table(
            TableKey(
                shape,
                None,
                device.family,
                Arithmetic(),
                ALL_ENGINES,
                memories_of(device),
                device.budget,
            )
        )
        for shape in layer_shapes(graph).values()
    ]


FEW, MANY = st.integers(0, 6), st.integers(7, 60)
one_sided = st.tuples(FEW, MANY) | st.tuples(MANY, FEW)


@given(st.sampled_from(GRAPHS), st.integers(300, 5000), st.integers(1, 40), one_sided)
@settings(max_examples=60, deadline=None)
def test_exact_is_brute_force_where_one_memory_is_scarce(
    graph: Graph, lut: int, dsp: int, memories: tuple[int, int]
) -> None:
    device = part(Resources(lut, 3 * lut, dsp, *memories))
    tables = tables_of(graph, device)
    assume(np.prod([len(table) for table in tables]) < 200_000)
    least = off_chip_bound_cycles(graph, device, device.clock_mhz, Arithmetic())
    best = best_by_force(tables, device.budget, least) if all(map(len, tables)) else None
    plan = solve(graph, device, effort=PROVE_OPTIMUM, cache=TableCache(100_000))
    if best is None:
        assert isinstance(plan, Infeasibility)
        return
    assert isinstance(plan, FoldingPlan)
    assert plan.estimate.frame_ii_cycles == best
    check_plan(graph, plan, device)


def check_plan(graph: Graph, plan: FoldingPlan, device: Device) -> None:
    """Never more than the part has, and what the plan says is what its foldings cost."""
    found = plan.estimate
    assert found.resources.fits(device.budget)
    assert found == estimate(graph, plan.foldings, device)
    assert found.resources == sum((x.resources for x in found.layers.values()), Resources())
    for name, shape in layer_shapes(graph).items():
        assert is_legal(shape, plan.foldings[name], ALL_ENGINES, memories_of(device), None)
    for fifo in found.fifos:
        assert (fifo.resources.bram18 > 0) == (fifo.memory is MemoryKind.BRAM)
        assert (fifo.resources.uram > 0) == (fifo.memory is MemoryKind.URAM)


def with_memories(device: Device, bram18: int, uram: int) -> Device:
    """A part of the same logic and other memories."""
    has = replace(device.budget, bram18=bram18, uram=uram)
    return replace(device, available=has, budget=has)


def compared(
    graph: Graph, device: Device, monkeypatch: pytest.MonkeyPatch
) -> tuple[FoldingPlan, FoldingPlan | Infeasibility]:
    """The plan, which is checked, and what there was with deep buffers in BRAM."""
    plan = solve(graph, device, cache=TableCache(10_000_000))
    assert isinstance(plan, FoldingPlan)
    check_plan(graph, plan, device)
    with monkeypatch.context() as patched:
        patched.setattr("hass.folding.legal.buffer_homes", only_bram)
        patched.setattr("hass.folding.tables._legal", tables._legal.__wrapped__)  # not what is kept
        return plan, solve(graph, device, cache=TableCache(10_000_000), weights=WeightsAt.ON_CHIP)


WIDE = chain(
    FeatureMap(12, 300, 8),
    ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1)),
    ops.Relu(),
    ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1)),
    ops.MaxPool2d((3, 3), (2, 2)),
)


@pytest.mark.parametrize(("bram18", "uram"), [(1, 40), (16, 3)], ids=["few-bram", "few-uram"])
def test_what_one_memory_lacks_the_other_holds(
    bram18: int, uram: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line buffers that both memories take together, and neither takes alone."""
    device = part(Resources(60_000, 120_000, 60, bram18, uram))
    plan, before = compared(WIDE, device, monkeypatch)
    assert isinstance(before, Infeasibility)
    assert before.resource == "bram18"
    homes = {folding.line_memory for folding in plan.foldings.values()}
    assert MemoryKind.URAM in homes
    assert (MemoryKind.BRAM in homes) == (bram18 > uram)


@pytest.mark.parametrize(
    ("bram18", "uram", "faster"), [(2, 96, True), (4, 40, True), (60, 2, False)]
)
def test_the_bundled_network_on_one_sided_parts(
    bram18: int, uram: int, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = hass.read_model(DIGITS).graph
    device = with_memories(load_device("pynq-z2"), bram18, uram)
    plan, before = compared(graph, device, monkeypatch)
    if isinstance(before, Infeasibility):
        assert faster
    elif faster:
        assert plan.estimate.frame_ii_cycles < before.estimate.frame_ii_cycles
    else:
        assert plan.estimate.frame_ii_cycles <= before.estimate.frame_ii_cycles


@pytest.mark.parametrize(("bram18", "uram"), [(4, 40), (50, 6)], ids=["few-bram", "few-uram"])
def test_a_real_network_on_one_sided_parts(
    bram18: int, uram: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    graph = hass.read_model(Path(folder) / "cifar10" / "resnet20.onnx").graph
    device = with_memories(load_device("kv260"), bram18, uram)
    plan, before = compared(graph, device, monkeypatch)
    if isinstance(before, FoldingPlan):
        assert plan.estimate.frame_ii_cycles < before.estimate.frame_ii_cycles


def test_a_part_without_uram_is_told_of_it() -> None:
    answer = solve(WIDE, part(Resources(60_000, 120_000, 60, 16, 0)))
    assert isinstance(answer, Infeasibility)
    assert "a part with URAM for large buffers" in str(answer)


def test_a_file_may_leave_memories_of_buffers_out(tmp_path: Path) -> None:
    path = tmp_path / "foldings.json"
    one = '{"0_conv2d": {"engine": "dense", "weight_memory": "lutram"%s}}'
    path.write_text(one % "")
    assert read_foldings(path, WIDE)["0_conv2d"].line_memory is MemoryKind.BRAM
    path.write_text(one % ', "line_memory": "uram"')
    assert read_foldings(path, WIDE)["0_conv2d"].line_memory is MemoryKind.URAM
    path.write_text(one % ', "line_memory": "lutram"')
    with pytest.raises(SpecError, match=r"0_conv2d\.line_memory.*expected bram or uram"):
        read_foldings(path, WIDE)
    path.write_text(one % ', "fifo_memory": "bram"')
    with pytest.raises(SpecError, match=r"0_conv2d\.fifo_memory.*none: no FIFO is deep"):
        read_foldings(path, WIDE)
    for name, folding in smallest_foldings(WIDE).items():
        shape = layer_shapes(WIDE)[name]
        assert is_legal(shape, folding, ALL_ENGINES, frozenset(KINDS), None)


def test_resized_fifos_move_as_their_size_says() -> None:
    graph = residual(FeatureMap(5, 90, 2))
    device = part(Resources(20_000, 40_000, 60, 20, 20))
    shapes = layer_shapes(graph)
    smallest = {"conv": Folding(EngineKind.DENSE, weight_memory=MemoryKind.BRAM)}
    foldings = {
        name: settled(shape, smallest.get(name, Folding()), Arithmetic())
        for name, shape in shapes.items()
    }
    foldings["add"] = replace(foldings["add"], fifo_memory=MemoryKind.LUTRAM)
    found = estimate(graph, foldings, device)
    lengths = arithmetic_by_layer(graph, Arithmetic())
    skip = ("fork", "add", 1)
    through = ("conv", "add", 0)
    grown = with_depths(found, {skip: 3000, through: 500}, lengths)
    memories = {fifo.edge: fifo.memory for fifo in grown.fifos}
    assert (memories[skip], memories[through]) == (MemoryKind.BRAM, MemoryKind.LUTRAM)
    foldings["add"] = replace(foldings["add"], fifo_memory=MemoryKind.URAM)
    grown = with_depths(estimate(graph, foldings, device), {skip: 3000}, lengths)
    (moved,) = (fifo for fifo in grown.fifos if fifo.edge == skip)
    assert (moved.memory, moved.resources.uram) == (MemoryKind.URAM, 1)
    shrunk = with_depths(grown, {skip: 2}, lengths)
    (moved,) = (fifo for fifo in shrunk.fifos if fifo.edge == skip)
    assert (moved.memory, moved.resources) == (MemoryKind.NONE, Resources())
    assert grown.resources.uram == shrunk.resources.uram + 1
