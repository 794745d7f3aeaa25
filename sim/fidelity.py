"""Modelled against simulated, case by case."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from hass.cost import EngineKind, Estimate, layer_shapes, off_chip_bound_cycles
from hass.cost.foldings import SPARSE_ENGINES
from hass.design_file import read_design
from hass.device import Device, load_device
from hass.errors import SpecError
from hass.folding import FoldingPlan, Infeasibility, solve
from hass.graph import Graph, Weights
from hass.measure import Dataset, input_magnitudes, measure_profile, open_dataset
from hass.onnx_io import read_model
from hass.ops import Input
from hass.sparsity import Settings, SparsityProfile, SparsitySetting
from hass.values import Arithmetic

from .fidelity_cases import FidelityCase
from .judged import judged_estimate
from .result import SimResult
from .run import ProgressCallback, Setup, simulate
from .trace import trace_source


@dataclass(frozen=True, slots=True)
class FidelityRow:
    """What came of one case.

    Attributes:
        case: which.
        engines: how many layers have an engine of each kind.
        result: modelled and simulated; None where nothing fits the part.
        layer_errors: (modelled - simulated) / simulated cycles of each layer with a sparse engine.
    """

    case: FidelityCase
    engines: tuple[tuple[EngineKind, int], ...]
    result: SimResult | None
    layer_errors: tuple[float, ...]

    @property
    def frame_ii_error(self) -> float | None:
        """Relative; None in a deadlock or where nothing fits."""
        return None if self.result is None else self.result.relative_error

    @property
    def latency_error(self) -> float | None:
        """Relative, of one frame alone; None in a deadlock or where nothing fits."""
        if self.result is None or self.result.first_frame_cycles is None:
            return None
        return self.result.modelled_latency_cycles / self.result.first_frame_cycles - 1.0


def clips(
    graph: Graph, weights: Weights, dataset: Dataset, weight_sparsity: float, act_share: float
) -> Settings:
    """The same share of weights and of non-zero activations clipped in each convolution, but for
    the activations of the first, which are the image."""
    magnitudes = input_magnitudes(graph, weights, dataset)
    level = round(100 * act_share)
    image = graph.of_type(Input)[0].name
    direct = {edge.dst for edge in graph.out_edges(image)}
    return {
        name: SparsitySetting(weight_sparsity, 0.0 if name in direct else quantiles[level])
        for name, quantiles in magnitudes.items()
    }


def _planned(
    case: FidelityCase, device: Device, graph: Graph, profile: SparsityProfile | None
) -> Estimate | None:
    """The fastest design; None where nothing fits."""
    match solve(graph, device, profile=profile, engines=case.engines.kinds):
        case FoldingPlan() as plan:
            return plan.estimate
        case Infeasibility():
            return None


def run_case(case: FidelityCase, progress: ProgressCallback | None = None) -> FidelityRow:
    """Measure, fold and simulate.

    The sparse engines' work is that of real images, in order (``trace_source``).

    Raises:
        SpecError, GraphError, ProfileError: if model, data or design cannot be used.
    """
    model = read_model(case.model)
    graph = model.graph
    device = load_device(case.device)
    design = None if case.design is None else read_design(case.design)
    if design is not None and design.device.part != device.part:
        raise SpecError.at(f"{case.design}: device", design.device.name, case.device)
    dataset = profile = None
    if case.data is not None:
        dataset = open_dataset(str(case.data), graph.of_type(Input)[0].out)
        if design is not None:
            settings = design.settings
        else:
            settings = clips(graph, model.weights, dataset, case.weight_sparsity, case.act_share)
        profile = measure_profile(graph, model.weights, dataset, settings, images=case.images)
    if design is not None and profile is not None:  # a design comes with data
        modelled: Estimate | None = judged_estimate(design, graph, profile)
    else:
        modelled = _planned(case, device, graph, profile)
    if modelled is None:
        return FidelityRow(case, (), None, ())
    source = None
    if dataset is not None and profile is not None:
        source = trace_source(graph, model.weights, modelled, profile, dataset, images=case.frames)
    arithmetic = Arithmetic() if design is None else design.arithmetic
    pace = off_chip_bound_cycles(
        graph, device, modelled.clock_mhz, arithmetic, modelled.off_chip_bits
    )
    setup = Setup(frames=case.frames, source=source, pace_cycles=pace)
    result = simulate(graph, modelled, setup, progress=progress)
    return FidelityRow(case, _kinds(modelled), result, _layer_errors(graph, modelled, result))


def _kinds(modelled: Estimate) -> tuple[tuple[EngineKind, int], ...]:
    counted = Counter(item.folding.engine for item in modelled.layers.values())
    kinds = (EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC, EngineKind.BROADCAST)
    return tuple((kind, counted[kind]) for kind in kinds)


def _layer_errors(graph: Graph, modelled: Estimate, result: SimResult) -> tuple[float, ...]:
    shapes = layer_shapes(graph)
    errors = []
    for layer in result.layers:
        kind = modelled.layers[layer.name].folding.engine
        if kind in SPARSE_ENGINES and layer.simulated_cycles:
            # a layer that must be early is modelled as slower than it works
            said = layer.modelled_frame_ii_cycles / shapes[layer.name].haste
            errors.append(said / layer.simulated_cycles - 1.0)
    return tuple(errors)


def median_layer_error(row: FidelityRow) -> float | None:
    """Of absolute values; None without sparse engines."""
    return float(np.median(np.abs(row.layer_errors))) if row.layer_errors else None


def worst_layer_error(row: FidelityRow) -> float | None:
    """The one furthest from zero; None without sparse engines."""
    return max(row.layer_errors, key=abs, default=None)
