"""What the model answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..device import Resources
from .foldings import Folding, IntArray, MemoryKind
from .primitives import Amount


@dataclass(frozen=True, slots=True, eq=False)
class LayerCosts:
    """Costs of n foldings of one layer.

    Attributes:
        frame_ii_cycles: (n,) cycles between frames, lane waiting included, >= 1.
        latency_cycles: (n,) cycles from the last word a layer needs for its first output
            to that output: arithmetic pipeline and the work on one output position, or on a pass.
        dsp, lut, ff, bram18, uram: (n,) amounts.
        off_chip_bits: (n,) bits that are read from off-chip memory per frame.
    """

    frame_ii_cycles: IntArray
    latency_cycles: IntArray
    lut: IntArray
    ff: IntArray
    dsp: IntArray
    bram18: IntArray
    uram: IntArray
    off_chip_bits: IntArray

    def resources(self) -> IntArray:
        """(n, 5) in the order of ``RESOURCE_NAMES``."""
        return np.stack([self.lut, self.ff, self.dsp, self.bram18, self.uram], axis=1)

    def with_traffic(self) -> IntArray:
        """(n, 6): ``resources`` and ``off_chip_bits``."""
        return np.column_stack([self.resources(), self.off_chip_bits])

    def __len__(self) -> int:
        return int(self.frame_ii_cycles.shape[0])

    def plus(self, more: Amount) -> LayerCosts:
        """With further resources, (n,) each."""
        return replace(
            self,
            lut=self.lut + more.lut,
            ff=self.ff + more.ff,
            dsp=self.dsp + more.dsp,
            bram18=self.bram18 + more.bram18,
            uram=self.uram + more.uram,
        )

    def take(self, indices: npt.NDArray[np.intp]) -> LayerCosts:
        """Those at ``indices``."""
        return LayerCosts(
            self.frame_ii_cycles[indices],
            self.latency_cycles[indices],
            self.lut[indices],
            self.ff[indices],
            self.dsp[indices],
            self.bram18[indices],
            self.uram[indices],
            self.off_chip_bits[indices],
        )


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """One layer of an estimate.

    Attributes:
        folding: its folding.
        frame_ii_cycles: cycles between frames if it stood alone.
        latency_cycles: see ``LayerCosts``.
        lead_frames: share of an input frame that must have arrived before the first output
            can be computed (line buffer fill); independent of folding.
        start_cycles: cycle at which its first output word leaves, the first frame's first word
            entering an empty pipeline at 0.
        active_macs: active MACs per frame (dense MACs without a profile).
        resources: of the layer, its stream ports and its input FIFOs.
        off_chip_bits: of weights, read from off-chip memory per frame.
        energy_proxy_pj: of a frame, see ``energy``; None in files that are older than it.
    """

    folding: Folding
    frame_ii_cycles: int
    latency_cycles: int
    lead_frames: float
    start_cycles: int
    active_macs: float
    resources: Resources
    off_chip_bits: int = 0
    energy_proxy_pj: int | None = None


Edge = tuple[str, str, int]  # src, dst, port


@dataclass(frozen=True, slots=True)
class FifoEstimate:
    """The FIFO on one edge.

    Attributes:
        src, dst, port: the edge.
        streams: words side by side.
        depth_words: entries, each ``streams`` words wide.
        memory: where it lies; NONE where a port's registers do.
        resources: what it costs; already inside the reading layer's resources.
    """

    src: str
    dst: str
    port: int
    streams: int
    depth_words: int
    memory: MemoryKind
    resources: Resources

    @property
    def edge(self) -> Edge:
        """Where it lies."""
        return self.src, self.dst, self.port


@dataclass(frozen=True, slots=True)
class Estimate:
    """A whole pipeline.

    Attributes:
        layers: layer name -> estimate, in topological order.
        fifos: one per edge, in the graph's order.
        frame_ii_cycles: cycles between successive frames in steady state.
        waiting_cycles: of these, what layers wait for each other on the way: ``uneven``.
        depth_cycles: from first word in to first word out.
        latency_cycles: one frame alone: depth_cycles + the time to put the frame out.
        clock_mhz: clock the rates are given at.
        resources: sum over the layers.
        bottleneck: the layer (or "off-chip input", "off-chip output") that sets frame_ii_cycles.
        active_macs_per_frame: over all layers.
        multipliers: over all layers.
    """

    layers: Mapping[str, LayerEstimate]
    fifos: tuple[FifoEstimate, ...]
    frame_ii_cycles: int
    depth_cycles: int
    latency_cycles: int
    clock_mhz: float
    resources: Resources
    bottleneck: str
    active_macs_per_frame: float
    multipliers: int
    waiting_cycles: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))

    @property
    def slowest_cycles(self) -> int:
        """Frame II if no layer waited for another: that of the bottleneck, which is what foldings
        are chosen by."""
        return self.frame_ii_cycles - self.waiting_cycles

    @property
    def throughput_fps(self) -> float:
        """Frames per second in steady state: clock / frame II."""
        return self.clock_mhz * 1e6 / self.frame_ii_cycles

    @property
    def off_chip_bits(self) -> int:
        """Bits of weights that are read from off-chip memory per frame."""
        return sum(layer.off_chip_bits for layer in self.layers.values())

    @property
    def energy_proxy_pj(self) -> int | None:
        """Of a frame, over all layers: ``energy``; None where it is not known of one."""
        known = [layer.energy_proxy_pj for layer in self.layers.values()]
        total = sum(energy for energy in known if energy is not None)
        return None if None in known else total

    @property
    def latency_us(self) -> float:
        """latency_cycles at the clock."""
        return self.latency_cycles / self.clock_mhz

    @property
    def multiplier_bound_share(self) -> float:
        """throughput / (clock * multipliers / active MACs per frame)."""
        if self.multipliers == 0:
            return 0.0
        return self.active_macs_per_frame / (self.multipliers * self.frame_ii_cycles)
