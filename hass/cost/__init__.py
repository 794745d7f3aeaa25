"""The analytic model: cycles and resources of foldings, layer by layer and as a pipeline."""

from .coefficients import COST_MODEL_VERSION
from .flow import layer_shapes
from .foldings import EngineKind, Folding, FoldingArrays, MemoryKind, as_arrays, passes_of
from .layer import layer_costs
from .pass_fifos import pass_waits
from .pipeline import (
    OFF_CHIP,
    estimate,
    even_estimate,
    frame_bits,
    off_chip_bits_per_cycle,
    off_chip_bound_cycles,
)
from .result import Estimate, FifoEstimate, LayerCosts, LayerEstimate
from .shape import FifoNeed, LayerShape

__all__ = [
    "COST_MODEL_VERSION",
    "OFF_CHIP",
    "EngineKind",
    "Estimate",
    "FifoEstimate",
    "FifoNeed",
    "Folding",
    "FoldingArrays",
    "LayerCosts",
    "LayerEstimate",
    "LayerShape",
    "MemoryKind",
    "as_arrays",
    "estimate",
    "even_estimate",
    "frame_bits",
    "layer_costs",
    "layer_shapes",
    "off_chip_bits_per_cycle",
    "off_chip_bound_cycles",
    "pass_waits",
    "passes_of",
]
