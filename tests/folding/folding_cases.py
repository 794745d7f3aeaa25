"""Small problems for the tests of folding: made-up tables, and networks of a few layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from hass import ops
from hass.cost.shape import LayerShape
from hass.device import Device, Family, Resources
from hass.folding.tables import OptionTable, TableKey
from hass.graph import Edge, Graph, Layer, build_graph
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap

NO_LAYER = LayerShape(ops.Input(), (), FeatureMap(1, 1, 1), ())


def table_of(costs: np.ndarray, budget: Resources) -> OptionTable:
    """A table of made-up (cycles, lut, ff, dsp, bram18, uram) rows that fit the budget."""
    fits = (costs[:, 1:] <= np.array(tuple(budget))).all(axis=1)
    kept = costs[fits]
    kept = kept[np.argsort(kept[:, 0], kind="stable")]
    key = TableKey(NO_LAYER, None, Family.SERIES7, Arithmetic(), frozenset(), frozenset(), budget)
    # a poor sketch on purpose: every third row and the last
    sketch = np.unique(np.append(np.arange(0, len(kept), 3), max(len(kept) - 1, 0)))
    least = tuple(int(x) for x in costs[:, 1:].min(axis=0))
    return OptionTable(
        kept[:, 0],
        kept[:, 1:].astype(np.int32),
        sketch[: len(kept)],
        key,
        np.arange(len(kept), dtype=np.int32),
        least,  # type: ignore[arg-type]
        len(costs),
    )


@st.composite
def made_up_tables(draw: st.DrawFn) -> tuple[list[OptionTable], Resources]:
    """Up to four layers of up to seven options whose costs conflict, and a budget near the edge."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    layers = draw(st.integers(1, 4))
    width = draw(st.sampled_from([3, 8, 40]))
    costs = []
    for _ in range(layers):
        count = draw(st.integers(1, 7))
        rows = rng.integers(0, width, (count, 6))
        rows[:, 0] = rng.integers(1, 30, count)
        rows[:, 1 + rng.integers(0, 5)] += 60 // rows[:, 0]
        costs.append(rows.astype(np.int64))
    share = draw(st.floats(0.2, 1.1))
    total = sum(rows[:, 1:].mean(axis=0) for rows in costs)
    budget = Resources(*(int(share * amount) for amount in total))
    return [table_of(rows, budget) for rows in costs], budget


def best_by_force(
    tables: Sequence[OptionTable], budget: Resources, least_cycles: int = 1
) -> int | None:
    """Smallest frame II over all choices that fit, or None."""
    limits = np.array(tuple(budget))
    best = None
    for chosen in itertools.product(*(range(len(table)) for table in tables)):
        pairs = list(zip(tables, chosen, strict=True))
        if (sum(t.use[row].astype(np.int64) for t, row in pairs) <= limits).all():
            cycles = max(least_cycles, *(int(t.cycles[row]) for t, row in pairs))
            best = cycles if best is None else min(best, cycles)
    return best


def part(budget: Resources, off_chip_gbytes_per_s: float = 1000.0) -> Device:
    """A made-up part that may be used whole."""
    return Device(
        "toy", "toy", Family.ULTRASCALE_PLUS, budget, budget, 100.0, off_chip_gbytes_per_s, ()
    )


def chain(frame: FeatureMap, *steps: ops.Op) -> Graph:
    """A graph of one layer after the other, named by position."""
    layers = [Layer("input", ops.Input(), frame)]
    edges = []
    for index, op in enumerate([*steps, ops.Output()]):
        name = f"{index}_{ops.op_name(op).lower()}"
        edges.append(Edge(layers[-1].name, name))
        layers.append(Layer(name, op, output_map(op, [layers[-1].out])))
    return build_graph("chain", layers, edges)


def residual(frame: FeatureMap) -> Graph:
    """A convolution with a skip over it."""
    conv = ops.Conv2d(frame.channels, (3, 3), pads=(1, 1, 1, 1))
    layers = [
        Layer("input", ops.Input(), frame),
        Layer("fork", ops.Fork(), frame),
        Layer("conv", conv, frame),
        Layer("add", ops.Add(), frame),
        Layer("output", ops.Output(), frame),
    ]
    edges = [
        Edge("input", "fork"),
        Edge("fork", "conv"),
        Edge("conv", "add", 0),
        Edge("fork", "add", 1),
        Edge("add", "output"),
    ]
    return build_graph("residual", layers, edges)
