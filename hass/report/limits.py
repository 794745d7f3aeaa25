"""What keeps a design from being faster, in words that carry the numbers."""

from __future__ import annotations

from ..design import Design
from ..device import RESOURCE_NAMES
from ..folding import FoldingPlan, Goal
from .words import number, percent, shown

NEAR = 0.95  # of the pipeline's frame II, or of a budget: close enough to limit


def critical_layers(design: Design) -> tuple[str, ...]:
    """Layers within 5 % of the pipeline's frame II: none may stay as it is in a faster one."""
    limit = NEAR * design.plan.estimate.slowest_cycles
    layers = design.plan.estimate.layers
    return tuple(name for name, layer in layers.items() if layer.frame_ii_cycles >= limit)


def budget_shares(design: Design) -> dict[str, float]:
    """Share of the device's budget that the design uses, per resource."""
    return design.summary.resources.utilisation(design.device.budget)


def idle_share(design: Design) -> float | None:
    """Share of all multipliers' cycles in which their layer waits for the slowest one."""
    layers = design.plan.estimate.layers.values()
    total = sum(layer.folding.multipliers for layer in layers)
    if total == 0:
        return None
    frame_ii = design.summary.frame_ii_cycles
    busy = sum(layer.folding.multipliers * layer.frame_ii_cycles for layer in layers)
    return max(0.0, 1 - busy / (total * frame_ii))


def limits(design: Design) -> tuple[tuple[str, str], ...]:
    """(heading, sentence) pairs, the most direct cause first."""
    summary, plan, device = design.summary, design.plan, design.device
    facts = [("Slowest part", _slowest(design))]
    shares = budget_shares(design)
    full = [name for name in RESOURCE_NAMES if shares[name] >= NEAR]
    fullest = max(RESOURCE_NAMES, key=lambda name: shares[name])
    over = [name for name in RESOURCE_NAMES if shares[name] > 1]
    if over:
        named = ", ".join(f"{name.upper()} {percent(shares[name])}" for name in over)
        text = f"Does not fit the budget on {shown(device.name)}: {named} of it."
    elif full:
        named = ", ".join(f"{name.upper()} {percent(shares[name])}" for name in full)
        text = f"{named} of the budget on {shown(device.name)}: what runs out."
    else:
        text = (
            f"{fullest.upper()} is the fullest, at {percent(shares[fullest])} of its budget on "
            f"{shown(device.name)}: no resource has run out."
        )
    facts.append(("Resources", text))
    facts.append(("Proof", _proof(plan)))
    if plan.estimate.multipliers:
        text = (
            f"{percent(summary.multiplier_bound_share)} of clock × multipliers / active MACs per "
            f"frame, with {number(plan.estimate.multipliers)} multipliers and "
            f"{number(summary.active_macs_per_frame)} active MACs per frame."
        )
        idle = idle_share(design)
        if idle is not None:
            inside = max(0.0, 1 - idle - summary.multiplier_bound_share)
            text += (
                f" They wait for the slowest layer {percent(idle)} of the time; {percent(inside)} "
                "is lost inside their layers, to rounding up, streams and lanes that wait for each "
                "other."
            )
        facts.append(("Multiplier bound", text))
    return tuple(facts)


def _proof(plan: FoldingPlan) -> str:
    goal, solver = plan.objective.goal, shown(plan.solver)
    asked = "" if plan.objective.min_fps is None else f" at {number(plan.objective.min_fps)} fps"
    match goal:
        case Goal.THROUGHPUT:
            what = f"a frame II below {number(plan.proved_bound_cycles)} cycles"
        case Goal.LATENCY:
            what = f"its first frame through in less than {number(plan.proved_bound)} cycles"
        case Goal.AREA:
            what = f"less than {percent(plan.proved_bound)} of the scarcest resource's budget"
        case Goal.EFFICIENCY:
            what = f"more than {number(1 / plan.proved_bound)} images per cycle and DSP"
        case Goal.ENERGY:
            what = f"less than {number(plan.proved_bound)} pJ of the energy proxy per frame"
        case _:
            what = f"less than {number(plan.proved_bound)} {goal.value.upper()}"
    text = f"o legal folding that fits{asked} has {what}"
    if plan.gap > 0:
        above = percent(plan.gap, 2)
        waiting = (
            ", what layers wait for each other included" if plan.estimate.waiting_cycles else ""
        )
        return f"N{text}; this one is at most {above} above the best{waiting} (solver: {solver})."
    text = f"Proved best: n{text} (solver: {solver})."
    if goal is Goal.THROUGHPUT:
        text += " More speed needs more sparsity, a larger part or a wider choice of foldings."
    return text


def _slowest(design: Design) -> str:
    summary = design.summary
    name = shown(summary.bottleneck)
    text = f"{name} sets the frame II of {number(summary.frame_ii_cycles)} cycles."
    waiting = design.plan.estimate.waiting_cycles
    if waiting:
        text += (
            f" It works {number(summary.frame_ii_cycles - waiting)} of them and waits "
            f"{number(waiting)} for other layers, as images and places in them differ and FIFOs "
            "hold less than a frame."
        )
    if summary.bottleneck not in design.plan.estimate.layers:
        rate = f"{design.device.off_chip_gbytes_per_s:g} GB/s"
        return f"{text} It is not a layer but the off-chip bandwidth of {rate}."
    others = len(critical_layers(design)) - 1
    if others > 0:
        plural = "layer is" if others == 1 else "layers are"
        text += f" {others} more {plural} within 5 % of it."
    else:
        text += " No other layer is within 5 % of it."
    return text
