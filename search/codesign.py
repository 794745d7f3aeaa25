"""The layers' clips as options, each with its loss and its foldings: what a budget of loss buys.

Each layer may lose one of a few amounts by its weights, and one by its activations; the curves of
its sensitivity say what may be clipped for that. So layers are compared by what matters alone:
which of them gives back most of the part for a loss. That is a knapsack (``hass.folding.joint``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hass.cost import COST_MODEL_VERSION
from hass.device import Device
from hass.files import JsonValue
from hass.folding import (
    FASTEST,
    Curve,
    Joint,
    Objective,
    TableCache,
    best_within,
    in_reach,
    joint_curves,
    joint_of,
    least_loss,
)
from hass.graph import Graph, Weights
from hass.measure import Dataset, measure_alone
from hass.sparsity import LayerSparsity, Settings, SparsityProfile, SparsitySetting
from hass.values import Precision

from .chosen import Chosen, Factors
from .clips import LayerFacts, clip_key, setting_of
from .hooks import SearchHooks, stage_progress
from .known import Known
from .sensitivity import Sensitivity

LOSSES = (0.0, 0.0015, 0.006, 0.024)  # of one operand of one layer, in nats: 4 times the last
LEVELS = tuple(product(range(len(LOSSES)), repeat=2))  # (of the activations, of the weights)
SHARE = 0.99  # of the part: estimates of clips that are measured alone are off by about so much
MOST_ROWS = 3_000_000  # of folding tables held while options are costed, 32 bytes each
SMALLEST_MAC_SHARE = 0.002  # layers with less of the active MACs are left alone

LossArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CoDesign:
    """What can be chosen.

    Attributes:
        facts: of the layers that may be clipped.
        curves: what clipping them costs.
        joint: their foldings at each of ``LEVELS``.
        objective: what the clips are to buy.
    """

    facts: tuple[LayerFacts, ...]
    curves: Mapping[str, Sensitivity]
    joint: Joint
    objective: Objective = FASTEST

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))

    def chosen(self, budget: float, factors: Factors) -> Chosen:
        """The clips that buy most of the objective for a sum of losses; see ``best_within``.

        Args:
            budget: sum of all losses.
            factors: ("act" or "weight", layer) -> what its losses are multiplied with, 1 without.
        """
        best = best_within(self.joint, self._losses(factors), budget, self.objective, SHARE)
        if best is None:
            return Chosen({})
        nothing = SparsitySetting()
        clips = {
            layer.name: clip_at(
                layer,
                self.curves[layer.name],
                best.options[layer.name],
                *factors_of(layer.name, factors),
            )
            for layer in self.facts
        }
        clips = {name: setting for name, setting in clips.items() if setting != nothing}
        return Chosen(clips, best.frame_ii_cycles)

    def least_loss(self, cycles: float, most: float, factors: Factors) -> float | None:
        """The least sum of losses that buys a frame II; None where none is found.

        Args:
            cycles: frame II.
            most: the largest sum of losses.
            factors: as of ``chosen``.
        """
        return least_loss(self.joint, self._losses(factors), int(cycles), most, SHARE)

    def _losses(self, factors: Factors) -> dict[str, LossArray]:
        return {
            layer.name: level_losses(self.curves[layer.name], *factors_of(layer.name, factors))
            for layer in self.facts
        }


def factors_of(layer: str, factors: Factors) -> tuple[float, float]:
    """What a layer's losses by its activations and by its weights are multiplied with."""
    return factors.get(("act", layer), 1.0), factors.get(("weight", layer), 1.0)


def level_losses(curves: Sensitivity, act: float, weight: float) -> LossArray:
    """What a layer loses at each of ``LEVELS``: the level's loss, or that of the largest clip.

    Args:
        curves: of the layer.
        act, weight: what losses by its activations and by its weights are multiplied with.
    """
    acts = [act * curves.act.within(loss) for loss in LOSSES]
    weights = [weight * curves.weight.within(loss) for loss in LOSSES]
    return np.array([acts[a] + weights[w] for a, w in LEVELS])


def clip_at(
    facts: LayerFacts,
    curves: Sensitivity,
    level: int,
    act_factor: float = 1.0,
    weight_factor: float = 1.0,
) -> SparsitySetting:
    """A layer's clips at one of ``LEVELS``, if losses are so many times those of its curves."""
    act, weight = LEVELS[level]
    setting = setting_of(
        facts,
        act_share=curves.act.share_at(LOSSES[act] / act_factor),
        weight_sparsity=curves.weight.share_at(LOSSES[weight] / weight_factor),
    )
    return setting or SparsitySetting()


