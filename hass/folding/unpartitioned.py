"""Why no choice of cuts does, and what would help."""

from __future__ import annotations

from collections.abc import Sequence

from ..device import Device
from ..values import precision_of
from .explain import layer_shortage
from .intervals import Intervals
from .parts_plan import Unpartitioned
from .plan import Infeasibility

_MAX_LAYERS = 5  # named in a message


def _layers_too_large(intervals: Intervals, devices: Sequence[Device]) -> Unpartitioned | None:
    """The layer that lacks most, of those that no device could hold alone."""
    first = devices[0]
    stuck = [
        name
        for name in intervals.counted(first).tables
        if not any(len(intervals.counted(device).tables[name]) for device in devices)
    ]
    if not stuck:
        return None
    arithmetic = precision_of(intervals.request.arithmetic).default
    tables = intervals.counted(first).tables
    lacks = {name: layer_shortage(name, tables[name], first, arithmetic) for name in stuck}
    worst = max(stuck, key=lambda name: lacks[name][0].demand / max(lacks[name][0].budget, 1))
    shortage, words = lacks[worst]
    reason = f"layer {worst} does not fit {first.name} even alone: it needs {words}"
    others = [name for name in stuck if name != worst]
    if others:
        more = len(others) - _MAX_LAYERS
        named = ", ".join(others[:_MAX_LAYERS]) + (f" and {more} more" if more > 0 else "")
        reason += f"; nor do {named}"
    return Unpartitioned(None, shortage, reason, shortage.levers)


def _is_stuck(intervals: Intervals, devices: Sequence[Device], start: int) -> bool:
    """Whether the part behind a node, up to the next, fits none of the devices."""
    for device in devices:
        while not (pace := intervals.sharper(device, start, start + 1)).final:
            pass
        if pace.plan is not None:
            return False
    return True


def too_large(intervals: Intervals, devices: Sequence[Device]) -> Unpartitioned | None:
    """What no cut divides further and none of the devices holds: a layer, or else the first such
    part; what it lacks is said for the first device.

    Raises:
        ProfileError, SpecError, SolverError: see ``solve``.
    """
    layers = _layers_too_large(intervals, devices)
    if layers is not None:
        return layers
    for start in range(intervals.nodes - 1):
        if not _is_stuck(intervals, devices, start):
            continue
        part, device = intervals.part(start, start + 1), devices[0]
        answer = intervals.solved(device, start, start + 1)
        assert isinstance(answer, Infeasibility)  # it is stuck
        top = ", ".join(f"{name} {amount:,}" for name, amount in answer.by_layer[:_MAX_LAYERS])
        reason = (
            f"the part {part}, which no cut divides, does not fit {device.name}: "
            f"{answer.resource} {answer.demand:,} needed at least > {answer.budget:,} allowed "
            f"(largest: {top})"
        )
        return Unpartitioned(part, answer, reason, answer.levers)
    return None


def wrong_count(wanted: str, fewest: int, most: int) -> Unpartitioned:
    """It fits, but not in the wanted number of parts."""
    reason = f"{wanted}: at least {fewest} are needed, and the network has cuts for {most} at most"
    return Unpartitioned(None, None, reason, (f"{fewest} to {most} parts",))


def batch_too_large(device: Device, batch: int, largest: int) -> Unpartitioned:
    """The maps of a batch do not fit off chip."""
    have = device.off_chip_gbytes
    reason = f"the maps of {batch:,} frames do not fit {device.name}'s {have:g} GB of memory"
    return Unpartitioned(None, None, reason, (f"a batch of at most {largest:,}",))
