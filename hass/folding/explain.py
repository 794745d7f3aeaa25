"""Why nothing fits, and what would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..cost.foldings import IntArray, MemoryKind
from ..cuts import cutting_order, useful_cuts
from ..device import RESOURCE_NAMES, Device, Resources, device_names, load_device
from ..graph import Graph
from ..values import Arithmetic
from .choice import FloatArray
from .plan import Infeasibility
from .problem import Problem
from .tables import OptionTable, costs_by_memory, fastest_legal

_MAX_PARTS = 4


def _parts(resource: str, demands: Resources) -> str:
    """Devices whose budget would hold each of the demands alone, those with least of the resource
    first."""
    known = [load_device(name) for name in device_names()]
    enough = [device for device in known if demands.fits(device.budget)]
    enough.sort(key=lambda device: (getattr(device.budget, resource), device.name))
    names = [device.name for device in enough[:_MAX_PARTS]]
    return f" ({', '.join(names)})" if names else " (none of the known devices has enough)"


def _levers(
    resource: str, demands: Resources, device: Device, arithmetic: Arithmetic
) -> tuple[str, ...]:
    levers = [f"a part with more {resource}{_parts(resource, demands)}"]
    demand, have = getattr(demands, resource), getattr(device.available, resource)
    if demand <= have:
        levers.append(f"a larger share of this part: {demand} of its {have} {resource}")
    if max(arithmetic.act_bits, arithmetic.weight_bits) > 8:
        levers.append("fewer bits per word")
    if resource == "bram18" and device.available.uram == 0:
        levers.append("a part with URAM for large buffers and weights")
    levers.append("a smaller network or input")
    return tuple(levers)


def _ranked(names: Sequence[str], amounts: Sequence[int]) -> tuple[tuple[str, int], ...]:
    pairs = sorted(zip(names, amounts, strict=True), key=lambda pair: -pair[1])
    return tuple(pairs)


def too_slow(problem: Problem, limit: int, clock_mhz: float) -> Infeasibility | None:
    """The layers, or the off-chip memory, that are slower than a frame II of ``limit`` even at
    their fastest folding that fits alone, if there are any."""
    fastest = [int(table.cycles[0]) for table in problem.tables]
    floor = problem.floor_cycles
    if floor <= limit:
        return None
    fps = clock_mhz * 1e6 / floor
    levers = [f"at most {fps:,.1f} frames per second, at this clock and on this part"]
    slowest = problem.tables[int(np.argmax(fastest))]
    if max(fastest) > limit and fastest_legal(slowest) <= limit:
        levers.append("a larger part: the first layer named is fast enough, but does not fit alone")
    elif limit > 0:
        levers.append(f"a clock of {clock_mhz * floor / limit:,.1f} MHz or more")
    if problem.least_cycles > limit:
        levers.append(
            f"more off-chip bandwidth: frames in and out take {problem.least_cycles} cycles"
        )
    if max(fastest) > limit:
        levers.append("a smaller input, or fewer channels in the layers named")
    by_layer = _ranked(problem.names, fastest)
    return Infeasibility("frame_ii_cycles", floor, limit, by_layer, tuple(levers))


def single_shortage(
    names: Sequence[str], tables: Sequence[OptionTable], device: Device, arithmetic: Arithmetic
) -> Infeasibility | None:
    """The resource of which the smallest foldings of all layers together need the largest multiple
    of the budget, if any needs more than it."""
    worst: tuple[float, Infeasibility] | None = None
    totals = np.sum([table.least for table in tables], axis=0).tolist()
    demands = Resources(*totals[: len(RESOURCE_NAMES)])
    for index, (resource, budget) in enumerate(zip(RESOURCE_NAMES, device.budget, strict=True)):
        amounts = [table.least[index] for table in tables]
        demand = sum(amounts)
        if demand <= budget:
            continue
        ratio = demand / max(budget, 1)
        if worst is None or ratio > worst[0]:
            levers = _levers(resource, demands, device, arithmetic)
            by_layer = _ranked(names, amounts)
            worst = ratio, Infeasibility(resource, demand, budget, by_layer, levers)
    return None if worst is None else worst[1]


def layer_shortage(
    name: str, table: OptionTable, device: Device, arithmetic: Arithmetic
) -> tuple[Infeasibility, str]:
    """What a layer of which no folding fits lacks, by the folding that is nearest to fitting; and
    in words the same for each memory that its weights could lie in."""
    budget = np.array(tuple(device.budget), dtype=np.int64)
    nearest: tuple[float, str, int] | None = None
    words = []
    for memory, use in costs_by_memory(table).items():
        shares = use / np.maximum(budget, 1)
        row = int(shares.max(axis=1).argmin())
        worst = int(shares[row].argmax())
        resource, demand = RESOURCE_NAMES[worst], int(use[row, worst])
        place = "" if memory is MemoryKind.NONE else f"with weights in {memory.value} "
        words.append(f"{place}{resource} {demand:,} > {budget[worst]:,}")
        if nearest is None or shares[row, worst] < nearest[0]:
            nearest = float(shares[row, worst]), resource, demand
    assert nearest is not None  # a layer has a legal folding
    _, resource, demand = nearest
    allowed = int(getattr(device.budget, resource))
    needs = Resources(**{resource: demand})
    levers = _levers(resource, needs, device, arithmetic)
    return Infeasibility(resource, demand, allowed, ((name, demand),), levers), ", ".join(words)


def joint_shortage(
    names: Sequence[str],
    demands: Sequence[float],
    prices: FloatArray,
    device: Device,
    arithmetic: Arithmetic,
) -> Infeasibility:
    """No single resource is short, but no choice fits all budgets at once.

    Demand and budget are in millionths of the budget, priced: at these prices (which add up to 1)
    every choice of foldings costs at least ``demand`` while the whole budget is worth 1,000,000.

    Args:
        names: layers.
        demands: smallest priced share of each layer's foldings.
        prices: (5,) prices of a share of each resource.
        device: the part.
        arithmetic: word lengths.
    """
    scale = 1_000_000
    amounts = [round(scale * demand) for demand in demands]
    weights = ", ".join(
        f"{name} {price:.2f}"
        for name, price in zip(RESOURCE_NAMES, prices.tolist(), strict=True)
        if price >= 0.005
    )
    levers = [
        f"each resource alone would do; together, weighed {weights}, they do not: "
        "more of any of these",
        _larger_parts(device.budget),
    ]
    if max(arithmetic.act_bits, arithmetic.weight_bits) > 8:
        levers.append("fewer bits per word")
    levers.append("a smaller network or input")
    demand = max(sum(amounts), scale + 1)  # integrality alone can make the difference
    return Infeasibility("several", demand, scale, _ranked(names, amounts), tuple(levers))


def parts_lever(
    graph: Graph,
    names: Sequence[str],
    demands: IntArray | FloatArray,
    limits: IntArray | FloatArray,
) -> tuple[str, ...]:
    """That partitions would help, if the layers between any two neighbouring cuts need less.

    Args:
        graph: the network.
        names: its layers.
        demands: (layers, k) smallest demands of each.
        limits: (k,) what may be used.
    """
    of_layer = dict(zip(names, demands, strict=True))
    ends = {cut.last for cut in useful_cuts(graph)}
    parts, sums = 1, np.zeros_like(limits)
    for name in cutting_order(graph):
        sums = sums + of_layer[name]
        if bool((sums > limits).any()):
            return ()
        if name in ends:
            parts, sums = parts + 1, np.zeros_like(limits)
    if parts == 1:
        return ()
    return (
        f"partitions: each of the {parts} parts between cuts needs less than the budget "
        "(hass fold --partitions auto --batch B, or several --device in a chain)",
    )


def _larger_parts(budget: Resources) -> str:
    devices = [load_device(name) for name in device_names()]
    larger = [d.name for d in devices if d.budget != budget and budget.fits(d.budget)]
    return f"a larger part ({', '.join(larger[:_MAX_PARTS]) or 'none is known'})"
