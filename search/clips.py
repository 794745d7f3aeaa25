"""From how much to clip to the settings that do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hass.channels import classes_by_layer
from hass.clip_family import MAGNITUDE, ROUNDING, ClipFamily
from hass.files import JsonValue
from hass.graph import Graph, Weights, macs_per_frame
from hass.sparsity import SparsityProfile, SparsitySetting

from .weight_clips import WeightClips, weight_shares

QUANTILES = 101  # 0 .. 100 %
LARGEST_SHARE = 0.9  # of the non-zero words that a clip may take, weights and activations alike


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What strategies know of one Conv2d layer before the first clip.

    Attributes:
        name: of the layer.
        macs: MACs per frame.
        active_macs: MACs per frame with both operands non-zero, nothing clipped.
        act_quantiles: (101,) quantiles, 0..100 %, of |x| over its non-zero inputs.
        weight_quantiles: (101,) the same over its non-zero weights.
        weight_zero_share: share of its weights that are zero unclipped.
        weight_family: how its weights are clipped.
        weight_shares: of its weights, or of the classes of channels that it leads, ascending, the
            only ones that may be clipped; None: any.
    """

    name: str
    macs: int
    active_macs: float
    act_quantiles: tuple[float, ...]
    weight_quantiles: tuple[float, ...]
    weight_zero_share: float
    weight_family: ClipFamily = MAGNITUDE
    weight_shares: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("act_quantiles", "weight_quantiles"):
            if len(getattr(self, name)) != QUANTILES:
                raise ValueError(f"{name} must have {QUANTILES} entries: {getattr(self, name)}")


def layer_facts(
    graph: Graph,
    weights: Weights,
    profile: SparsityProfile,
    magnitudes: Mapping[str, tuple[float, ...]],
    clips: WeightClips,
) -> tuple[LayerFacts, ...]:
    """The facts of every Conv2d layer, in topological order.

    Args:
        graph: the network.
        weights: its dense weights.
        profile: measured with nothing clipped.
        magnitudes: ``hass.measure.input_magnitudes``.
        clips: how the search clips weights.
    """
    led = classes_by_layer(graph)
    return tuple(
        _facts_of(
            layer.name,
            macs_per_frame(graph, layer.name),
            profile.layers[layer.name].pair_density,
            magnitudes[layer.name],
            np.abs(weights[f"{layer.name}.weight"]),
            clips.family,
            weight_shares(
                clips, weights[f"{layer.name}.weight"].shape[1], len(led.get(layer.name, ()))
            ),
        )
        for layer in graph.convs
    )


def _facts_of(
    name: str,
    macs: int,
    pair_density: float,
    acts: tuple[float, ...],
    weights: npt.NDArray[np.float32],
    family: ClipFamily,
    shares: tuple[float, ...] | None,
) -> LayerFacts:
    nonzero = weights[weights > 0]
    if nonzero.size:
        quantiles = np.quantile(nonzero.astype(np.float64), np.linspace(0, 1, QUANTILES))
    else:
        quantiles = np.zeros(QUANTILES)
    return LayerFacts(
        name,
        macs,
        macs * pair_density,
        acts,
        tuple(float(q) for q in quantiles),
        1 - nonzero.size / weights.size,
        family,
        shares,
    )


def share_below(quantiles: tuple[float, ...], threshold: float) -> float:
    """Share of a distribution that is <= threshold; undoes ``quantile_at``."""
    if threshold < quantiles[0]:
        return 0.0
    return float(np.interp(threshold, quantiles, np.linspace(0, 1, QUANTILES)))


def quantile_at(quantiles: tuple[float, ...], share: float) -> float:
    """The value that a share of a distribution does not exceed; 0 for share 0."""
    if share <= 0:
        return 0.0
    return float(np.interp(share, np.linspace(0, 1, QUANTILES), quantiles))


def setting_of(
    facts: LayerFacts, *, act_share: float, weight_sparsity: float
) -> SparsitySetting | None:
    """The setting that clips a share of a layer's non-zero inputs, and of all its weights.

    Args:
        facts: of the layer.
        act_share: of the non-zero inputs, 0..1; at most ``LARGEST_SHARE`` is clipped.
        weight_sparsity: of all weights, 0..1; at most ``LARGEST_SHARE``, and where only some
            shares may be clipped, the next smaller one.

    Returns:
        None if nothing is clipped.
    """
    share = min(weight_sparsity, LARGEST_SHARE)
    if facts.weight_shares is not None:
        share = max((s for s in facts.weight_shares if s <= share + ROUNDING), default=0.0)
    setting = SparsitySetting(
        share,
        quantile_at(facts.act_quantiles, min(act_share, LARGEST_SHARE)),
        facts.weight_family,
    )
    return None if setting == SparsitySetting() else setting


def clip_key(setting: SparsitySetting) -> list[JsonValue]:
    """A setting in short, for digests; without its family where that is magnitude."""
    amounts: list[JsonValue] = [setting.weight_sparsity, setting.act_threshold]
    family = setting.weight_family
    return amounts if family == MAGNITUDE else [*amounts, str(family)]
