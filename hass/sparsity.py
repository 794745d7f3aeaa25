"""Sparsity as it is asked for (settings) and as it was measured (profile)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .clip_family import MAGNITUDE, ClipFamily
from .errors import ProfileError
from .filter_refit import FilterRefit
from .graph import Graph, Weights
from .lane_work import LaneWork
from .read_only import read_only
from .work_shares import WorkShares

CountArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparsitySetting:
    """What is asked of one Conv2d layer.

    Attributes:
        weight_sparsity: share of the layer's weights clipped to zero, smallest magnitudes first.
        act_threshold: inputs with |x| <= act_threshold become zero; 0 clips nothing.
        weight_family: which weights are compared and go together, see ``pruned_weights``;
            magnitude where none are clipped, whatever was given.
        refit: how its filters are scaled and shifted after the clips; None: not at all.
    """

    weight_sparsity: float = 0.0
    act_threshold: float = 0.0
    weight_family: ClipFamily = MAGNITUDE
    refit: FilterRefit | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight_sparsity < 1.0:
            raise ValueError(f"weight_sparsity must be in [0, 1), got {self.weight_sparsity}")
        if not 0.0 <= self.act_threshold < float("inf"):
            raise ValueError(f"act_threshold must be finite and >= 0, got {self.act_threshold}")
        if self.weight_sparsity == 0.0:
            object.__setattr__(self, "weight_family", MAGNITUDE)


Settings = Mapping[str, SparsitySetting]  # Conv2d layer name -> setting; absent: left as it is
NO_CLIPS: Settings = MappingProxyType({})


def act_thresholds_of(settings: Settings) -> dict[str, float]:
    """Conv2d layer -> activation threshold, where it is above zero."""
    return {n: s.act_threshold for n, s in settings.items() if s.act_threshold > 0.0}


def without_refits(settings: Settings) -> dict[str, SparsitySetting]:
    """The clips alone."""
    clips = {name: replace(setting, refit=None) for name, setting in settings.items()}
    return {name: clip for name, clip in clips.items() if clip != SparsitySetting()}


@dataclass(frozen=True, slots=True, eq=False)
class SegmentHistogram:
    """How many segments had k active products, per block of packed input channels.

    A block is ``packed`` neighbouring input channels (of one group); a segment is one output
    position's window over one block, for one output channel: M = packed * kh * kw products.

    Attributes:
        packed: channels per segment.
        counts: (in_channels / packed, M + 1) int64, read-only; counts[b, k] segments of block b
            had exactly k products with both operands non-zero.
    """

    packed: int
    counts: CountArray
    _digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = read_only(self.counts, np.int64)
        if counts.ndim != 2 or counts.min() < 0 or (counts.sum(axis=1) < 1).any():
            raise ValueError(f"counts must be 2-D, >= 0, a sample per block: {counts.shape}")
        object.__setattr__(self, "counts", counts)
        state = hashlib.sha256(f"{self.packed}{counts.shape}".encode())
        state.update(counts.tobytes())
        object.__setattr__(self, "_digest", state.hexdigest())

    @property
    def segment_products(self) -> int:
        """M: products of a segment."""
        return int(self.counts.shape[1]) - 1

    def probabilities(self) -> npt.NDArray[np.float64]:
        """counts, each row divided by its sum."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(self.counts / totals, dtype=np.float64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SegmentHistogram) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)


@dataclass(frozen=True, slots=True, eq=False)
class WeightCounts:
    """How many weights of each (filter, input channel) window are not zero: exact, all of them.

    What a static engine's schedule follows from.

    Attributes:
        taps: weights of a window, kh * kw.
        counts: (out_channels, in_channels / groups), 0..taps, read-only; bytes where taps allow.
    """

    taps: int
    counts: npt.NDArray[np.integer]
    _digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 2 or not counts.size or counts.min() < 0 or counts.max() > self.taps:
            raise ValueError(f"counts must be 2-D and in 0..{self.taps}: {counts.shape}")
        counts = counts.astype(np.min_scalar_type(self.taps), order="C")
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)
        state = hashlib.sha256(f"{self.taps}{counts.shape}".encode())
        state.update(counts.tobytes())
        object.__setattr__(self, "_digest", state.hexdigest())

    def segments(self, packed: int) -> CountArray:
        """Non-zero weights of segments of ``packed`` neighbouring channels of a group,
        (out_channels, in_channels / groups / packed)."""
        filters = self.counts.shape[0]
        return np.asarray(self.counts.reshape(filters, -1, packed).sum(axis=2, dtype=np.int64))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WeightCounts) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)


