"""What layers wait for each other on the way, since their work is uneven.

In steady state a pipeline of even layers is as fast as its slowest one. A dynamic engine takes
longer for some images and some places in them than for others, and FIFOs hold less than a frame;
so where two layers take nearly as long, now the one waits and now the other: a frame takes about
the mean of the largest instead of the largest of the means.

Each frame is cut into parts. In the even flow (``even_flow``) a layer reads a part when the one
before has put it out, and writes it when the one behind has room; what a FIFO holds beyond what the
even flow needs is how far the two may be apart. So a layer is done with a part when it was done
with the one before and has worked on it, but not before those that it reads from, and not before
its readers have left so many parts behind (max-plus algebra: Baccelli et al., "Synchronization and
Linearity", 1992, ch. 2). The work of a part is in proportion to its active products, or
activations, as measured (``WorkShares``), as far as cycles follow products. Lanes of a broadcast
engine are as slow as the busiest channels, which are others in other images: so an image takes
longer by what was measured of so many lanes (``LaneWork``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import Graph, Layer
from ..intmath import ceil_div
from ..segment_cycles import segment_cycles
from ..sparsity import LayerSparsity, SegmentHistogram, SparsityProfile
from ..work_shares import MOST_PARTS
from .coefficients import coefficients
from .flow import layer_shapes
from .foldings import DATA_DEPENDENT, EngineKind, Folding, as_arrays, passes_of, streams_in
from .ops.conv import compute_cycles, engine_cycles, engine_stages
from .result import Estimate, FifoEstimate
from .shape import LayerShape

FloatArray = npt.NDArray[np.float64]
_ROUNDING_CYCLES = 1e-3  # of sums of floats
_GATHERED_WINDOWS = 1  # while the engine works on one, the next one is gathered


def follows(histogram: SegmentHistogram, fine: int) -> float:
    """By how much of a percent a segment's mean cycles change where products change by one percent:
    the slope of cycles over products, times the ratio of their means. Cycles are rounded up, and
    one at least, so that it is below 1.

    Args:
        histogram: of segments.
        fine: multipliers of an engine.
    """
    shares = histogram.probabilities()
    products = np.arange(shares.shape[1], dtype=np.float64)
    cycles = segment_cycles(histogram.segment_products, np.array([fine]))[:, 0].astype(np.float64)
    means = shares @ np.stack([products, cycles], axis=1)  # of each block
    variance = float((shares @ products**2 - means[:, 0] ** 2).sum())
    if variance <= 0.0:
        return 0.0
    covariance = float((shares @ (products * cycles) - means[:, 0] * means[:, 1]).sum())
    return covariance / variance * float(means[:, 0].mean() / means[:, 1].mean())


def _room_words(graph: Graph, fifo: FifoEstimate, foldings: Mapping[str, Folding]) -> int:
    """Words between two layers: in the FIFO, in the registers of the writer's pipeline, and in
    windows that are gathered ahead."""
    source, reader = foldings[fifo.src], foldings[fifo.dst]
    if isinstance(graph[fifo.src].op, ops.Conv2d):
        stages = int(engine_stages(as_arrays([source]))[0])
    else:
        stages = coefficients().pipeline.stream_cycles.value
    words = fifo.depth_words * fifo.streams + stages * source.coarse_out * source.coarse_group
    if isinstance(graph[fifo.dst].op, ops.Conv2d):
        ahead = reader.lane_fifo_depth if reader.lane_fifo_depth > 1 else 0
        words += (_GATHERED_WINDOWS + ahead) * reader.packed * fifo.streams
    return words


def _uneven(
    layer: Layer, folding: Folding, shape: LayerShape, profile: SparsityProfile
) -> FloatArray | None:
    """(images, ``MOST_PARTS``) cycles of the parts of frames, or None where all are alike."""
    if folding.engine not in DATA_DEPENDENT:
        return None
    measured = profile.layers[layer.name]
    if folding.engine is EngineKind.BROADCAST:
        assert isinstance(layer.op, ops.Conv2d)
        measured = measured.of_activations(layer.op.groups)
    if measured.work is None:
        return None
    one, sparsity = as_arrays([folding]), profile.layers[layer.name]
    cycles = int(engine_cycles(shape, one, sparsity)[0])
    slope = follows(measured.histogram(folding.packed), folding.fine)
    relative = 1.0 + slope * (measured.work.relative() - 1.0)
    if folding.engine is EngineKind.BROADCAST:
        factors = _image_factors(layer, folding, shape, sparsity, cycles)
        relative = relative * factors[: len(relative), None]
        relative /= relative.mean()
    parts = relative.shape[1]
    spread = np.arange(MOST_PARTS) * parts // MOST_PARTS  # the same for parts of a part
    work = relative[:, spread] * cycles
    # a part takes what its words take to come in, at least
    work = np.maximum(work, ceil_div(shape.inputs[0].words, int(streams_in(one)[0])))
    fed = int(compute_cycles(shape, one, sparsity)[0])
    return np.asarray(work * (fed / float(work.mean()) / MOST_PARTS))


def _image_factors(
    layer: Layer, folding: Folding, shape: LayerShape, sparsity: LayerSparsity, cycles: int
) -> FloatArray:
    """(images,) how long the lanes of a broadcast engine, of so many cycles a frame, take for as
    much work.

    Lanes with FIFOs are between those that are joined after every window and those that never are:
    where, follows from their means.
    """
    assert isinstance(layer.op, ops.Conv2d) and sparsity.acts is not None
    lanes = next((one for one in sparsity.acts.lanes if one.packed == folding.packed), None)
    if lanes is None:
        return np.ones(1)
    groups = layer.op.groups
    blocks = shape.inputs[0].channels // groups // folding.packed
    alone = lanes.of_lanes(blocks, groups, 1, 1)[0]
    windows, slowest = lanes.of_lanes(blocks, groups, folding.coarse_in, folding.coarse_group)
    lockstep = as_arrays([replace(folding, lane_fifo_depth=1)])
    joined = int(engine_cycles(shape, lockstep, sparsity)[0])
    least = float(slowest.mean() / windows.mean())
    share = (cycles / joined - least) / (1.0 - least) if least < 1.0 else 1.0
    return np.asarray((slowest + min(max(share, 0.0), 1.0) * (windows - slowest)) / alone)


def _images(profile: SparsityProfile) -> int:
    """Frames that the work of all layers was measured of."""
    every = [layer.work for layer in profile.layers.values()]
    every += [layer.acts.work for layer in profile.layers.values() if layer.acts is not None]
    return min((work.images for work in every if work is not None), default=0)


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """Frames on their way through a pipeline, whatever its FIFOs.

    Attributes:
        work: (layers, parts of all images) cycles, as late as each layer is in the even flow.
        images: that come again and again.
        ends: (edges, 2) layers that write and read, as the estimate has its FIFOs.
        slowest_cycles: frame II without any waiting.
    """

    work: FloatArray
    images: int
    ends: npt.NDArray[np.int64]
    slowest_cycles: int


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """What came of waves.

    Attributes:
        waiting_cycles: of a frame, beyond the slowest layer's.
        blocked_cycles: (edges,) by how much full FIFOs put off their writers, added up.
    """

    waiting_cycles: int
    blocked_cycles: FloatArray


def waves_of(graph: Graph, estimate: Estimate, profile: SparsityProfile) -> Waves | None:
    """The waves of a folded pipeline; None where all its engines are even, or where the profile has
    not how uneven they are."""
    images = _images(profile)
    if not images:
        return None
    shapes = layer_shapes(graph, profile)
    place = {layer.name: index for index, layer in enumerate(graph)}
    work = np.empty((len(place), images * MOST_PARTS))
    delays: dict[str, float] = {}
    found = False
    for layer in graph:
        shape, item = shapes[layer.name], estimate.layers[layer.name]
        sources = (delays[edge.src] for edge in graph.in_edges(layer.name))
        delays[layer.name] = max(sources, default=0.0) + item.lead_frames
        cycles = _uneven(layer, item.folding, shape, profile)
        if cycles is None:
            paced = isinstance(layer.op, ops.Input) and estimate.bottleneck not in estimate.layers
            even = estimate.slowest_cycles if paced else item.frame_ii_cycles / shape.haste
            work[place[layer.name]] = even / MOST_PARTS
            continue
        found = True
        late = round(delays[layer.name] * MOST_PARTS)
        work[place[layer.name]] = np.roll(cycles[:images].reshape(-1), late)
    if not found:
        return None
    ends = np.array([(place[f.src], place[f.dst]) for f in estimate.fifos], dtype=np.int64)
    return Waves(work, images, ends, estimate.slowest_cycles)


def rooms_of(graph: Graph, estimate: Estimate) -> FloatArray:
    """(edges,) parts of a frame that each FIFO holds beyond what the even flow needs."""
    foldings = {name: item.folding for name, item in estimate.layers.items()}
    needed = layer_shapes(graph, rows_per_pass=passes_of(foldings))
    rooms = []
    for fifo in estimate.fifos:
        words = graph.in_maps(fifo.dst)[fifo.port].words
        more = _room_words(graph, fifo, foldings) - needed[fifo.dst].fifos[fifo.port].words
        rooms.append(max(more, 0) / words * MOST_PARTS)
    return np.array(rooms, dtype=np.float64)


def passed(waves: Waves, rooms: FloatArray) -> Passing:
    """What layers wait with such FIFOs.

    Args:
        waves: of the pipeline.
        rooms: of ``rooms_of``.
    """
    from .kernels.waves import finish_times  # here, as it loads numba

    twice = np.concatenate([waves.work, waves.work], axis=1)
    order = np.lexsort((np.arange(len(waves.ends)), waves.ends[:, 1]))
    done = np.zeros((len(twice), twice.shape[1] + 1))
    blocked = np.zeros(len(rooms))
    finish_times(twice, waves.ends[order], rooms[order], done, blocked)
    last = done[-1]
    cycles = float(last[-1] - last[waves.work.shape[1]]) / waves.images
    waiting = max(0, math.ceil(cycles - _ROUNDING_CYCLES) - waves.slowest_cycles)
    of_fifos = np.empty_like(blocked)
    of_fifos[order] = blocked
    return Passing(waiting, of_fifos)


def waiting(estimate: Estimate, waiting_cycles: int) -> Estimate:
    """The estimate with so much waiting, in place of what it had."""
    total = estimate.slowest_cycles + waiting_cycles
    return replace(estimate, frame_ii_cycles=total, waiting_cycles=waiting_cycles)


def with_waiting(graph: Graph, estimate: Estimate, profile: SparsityProfile | None) -> Estimate:
    """The estimate with what layers wait for each other on the way, in place of what it had.

    Args:
        graph, estimate: the network, and its estimate with the FIFOs that it has.
        profile: measured sparsity.
    """
    waves = None if profile is None else waves_of(graph, estimate, profile)
    if waves is None:
        return waiting(estimate, 0)
    return waiting(estimate, passed(waves, rooms_of(graph, estimate)).waiting_cycles)
