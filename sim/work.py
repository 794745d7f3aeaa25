"""The tables that dynamic engines get the cycles of their segments from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost import EngineKind, Estimate, Folding, as_arrays
from hass.cost.foldings import DATA_DEPENDENT
from hass.cost.lanes import sampled_cycles
from hass.cost.ops.conv import one_filter
from hass.cost.static_schedule import static_window_cycles
from hass.graph import Graph, Layer
from hass.segment_cycles import segment_cycles
from hass.sparsity import LayerSparsity, SparsityProfile

from . import columns as c
from .dealing import dealt_blocks, dealt_filters
from .draws import CYCLE, SEEDS, Work

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Row = dict[int, int]  # column -> value
# A drawn position follows itself as often as neighbours are correlated, but comes to an end.
MOST_AGAIN = 0.99
NOTHING: Ints = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """Where dynamic engines get their cycles from.

    Attributes:
        work: as a simulation begins; never changed.
        rows: layer -> columns of its engine.
    """

    work: Work
    rows: Mapping[str, Row]

    def fresh(self) -> Work:
        """Tables that a simulation may change."""
        return self.work._replace(
            engines=self.work.engines.copy(), numbers=self.work.numbers.copy()
        )


@dataclass(slots=True)
class Numbers:
    """Tables of numbers, one after the other."""

    parts: list[Ints] = field(default_factory=list)
    length: int = 0

    def add(self, numbers: npt.ArrayLike) -> int:
        """Append a table; returns its offset."""
        flat = np.asarray(numbers, dtype=np.int64).reshape(-1)
        self.parts.append(flat)
        self.length += len(flat)
        return self.length - len(flat)

    def joined(self) -> Ints:
        """All of them; never empty."""
        return np.concatenate([*self.parts, np.zeros(1, dtype=np.int64)])


def bit_counts() -> Ints:
    """(65536,) ones in a 16-bit number."""
    numbers = np.arange(1 << 16, dtype=np.int64)
    return sum(((numbers >> bit) & 1 for bit in range(16)), np.zeros_like(numbers))


@dataclass(frozen=True, slots=True)
class Uneven:
    """A layer whose engines depend on data, as dynamic ones work on it: a broadcast engine on one
    filter a group that has no zero weight, over and over again.

    Attributes:
        layer: of the graph.
        op, folding, sparsity: with dynamic engines.
        filters: of a lane; those of a broadcast engine are all alike.
    """

    layer: Layer
    op: ops.Conv2d
    folding: Folding
    sparsity: LayerSparsity
    filters: int

    @property
    def is_broadcast(self) -> bool:
        """Whether its engines skip zero activations alone."""
        return self.op != self.layer.op

    def blocks(self) -> Ints:
        """As ``dealt_blocks``."""
        return dealt_blocks(self.op, self.folding, self.sparsity)

    def dealt(self, blocks: Ints) -> Ints:
        """As ``dealt_filters``."""
        dealt = dealt_filters(self.op, self.folding, self.sparsity, blocks)
        return np.repeat(dealt, self.filters // dealt.shape[3], axis=3)


def engine_columns(
    channels: int, folding: Folding, op: ops.Conv2d, filters: int
) -> tuple[Row, Row]:
    """What ``Work.engines`` and the actor of a dynamic engine have in common for any source;
    ``filters`` of a lane."""
    lanes_in = folding.coarse_in * folding.coarse_group
    row = {
        c.LANES_OUT: folding.coarse_out,
        c.LANES_IN: lanes_in,
        c.WINDOWS: channels // (lanes_in * folding.packed),
        c.WINDOW_FILTERS: filters,
        c.PRODUCTS: folding.packed * op.kernel[0] * op.kernel[1],
    }
    actor = {c.LANES: lanes_in * folding.coarse_out, c.AHEAD: folding.lane_fifo_depth}
    return row, actor


def cycle_table(products: int, fine: int) -> Ints:
    """(products + 1,) cycles of a segment with so many active products."""
    return segment_cycles(products, np.array([fine], dtype=np.int64))[:, 0].astype(np.int64)


def uneven_layers(graph: Graph, estimate: Estimate, profile: SparsityProfile) -> list[Uneven]:
    """Layers whose engines depend on data."""
    found = []
    for layer in graph.convs:
        folding, op = estimate.layers[layer.name].folding, layer.op
        if not isinstance(op, ops.Conv2d) or folding.engine not in DATA_DEPENDENT:
            continue
        sparsity = profile.layers[layer.name]
        filters = op.out_channels // (op.groups * folding.coarse_out)
        if folding.engine is EngineKind.BROADCAST:
            op, sparsity, foldings = one_filter(op, sparsity, as_arrays([folding]))
            folding = foldings.row(0)
        found.append(Uneven(layer, op, folding, sparsity, filters))
    return found


def static_rows(
    graph: Graph, estimate: Estimate, profile: SparsityProfile, numbers: Numbers
) -> dict[str, Row]:
    """Columns of the static engines: the schedules that their weights fix."""
    rows = {}
    for layer in graph.convs:
        folding = estimate.layers[layer.name].folding
        if isinstance(layer.op, ops.Conv2d) and folding.engine is EngineKind.STATIC:
            counts = profile.layers[layer.name].weight_counts
            cycles = static_window_cycles(layer.op, counts, folding)
            rows[layer.name] = {c.SCHEDULE: numbers.add(cycles)}
    return rows


def make_source(
    engines: Sequence[Row],
    numbers: Numbers,
    actors: Mapping[str, Row],
    act_masks: Ints = NOTHING,
    weight_masks: Ints = NOTHING,
) -> Source:
    """A source from the rows of its engines and their tables."""
    table = np.zeros((max(1, len(engines)), c.WORK_COLUMNS), dtype=np.int64)
    for target, row in zip(table, engines, strict=False):
        target[list(row)] = list(row.values())
    return Source(Work(table, numbers.joined(), act_masks, weight_masks, bit_counts()), actors)


def _stand_ins(op: ops.Conv2d, sparsity: LayerSparsity) -> Ints:
    """(filters,) which of the sample's filters each is drawn from: that of its rank by rate."""
    rates = np.asarray(sparsity.filter_rates).reshape(op.groups, -1)
    ranks = np.argsort(np.argsort(-rates, axis=1, kind="stable"), axis=1, kind="stable")
    kept = np.argsort(-rates[:, list(sparsity.sample.filters)], axis=1, kind="stable")
    return np.take_along_axis(kept, ranks * kept.shape[1] // rates.shape[1], axis=1).reshape(-1)


def _drawn_row(drawn: Uneven, row: Row, numbers: Numbers) -> Row:
    """Columns of an engine that draws positions of a layer's sample."""
    op, folding, sparsity = drawn.op, drawn.folding, drawn.sparsity
    histogram, sample = sparsity.histogram(folding.packed), sparsity.sample
    cycles = sampled_cycles(sample, histogram, op.groups, folding.fine)
    # moved to a lower mean, the shortest may have come below nothing
    cycles = np.maximum(cycles, 0.0).reshape(cycles.shape[0], -1, cycles.shape[3])
    blocks = drawn.blocks()
    own = _stand_ins(op, sparsity)[drawn.dealt(blocks)]
    again = min(max(sparsity.lag1_correlation, 0.0), MOST_AGAIN)
    return row | {
        c.FROM_MASKS: 0,
        c.SAMPLE: numbers.add(np.rint(cycles[:, blocks] * CYCLE)),
        c.SAMPLE_POSITIONS: cycles.shape[0],
        c.SAMPLE_FILTERS: cycles.shape[2],
        c.OWN_FILTERS: numbers.add(own),
        c.ORDER: numbers.add(np.arange(cycles.shape[0])),
        c.STAY: round(CYCLE / (1.0 - again)),
    }


def profile_source(graph: Graph, estimate: Estimate, profile: SparsityProfile, seed: int) -> Source:
    """Draws from a profile's distributions.

    Raises:
        ProfileError: if the profile lacks the distribution for a ``packed``.
    """
    numbers = Numbers()
    rows: list[Row] = []
    actors = static_rows(graph, estimate, profile, numbers)
    for drawn in uneven_layers(graph, estimate, profile):
        name = drawn.layer.name
        channels = graph.in_maps(name)[0].channels
        row, actor = engine_columns(channels, drawn.folding, drawn.op, drawn.filters)
        row = _drawn_row(drawn, row, numbers)
        rng = np.random.default_rng((seed, len(rows)))
        row |= {c.SEED_A: int(rng.integers(1, SEEDS)), c.SEED_B: int(rng.integers(1, SEEDS))}
        actors[name] = actor | {c.DRAWN: len(rows)}
        rows.append(row)
    return make_source(rows, numbers, actors)