@dataclass(frozen=True, slots=True, eq=False)
class WindowSample:
    """What the windows of one output position have together, at some positions.

    Histograms tell how many active products a segment has; lanes that work side by side wait for
    each other by how much their segments differ at the same time, which depends on what channels
    and filters have in common.

    Attributes:
        filters: (m,) of the filters of a group, ascending; all where there are not too many.
        counts: (positions, in_channels, m), read-only; active products of a channel's window with
            each of these filters of its group. Bytes where the taps allow.
    """

    filters: tuple[int, ...]
    counts: npt.NDArray[np.integer]
    _digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 3 or not counts.size or counts.min() < 0:
            raise ValueError(f"counts must be 3-D, not empty and >= 0: {counts.shape}")
        if len(self.filters) != counts.shape[2] or list(self.filters) != sorted(set(self.filters)):
            raise ValueError(f"expected {counts.shape[2]} ascending filters, got {self.filters}")
        counts = counts.astype(np.min_scalar_type(counts.max()), order="C")
        counts.flags.writeable = False
        object.__setattr__(self, "counts", counts)
        state = hashlib.sha256(f"{self.filters}{counts.shape}".encode())
        state.update(counts.tobytes())
        object.__setattr__(self, "_digest", state.hexdigest())

    def segments(self, groups: int, packed: int) -> CountArray:
        """Active products of segments of ``packed`` neighbouring channels of a group,
        (positions, groups, in_channels / groups / packed, m)."""
        positions, _, filters = self.counts.shape
        blocks = self.counts.reshape(positions, groups, -1, packed, filters)
        return np.asarray(blocks.sum(axis=3, dtype=np.int64))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WindowSample) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)


