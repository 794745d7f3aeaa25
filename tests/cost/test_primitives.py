"""Memories and logic against the data sheets' own tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hass.cost import MemoryKind
from hass.cost.coefficients import coefficients
from hass.cost.primitives import (
    bram18_count,
    buffer,
    dual_port_lut,
    fifo,
    multiplier_dsps,
    rom_lut,
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


def test_two_narrow_products_share_a_dsp() -> None:
    assert int(multiplier_dsps(5, 16)) == 5
    assert int(multiplier_dsps(5, 8)) == 3


def test_every_coefficient_has_an_origin() -> None:
    loaded = coefficients()
    assert "yosys" in loaded.dynamic_engine.origin
    for group in (loaded.fabric, loaded.pipeline):
        for name in type(group).model_fields:
            assert getattr(group, name).origin, name
