"""The coefficients of the resource model, read once and strictly from coefficients.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

import pydantic

COST_MODEL_VERSION = 9  # raised when an estimate of the same folding changes


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class Sourced(_Strict):
    """A number and where it comes from."""

    value: float = pydantic.Field(ge=0)
    origin: str = pydantic.Field(min_length=10)


class SourcedCycles(_Strict):
    """A count of cycles and where it comes from."""

    value: int = pydantic.Field(ge=0)
    origin: str = pydantic.Field(min_length=10)


class Fitted(_Strict):
    """Coefficients that were fitted to synthesis; formula in coefficients.toml."""

    origin: str = pydantic.Field(min_length=10)

    def value(self, name: str) -> float:
        """Of one coefficient."""
        return float(getattr(self, name))


class DynamicEngine(Fitted):
    """Zero check and arbiter of the dynamic dot-product engine."""

    lut_per_m_b: float
    lut_per_m_count_bit: float
    lut_per_m_n_index_bit: float


class BroadcastEngine(Fitted):
    """Zero check, index and control of the engine that skips zero activations."""

    lut_control: float
    lut_per_m_act_bit: float
    lut_per_m_index_bit: float


class DenseEngine(Fitted):
    """Control of the dense and static dot-product engines, and of pairs of dense ones."""

    lut_control: float
    lut_turn_control: float
    lut_per_turn_bit: float


class Fifo(Fitted):
    """Addresses and count of a FIFO."""

    lut_control: float
    lut_per_count_bit: float
    lut_per_compared_bit: float


class Window(Fitted):
    """Counters of a sliding window."""

    lut_control: float
    lut_per_counter_bit: float
    lut_per_stride: float


class Fabric(_Strict):
    """Amounts per bit of simple logic."""

    adder_lut_per_bit: Sourced
    mux4_lut_per_bit: Sourced
    compare_lut_per_bit: Sourced
    max_lut_per_bit: Sourced
    counter_lut_per_bit: Sourced
    counter_ff_per_bit: Sourced
    port_lut_per_bit: Sourced
    port_ff_per_bit: Sourced
    rom_bits_per_lut: Sourced


class PipelineStages(_Strict):
    """Register stages."""

    multiplier_cycles: SourcedCycles
    selector_cycles: SourcedCycles
    lookup_cycles: SourcedCycles
    stream_cycles: SourcedCycles


class OffChip(_Strict):
    """Reading from off-chip memory."""

    latency_cycles: SourcedCycles
    burst_beats: SourcedCycles


class Energy(_Strict):
    """Relative weights of what is multiplied, added, read and moved."""

    multiplier_pj_per_square_bit: Sourced
    adder_pj_per_bit: Sourced
    on_chip_pj_per_bit: Sourced
    off_chip_pj_per_bit: Sourced


class Coefficients(_Strict):
    """All of coefficients.toml."""

    schema_version: Literal[1]
    dynamic_engine: DynamicEngine
    broadcast_engine: BroadcastEngine
    dense_engine: DenseEngine
    fifo: Fifo
    window: Window
    fabric: Fabric
    off_chip: OffChip
    pipeline: PipelineStages
    energy: Energy


@cache
def coefficients() -> Coefficients:
    """The shipped coefficients."""
    text = (resources.files("hass.cost") / "coefficients.toml").read_text(encoding="utf-8")
    return Coefficients.model_validate(tomllib.loads(text))
