"""The engines' RTL against numpy (every sum) and against the cost model (every cycle)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rtl_bench as bench
from rtl_bench import ACC_BITS, TRAFFICS, IntArray, Log, Stimulus

from hass.cost.primitives import ceil_div, clog2
from hass.segment_cycles import segment_cycles

SEGMENTS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """Parameters of an engine: products per segment, multipliers, bits of the operands."""

    products: int
    fine: int
    act_bits: int
    weight_bits: int

    def __str__(self) -> str:
        return f"m{self.products}_n{self.fine}_a{self.act_bits}_w{self.weight_bits}"

    def parameters(self) -> Mapping[str, int]:
        return {
            "M": self.products,
            "N": self.fine,
            "ACT_BITS": self.act_bits,
            "WEIGHT_BITS": self.weight_bits,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """What an engine works on.

    Attributes:
        act: (SEGMENTS, products). weight: (SEGMENTS, filters, products).
        carry: (SEGMENTS, filters) sums that it starts from.
    """

    act: IntArray
    weight: IntArray
    carry: IntArray

    def sums(self) -> IntArray:
        """(SEGMENTS, filters) that must come out, as ``ACC_BITS`` bits hold them."""
        half = 1 << (ACC_BITS - 1)
        exact = self.carry + np.einsum("sp,sfp->sf", self.act, self.weight)
        return np.asarray((exact + half) % (2 * half) - half)


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """One kind of engine: how it is fed, and how long it takes.

    Attributes:
        block: as the bench names it. filters: sums that come out together.
        stimulus: streams of a case and its segments.
        cycles: (SEGMENTS,) cycles of each segment by the cost model.
        latency_cycles: from the last cycle of a segment to its result, by the multipliers.
        holds_segment: it takes a segment before its first cycle, instead of in its last.
        has_carry: it adds to sums of earlier channels.
    """

    block: str
    cases: tuple[Case, ...]
    filters: int
    stimulus: Callable[[Case, Segments], Stimulus]
    cycles: Callable[[Case, Segments], IntArray]
    latency_cycles: Callable[[int], int]
    holds_segment: bool = False
    has_carry: bool = True

    def parameters(self, case: Case) -> Mapping[str, int]:
        """Of the bench."""
        several = {"OUTS": self.filters} if self.block == "broadcast" else {}
        return {**case.parameters(), **several}


def drawn(case: Case, engine: Engine) -> Segments:
    """Random segments, and one of the largest products."""
    filters = engine.filters
    rng = np.random.default_rng(case.products * 100 + case.fine)
    act = _operands(case.products, case.act_bits, rng)
    weight = np.stack([_operands(case.products, case.weight_bits, rng) for _ in range(filters)], 1)
    carry = rng.integers(-(1 << 30), 1 << 30, (SEGMENTS, filters))
    return Segments(act, weight, carry if engine.has_carry else np.zeros_like(carry))


def _operands(products: int, bits: int, rng: np.random.Generator) -> IntArray:
    """(SEGMENTS, products) signed integers of densities from 0 to 1, extremes among them."""
    values = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (SEGMENTS, products))
    density = rng.choice([0.0, 0.2, 0.5, 0.8, 1.0], SEGMENTS, p=[0.05, 0.3, 0.3, 0.25, 0.1])
    values[rng.random(values.shape) >= density[:, None]] = 0
    values[-1] = -(1 << (bits - 1))  # the largest product, M times
    return np.asarray(values, dtype=np.int64)


def _packed_acts(case: Case, segments: Segments) -> list[int]:
    return [bench.pack(row, case.act_bits) for row in segments.act.tolist()]


def _packed_carry(segments: Segments) -> list[int]:
    return [bench.pack(row, ACC_BITS) for row in segments.carry.tolist()]


def _dynamic_stimulus(case: Case, segments: Segments) -> Stimulus:
    """Activations and weights of a segment together, and no carry."""
    weights = [bench.pack(row, case.weight_bits) for row in segments.weight[:, 0].tolist()]
    shift = case.products * case.act_bits
    words = [
        act | weight << shift
        for act, weight in zip(_packed_acts(case, segments), weights, strict=True)
    ]
    bits = case.products * (case.act_bits + case.weight_bits)
    return Stimulus(words, bits, ACC_BITS, SEGMENTS)


def _dense_stimulus(case: Case, segments: Segments) -> Stimulus:
    """A word of the weight memory a turn: ``fine`` weights of each filter."""
    filters = segments.weight.shape[1]
    turns = segments.weight.reshape(SEGMENTS, filters, -1, case.fine).transpose(0, 2, 1, 3)
    return Stimulus(
        _packed_acts(case, segments),
        case.products * case.act_bits,
        filters * ACC_BITS,
        SEGMENTS,
        side=[
            bench.pack(row, case.weight_bits)
            for row in turns.reshape(-1, filters * case.fine).tolist()
        ],
        side_bits=filters * case.fine * case.weight_bits,
        carry=_packed_carry(segments),
    )


def _static_stimulus(case: Case, segments: Segments) -> Stimulus:
    """A word of the weight memory: non-zero weights, their indices, and the mark of the last."""
    index_bits = max(1, int(clog2(case.products)))
    last_bit = case.fine * (case.weight_bits + index_bits)
    memory: list[int] = []
    for row in segments.weight[:, 0].tolist():
        kept = [index for index, value in enumerate(row) if value] or [0]
        for begin in range(0, len(kept), case.fine):
            slots = kept[begin : begin + case.fine]
            word = bench.pack([row[index] for index in slots], case.weight_bits)
            word |= bench.pack(slots, index_bits) << (case.fine * case.weight_bits)
            memory.append(word | int(begin + case.fine >= len(kept)) << last_bit)
    return Stimulus(
        _packed_acts(case, segments),
        case.products * case.act_bits,
        ACC_BITS,
        SEGMENTS,
        side=memory,
        side_bits=last_bit + 1,
        carry=_packed_carry(segments),
    )


def _broadcast_stimulus(case: Case, segments: Segments) -> Stimulus:
    """A row of the weight memory for each activation: a weight of each filter."""
    filters = segments.weight.shape[1]
    rows = segments.weight.transpose(0, 2, 1).reshape(-1, filters)
    return Stimulus(
        _packed_acts(case, segments),
        case.products * case.act_bits,
        filters * ACC_BITS,
        SEGMENTS,
        side=[bench.pack(row, case.weight_bits) for row in rows.tolist()],
        side_bits=filters * case.weight_bits,
        carry=_packed_carry(segments),
    )


def _cycles_of(case: Case, products: IntArray) -> IntArray:
    """(SEGMENTS,) by the cost model, of (SEGMENTS,) products that are worked on."""
    table = segment_cycles(case.products, np.array([case.fine]))
    return np.asarray(table[products, 0].astype(np.int64))


def _dynamic_cycles(case: Case, segments: Segments) -> IntArray:
    active = (segments.act != 0) & (segments.weight[:, 0] != 0)
    return _cycles_of(case, active.sum(axis=1))


def _broadcast_cycles(case: Case, segments: Segments) -> IntArray:
    return _cycles_of(case, (segments.act != 0).sum(axis=1))


def _static_cycles(case: Case, segments: Segments) -> IntArray:
    return _cycles_of(case, (segments.weight[:, 0] != 0).sum(axis=1))


def _dense_cycles(case: Case, segments: Segments) -> IntArray:
    turns = int(ceil_div(case.products, case.fine))
    return np.full(len(segments.act), turns, dtype=np.int64)


def _cascade(fine: int) -> int:
    """Cycles that the sum of ``fine`` products takes longer than one product's."""
    return 0 if fine == 1 else fine


