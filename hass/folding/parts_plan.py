"""What partitioning answers: a plan for each part with its proof, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from ..cuts import Part
from ..device import Device
from ..graph import Graph
from .plan import FoldingPlan, Infeasibility


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part of a network on a device.

    Attributes:
        part: which layers.
        graph: the part as a network.
        device: what it runs on.
        plan: its foldings.
        bytes_in, bytes_out: of the maps of a frame that it reads and writes.
    """

    part: Part
    graph: Graph
    device: Device
    plan: FoldingPlan
    bytes_in: float
    bytes_out: float

    @property
    def frame_seconds(self) -> float:
        """From one frame to the next."""
        return self.plan.estimate.frame_ii_cycles / (self.plan.estimate.clock_mhz * 1e6)

    @property
    def latency_seconds(self) -> float:
        """Of one frame alone, from its first word in to its last word out."""
        return self.plan.estimate.latency_cycles / (self.plan.estimate.clock_mhz * 1e6)

    def batch_seconds(self, batch: int) -> float:
        """From the first word of a batch in to its last word out."""
        return self.latency_seconds + (batch - 1) * self.frame_seconds


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """Parts that one device runs one after the other, each over a whole batch of frames.

    Attributes:
        parts: in order; the maps between them lie in off-chip memory.
        batch: frames.
        reload_seconds: to load one part's bitstream; 0 for a single part, which stays loaded.
        seconds: for a batch, the loads of all parts included.
        bound_seconds: no choice of useful cuts (``hass.cuts``) and foldings needs less.
        gap: seconds / bound_seconds - 1.
    """

    parts: tuple[PlannedPart, ...]
    batch: int
    reload_seconds: float
    seconds: float
    bound_seconds: float
    gap: float

    @property
    def throughput_fps(self) -> float:
        """Frames per second, batch after batch."""
        return self.batch / self.seconds

    @property
    def latency_seconds(self) -> float:
        """From the first word of a batch in to its last word out: no frame is out before the last
        part runs."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """Parts on one device each, all at work at the same time.

    Attributes:
        parts: in the order of the devices.
        link_seconds: for each device but the last, the time that a frame's maps take to the next.
        frame_seconds: from one frame to the next: of the slowest device or link.
        bound_seconds: no choice of useful cuts and foldings has less.
        gap: frame_seconds / bound_seconds - 1.
    """

    parts: tuple[PlannedPart, ...]
    link_seconds: tuple[float, ...]
    frame_seconds: float
    bound_seconds: float
    gap: float

    @property
    def throughput_fps(self) -> float:
        """Frames per second in steady state."""
        return 1.0 / self.frame_seconds

    @property
    def latency_seconds(self) -> float:
        """Of one frame alone, at most: as if each device waited for the whole frame."""
        return sum(part.latency_seconds for part in self.parts) + sum(self.link_seconds)


@dataclass(frozen=True, slots=True)
class Unpartitioned:
    """Why no choice of cuts does.

    Attributes:
        part: the part that stands in the way and that no cut divides further; None: it is not one.
        shortage: what that part lacks; None: it is not the part's demand.
        reason: in words.
        levers: what would help, in words.
    """

    part: Part | None
    shortage: Infeasibility | None
    reason: str
    levers: tuple[str, ...]

    def __str__(self) -> str:
        return f"infeasible: {self.reason}; levers: {'; '.join(self.levers)}"