def clipped_layers(facts: Sequence[LayerFacts]) -> tuple[LayerFacts, ...]:
    """Those with enough work to be worth a clip."""
    total = sum(layer.active_macs for layer in facts) or 1.0
    return tuple(f for f in facts if f.active_macs / total >= SMALLEST_MAC_SHARE)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What foldings of options depend on besides them.

    Attributes:
        graph, weights: the dense network.
        data: its images.
        device: the part.
        profile: measured with nothing clipped.
        images, seed: of profiles.
        clock_mhz: of the designs; None: the device's.
        arithmetic: word lengths of the designs.
        objective: what the designs are to be best at.
    """

    graph: Graph
    weights: Weights
    data: Dataset
    device: Device
    profile: SparsityProfile
    images: int
    seed: int
    clock_mhz: float | None
    arithmetic: Precision
    objective: Objective = FASTEST


def codesign(
    ground: Ground,
    facts: Sequence[LayerFacts],
    curves: Mapping[str, Sensitivity],
    known: Known,
    hooks: SearchHooks,
) -> CoDesign:
    """Measure each option's sparsity and cost its foldings; level by level, each kept at once."""
    progress = stage_progress(hooks, "foldings of the options")
    levels: list[Mapping[str, Curve]] = []
    cache = TableCache(MOST_ROWS)  # most tables are asked for once, those of other layers often
    for first in range(0, len(LEVELS), len(LOSSES)):  # all clips of weights beside one of inputs
        choices = [
            {f.name: clip_at(f, curves[f.name], first + number) for f in facts}
            for number in range(len(LOSSES))
        ]
        for found in _curves_of(ground, choices, known, cache):
            levels.append(found)
            progress(len(levels), len(LEVELS))
    names = [layer.name for layer in facts]
    joint = joint_of(
        ground.graph, ground.device, names, levels, ground.clock_mhz, ground.arithmetic
    )
    joint = in_reach(joint, ground.objective, SHARE)
    return CoDesign(tuple(facts), curves, joint, ground.objective)


def _own(precision: Precision) -> JsonValue:
    return {name: repr(own) for name, own in precision.layers.items()}


def _curves_of(
    ground: Ground, choices: Sequence[Settings], known: Known, cache: TableCache
) -> Iterator[Mapping[str, Curve]]:
    """The curves of each choice, in turn; what is not known is measured together."""
    found = [_known_curves(ground, settings, known) for settings in choices]
    missing = [settings for settings, curves in zip(choices, found, strict=True) if curves is None]
    alone: Iterator[Mapping[str, LayerSparsity]] = iter(())
    if missing:
        alone = iter(
            measure_alone(
                ground.graph,
                ground.weights,
                ground.data,
                missing,
                images=ground.images,
                seed=ground.seed,
            )
        )
    for settings, curves in zip(choices, found, strict=True):
        if curves is None:
            yield _costed_curves(ground, settings, next(alone), known, cache)
        else:
            yield curves


def _content(ground: Ground, settings: Settings) -> dict[str, JsonValue]:
    """All that the curves depend on."""
    return {
        "graph": ground.graph.digest,
        "weights": ground.weights.digest,
        "data": ground.data.digest,
        "device": repr(ground.device),
        "images": ground.images,
        "seed": ground.seed,
        "clock": ground.clock_mhz,
        "arithmetic": [repr(ground.arithmetic.default), _own(ground.arithmetic)],
        "cost model": COST_MODEL_VERSION,
        "settings": {name: clip_key(setting) for name, setting in settings.items()},
    }


def _known_curves(ground: Ground, settings: Settings, known: Known) -> Mapping[str, Curve] | None:
    arrays = known.arrays("foldings", _content(ground, settings))
    names = [layer.name for layer in ground.graph]
    if arrays is None or arrays.keys() != set(map(str, range(len(names)))):
        return None
    rows = {name: arrays[str(place)] for place, name in enumerate(names)}
    if not all(table.ndim == 2 and table.shape[1] == 6 for table in rows.values()):
        return None
    return {name: Curve(table[:, 0], table[:, 1:]) for name, table in rows.items()}


def _costed_curves(
    ground: Ground,
    settings: Settings,
    alone: Mapping[str, LayerSparsity],
    known: Known,
    cache: TableCache,
) -> Mapping[str, Curve]:
    assumed = replace(ground.profile, layers=alone)
    found = joint_curves(
        ground.graph,
        ground.device,
        assumed,
        clock_mhz=ground.clock_mhz,
        arithmetic=ground.arithmetic,
        cache=cache,
    )
    stored = {
        str(place): np.column_stack([found[layer.name].cycles, found[layer.name].use])
        for place, layer in enumerate(ground.graph)
    }
    known.keep_arrays("foldings", _content(ground, settings), stored)
    return found
