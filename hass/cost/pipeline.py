"""The whole pipeline: FIFO needs of joins, frame II, depth and latency, resources."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .. import ops
from ..device import Device, Resources
from ..errors import ProfileError
from ..graph import Graph, macs_per_frame
from ..sparsity import LayerSparsity, SparsityProfile
from ..values import Arithmetic, WordLengths, precision_of
from ..word_lengths import arithmetic_by_layer
from .buffers import needed_entries
from .depths import sized_fifo
from .energy import energy_proxy_pj
from .first_frame import first_frame
from .flow import layer_shapes
from .foldings import Folding, as_arrays, passes_of, streams_in
from .layer import layer_costs, lead_frames
from .result import Estimate, FifoEstimate, LayerCosts, LayerEstimate
from .room import filled_depth
from .shape import LayerShape
from .uneven import with_waiting

MOVE_ROUNDING_CYCLES = 1e-9  # of quotients of floats
OFF_CHIP = "off-chip bandwidth"


def frame_bits(graph: Graph, arithmetic: Arithmetic) -> int:
    """Bits of a frame in and its result out."""
    words = sum(layer.out.words for layer in graph.of_type(ops.Input, ops.Output))
    return words * arithmetic.act_bits


def off_chip_bits_per_cycle(device: Device, clock_mhz: float) -> float:
    """What off-chip memory moves in a cycle of the design."""
    return device.off_chip_gbytes_per_s * 8e9 / (clock_mhz * 1e6)


def cycles_to_move(bits: int, bits_per_cycle: float) -> int:
    """Whole cycles, at least one, in which off-chip memory moves so many bits."""
    return max(1, math.ceil(bits / bits_per_cycle - MOVE_ROUNDING_CYCLES))


def off_chip_bound_cycles(
    graph: Graph,
    device: Device,
    clock_mhz: float,
    arithmetic: Arithmetic,
    weight_bits_per_frame: int = 0,
) -> int:
    """Cycles per frame that off-chip memory needs for a frame in, its result out, and weights."""
    bits = frame_bits(graph, arithmetic) + weight_bits_per_frame
    return cycles_to_move(bits, off_chip_bits_per_cycle(device, clock_mhz))


def _resources(costs: LayerCosts) -> Resources:
    return Resources(*(int(x) for x in costs.resources()[0]))


def estimate(
    graph: Graph,
    foldings: Mapping[str, Folding],
    device: Device,
    *,
    profile: SparsityProfile | None = None,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
) -> Estimate:
    """Throughput, latency and resources of a folded pipeline, what layers wait for each other on
    the way included.

    Args:
        graph: the network.
        foldings: layer name -> folding, for every layer.
        device: gives off-chip bandwidth, family and default clock; its budget is not checked.
        profile: measured sparsity; without it every product is active.
        arithmetic: word lengths, of all layers or of each.
        clock_mhz: instead of the device's.

    Raises:
        ProfileError: if the profile lacks a Conv2d layer of the graph.
        ValueError: if a layer has no folding.
    """
    even = even_estimate(
        graph, foldings, device, profile=profile, arithmetic=arithmetic, clock_mhz=clock_mhz
    )
    return with_waiting(graph, even, profile)


def even_estimate(
    graph: Graph,
    foldings: Mapping[str, Folding],
    device: Device,
    *,
    profile: SparsityProfile | None = None,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
) -> Estimate:
    """``estimate`` as if no layer waited for another: all but its frame II is the same."""
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    missing = [layer.name for layer in graph if layer.name not in foldings]
    if missing:
        raise ValueError(f"no folding for {', '.join(missing)}")
    if profile is not None:
        absent = [layer.name for layer in graph.convs if layer.name not in profile.layers]
        if absent:
            raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    shapes = layer_shapes(graph, profile, passes_of(foldings))
    lengths = arithmetic_by_layer(graph, arithmetic)
    known: dict[
        tuple[LayerShape, Folding, LayerSparsity | None, Arithmetic], tuple[LayerCosts, int]
    ] = {}
    costs, energies = {}, {}
    for layer in graph:
        measured = None if profile is None else profile.layers.get(layer.name)
        same = shapes[layer.name], foldings[layer.name], measured, lengths[layer.name]
        if same not in known:
            shape, folding, _, words = same
            arrays = as_arrays([folding])
            known[same] = (
                layer_costs(shape, arrays, measured, device.family, words),
                int(energy_proxy_pj(shape, arrays, measured, words)[0]),
            )
        costs[layer.name], energies[layer.name] = known[same]
    times = first_frame(graph, shapes, foldings, costs)
    layers = {}
    fifos = []
    active_total = 0.0
    for layer in graph:
        folding = foldings[layer.name]
        macs = macs_per_frame(graph, layer.name)
        measured = profile.layers.get(layer.name) if profile is not None else None
        active = macs * (measured.pair_density if measured is not None else 1.0)
        active_total += active
        layers[layer.name] = LayerEstimate(
            folding=folding,
            frame_ii_cycles=int(costs[layer.name].frame_ii_cycles[0]),
            latency_cycles=int(costs[layer.name].latency_cycles[0]),
            lead_frames=lead_frames(shapes[layer.name]),
            start_cycles=math.ceil(times[layer.name].start_cycles),
            active_macs=active,
            resources=_resources(costs[layer.name]),
            off_chip_bits=int(costs[layer.name].off_chip_bits[0]),
            energy_proxy_pj=energies[layer.name],
        )
        words = lengths[layer.name]
        fifos.extend(_fifos(graph, layer.name, shapes[layer.name], folding, words))
    streamed = sum(item.off_chip_bits for item in layers.values())
    ends = precision_of(arithmetic).default
    bound = off_chip_bound_cycles(graph, device, clock, ends, streamed)
    bottleneck = max(layers, key=lambda name: layers[name].frame_ii_cycles)
    frame_ii = layers[bottleneck].frame_ii_cycles
    if bound > frame_ii:
        bottleneck, frame_ii = OFF_CHIP, bound
    last = max((sink.name for sink in graph.outputs), key=lambda name: times[name].end_cycles)
    order = {(edge.src, edge.dst, edge.port): i for i, edge in enumerate(graph.edges)}
    return Estimate(
        layers=layers,
        fifos=tuple(sorted(fifos, key=lambda f: order[f.edge])),
        frame_ii_cycles=frame_ii,
        depth_cycles=math.ceil(times[last].start_cycles),
        latency_cycles=math.ceil(times[last].end_cycles),
        clock_mhz=clock,
        resources=sum((item.resources for item in layers.values()), Resources()),
        bottleneck=bottleneck,
        active_macs_per_frame=active_total,
        multipliers=sum(folding.multipliers for folding in foldings.values()),
    )


def _fifos(
    graph: Graph, name: str, shape: LayerShape, folding: Folding, arithmetic: Arithmetic
) -> list[FifoEstimate]:
    streams = streams_in(as_arrays([folding]))
    result = []
    for edge in graph.in_edges(name):
        needed = int(needed_entries(shape, edge.port, folding.engine, streams)[0])
        wide = int(streams[0])
        depth = filled_depth(needed, wide * arithmetic.act_bits, folding.fifo_memory)
        where = (edge.src, edge.dst, edge.port)
        result.append(sized_fifo(where, depth, wide, folding.fifo_memory, arithmetic))
    return result
