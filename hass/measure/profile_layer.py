"""One layer of profile.json: its records, and to and from what was measured."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pydantic

from ..files import JsonValue
from ..intmath import divisors
from ..lane_work import LaneWork
from ..sparsity import (
    ActSparsity,
    LayerSparsity,
    SegmentHistogram,
    WeightCounts,
    WindowSample,
)
from ..validation import StrictRecord
from ..work_shares import MOST_IMAGES, MOST_PARTS, WorkShares

Share = Annotated[float, pydantic.Field(ge=0, le=1)]
NotNegative = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Positive = Annotated[int, pydantic.Field(ge=1)]


class _Histogram(StrictRecord):
    packed: Positive
    counts: Annotated[list[list[Count]], pydantic.Field(min_length=1)]

    @pydantic.field_validator("counts")
    @classmethod
    def _rectangular(cls, counts: list[list[int]]) -> list[list[int]]:
        if len({len(row) for row in counts}) != 1 or len(counts[0]) < 2:
            raise ValueError("expected rows of the same length, at least 2")
        if any(sum(row) < 1 for row in counts):
            raise ValueError("expected at least one segment in every row")
        return counts


def _sizes(histograms: Sequence[_Histogram]) -> list[tuple[int, int, int]]:
    return [(item.packed, len(item.counts), len(item.counts[0])) for item in histograms]


class _WeightCounts(StrictRecord):
    """One string per filter; a count per channel in hexadecimal, as many digits as ``taps`` has."""

    taps: Positive
    filters: Annotated[
        list[Annotated[str, pydantic.Field(pattern="^[0-9a-f]+$")]], pydantic.Field(min_length=1)
    ]

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> _WeightCounts:
        digits = len(f"{self.taps:x}")
        if len({len(row) for row in self.filters}) != 1 or len(self.filters[0]) % digits:
            raise ValueError(f"expected rows of the same length, {digits} digit(s) per channel")
        if any(count > self.taps for row in self.filters for count in _counts_of(row, digits)):
            raise ValueError(f"expected counts of at most {self.taps}")
        return self


def _counts_of(row: str, digits: int) -> list[int]:
    return [int(row[start : start + digits], 16) for start in range(0, len(row), digits)]


def _inflated(
    text: str, shape: tuple[int, ...], kind: np.dtype[np.integer]
) -> npt.NDArray[np.integer]:
    """Counts from base64 of deflated bytes.

    Raises:
        ValueError: if they are not so many.
    """
    try:
        # one byte more than expected is enough to see that there are too many
        size = math.prod(shape) * kind.itemsize
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"expected deflated bytes in base64 ({error})") from None
    if len(data) != size:
        raise ValueError(f"expected {size} bytes of {shape} counts")
    return np.frombuffer(data, dtype=kind).reshape(shape)


def _deflated(counts: npt.NDArray[np.integer]) -> str:
    return base64.b64encode(zlib.compress(counts.tobytes())).decode()


class _Sample(StrictRecord):
    """Counts of (position, channel, filter), a byte each, or two, the low one first, where a window
    has more than 255 products; deflated (zlib), in base64."""

    filters: Annotated[list[Count], pydantic.Field(min_length=1)]
    positions: Positive
    counts: str

    @pydantic.field_validator("filters")
    @classmethod
    def _ascending(cls, filters: list[int]) -> list[int]:
        if filters != sorted(set(filters)):
            raise ValueError("expected ascending filters")
        return filters

    def array(self, channels: int, taps: int) -> npt.NDArray[np.integer]:
        """(positions, channels, filters).

        Raises:
            ValueError: if the counts are not those of such a layer.
        """
        shape = (self.positions, channels, len(self.filters))
        counts = _inflated(self.counts, shape, _count_type(taps))
        if counts.max() > taps:
            raise ValueError(f"expected counts of at most {taps}")
        return counts


def _count_type(taps: int) -> np.dtype[np.integer]:
    return np.dtype("u1") if taps <= 255 else np.dtype("<u2")


class _Work(StrictRecord):
    """A byte for each part of each image, deflated (zlib), in base64."""

    images: Annotated[int, pydantic.Field(ge=1, le=MOST_IMAGES)]
    parts: Annotated[int, pydantic.Field(ge=1, le=MOST_PARTS)]
    levels: str

    @pydantic.model_validator(mode="after")
    def _inflates(self) -> _Work:
        self.value()
        return self

    def value(self) -> WorkShares:
        """What is kept.

        Raises:
            ValueError: if the bytes are not so many.
        """
        levels = _inflated(self.levels, (self.images, self.parts), np.dtype("u1"))
        return WorkShares(levels.astype(np.uint8))


class _LaneWork(StrictRecord):
    """Two bytes, the low one first, for each of (2, ins, groups, images), deflated (zlib), in
    base64."""

    packed: Positive
    ins: Positive
    groups: Positive
    images: Annotated[int, pydantic.Field(ge=1, le=MOST_IMAGES)]
    levels: str

    @pydantic.model_validator(mode="after")
    def _inflates(self) -> _LaneWork:
        self.value()
        return self

    def value(self) -> LaneWork:
        """What is kept.

        Raises:
            ValueError: if the bytes are not so many, or not above 0.
        """
        shape = (2, self.ins, self.groups, self.images)
        levels = _inflated(self.levels, shape, np.dtype("<u2"))
        return LaneWork(self.packed, levels.astype(np.uint16))


class _Acts(StrictRecord):
    """Of activations alone; a sample of one filter."""

    density: Share
    histograms: Annotated[list[_Histogram], pydantic.Field(min_length=1)]
    lag1_correlation: Annotated[float, pydantic.Field(ge=-1, le=1)]
    frame_correlation: Share
    sample: _Sample
    work: _Work | None
    lanes: list[_LaneWork]


class LayerRecord(StrictRecord):
    weight_density: Share
    act_density: Share
    pair_density: Share
    histograms: Annotated[list[_Histogram], pydantic.Field(min_length=1)]
    filter_rates: Annotated[list[NotNegative], pydantic.Field(min_length=1)]
    lag1_correlation: Annotated[float, pydantic.Field(ge=-1, le=1)]
    frame_correlation: Share
    sampled_positions: Positive
    pair_density_stderr: NotNegative
    weight_counts: _WeightCounts
    sample: _Sample
    work: _Work | None
    acts: _Acts | None

    @pydantic.field_validator("histograms")
    @classmethod
    def _ascending(cls, histograms: list[_Histogram]) -> list[_Histogram]:
        packed = [histogram.packed for histogram in histograms]
        if packed[0] != 1 or packed != sorted(set(packed)):
            raise ValueError(f"expected packed = 1 first, then ascending, got {packed}")
        return histograms

    @pydantic.field_validator("weight_counts")
    @classmethod
    def _of_the_layer(cls, counts: _WeightCounts, info: pydantic.ValidationInfo) -> _WeightCounts:
        rates, histograms = info.data.get("filter_rates"), info.data.get("histograms")
        if rates is None or histograms is None:  # wrong themselves
            return counts
        channels, taps = len(histograms[0].counts), len(histograms[0].counts[0]) - 1
        per_group = len(counts.filters[0]) // len(f"{counts.taps:x}")
        if len(counts.filters) != len(rates) or counts.taps != taps or channels % per_group:
            raise ValueError(
                f"expected {len(rates)} filters, {taps} taps and channels that divide {channels}"
            )
        return counts

    @pydantic.field_validator("sample")
    @classmethod
    def _sample_of_the_layer(cls, sample: _Sample, info: pydantic.ValidationInfo) -> _Sample:
        weights, histograms = info.data.get("weight_counts"), info.data.get("histograms")
        if weights is None or histograms is None:  # wrong themselves
            return sample
        channels, per_group = len(histograms[0].counts), len(weights.filters[0])
        groups = channels * len(f"{weights.taps:x}") // per_group
        if sample.filters[-1] >= len(weights.filters) // groups:
            raise ValueError(f"expected filters below {len(weights.filters) // groups}")
        sample.array(channels, weights.taps)
        return sample

    @pydantic.field_validator("acts")
    @classmethod
    def _acts_of_the_layer(cls, acts: _Acts | None, info: pydantic.ValidationInfo) -> _Acts | None:
        weights, histograms = info.data.get("weight_counts"), info.data.get("histograms")
        if acts is None or weights is None or histograms is None:
            return acts
        if _sizes(acts.histograms) != _sizes(histograms):
            raise ValueError("expected histograms of the sizes that those of products have")
        if acts.sample.filters != [0]:
            raise ValueError(f"expected a sample of filter 0 alone, got {acts.sample.filters}")
        channels = len(histograms[0].counts)
        acts.sample.array(channels, weights.taps)
        per_group = len(weights.filters[0]) // len(f"{weights.taps:x}")
        expected = [
            (
                item.packed,
                len(divisors(per_group // item.packed)),
                len(divisors(channels // per_group)),
            )
            for item in histograms
        ]
        found = [(item.packed, item.ins, item.groups) for item in acts.lanes]
        if found and found != expected:
            raise ValueError(f"expected lanes (packed, ins, groups) {expected}, got {found}")
        return acts


def layer_json(layer: LayerSparsity) -> dict[str, JsonValue]:
    """As JSON values."""
    return {
        "weight_density": layer.weight_density,
        "act_density": layer.act_density,
        "pair_density": layer.pair_density,
        "histograms": _histograms_json(layer.histograms),
        "filter_rates": list(layer.filter_rates),
        "lag1_correlation": layer.lag1_correlation,
        "frame_correlation": layer.frame_correlation,
        "sampled_positions": layer.sampled_positions,
        "pair_density_stderr": layer.pair_density_stderr,
        "weight_counts": _weight_counts_json(layer.weight_counts),
        "sample": _sample_json(layer.sample, layer.weight_counts.taps),
        "work": _work_json(layer.work),
        "acts": None if layer.acts is None else _acts_json(layer.acts, layer.weight_counts.taps),
    }


def _acts_json(acts: ActSparsity, taps: int) -> dict[str, JsonValue]:
    return {
        "density": acts.density,
        "histograms": _histograms_json(acts.histograms),
        "lag1_correlation": acts.lag1_correlation,
        "frame_correlation": acts.frame_correlation,
        "sample": _sample_json(acts.sample, taps),
        "work": _work_json(acts.work),
        "lanes": [_lanes_json(lanes) for lanes in acts.lanes],
    }


def _histograms_json(histograms: Sequence[SegmentHistogram]) -> list[JsonValue]:
    return [{"packed": item.packed, "counts": item.counts.tolist()} for item in histograms]


def _sample_json(sample: WindowSample, taps: int) -> dict[str, JsonValue]:
    return {
        "filters": list(sample.filters),
        "positions": sample.counts.shape[0],
        "counts": _deflated(sample.counts.astype(_count_type(taps))),
    }


def _work_json(work: WorkShares | None) -> dict[str, JsonValue] | None:
    if work is None:
        return None
    images, parts = work.levels.shape
    return {"images": images, "parts": parts, "levels": _deflated(work.levels)}


def _lanes_json(lanes: LaneWork) -> dict[str, JsonValue]:
    _, ins, groups, images = lanes.levels.shape
    sizes: dict[str, JsonValue] = {"packed": lanes.packed, "ins": ins, "groups": groups}
    return {**sizes, "images": images, "levels": _deflated(lanes.levels.astype("<u2"))}


def _weight_counts_json(weights: WeightCounts) -> dict[str, JsonValue]:
    digits = len(f"{weights.taps:x}")
    rows = ("".join(f"{count:0{digits}x}" for count in row) for row in weights.counts.tolist())
    return {"taps": weights.taps, "filters": list(rows)}


def _weight_counts(data: _WeightCounts) -> WeightCounts:
    digits = len(f"{data.taps:x}")
    counts = [_counts_of(row, digits) for row in data.filters]
    return WeightCounts(data.taps, np.array(counts, dtype=np.int64))


def layer_value(data: LayerRecord) -> LayerSparsity:
    """What was measured."""
    return LayerSparsity(
        weight_density=data.weight_density,
        act_density=data.act_density,
        pair_density=data.pair_density,
        histograms=_histograms(data.histograms),
        filter_rates=tuple(data.filter_rates),
        lag1_correlation=data.lag1_correlation,
        frame_correlation=data.frame_correlation,
        sampled_positions=data.sampled_positions,
        pair_density_stderr=data.pair_density_stderr,
        weight_counts=_weight_counts(data.weight_counts),
        sample=_sample(data.sample, data),
        work=None if data.work is None else data.work.value(),
        acts=None if data.acts is None else _acts(data.acts, data),
    )


def _acts(acts: _Acts, data: LayerRecord) -> ActSparsity:
    return ActSparsity(
        density=acts.density,
        histograms=_histograms(acts.histograms),
        lag1_correlation=acts.lag1_correlation,
        frame_correlation=acts.frame_correlation,
        sample=_sample(acts.sample, data),
        work=None if acts.work is None else acts.work.value(),
        lanes=tuple(item.value() for item in acts.lanes),
    )


def _histograms(items: Sequence[_Histogram]) -> tuple[SegmentHistogram, ...]:
    return tuple(
        SegmentHistogram(item.packed, np.array(item.counts, dtype=np.int64)) for item in items
    )


def _sample(sample: _Sample, data: LayerRecord) -> WindowSample:
    counts = sample.array(len(data.histograms[0].counts), data.weight_counts.taps)
    return WindowSample(tuple(sample.filters), counts)
