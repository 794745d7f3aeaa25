"""What a simulation answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import escape

from hass.cost.result import Edge
from hass.html_table import PrettyPrinter, html_table


class Waits(StrEnum):
    """What a block waits for."""

    INPUT = "input"  # a FIFO to hold a word
    OUTPUT = "output"  # a FIFO to have room


def signed_error(modelled: float, simulated: float | None) -> str:
    """Modelled / simulated - 1 as a percentage; a dash where nothing was simulated."""
    return "-" if not simulated else f"{100 * (modelled / simulated - 1):+.2f} %"


@dataclass(frozen=True, slots=True)
class FifoRun:
    """The FIFO on one edge.

    Attributes:
        src, dst, port: the edge.
        streams: words side by side.
        depth: entries, each ``streams`` words wide.
        peak: most entries that were held at once, at most ``depth``.
    """

    src: str
    dst: str
    port: int
    streams: int
    depth: int
    peak: int

    def __str__(self) -> str:
        return f"{self.src}:{self.dst}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What the FIFOs held over time, from the first word in to the last one out.

    Attributes:
        interval_cycles: length of an interval.
        entries: one row per FIFO, in the order of ``SimResult.fifos``; the most entries that it
            held in each interval, at most its depth.
    """

    interval_cycles: int
    entries: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One layer.

    Attributes:
        name: of the layer.
        modelled_frame_ii_cycles: what the model says that it needs per frame.
        simulated_cycles: what it works per frame, its lanes waiting for each other and for their
            windows included, if no neighbour ever keeps it waiting. None in a deadlock.
        input_stall_cycles: per frame, waiting for words; fill included.
        output_stall_cycles: per frame, waiting for room.
        modelled_start_cycles, simulated_start_cycles: when its first word leaves; None where none
            does.
    """

    name: str
    modelled_frame_ii_cycles: int
    simulated_cycles: float | None
    input_stall_cycles: float
    output_stall_cycles: float
    modelled_start_cycles: int
    simulated_start_cycles: int | None


@dataclass(frozen=True, slots=True)
class Blocked:
    """A layer that can never go on, and the FIFO that it waits for."""

    layer: str
    waits: Waits
    fifo: FifoRun

    def __str__(self) -> str:
        state = "full" if self.waits is Waits.OUTPUT else "empty"
        return f"{self.layer} waits for {self.waits} {self.fifo}, {state}"


@dataclass(frozen=True, slots=True)
class Deadlock:
    """Nothing can move any more.

    Attributes:
        cycle: of the last move.
        ring: blocks that wait for each other in a ring.
    """

    cycle: int
    ring: tuple[Blocked, ...]

    @property
    def full(self) -> tuple[FifoRun, ...]:
        """FIFOs of the ring that are full: one of them is too small."""
        return tuple(item.fifo for item in self.ring if item.waits is Waits.OUTPUT)

    def __str__(self) -> str:
        return f"deadlock at cycle {self.cycle}: " + "; ".join(map(str, self.ring))


@dataclass(frozen=True, slots=True)
class SimResult:
    """A simulated pipeline.

    Attributes:
        frames: simulated.
        modelled_frame_ii_cycles: of the estimate.
        simulated_frame_ii_cycles: mean over the later half of the frames; None in a deadlock.
        modelled_latency_cycles, modelled_depth_cycles: of the estimate.
        first_frame_cycles: from the first word in to the first frame's last word out; None in a
            deadlock.
        depth_cycles: from the first word in to the first word out; None in a deadlock before it.
        deadlock: or None.
        layers, fifos: in the graph's order.
        firings: steps of blocks that were simulated.
        occupancy: of the FIFOs over time; None where it was not asked for.
    """

    frames: int
    modelled_frame_ii_cycles: int
    simulated_frame_ii_cycles: float | None
    modelled_latency_cycles: int
    modelled_depth_cycles: int
    first_frame_cycles: int | None
    depth_cycles: int | None
    deadlock: Deadlock | None
    layers: tuple[LayerRun, ...]
    fifos: tuple[FifoRun, ...]
    firings: int
    occupancy: Occupancy | None = None

    @property
    def relative_error(self) -> float | None:
        """Modelled / simulated frame II - 1; negative where the model promises too much."""
        if self.simulated_frame_ii_cycles is None:
            return None
        return self.modelled_frame_ii_cycles / self.simulated_frame_ii_cycles - 1.0

    def _repr_html_(self) -> str:
        """For notebooks: modelled against simulated, and where a deadlock is."""
        from hass.report.words import number  # here, as it brings templates along

        rows = [
            (title, number(modelled), number(simulated), signed_error(modelled, simulated))
            for title, modelled, simulated in (
                ("frame II, cycles", self.modelled_frame_ii_cycles, self.simulated_frame_ii_cycles),
                ("first frame, cycles", self.modelled_latency_cycles, self.first_frame_cycles),
                ("pipeline depth, cycles", self.modelled_depth_cycles, self.depth_cycles),
            )
        ]
        head = ("", "modelled", "simulated", "error of the model")
        table = html_table(f"{self.frames} frames simulated", head, rows)
        return table if self.deadlock is None else f"{table}<p>{escape(str(self.deadlock))}</p>"

    def _repr_pretty_(self, printer: PrettyPrinter, cycle: bool) -> None:
        """For IPython's terminal, and beside the table in a notebook's file."""
        error = signed_error(self.modelled_frame_ii_cycles, self.simulated_frame_ii_cycles)
        came_to = f"frame II off by {error}" if self.deadlock is None else str(self.deadlock)
        printer.text(f"<SimResult: {self.frames} frames, {came_to}>")


@dataclass(frozen=True, slots=True)
class Sizes:
    """FIFO depths that are enough.

    Attributes:
        before: edge -> entries as modelled (or as asked for).
        needed: edge -> entries that are enough; at least 2.
        frame_ii_cycles: simulated with them.
        saved_lut, saved_ff, saved_bram18: by going from one to the other; negative where more
            is needed.
    """

    before: Mapping[Edge, int]
    needed: Mapping[Edge, int]
    frame_ii_cycles: float
    saved_lut: int
    saved_ff: int
    saved_bram18: int


def _peaks(result: SimResult) -> dict[Edge, int]:
    return {(f.src, f.dst, f.port): max(2, f.peak) for f in result.fifos}
