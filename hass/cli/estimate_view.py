"""How an estimate is shown: as tables and as JSON. ``estimate`` and ``fold`` share it."""

from __future__ import annotations

from dataclasses import asdict

from ..cost import Estimate
from ..cost.foldings import folding_fields
from ..design import Design, DesignAccuracy, EstimateSummary, arithmetic_title
from ..design_file import layer_json, splits_json, summary_json
from ..device import RESOURCE_NAMES, Device
from ..files import JsonValue
from ..sparsity import Accuracy
from .common import Cell, percent, print_table


def estimate_json(
    summary: EstimateSummary, estimate: Estimate, device: Device
) -> dict[str, JsonValue]:
    """The keys scripts rely on, whether it fits the device's budget, and the layers."""
    return {
        **summary_json(summary),
        "fits": estimate.resources.fits(device.budget),
        "device": device.name,
        "clock_mhz": estimate.clock_mhz,
        "layers": [
            {**layer_json(name, layer), "folding": asdict(layer.folding)}
            for name, layer in estimate.layers.items()
        ],
    }


def accuracies_json(design: Design) -> dict[str, JsonValue]:
    """What accuracy a design states, in floating point and in integers."""
    return {
        "accuracy": splits_json(design.accuracy),
        "integer_accuracy": splits_json(design.integer_accuracy),
    }


def print_accuracy(design: Design) -> None:
    """The accuracy that a design states, if any, on stdout."""
    floats = design.accuracy or DesignAccuracy()
    integers = design.integer_accuracy or DesignAccuracy()
    rows: list[list[Cell]] = [
        [name, _top1(floats, name), _top1(integers, name)]
        for name in ("calibration", "selection", "test")
    ]
    rows = [row for row in rows if row[1:] != [None, None]]
    if rows:
        words = f"in {arithmetic_title(design.precision)}"
        print_table(["split", "in floating point", words], rows, title="\nTop-1 accuracy")


def _top1(accuracy: DesignAccuracy, split: str) -> str | None:
    found: Accuracy | None = getattr(accuracy, split)
    if found is None:
        return None
    return f"{percent(found.top1)} ({found.correct:,} of {found.images:,})"


def over_budget(estimate: Estimate, device: Device) -> list[str]:
    """``lut 120000 > 100000``, for each resource that exceeds the budget."""
    return [
        f"{name} {need} > {allowed}"
        for name, need, allowed in zip(
            RESOURCE_NAMES, estimate.resources, device.budget, strict=True
        )
        if need > allowed
    ]


def _traffic_rows(estimate: Estimate, device: Device) -> list[list[Cell]]:
    if not estimate.off_chip_bits:
        return []
    mbytes = estimate.off_chip_bits / 8e6
    rate = mbytes * 1e-3 * estimate.throughput_fps
    share = percent(rate / device.off_chip_gbytes_per_s)
    return [
        ["weights read off chip", f"{mbytes:,.1f} MB per frame"],
        ["", f"{rate:,.1f} GB/s, {share} of {device.off_chip_gbytes_per_s:g}"],
    ]


def print_estimate(summary: EstimateSummary, estimate: Estimate, device: Device) -> None:
    """Layers, resources, and the numbers of the whole pipeline, on stdout."""
    rows: list[list[Cell]] = [
        [name, *asdict(layer.folding).values(), layer.frame_ii_cycles, *layer.resources]
        for name, layer in estimate.layers.items()
    ]
    print_table(
        ["layer", *folding_fields(), "frame_ii_cycles", *RESOURCE_NAMES],
        rows,
        footer=[
            "(pipeline)",
            *[""] * len(folding_fields()),
            summary.frame_ii_cycles,
            *summary.resources,
        ],
    )
    print_table(
        ["resource", "used", "budget", "available", "utilisation"],
        [
            [name, used, allowed, have, percent(summary.utilisation[name])]
            for name, used, allowed, have in zip(
                RESOURCE_NAMES, summary.resources, device.budget, device.available, strict=True
            )
        ],
        title=f"\nResources of {device.name}",
    )
    print_table(
        ["quantity", "value"],
        [
            ["throughput_fps", f"{summary.throughput_fps:,.1f}"],
            ["frame_ii_cycles", f"{summary.frame_ii_cycles:,}"],
            ["latency_us (one frame alone)", f"{summary.latency_us:,.1f}"],
            ["depth_cycles", f"{summary.depth_cycles:,}"],
            ["bottleneck", summary.bottleneck],
            *_traffic_rows(estimate, device),
            ["active_macs_per_frame", f"{summary.active_macs_per_frame:,.0f}"],
            ["multipliers", f"{estimate.multipliers:,}"],
            ["multiplier_bound_share", percent(summary.multiplier_bound_share)],
        ],
        title=f"\nPipeline at {estimate.clock_mhz:g} MHz",
    )
