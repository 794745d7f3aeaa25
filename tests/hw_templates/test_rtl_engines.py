"""The engines' RTL against numpy (every sum) and against the cost model (every cycle)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rtl_bench as bench
from rtl_bench import ACC_BITS, TRAFFICS, IntArray, Log, Stimulus

from hass.cost.lanes import segment_cycles
from hass.cost.primitives import ceil_div, clog2

SEGMENTS = 60
# (M, N, activation bits, weight bits): odd and prime M, N that does not divide M, mixed widths
DYNAMIC = [
    (1, 1, 8, 8),
    (4, 3, 8, 16),
    (9, 1, 16, 16),
    (9, 2, 16, 16),
    (9, 9, 8, 8),
    (13, 4, 8, 6),
    (25, 5, 16, 16),
    (32, 8, 8, 8),
]
DENSE = [(1, 1, 8, 8), (9, 1, 16, 16), (9, 3, 16, 16), (9, 9, 8, 8), (12, 4, 6, 8), (25, 5, 16, 8)]
STATIC = [
    (1, 1, 8, 8),
    (9, 1, 16, 16),
    (9, 2, 16, 8),
    (13, 4, 8, 6),
    (18, 3, 16, 16),
    (32, 8, 8, 8),
]


def _operands(products: int, bits: int, rng: np.random.Generator) -> IntArray:
    """(SEGMENTS, products) signed integers of densities from 0 to 1, extremes among them."""
    values = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (SEGMENTS, products))
    density = rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], SEGMENTS, p=[0.05, 0.3, 0.3, 0.25, 0.1])
    values[rng.random(values.shape) >= density[:, None]] = 0
    values[-1] = -(1 << (bits - 1))  # the largest product, M times
    return np.asarray(values, dtype=np.int64)


def _wrapped(sums: IntArray) -> IntArray:
    """As ``ACC_BITS`` bits hold them, two's complement."""
    half = 1 << (ACC_BITS - 1)
    return np.asarray((sums + half) % (2 * half) - half)


def _check_sums(log: Log, expected: IntArray) -> None:
    out = [bench.unpack(word, ACC_BITS, 1)[0] for word in log.words]
    np.testing.assert_array_equal(out, _wrapped(expected))


def _cascade(fine: int) -> int:
    """Cycles that the sum of ``fine`` products takes longer than one product's."""
    return 0 if fine == 1 else fine


def _starts_and_ends(log: Log, cycles: IntArray) -> tuple[IntArray, IntArray]:
    """First and last cycle of each segment by the model, (segments,) each, counted in cycles in
    which the engine does not stand still: a segment starts when it is offered, or when the one
    before it has ended."""
    offered = log.moving()[log.raised()]
    starts, ends = np.empty_like(cycles), np.empty_like(cycles)
    free = 0
    for segment, needed in enumerate(cycles):
        starts[segment] = max(int(offered[segment]), free)
        ends[segment] = starts[segment] + needed - 1
        free = ends[segment] + 1
    return starts, ends


