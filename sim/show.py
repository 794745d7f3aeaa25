"""How a simulation is shown: as tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from hass.cli.common import Cell, print_table
from hass.cost.result import Edge
from hass.files import JsonValue

from .result import Deadlock, FifoRun, LayerRun, SimResult, Sizes, signed_error


def _error(modelled: float, simulated: float | None) -> float | None:
    return modelled / simulated - 1.0 if simulated else None


def _layer_json(layer: LayerRun) -> dict[str, JsonValue]:
    return {
        **asdict(layer),
        "relative_error": _error(layer.modelled_frame_ii_cycles, layer.simulated_cycles),
    }


def _fifo_json(fifo: FifoRun) -> dict[str, JsonValue]:
    return dict(asdict(fifo))


def _deadlock_json(deadlock: Deadlock) -> dict[str, JsonValue]:
    return {
        "cycle": deadlock.cycle,
        "ring": [
            {"layer": item.layer, "waits": item.waits.value, "fifo": str(item.fifo)}
            for item in deadlock.ring
        ],
        "full_fifos": [_fifo_json(fifo) for fifo in deadlock.full],
    }


def run_json(result: SimResult) -> dict[str, JsonValue]:
    """The keys that scripts rely on, the layers and the FIFOs."""
    return {
        "modelled_frame_ii_cycles": result.modelled_frame_ii_cycles,
        "simulated_frame_ii_cycles": result.simulated_frame_ii_cycles,
        "relative_error": result.relative_error,
        "modelled_latency_cycles": result.modelled_latency_cycles,
        "first_frame_cycles": result.first_frame_cycles,
        "modelled_depth_cycles": result.modelled_depth_cycles,
        "depth_cycles": result.depth_cycles,
        "frames": result.frames,
        "deadlock": None if result.deadlock is None else _deadlock_json(result.deadlock),
        "layers": [_layer_json(layer) for layer in result.layers],
        "fifos": [_fifo_json(fifo) for fifo in result.fifos],
    }


def cure_json(found: Mapping[Edge, int]) -> dict[str, JsonValue]:
    """Depths that cure a deadlock."""
    return {
        "cure": [
            {"src": src, "dst": dst, "port": port, "depth": depth}
            for (src, dst, port), depth in found.items()
        ]
    }


def sizes_json(sizes: Sizes) -> dict[str, JsonValue]:
    """Depths needed and what they save."""
    return {
        "sizes": [
            {
                "src": src,
                "dst": dst,
                "port": port,
                "depth": before,
                "needed": sizes.needed[src, dst, port],
            }
            for (src, dst, port), before in sizes.before.items()
        ],
        "sized_frame_ii_cycles": sizes.frame_ii_cycles,
        "saved": {"lut": sizes.saved_lut, "ff": sizes.saved_ff, "bram18": sizes.saved_bram18},
    }


def print_run(result: SimResult) -> None:
    """Modelled against simulated, on stdout."""
    rows: list[list[Cell]] = [
        [
            layer.name,
            layer.modelled_frame_ii_cycles,
            None if layer.simulated_cycles is None else round(layer.simulated_cycles),
            signed_error(layer.modelled_frame_ii_cycles, layer.simulated_cycles),
            round(layer.input_stall_cycles),
            round(layer.output_stall_cycles),
            layer.modelled_start_cycles,
            layer.simulated_start_cycles,
        ]
        for layer in result.layers
    ]
    print_table(
        [
            *("layer", "modelled_cycles", "simulated_cycles", "error"),
            *("input_stall", "output_stall", "modelled_start", "simulated_start"),
        ],
        rows,
    )
    deep = [fifo for fifo in result.fifos if fifo.depth > 2]
    if deep:
        print_table(
            ["fifo", "streams", "depth", "peak"],
            [[str(fifo), fifo.streams, fifo.depth, fifo.peak] for fifo in deep],
            title="\nFIFOs of more than two entries",
        )
    first = result.first_frame_cycles
    simulated = result.simulated_frame_ii_cycles
    print_table(
        ["quantity", "modelled", "simulated", "error"],
        [
            [
                "frame_ii_cycles",
                result.modelled_frame_ii_cycles,
                None if simulated is None else round(simulated),
                signed_error(result.modelled_frame_ii_cycles, simulated),
            ],
            [
                "first_frame_cycles",
                result.modelled_latency_cycles,
                first,
                signed_error(result.modelled_latency_cycles, first),
            ],
            [
                "depth_cycles",
                result.modelled_depth_cycles,
                result.depth_cycles,
                signed_error(result.modelled_depth_cycles, result.depth_cycles),
            ],
        ],
        title=f"\nPipeline, {result.frames} frames",
    )


def print_sizes(sizes: Sizes) -> None:
    """FIFOs whose depth is not the one needed, and what is saved."""
    rows: list[list[Cell]] = [
        [f"{src}:{dst}:{port}", before, sizes.needed[src, dst, port]]
        for (src, dst, port), before in sizes.before.items()
        if before != sizes.needed[src, dst, port]
    ]
    print_table(["fifo", "depth", "needed"], rows, title="\nFIFO depths")
    print_table(
        ["resource", "saved"],
        [["lut", sizes.saved_lut], ["ff", sizes.saved_ff], ["bram18", sizes.saved_bram18]],
        title=f"\nSaved, at a simulated frame II of {sizes.frame_ii_cycles:,.0f} cycles",
    )
