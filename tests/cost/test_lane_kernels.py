"""Compiled loops against plain ones, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numba
import numba.core.caching
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_network import write_tiny_model

from hass.cost.kernels.bounded import never_more
from hass.cost.kernels.compiling import compiled
from hass.cost.kernels.joined import join
from hass.cost.kernels.lanes import alone, walk
from hass.cost.kernels.static import cycles_by_lanes, exchanged_order
from hass.cost.lane_filters import exchange_allowed
from hass.cost.lanes import Lanes
from hass.fixed_point import IntArray
from hass.intmath import divisors
from hass.snake import folded

few = settings(max_examples=30)
sizes = st.sampled_from([1, 2, 3, 4, 6, 12])


def _counts(size: int) -> IntArray:
    return np.array(divisors(size))


def _floats(seed: int, *shape: int) -> Lanes:
    """Numbers whose sums are rounded, some below zero."""
    return np.random.default_rng(seed).normal(2.0, 3.0, shape).astype(np.float32)


def _folds(lanes: Lanes, axis: int) -> dict[int, Lanes]:
    """Lanes joined to every count, from the fewest of which they are the joined ones."""
    made = {lanes.shape[axis]: lanes}
    for count in reversed(divisors(lanes.shape[axis])[:-1]):
        made[count] = folded(made[min(c for c in made if c % count == 0)], count, axis)
    return made


@few
@given(st.integers(0, 2**32 - 1), sizes, sizes, sizes, st.integers(2, 5))
def test_joined_lanes(seed: int, filters: int, blocks: int, groups: int, words: int) -> None:
    segments = _floats(seed, filters, blocks, groups, words)
    outs, ins, grouped = _counts(filters), _counts(blocks), _counts(groups)
    shape = (len(outs), len(ins), len(grouped))
    windows, longest, squares = np.empty((3, *shape, words), dtype=np.float32)
    # a feed in the middle, none, and one that nothing is slower than
    cycles = [abs(segments.mean()) + 0.1, 0.0, 99.0]
    feeds = np.array([[[least, 0.5] for least in cycles]] * len(outs), dtype=np.float32)
    fed = np.empty((*shape, feeds.shape[1], words), dtype=np.float32)
    join(segments, outs, ins, grouped, feeds, windows, longest, fed, squares)
    for out, by_out in _folds(segments, 0).items():
        slowest = by_out.max(axis=0)
        for lanes_in, by_in in _folds(by_out, 1).items():
            for together, lanes in _folds(by_in, 2).items():
                steps = slowest.reshape(blocks // lanes_in, lanes_in, -1, together, words)
                # sums of float32, in another order than NumPy's
                each = steps.max(axis=(1, 3)).reshape(-1, words)
                total = each.sum(axis=0)
                counts = zip((outs, ins, grouped), (out, lanes_in, together), strict=True)
                place = tuple(int(np.searchsorted(all_, count)) for all_, count in counts)
                assert (windows[place] == total).all()
                assert squares[place] == pytest.approx(
                    (each.astype(np.float64) ** 2).sum(axis=0), rel=1e-5
                )
                for (least, cycle), found in zip(feeds[place[0]], fed[place], strict=True):
                    expected = _fed(each, least, cycle) if least > 0 else total
                    assert found == pytest.approx(expected, rel=1e-5, abs=1e-4)
                assert (longest[place] == lanes.max(axis=(0, 1, 2))).all()


@few
@given(st.integers(0, 2**32 - 1), sizes, sizes, sizes, st.integers(1, 9), st.integers(1, 8))
def test_lanes_that_walk_ahead(
    seed: int, filters: int, blocks: int, groups: int, size: int, lead: int
) -> None:
    rng = np.random.default_rng(seed)
    outs = _counts(filters)
    by_out = [_floats(seed + out, out, blocks, groups, size) for out in outs.tolist()]
    slowest = np.stack([lanes.max(axis=0) for lanes in by_out])
    width, together, words = (int(rng.choice(divisors(n))) for n in (blocks, groups, size))
    steps = []
    for _ in range(lead + 5):
        ways = rng.choice([1, -1], 2)
        firsts = [
            int(rng.integers(count // taken)) * taken + (taken - 1 if way < 0 else 0)
            for count, taken, way in ((blocks, width, ways[0]), (groups, together, ways[1]))
        ]
        steps.append([firsts[0], ways[0], firsts[1], ways[1], int(rng.integers(size))])
    ahead, lockstep = np.empty((2, len(outs), words), dtype=np.float32)
    shape = width, together, words
    walk(np.concatenate(by_out), slowest, outs, np.array(steps), shape, lead, ahead, lockstep)
    for out, lanes in enumerate(by_out):
        at = np.zeros((len(lanes), width, together, words), dtype=np.float32)
        ends, joined = [], np.zeros(words, dtype=np.float32)
        for step, (block, block_way, group, group_way, word) in enumerate(steps):
            dealt = (
                (block + np.arange(width) * block_way)[:, None, None],
                (group + np.arange(together) * group_way)[:, None],
                (word + np.arange(words)) % size,
            )
            at = at if step < 2 else np.maximum(at, ends[step - 2])
            at = at + lanes[:, *dealt]
            ends.append(at.max(axis=(0, 1, 2)))
            if step >= lead:
                joined = joined + slowest[out][dealt].max(axis=(0, 1))
        before = ends[lead - 1]
        assert (lockstep[out] == joined).all()
        assert (ahead[out] == ends[-1] - before).all()
    single = np.empty(words, dtype=np.float32)
    alone(by_out[0][0], np.array(steps), shape, single)
    total = np.zeros(words, dtype=np.float32)
    for block, block_way, group, group_way, word in steps:
        one = np.zeros(words, dtype=np.float32)
        for each in sorted(block + np.arange(width) * block_way):
            for other in sorted(group + np.arange(together) * group_way):
                one = one + by_out[0][0, each, other, (word + np.arange(words)) % size]
        total = total + one
    assert (single == total).all()


@few
@given(st.integers(0, 2**32 - 1), sizes, st.integers(1, 3), st.integers(1, 4))
def test_more_lanes_never_take_longer(seed: int, count: int, before: int, behind: int) -> None:
    lanes = _counts(count)
    cycles = np.random.default_rng(seed).uniform(1.0, 9.0, (before, len(lanes), behind))
    expected = cycles.copy()
    for index, more in enumerate(lanes.tolist()):
        for other, fewer in enumerate(lanes[:index].tolist()):
            if more % fewer == 0:
                bound = expected[:, other] * (more / fewer)
                expected[:, index] = np.minimum(expected[:, index], bound)
    never_more(cycles, lanes)
    assert (cycles == expected).all()


def _longest(turns: IntArray, order: IntArray, lanes_in: int, together: int, least: int = 0) -> int:
    """Cycles of (groups, filters, segments), filters in an order of (steps, lanes)."""
    dealt = turns[:, order].sum(axis=1)  # (groups, lanes, segments)
    groups, lanes, blocks = dealt.shape
    windows = dealt.reshape(groups // together, together, lanes, blocks // lanes_in, lanes_in)
    each = windows.max(axis=(1, 2, 4)).reshape(-1)
    return int(_fed(each[:, None], least, 1.0)[0])


def _fed(windows: np.ndarray, least: float, cycle: float) -> np.ndarray:
    """Cycles of (windows, words), each of which takes ``least`` to come in."""
    early, total = np.zeros(windows.shape[1]), np.zeros(windows.shape[1])
    for longest in windows:
        total += longest + np.maximum(least - longest - early, 0.0)
        early = (early + longest - least).clip(0.0, cycle)
    return total


@few
@given(st.integers(0, 2**32 - 1), sizes, sizes, sizes)
def test_static_cycles(seed: int, filters: int, blocks: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    turns = rng.integers(1, 9, (groups, filters, blocks)).astype(np.int32)
    outs, ins, grouped = _counts(filters), _counts(blocks), _counts(groups)
    orders = np.array([rng.permutation(filters) for _ in outs])
    allowed = (rng.random((len(outs), len(ins))) < 0.5) & (groups == 1)
    cycles, fed = np.empty((2, len(outs), len(ins), len(grouped)), dtype=np.int64)
    exchanged = np.empty(cycles.shape, dtype=np.bool_)
    least = int(rng.integers(0, 12))
    cycles_by_lanes(turns, outs, ins, grouped, allowed, orders, least, cycles, fed, exchanged)
    for place in np.ndindex(cycles.shape):
        out, column, plane = place
        lanes = int(outs[out])
        widths = int(ins[column]), int(grouped[plane])
        dealt = _longest(turns, np.arange(filters).reshape(-1, lanes), *widths)
        order = orders[out].reshape(-1, lanes)
        other = _longest(turns, order, *widths)
        better = bool(allowed[out, column]) and other < dealt
        assert (int(cycles[place]), bool(exchanged[place])) == (
            (other, True) if better else (dealt, False)
        )
        taken = order if better else np.arange(filters).reshape(-1, lanes)
        assert fed[place] == _longest(turns, taken, *widths, least)


@few
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(2, 16),
    sizes,
    st.sampled_from([2, 64]),
)
def test_exchanged_filters(seed: int, steps: int, lanes: int, blocks: int, most: int) -> None:
    assert bool(exchange_allowed(lanes, 16, 2 * lanes))
    segments = np.random.default_rng(seed).integers(0, most, (steps * lanes, blocks))
    segments.flags.writeable = False
    order = np.empty((steps, lanes), dtype=np.int64)
    exchanged_order(segments, order)
    by_step = segments.reshape(steps, lanes, blocks)
    apart = by_step * lanes - by_step.sum(axis=1, keepdims=True)
    spread = np.square(apart).sum(axis=2)
    burden = np.zeros((lanes, blocks), dtype=np.int64)
    for step in sorted(range(steps), key=lambda step: -spread[step].sum()):
        free = list(range(lanes))
        overlap = apart[step] @ burden.T
        for index in sorted(range(lanes), key=lambda index, step=step: -spread[step, index]):
            lane = min(free, key=lambda lane, index=index: overlap[index, lane])
            free.remove(lane)
            assert order[step, lane] == step * lanes + index
        burden += segments[order[step]] * lanes - by_step[step].sum(axis=0)


def test_compiled_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])

    def twice(number: int) -> int:
        return 2 * number

    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(cache=True)(twice)
    assert compiled(twice)(21) == 42


def test_dense_layers_do_not_load_numba(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.onnx")
    code = (
        "import sys; from hass.cli import main; "
        f"main(['fold', {str(model)!r}, '--device', 'zcu104'], standalone_mode=False); "
        "assert 'hass.cost.static_schedule' in sys.modules; assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