@dataclass(frozen=True, slots=True)
class ActSparsity:
    """What was measured of the (clipped) activations in the windows of one Conv2d layer: what
    would be of active products if no weight were zero.

    Attributes:
        density: share of the activations in windows that are not zero, padding counted as zero.
        histograms: as of ``LayerSparsity``, of activations that are not zero.
        lag1_correlation, frame_correlation: as of ``LayerSparsity``.
        sample: windows of some positions, with one filter that has all weights.
        work: how unevenly they lie over some frames; None: not measured.
        lanes: of the same frames, how much longer lanes take for some; of each packing, or empty:
            not measured.
    """

    density: float
    histograms: tuple[SegmentHistogram, ...]
    lag1_correlation: float
    frame_correlation: float
    sample: WindowSample
    work: WorkShares | None = field(default=None, compare=False)
    lanes: tuple[LaneWork, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.density <= 1.0:
            raise ValueError(f"density must be in [0, 1], got {self.density}")
        if not self.histograms or self.histograms[0].packed != 1:
            raise ValueError("the first histogram must have packed = 1")
        if len(self.sample.filters) != 1:
            raise ValueError(f"expected one filter, got {self.sample.filters}")


@dataclass(frozen=True, slots=True)
class LayerSparsity:
    """What was measured in one Conv2d layer.

    Attributes:
        weight_density: share of weights that are not zero.
        act_density: share of the layer's input words (padding apart) that are not zero.
        pair_density: active MACs / MACs, padding counted as zero.
        histograms: one per supported ``packed``, ascending; the first has packed = 1.
        filter_rates: mean active products per segment (packed = 1) of each output channel,
            relative to the mean over all output channels; (out_channels,).
        lag1_correlation: correlation between neighbouring positions of a row of what sets the
            windows of a position (channels and filters) apart from their mean, in [-1, 1]; lanes
            with positive correlation need deeper FIFOs.
        frame_correlation: the same between positions of an image however far apart: the share of
            the variance that lies between images, in [0, 1].
        sampled_positions: output positions that the histograms were taken from.
        pair_density_stderr: standard error of pair_density from sampling.
        weight_counts: non-zero weights of each window.
        sample: windows of some positions, all channels together.
        work: how unevenly its products lie over some frames; None: not measured. No layer's own
            cost depends on it, so that it is not compared.
        acts: of the activations alone; None: not measured.
    """

    weight_density: float
    act_density: float
    pair_density: float
    histograms: tuple[SegmentHistogram, ...]
    filter_rates: tuple[float, ...]
    lag1_correlation: float
    frame_correlation: float
    sampled_positions: int
    pair_density_stderr: float
    weight_counts: WeightCounts
    sample: WindowSample
    work: WorkShares | None = field(default=None, compare=False)
    acts: ActSparsity | None = None

    def __post_init__(self) -> None:
        for name in ("weight_density", "act_density", "pair_density"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if not self.histograms or self.histograms[0].packed != 1:
            raise ValueError("the first histogram must have packed = 1")

    def histogram(self, packed: int) -> SegmentHistogram:
        """The histogram for ``packed`` channels per segment.

        Raises:
            ProfileError: if it was not measured.
        """
        for histogram in self.histograms:
            if histogram.packed == packed:
                return histogram
        raise ProfileError(f"no histogram for {packed} packed channels in the profile")

    def of_activations(self, groups: int) -> LayerSparsity:
        """Of a layer on the same input with one filter a group that has no zero weight.

        Args:
            groups: of the layer.

        Raises:
            ProfileError: if activations were not measured.
        """
        if self.acts is None:
            raise ProfileError("the profile lacks activations alone; run `hass profile` again")
        windows = self.weight_counts.counts[:groups]
        return replace(
            self,
            weight_density=1.0,
            pair_density=self.acts.density,
            histograms=self.acts.histograms,
            filter_rates=(1.0,) * groups,
            lag1_correlation=self.acts.lag1_correlation,
            frame_correlation=self.acts.frame_correlation,
            weight_counts=WeightCounts(
                self.weight_counts.taps, np.full_like(windows, self.weight_counts.taps)
            ),
            sample=self.acts.sample,
            work=self.acts.work,
        )


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 on one split.

    Attributes:
        correct: images whose highest output is the label.
        images: images of the split that were run.
    """

    correct: int
    images: int

    @property
    def top1(self) -> float:
        """Share of correct images, 0..1."""
        return self.correct / self.images


@dataclass(frozen=True, slots=True)
class SparsityProfile:
    """One network under one set of clips, measured on calibration images.

    Attributes:
        graph_digest, weights_digest: of the graph and the *dense* weights measured.
        data_digest: of the images used.
        settings: clips in force, Conv2d layer -> setting; layers without clips are absent.
        layers: Conv2d layer -> what was measured, all Conv2d layers of the graph.
        output_max_abs: layer (any op) -> largest |output| seen.
        accuracy: on the calibration images, or None where they carry no labels.
    """

    graph_digest: str
    weights_digest: str
    data_digest: str
    settings: Settings
    layers: Mapping[str, LayerSparsity]
    output_max_abs: Mapping[str, float]
    accuracy: Accuracy | None

    def __post_init__(self) -> None:
        for name in ("settings", "layers", "output_max_abs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


def part_profile(
    profile: SparsityProfile, graph: Graph, weights: Weights, carries: Mapping[str, tuple[str, ...]]
) -> SparsityProfile:
    """What a profile of a whole network says of a part of it. Accuracy is of the whole alone.

    Args:
        profile: of the whole network.
        graph, weights: of the part.
        carries: see ``PartGraph``.

    Raises:
        ProfileError: if the profile lacks a Conv2d layer of the part.
    """
    names = [layer.name for layer in graph.convs]
    absent = [name for name in names if name not in profile.layers]
    if absent:
        raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    largest = {}
    for layer in graph:
        sources = carries.get(layer.name, (layer.name,))
        known = [profile.output_max_abs[name] for name in sources if name in profile.output_max_abs]
        if len(known) == len(sources):
            largest[layer.name] = max(known)
    return SparsityProfile(
        graph_digest=graph.digest,
        weights_digest=weights.digest,
        data_digest=profile.data_digest,
        settings={name: profile.settings[name] for name in names if name in profile.settings},
        layers={name: profile.layers[name] for name in names},
        output_max_abs=largest,
        accuracy=None,
    )
