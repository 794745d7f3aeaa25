"""What a design file may contain (schema_version 3): one strict model per JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import pydantic

from .cost.foldings import EngineKind, Folding, MemoryKind
from .cost.result import Estimate, FifoEstimate, LayerEstimate
from .cuts import Part
from .design import (
    DataRef,
    Design,
    DesignAccuracy,
    DesignResult,
    EstimateSummary,
    LayerDensity,
    ModelRef,
    Provenance,
)
from .device import Device, Family, Resources
from .folding.objective import FASTEST, Goal, Objective
from .folding.plan import FoldingPlan
from .setting_record import SettingRecord
from .sparsity import Accuracy
from .validation import StrictRecord
from .values import Arithmetic

T = TypeVar("T")
LARGEST_COUNT = 2**53  # whole numbers that every reader of JSON keeps
Count = Annotated[int, pydantic.Field(ge=0, le=LARGEST_COUNT)]
Positive = Annotated[int, pydantic.Field(ge=1, le=LARGEST_COUNT)]
Amount = Annotated[float, pydantic.Field(ge=0)]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Clock = Annotated[float, pydantic.Field(gt=0)]


class _Strict(StrictRecord):
    model_config = pydantic.ConfigDict(allow_inf_nan=False)


class _Resources(_Strict):
    lut: Count
    ff: Count
    dsp: Count
    bram18: Count
    uram: Count

    def value(self) -> Resources:
        return Resources(**self.model_dump())


class _Utilisation(_Strict):
    """Shares; null where the part has none of a resource that is used."""

    lut: Amount | None
    ff: Amount | None
    dsp: Amount | None
    bram18: Amount | None
    uram: Amount | None

    def value(self) -> dict[str, float]:
        return {k: math.inf if v is None else v for k, v in self.model_dump().items()}


class _Accuracy(_Strict):
    top1: Share
    correct: Count
    images: Positive

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> _Accuracy:
        if self.top1 != self.correct / self.images:
            raise ValueError(f"top1 = correct / images = {self.correct / self.images}")
        return self

    def value(self) -> Accuracy:
        return Accuracy(self.correct, self.images)


class _DesignAccuracy(_Strict):
    calibration: _Accuracy | None
    selection: _Accuracy | None
    test: _Accuracy | None

    def value(self) -> DesignAccuracy:
        splits = (self.calibration, self.selection, self.test)
        return DesignAccuracy(*(None if s is None else s.value() for s in splits))


def _splits(read: _DesignAccuracy | None) -> DesignAccuracy | None:
    return None if read is None else read.value()


class _Summary(_Strict):
    frame_ii_cycles: Positive
    throughput_fps: Amount
    latency_us: Amount
    depth_cycles: Count
    resources: _Resources
    utilisation: _Utilisation
    bottleneck: str
    active_macs_per_frame: Amount
    multiplier_bound_share: Amount
    energy_proxy_pj: Count | None = None  # here and of layers: absent in files older than it

    def summary(self) -> EstimateSummary:
        return EstimateSummary(
            frame_ii_cycles=self.frame_ii_cycles,
            throughput_fps=self.throughput_fps,
            latency_us=self.latency_us,
            depth_cycles=self.depth_cycles,
            resources=self.resources.value(),
            utilisation=self.utilisation.value(),
            bottleneck=self.bottleneck,
            active_macs_per_frame=self.active_macs_per_frame,
            multiplier_bound_share=self.multiplier_bound_share,
            energy_proxy_pj=self.energy_proxy_pj,
        )


class _Result(_Summary):
    accuracy: _DesignAccuracy | None
    integer_accuracy: _DesignAccuracy | None

    def value(self) -> DesignResult:
        return DesignResult(self.summary(), _splits(self.accuracy), _splits(self.integer_accuracy))


class _Folding(_Strict):
    engine: EngineKind
    coarse_in: Positive
    coarse_out: Positive
    coarse_group: Positive
    fine: Positive
    packed: Positive
    lane_fifo_depth: Positive
    weight_memory: MemoryKind
    rows_per_pass: Positive = 1  # absent where weights could not be off chip yet
    line_memory: MemoryKind
    fifo_memory: MemoryKind

    @pydantic.model_validator(mode="after")
    def _legal(self) -> _Folding:
        self.value()
        return self

    def value(self) -> Folding:
        return Folding(**self.model_dump())


class _Layer(_Strict):
    name: str
    frame_ii_cycles: Positive
    latency_cycles: Count
    lead_frames: Amount
    start_cycles: Count
    active_macs: Amount
    resources: _Resources
    off_chip_bits: Count = 0
    energy_proxy_pj: Count | None = None

    def value(self, folding: Folding) -> LayerEstimate:
        return LayerEstimate(
            folding,
            self.frame_ii_cycles,
            self.latency_cycles,
            self.lead_frames,
            self.start_cycles,
            self.active_macs,
            self.resources.value(),
            self.off_chip_bits,
            self.energy_proxy_pj,
        )


class _Fifo(_Strict):
    src: str
    dst: str
    port: Count
    streams: Positive
    depth_words: Count
    memory: MemoryKind
    resources: _Resources

    def value(self) -> FifoEstimate:
        return FifoEstimate(
            self.src,
            self.dst,
            self.port,
            self.streams,
            self.depth_words,
            self.memory,
            self.resources.value(),
        )


class _Objective(_Strict):
    goal: Goal
    min_fps: Clock | None
    bound: Amount

    def value(self) -> Objective:
        return Objective(self.goal, self.min_fps)


class _Density(_Strict):
    weight_density: Share
    act_density: Share
    pair_density: Share


class _Part(_Strict):
    after: str | None
    until: str | None

    def value(self) -> Part:
        return Part(**self.model_dump())


class _Model(_Strict):
    path: str
    sha256: str
    graph_digest: str
    weights_digest: str
    part: _Part = _Part(after=None, until=None)  # version 1 knows whole networks only
    removed_channels: dict[str, tuple[Count, ...]] = pydantic.Field(default_factory=dict)

    def value(self) -> ModelRef:
        return ModelRef(
            self.path,
            self.sha256,
            self.graph_digest,
            self.weights_digest,
            self.part.value(),
            self.removed_channels,
        )


class _Data(_Strict):
    path: str | None
    digest: str


class _Source(_Strict):
    figure: str
    source: str


class _Device(_Strict):
    name: str
    part: str
    family: Family
    available: _Resources
    budget: _Resources
    clock_mhz: Clock
    off_chip_gbytes_per_s: Clock
    sources: tuple[_Source, ...]
    off_chip_gbytes: Clock | None = None  # this and what follows: not in version 1
    reconfiguration_ms: Clock | None = None
    link_gbytes_per_s: Clock | None = None

    def value(self) -> Device:
        return Device(
            name=self.name,
            part=self.part,
            family=self.family,
            available=self.available.value(),
            budget=self.budget.value(),
            clock_mhz=self.clock_mhz,
            off_chip_gbytes_per_s=self.off_chip_gbytes_per_s,
            sources=tuple((item.figure, item.source) for item in self.sources),
            off_chip_gbytes=self.off_chip_gbytes,
            reconfiguration_ms=self.reconfiguration_ms,
            link_gbytes_per_s=self.link_gbytes_per_s,
        )


class _Arithmetic(_Strict):
    act_bits: Positive
    weight_bits: Positive
    acc_bits: Positive

    @pydantic.model_validator(mode="after")
    def _legal(self) -> _Arithmetic:
        self.value()
        return self

    def value(self) -> Arithmetic:
        return Arithmetic(**self.model_dump())


class _Provenance(_Strict):
    hass_version: str
    cost_model_version: int
    seed: int | None
    strategy: str | None
    packages: dict[str, str]


class DesignFile(_Summary):
    """The whole file."""

    schema_version: Literal[3]
    latency_cycles: Count
    clock_mhz: Clock
    multipliers: Count
    solver: str
    waiting_cycles: Count = 0  # absent where it was not modelled
    proved_bound_cycles: Positive
    gap: float
    objective: _Objective | None = None  # older files name none: throughput
    accuracy: _DesignAccuracy | None
    integer_accuracy: _DesignAccuracy | None
    dense: _Result | None
    trials: Count | None
    settings: dict[str, SettingRecord]
    foldings: dict[str, _Folding]
    layers: tuple[_Layer, ...]
    fifos: tuple[_Fifo, ...]
    densities: dict[str, _Density]
    output_max_abs: dict[str, Amount]
    model: _Model
    data: _Data | None
    device: _Device
    arithmetic: _Arithmetic
    # older files know one for all layers
    layer_arithmetic: dict[str, _Arithmetic] = pydantic.Field(default_factory=dict)
    provenance: _Provenance

    @pydantic.model_validator(mode="after")
    def _whole(self) -> DesignFile:
        self.value()
        return self

    def value(self) -> Design:
        """The design; mappings come back in the order of the layers, which JSON objects lose."""
        order = [layer.name for layer in self.layers]
        if len(set(order)) != len(order) or set(order) != set(self.foldings):
            raise ValueError("layers and foldings name the same layers, each once")
        foldings = {name: self.foldings[name].value() for name in order}
        estimate = Estimate(
            layers={layer.name: layer.value(foldings[layer.name]) for layer in self.layers},
            fifos=tuple(fifo.value() for fifo in self.fifos),
            frame_ii_cycles=self.frame_ii_cycles,
            depth_cycles=self.depth_cycles,
            latency_cycles=self.latency_cycles,
            clock_mhz=self.clock_mhz,
            resources=self.resources.value(),
            bottleneck=self.bottleneck,
            active_macs_per_frame=self.active_macs_per_frame,
            multipliers=self.multipliers,
            waiting_cycles=self.waiting_cycles,
        )
        return Design(
            model=self.model.value(),
            data=None if self.data is None else DataRef(**self.data.model_dump()),
            device=self.device.value(),
            arithmetic=self.arithmetic.value(),
            layer_arithmetic={k: v.value() for k, v in _ordered(self.layer_arithmetic, order)},
            settings={k: v.value() for k, v in _ordered(self.settings, order)},
            plan=self._plan(foldings, estimate),
            summary=self.summary(),
            densities={
                k: LayerDensity(**v.model_dump()) for k, v in _ordered(self.densities, order)
            },
            output_max_abs=dict(_ordered(self.output_max_abs, order)),
            accuracy=_splits(self.accuracy),
            integer_accuracy=_splits(self.integer_accuracy),
            dense=None if self.dense is None else self.dense.value(),
            trials=self.trials,
            provenance=Provenance(**self.provenance.model_dump()),
        )

    def _plan(self, foldings: Mapping[str, Folding], estimate: Estimate) -> FoldingPlan:
        objective = FASTEST if self.objective is None else self.objective.value()
        bound = None if self.objective is None else self.objective.bound
        if objective.goal is Goal.THROUGHPUT:
            if bound not in (None, self.proved_bound_cycles):
                raise ValueError(f"the bound of throughput is {self.proved_bound_cycles} cycles")
            bound = None
        return FoldingPlan(
            foldings,
            estimate,
            self.solver,
            self.proved_bound_cycles,
            self.gap,
            objective,
            bound,
        )


def _ordered(values: Mapping[str, T], order: list[str]) -> list[tuple[str, T]]:
    position = {name: index for index, name in enumerate(order)}
    return sorted(values.items(), key=lambda item: position.get(item[0], len(order)))