# odd and prime M, N that does not divide M, mixed widths
DYNAMIC = Engine(
    "dynamic",
    (
        *(Case(1, 1, 8, 8), Case(4, 3, 8, 16), Case(9, 1, 16, 16), Case(9, 2, 16, 16)),
        *(Case(9, 9, 8, 8), Case(13, 4, 8, 6), Case(25, 5, 16, 16), Case(32, 8, 8, 8)),
    ),
    1,
    _dynamic_stimulus,
    _dynamic_cycles,
    lambda fine: 5 + _cascade(fine),
    holds_segment=True,
    has_carry=False,
)
DENSE = Engine(
    "dense",
    (
        *(Case(1, 1, 8, 8), Case(9, 1, 16, 16), Case(9, 3, 16, 16), Case(9, 9, 8, 8)),
        *(Case(12, 4, 6, 8), Case(25, 5, 16, 8), Case(17, 1, 8, 8)),
    ),
    1,
    _dense_stimulus,
    _dense_cycles,
    lambda fine: 3 + _cascade(fine),
)
STATIC = Engine(
    "static",
    (
        *(Case(1, 1, 8, 8), Case(9, 1, 16, 16), Case(9, 2, 16, 8), Case(13, 4, 8, 6)),
        *(Case(18, 3, 16, 16), Case(32, 8, 8, 8), Case(21, 2, 8, 8)),
    ),
    1,
    _static_stimulus,
    _static_cycles,
    lambda fine: 3 + _cascade(fine),
)
BROADCAST = Engine(
    "broadcast",
    (
        *(Case(1, 1, 8, 8), Case(2, 1, 16, 16), Case(9, 1, 16, 8), Case(13, 1, 8, 6)),
        *(Case(25, 1, 8, 8), Case(64, 1, 8, 8)),
    ),
    3,
    _broadcast_stimulus,
    _broadcast_cycles,
    lambda fine: 5 + fine,
    holds_segment=True,
)
# up to the seven products of 8 bits that fit below the second filter's
PAIR = Engine(
    "pair",
    (
        *(Case(1, 1, 8, 8), Case(9, 1, 8, 8), Case(4, 2, 8, 8), Case(9, 3, 8, 8)),
        *(Case(20, 5, 8, 6), Case(14, 7, 8, 8), Case(7, 7, 8, 8), Case(18, 9, 7, 8)),
    ),
    2,
    _dense_stimulus,
    _dense_cycles,
    lambda fine: 4 + fine,
)
ENGINES = (DYNAMIC, DENSE, STATIC, BROADCAST, PAIR)