@pytest.mark.parametrize("case", DYNAMIC, ids=lambda case: "m{}_n{}_a{}_w{}".format(*case))
@bench.needs_iverilog
def test_dynamic_engine(case: tuple[int, int, int, int], tmp_path: Path) -> None:
    products, fine, act_bits, weight_bits = case
    rng = np.random.default_rng(products * 100 + fine)
    act = _operands(products, act_bits, rng)
    weight = _operands(products, weight_bits, rng)
    words = [
        bench.pack(a, act_bits) | bench.pack(w, weight_bits) << (products * act_bits)
        for a, w in zip(act.tolist(), weight.tolist(), strict=True)
    ]
    stimulus = Stimulus(words, products * (act_bits + weight_bits), ACC_BITS, SEGMENTS)
    parameters = {"M": products, "N": fine, "ACT_BITS": act_bits, "WEIGHT_BITS": weight_bits}
    program = bench.compiled(tmp_path, "dynamic", stimulus, parameters)
    active = ((act != 0) & (weight != 0)).sum(axis=1)
    cycles = segment_cycles(products, np.array([fine]))[active, 0].astype(np.int64)
    np.testing.assert_array_equal(cycles, np.maximum(1, -(-active // fine)))
    for traffic in TRAFFICS:
        log = bench.run(program, stimulus, traffic)
        _check_sums(log, (act * weight).sum(axis=1))
        starts, ends = _starts_and_ends(log, cycles)
        # the engine holds the segment itself: it is taken a cycle before its first own cycle
        np.testing.assert_array_equal(log.moving()[log.given], starts)
        np.testing.assert_array_equal(log.moving()[log.taken], ends + 5 + _cascade(fine))


@pytest.mark.parametrize("case", DENSE, ids=lambda case: "m{}_n{}_a{}_w{}".format(*case))
@bench.needs_iverilog
def test_dense_engine(case: tuple[int, int, int, int], tmp_path: Path) -> None:
    products, fine, act_bits, weight_bits = case
    rng = np.random.default_rng(products * 100 + fine)
    act = _operands(products, act_bits, rng)
    weight = _operands(products, weight_bits, rng)
    carry = rng.integers(-(1 << 30), 1 << 30, SEGMENTS)
    turns = int(ceil_div(products, fine))
    stimulus = Stimulus(
        [bench.pack(a, act_bits) for a in act.tolist()],
        products * act_bits,
        ACC_BITS,
        SEGMENTS,
        side=[bench.pack(w, weight_bits) for w in weight.reshape(-1, fine).tolist()],
        side_bits=fine * weight_bits,
        carry=[bench.pack([value], ACC_BITS) for value in carry.tolist()],
    )
    parameters = {"M": products, "N": fine, "ACT_BITS": act_bits, "WEIGHT_BITS": weight_bits}
    program = bench.compiled(tmp_path, "dense", stimulus, parameters)
    cycles = np.full(SEGMENTS, turns, dtype=np.int64)
    for traffic in TRAFFICS:
        log = bench.run(program, stimulus, traffic)
        _check_sums(log, (act * weight).sum(axis=1) + carry)
        _, ends = _starts_and_ends(log, cycles)
        np.testing.assert_array_equal(log.moving()[log.given], ends)
        np.testing.assert_array_equal(log.moving()[log.taken], ends + 3 + _cascade(fine))


@pytest.mark.parametrize("case", STATIC, ids=lambda case: "m{}_n{}_a{}_w{}".format(*case))
@bench.needs_iverilog
def test_static_engine(case: tuple[int, int, int, int], tmp_path: Path) -> None:
    products, fine, act_bits, weight_bits = case
    rng = np.random.default_rng(products * 100 + fine)
    act = _operands(products, act_bits, rng)
    weight = _operands(products, weight_bits, rng)
    carry = rng.integers(-(1 << 30), 1 << 30, SEGMENTS)
    index_bits = max(1, int(clog2(products)))
    last_bit = fine * (weight_bits + index_bits)
    memory: list[int] = []
    for row in weight.tolist():
        kept = [index for index, value in enumerate(row) if value] or [0]
        for begin in range(0, len(kept), fine):
            slots = kept[begin : begin + fine]
            word = bench.pack([row[index] for index in slots], weight_bits)
            word |= bench.pack(slots, index_bits) << (fine * weight_bits)
            memory.append(word | int(begin + fine >= len(kept)) << last_bit)
    stimulus = Stimulus(
        [bench.pack(a, act_bits) for a in act.tolist()],
        products * act_bits,
        ACC_BITS,
        SEGMENTS,
        side=memory,
        side_bits=last_bit + 1,
        carry=[bench.pack([value], ACC_BITS) for value in carry.tolist()],
    )
    parameters = {"M": products, "N": fine, "ACT_BITS": act_bits, "WEIGHT_BITS": weight_bits}
    program = bench.compiled(tmp_path, "static", stimulus, parameters)
    stored = (weight != 0).sum(axis=1)
    cycles = segment_cycles(products, np.array([fine]))[stored, 0].astype(np.int64)
    for traffic in TRAFFICS:
        log = bench.run(program, stimulus, traffic)
        _check_sums(log, (act * weight).sum(axis=1) + carry)
        _, ends = _starts_and_ends(log, cycles)
        np.testing.assert_array_equal(log.moving()[log.given], ends)
        np.testing.assert_array_equal(log.moving()[log.taken], ends + 3 + _cascade(fine))


@bench.needs_iverilog
def test_the_bench_sees_a_wrong_sum_and_a_late_cycle(tmp_path: Path) -> None:
    """Judged with another fine than it was built with, an engine fails both checks."""
    act = np.array([[1, 2, 3, 4]] * SEGMENTS)
    words = [bench.pack(a, 8) | bench.pack([1] * 4, 8) << 32 for a in act.tolist()]
    stimulus = Stimulus(words, 64, ACC_BITS, SEGMENTS)
    parameters = {"M": 4, "N": 2, "ACT_BITS": 8, "WEIGHT_BITS": 8}
    program = bench.compiled(tmp_path, "dynamic", stimulus, parameters)
    log = bench.run(program, stimulus, bench.FLOWING)
    _check_sums(log, act.sum(axis=1))
    with pytest.raises(AssertionError):
        _check_sums(log, act.sum(axis=1) + 1)
    starts, _ = _starts_and_ends(log, np.full(SEGMENTS, 1))
    assert (log.moving()[log.given] != starts).any()
