"""Simulating a design, as ``hass sim`` and notebooks do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hass.cost import Estimate, off_chip_bound_cycles
from hass.cost.result import Edge
from hass.design import Design
from hass.errors import ProfileError
from hass.measure import Dataset
from hass.onnx_io import ImportedModel
from hass.sparsity import SparsityProfile

from .judged import judged_estimate
from .result import SimResult
from .run import Setup, simulate
from .trace import trace_source
from .work import Source, profile_source

_AS_DESIGNED: Mapping[Edge, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Trial:
    """What is simulated of a design.

    Attributes:
        modelled: the estimate that is judged.
        setup: what else is simulated.
    """

    modelled: Estimate
    setup: Setup


def trial_of(
    design: Design,
    model: ImportedModel,
    *,
    profile: SparsityProfile | None = None,
    dataset: Dataset | None = None,
    frames: int = 3,
    seed: int = 0,
    depths: Mapping[Edge, int] = _AS_DESIGNED,
    intervals: int = 0,
) -> Trial:
    """What ``simulate_design`` simulates; arguments and errors are its own."""
    modelled = _modelled(design, model, profile)
    pace = off_chip_bound_cycles(
        model.graph, design.device, modelled.clock_mhz, design.arithmetic, modelled.off_chip_bits
    )
    source = _source(model, modelled, profile, dataset, frames, seed)
    return Trial(modelled, Setup(frames, source, pace, depths, intervals))


def simulate_design(
    design: Design,
    model: ImportedModel,
    *,
    profile: SparsityProfile | None = None,
    dataset: Dataset | None = None,
    frames: int = 3,
    seed: int = 0,
    depths: Mapping[Edge, int] = _AS_DESIGNED,
    intervals: int = 0,
) -> SimResult:
    """Simulate frames through a design, and set the model against them.

    Args:
        design, model: the design and its network.
        profile: needed for a design made from one: gives the distributions of active products; it
            may have other clips than the design, and the model is then judged at those.
        dataset: the active products are those of its selection split, an image a frame; without it
            they are drawn from the profile's distributions.
        frames: at least 2; the first enters an empty pipeline.
        seed: of what is drawn.
        depths: entries of FIFOs, instead of the design's.
        intervals: of time, at most, for which is kept what FIFOs hold; 0 keeps nothing.

    Raises:
        ProfileError: if the profile or the data do not belong to the network, or the profile is
            missing.
        ValueError: if ``depths`` name no FIFO.
    """
    trial = trial_of(
        design,
        model,
        profile=profile,
        dataset=dataset,
        frames=frames,
        seed=seed,
        depths=depths,
        intervals=intervals,
    )
    return simulate(model.graph, trial.modelled, trial.setup)


def _modelled(design: Design, model: ImportedModel, profile: SparsityProfile | None) -> Estimate:
    """The estimate that is judged."""
    if profile is None:
        if design.densities:
            raise ProfileError("was made from a profile; simulating it needs that profile")
        return design.plan.estimate
    return judged_estimate(design, model.graph, profile)


def _source(
    model: ImportedModel,
    modelled: Estimate,
    profile: SparsityProfile | None,
    dataset: Dataset | None,
    frames: int,
    seed: int,
) -> Source | None:
    """Where sparse engines get their cycles from."""
    if profile is None:
        if dataset is not None:
            raise ProfileError("simulating images needs the profile by which channels are dealt")
        return None
    if dataset is None:
        return profile_source(model.graph, modelled, profile, seed)
    return trace_source(model.graph, model.weights, modelled, profile, dataset, images=frames)