def check_sums(log: Log, expected: IntArray) -> None:
    """(words, filters) against the words that came out."""
    out = [bench.unpack(word, ACC_BITS, expected.shape[1]) for word in log.words]
    np.testing.assert_array_equal(out, expected)


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


@pytest.mark.parametrize(
    ("engine", "case"),
    [pytest.param(e, case, id=f"{e.block}-{case}") for e in ENGINES for case in e.cases],
)
@bench.needs_iverilog
def test_engine(engine: Engine, case: Case, tmp_path: Path) -> None:
    segments = drawn(case, engine)
    stimulus = engine.stimulus(case, segments)
    program = bench.compiled(tmp_path, engine.block, stimulus, engine.parameters(case))
    cycles = engine.cycles(case, segments)
    for traffic in TRAFFICS:
        log = bench.run(program, stimulus, traffic)
        check_sums(log, segments.sums())
        starts, ends = _starts_and_ends(log, cycles)
        taken = starts if engine.holds_segment else ends
        np.testing.assert_array_equal(log.moving()[log.given], taken)
        latency = engine.latency_cycles(case.fine)
        np.testing.assert_array_equal(log.moving()[log.taken], ends + latency)


def test_segment_cycles_are_the_products_over_the_multipliers() -> None:
    """The table that the engines are held to, said once more in other words."""
    products = np.arange(26)
    for fine in (1, 2, 7, 25):
        expected = np.maximum(1, -(-products // fine))
        np.testing.assert_array_equal(_cycles_of(Case(25, fine, 8, 8), products), expected)


@bench.needs_iverilog
def test_the_bench_sees_a_wrong_sum_and_a_late_cycle(tmp_path: Path) -> None:
    """Judged with another fine than it was built with, an engine fails both checks."""
    case = Case(4, 2, 8, 8)
    act = np.array([[1, 2, 3, 4]] * SEGMENTS)
    none = np.zeros((SEGMENTS, 1), dtype=np.int64)
    segments = Segments(act, np.ones_like(act)[:, None], none)
    stimulus = DYNAMIC.stimulus(case, segments)
    program = bench.compiled(tmp_path, "dynamic", stimulus, case.parameters())
    log = bench.run(program, stimulus, bench.FLOWING)
    check_sums(log, segments.sums())
    with pytest.raises(AssertionError):
        check_sums(log, segments.sums() + 1)
    starts, _ = _starts_and_ends(log, np.full(SEGMENTS, 1))
    assert (log.moving()[log.given] != starts).any()
