"""Memories and logic against the data sheets' own tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hass.cost import MemoryKind
from hass.cost.coefficients import coefficients
from hass.cost.primitives import (
    BRAM18_SHAPES,
    block_memory,
    bram18_banks,
    bram18_count,
    buffer,
    dual_port_lut,
    fifo,
    mux_lut,
    rom_lut,
    uram_banks,
    uram_count,
    weight_memory,
)


@pytest.mark.parametrize(
    ("depth", "width", "count"),
    [
        (512, 36, 1),
        (513, 36, 2),
        (1024, 18, 1),
        (2048, 9, 1),
        (16384, 1, 1),
        (16385, 1, 2),
        (512, 144, 4),
        (64, 144, 4),
        (4608, 16, 5),  # not 4096 x 4 times 4 times 2, nor 1024 x 18 times 5: the better of them
    ],
)
def test_bram18_by_aspect_ratio(depth: int, width: int, count: int) -> None:
    assert int(bram18_count(depth, width)) == count


@given(st.integers(1, 100_000), st.integers(1, 2_000))
def test_a_memory_never_holds_more_than_its_bits(depth: int, width: int) -> None:
    assert int(bram18_count(depth, width)) * 18_432 >= depth * width
    assert int(uram_count(depth, width)) * 72 * 4096 >= depth * width
    assert int(rom_lut(depth, width)) * 64 >= depth * width
    assert int(dual_port_lut(depth, width)) * 64 >= depth * width


@given(st.integers(3, 5_000), st.integers(1, 300))
def test_a_deeper_or_wider_fifo_never_costs_less_bits(entries: int, width: int) -> None:
    small, large = fifo(entries, width), fifo(2 * entries, 2 * width)

    def weight(cost: object) -> float:
        return float(cost.lut.item() + 384 * cost.bram18.item())  # type: ignore[attr-defined]

    assert weight(large) >= weight(small)
    assert int(fifo(2, width).lut) == 0 and int(buffer(0, width).bram18) == 0


def test_weight_memories_use_the_kind_that_is_asked() -> None:
    depth, width = np.array([4096]), np.array([72])
    assert weight_memory(MemoryKind.URAM, depth, width).uram.tolist() == [1]
    assert weight_memory(MemoryKind.BRAM, depth, width).bram18.tolist() == [16]
    assert weight_memory(MemoryKind.LUTRAM, depth, width).lut.tolist() >= [4096]


def _fewest_bram18(depth: int, width: int) -> int:
    """By trying every depth of the banks, one memory at a time."""
    shapes = sorted(BRAM18_SHAPES, key=lambda shape: shape[1])

    def blocks(index: int) -> int:
        own = -(-width // shapes[index][0])
        return min(own, 2 * -(-width // shapes[index - 1][0])) if index else own

    def total(index: int) -> int:
        full, rest = divmod(depth, shapes[index][1])
        last = next(i for i, shape in enumerate(shapes) if shape[1] >= rest)
        return full * blocks(index) + (blocks(last) if rest else 0)

    return min(total(index) for index in range(len(shapes)))


@given(st.lists(st.tuples(st.integers(1, 70_000), st.integers(1, 700)), min_size=1, max_size=20))
def test_many_memories_at_once_have_the_fewest_bram18(sizes: list[tuple[int, int]]) -> None:
    depths, widths = np.array(sizes, dtype=np.int64).T
    count, banks = bram18_banks(depths, widths)
    assert count.tolist() == [_fewest_bram18(*size) for size in sizes]
    assert (banks * 16_384 >= depths).all() and (banks >= 1).all()


def test_a_memory_of_two_aspect_ratios() -> None:
    """2,048 words of 9 bits a BRAM18, and 256 of 36: 15 + 4, where the best single one needs 20."""
    count, banks = bram18_banks(2304, 128)
    assert (int(count), int(banks)) == (19, 2)
    joined = block_memory(2304, 128)
    assert (int(joined.lut), int(joined.ff)) == (130, 1)


@pytest.mark.parametrize(
    ("depth", "width", "count", "banks"),
    [(16384, 16, 1, 4), (8192, 36, 1, 2), (8192, 37, 2, 2), (20000, 8, 1, 5), (4097, 72, 2, 2)],
)
def test_narrow_words_lie_side_by_side_in_uram(
    depth: int, width: int, count: int, banks: int
) -> None:
    found = uram_banks(depth, width)
    assert (int(found[0]), int(found[1])) == (count, banks)


def test_multiplexers_are_trees_of_four() -> None:
    choices = np.array([1, 2, 4, 5, 7, 8, 9, 16, 17, 25, 64])
    assert mux_lut(choices, 1).tolist() == [0, 1, 1, 2, 3, 3, 3, 5, 6, 9, 21]


def test_every_coefficient_has_an_origin() -> None:
    loaded = coefficients()
    assert "yosys" in loaded.dynamic_engine.origin
    for group in (loaded.fabric, loaded.pipeline):
        for name in type(group).model_fields:
            assert getattr(group, name).origin, name
