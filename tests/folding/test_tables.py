"""Option tables hold every legal folding that fits alone, and are shared by value."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from folding_cases import NO_LAYER, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import random_layer_sparsity

from hass import ops
from hass.cost import LayerShape, MemoryKind, as_arrays, layer_costs
from hass.cost.shape import FifoNeed
from hass.device import Family, Resources, load_device
from hass.folding import ALL_ENGINES, TableCache, legal_foldings, memories_of
from hass.folding.tables import OptionTable, TableKey, build_table, option_costs
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap

MEMORIES = frozenset({MemoryKind.LUTRAM, MemoryKind.BRAM})


def conv_key(
    channels: int,
    out: int,
    seed: int,
    budget: Resources,
    width: int = 9,
    memories: frozenset[MemoryKind] = MEMORIES,
) -> TableKey:
    source = FeatureMap(6, width, channels)
    op = ops.Conv2d(out, (3, 3), pads=(1, 1, 1, 1))
    shape = LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),))
    sparsity = random_layer_sparsity(op, source, np.random.default_rng(seed))
    return TableKey(shape, sparsity, Family.SERIES7, Arithmetic(), ALL_ENGINES, memories, budget)


def plain_table(key: TableKey) -> list[tuple[int, ...]]:
    result = []
    groups = legal_foldings(key.shape, key.engines, key.memories, key.sparsity, key.arithmetic)
    for group in groups:
        costs = layer_costs(key.shape, group, key.sparsity, key.family, key.arithmetic)
        rows = np.concatenate([costs.frame_ii_cycles[:, None], costs.resources()], axis=1)
        result += [tuple(row) for row in rows.tolist()]
    return result


@given(
    st.sampled_from([2, 3, 4]),
    st.sampled_from([1, 4]),
    st.integers(0, 99),
    st.floats(0.02, 1.0),
    st.sampled_from([9, 80, 500]),  # line buffers that are small, that may be in LUTs, or in URAM
    st.sampled_from([0, 4]),
)
@settings(max_examples=30, deadline=None)
def test_every_folding_that_fits_is_there_or_one_that_is_as_good(
    channels: int, out: int, seed: int, share: float, width: int, uram: int
) -> None:
    budget = Resources(*(int(share * x) for x in (20_000, 40_000, 120, 40, uram)))
    memories = MEMORIES | {MemoryKind.URAM} if uram else MEMORIES
    key = conv_key(channels, out, seed, budget, width, memories)
    table = build_table(key)
    every = plain_table(key)
    fitting = [row for row in every if all(a <= b for a, b in zip(row[1:], budget, strict=True))]
    rows = [(int(c), *map(int, u)) for c, u in zip(table.cycles, table.use, strict=True)]
    assert Counter(rows) <= Counter(fitting)
    there = np.array(rows).reshape(-1, 6)
    for row in set(fitting) - set(rows):
        assert (there <= row).all(axis=1).any()
    options = table.option.tolist()
    assert len(options) == len(set(options))
    assert (np.diff(table.cycles) >= 0).all()
    for index in range(0, len(table), max(1, len(table) // 7)):
        folding = as_arrays([table.folding(index)])
        costs = layer_costs(key.shape, folding, key.sparsity, key.family, key.arithmetic)
        assert rows[index] == (int(costs.frame_ii_cycles[0]), *costs.resources()[0].tolist())


def test_what_the_smallest_needs_is_known_even_if_nothing_fits() -> None:
    key = conv_key(4, 4, 0, Resources())
    table = build_table(key)
    assert len(table) == 0
    assert table.least == tuple(np.array(plain_table(key))[:, 1:].min(axis=0))
    cycles, use, _ = option_costs(table)
    assert len(cycles) == len(use) == len(plain_table(key))


def test_a_sketch_starts_at_the_fastest_and_only_gets_cheaper() -> None:
    table = build_table(conv_key(4, 4, 0, Resources(10_000, 20_000, 60, 20, 0)))
    assert table.sketch[0] == 0
    assert 1 < len(table.sketch) < len(table)


def test_cache_shares_by_value_and_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[TableKey] = []

    def build(key: TableKey) -> OptionTable:
        built.append(key)
        return table_of(np.ones((4, 6), dtype=np.int64), key.budget)

    monkeypatch.setattr("hass.folding.tables.build_table", build)
    cache = TableCache(max_rows=10)
    keys = [
        TableKey(
            NO_LAYER,
            None,
            Family.SERIES7,
            Arithmetic(),
            frozenset(),
            frozenset(),
            Resources(lut=n, ff=9, dsp=9, bram18=9, uram=9),
        )
        for n in (1, 2, 3, 1)
    ]
    first = cache.table(keys[0])
    assert cache.table(keys[3]) is first
    cache.table(keys[1])
    cache.table(keys[0])
    cache.table(keys[2])  # 12 rows: the second was used longest ago
    assert len(cache) == 2
    assert cache.table(keys[0]) is first
    assert len(built) == 3
    cache.table(keys[1])
    assert len(built) == 4


def test_only_parts_with_uram_put_weights_there() -> None:
    assert MemoryKind.URAM in memories_of(load_device("u250"))
    assert MemoryKind.URAM not in memories_of(load_device("pynq-z2"))
