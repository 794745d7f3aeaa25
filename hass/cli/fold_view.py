"""How a plan's proof and its prices are shown: as sentences and tables, and as JSON."""

from __future__ import annotations

import click

from ..files import JsonValue
from ..folding import FoldingPlan, Goal, Prices
from .common import Cell, percent, print_table


def prices_json(prices: Prices) -> dict[str, JsonValue]:
    """Prices as JSON; the unit is that of the plan's goal."""
    return {
        "unit": prices.objective.goal.unit,
        "frame_ii_cycles": prices.frame_ii_cycles,
        "paced_by": list(prices.paced_by),
        "weights": dict(prices.weights),
        "resources": dict(prices.resources),
        "layers": {
            name: {"worth": price.worth, "share": price.share}
            for name, price in prices.layers.items()
        },
    }


def proof(plan: FoldingPlan) -> str:
    """What is proved of a plan, as a sentence."""
    objective, bound = plan.objective, plan.proved_bound
    kept = "" if objective.min_fps is None else f" and gives {objective.min_fps:,.10g} fps"
    match objective.goal:
        case Goal.THROUGHPUT:
            claim = f"is faster than {plan.proved_bound_cycles:,} cycles per frame"
        case Goal.LATENCY:
            claim = f"has its first frame through in less than {bound:,.0f} cycles"
        case Goal.AREA:
            claim = f"needs less than {percent(bound)} of the budget's scarcest resource"
        case Goal.EFFICIENCY:
            claim = f"has more than {1 / bound:.4g} images per cycle and DSP"
        case Goal.ENERGY:
            claim = f"takes less than {bound:,.0f} pJ of the energy proxy per frame"
        case goal:
            claim = f"needs less than {bound:,.0f} {goal.value}"
    return f"solver {plan.solver}: no folding that fits{kept} {claim}; gap {percent(plan.gap)}"


def print_prices(prices: Prices) -> None:
    """What resources and the layers' work are worth, on stdout."""
    unit = prices.objective.goal.unit
    pairs = zip(prices.weights.items(), prices.resources.values(), strict=True)
    print_table(
        ["resource", "weight", f"one more ({unit})"],
        [[name, percent(weight), f"{worth:.4g}"] for (name, weight), worth in pairs],
        title=f"\nPrices at a frame II of {prices.frame_ii_cycles:,} cycles",
    )
    if prices.paced_by:
        names = ", ".join(prices.paced_by[:3]) + (" and others" if prices.paced_by[3:] else "")
        click.echo(f"more of any resource is worth nothing: {names} cannot be faster")
    ranked = sorted(prices.layers.items(), key=lambda item: -item[1].share)
    rows: list[list[Cell]] = [
        [name, f"{price.worth / 100:.4g}", f"{price.share:.3f} %"] for name, price in ranked
    ]
    print_table(["layer", f"1 % less work ({unit})", "of the budget, at equal frame II"], rows)
