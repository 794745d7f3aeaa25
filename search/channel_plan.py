"""Whole channels and activation clips, chosen together: what a budget of loss buys in work.

A layer without channels makes those behind it smaller too, so that layers cannot be costed one by
one (as ``codesign`` does). What counts is the network's work, the active MACs of a frame: a
pipeline that is balanced over the part is as slow as that. Losses are spent step by step where a
step saves most work for its loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hass.channels import ChannelClass, is_depthwise, ranked_classes, smallest_channels
from hass.fewer_channels import without_channels
from hass.files import JsonValue
from hass.graph import Graph, Weights
from hass.measure import Dataset, NetworkLosses
from hass.ops import Conv2d
from hass.sparsity import Settings

from .chosen import Chosen, Factors
from .clips import LayerFacts, setting_of
from .hooks import SearchHooks, stage_progress
from .known import Known
from .sensitivity import ENOUGH, SHARES, LossCurve, measured_images

ACT_LEVELS = (0.0, *SHARES)  # which share of the words goes
# Which share of the channels goes: finer, as a channel is dear, and of layers as wide as most are.
CHANNEL_LEVELS = (0.0, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4)
SMALLEST_LOSS = 1e-9  # of a step, in nats, that work is divided by

FloatArray = npt.NDArray[np.float64]
Kind = tuple[str, str]  # ("weight" or "act", layer)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The active MACs of a frame, layer by layer, and what channels take of them.

    Attributes:
        places: Conv2d layer -> its column.
        active_macs: (layers,) with nothing removed or clipped.
        outputs: layer that leads classes -> (levels, layers) share of the outputs that go.
        inputs: the same of the inputs; 0 for depthwise layers, whose channels count once.
    """

    places: Mapping[str, int]
    active_macs: FloatArray
    outputs: Mapping[str, FloatArray]
    inputs: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        for name in ("places", "outputs", "inputs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def total(self, levels: Mapping[Kind, int]) -> float:
        """The work left at some levels; what is not named loses nothing."""
        out, taken = np.ones(len(self.active_macs)), np.ones(len(self.active_macs))
        words = np.ones(len(self.active_macs))
        for (kind, layer), level in levels.items():
            if kind == "act":
                words[self.places[layer]] -= ACT_LEVELS[level]
            else:
                out -= self.outputs[layer][level]
                taken -= self.inputs[layer][level]
        return float((self.active_macs * out * taken * words).sum())


def work_of(
    graph: Graph, facts: Sequence[LayerFacts], ranked: Mapping[str, tuple[ChannelClass, ...]]
) -> Work:
    """The work of a network.

    Args:
        graph: the network.
        facts: of all its Conv2d layers.
        ranked: of ``ranked_classes``.
    """
    convs = graph.convs
    places = {layer.name: place for place, layer in enumerate(convs)}
    active = np.zeros(len(convs))
    for layer in facts:
        active[places[layer.name]] = layer.active_macs
    outputs, inputs = {}, {}
    for leader, classes in ranked.items():
        gone: dict[str, FloatArray] = {}
        for level, share in enumerate(CHANNEL_LEVELS):
            for found in classes[: int(share * len(classes))]:
                for name, _ in found.channels:
                    gone.setdefault(name, np.zeros(len(CHANNEL_LEVELS)))[level] += 1
        outs, ins = (np.zeros((len(CHANNEL_LEVELS), len(convs))) for _ in range(2))
        for conv in convs:
            source = graph[graph.in_edges(conv.name)[0].src]
            if conv.name in gone:
                outs[:, places[conv.name]] = gone[conv.name] / conv.out.channels
            depthwise = isinstance(conv.op, Conv2d) and is_depthwise(conv.op, source.out.channels)
            if source.name in gone and not depthwise:
                ins[:, places[conv.name]] = gone[source.name] / source.out.channels
        outputs[leader], inputs[leader] = outs, ins
    return Work(places, active, outputs, inputs)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPlan:
    """What can be chosen; the place of ``CoDesign`` in the default strategy.

    Attributes:
        facts: of the layers that may be clipped.
        work: of the network.
        curves: what the levels of each operand lose, as many of the first as matter.
    """

    facts: tuple[LayerFacts, ...]
    work: Work
    curves: Mapping[Kind, LossCurve]

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))

    def chosen(self, budget: float, factors: Factors) -> Chosen:
        """The channels and clips that save most work for a sum of losses.

        Args:
            budget: sum of all losses.
            factors: ("act" or "weight", layer) -> what its losses are multiplied with, 1 without.
        """
        losses = {
            kind: factors.get(kind, 1.0) * np.asarray(curve.losses)
            for kind, curve in self.curves.items()
        }
        levels = dict.fromkeys(losses, 0)
        left, work = budget, self.work.total({})
        while True:
            best: tuple[float, Kind, int] | None = None
            for kind, costs in losses.items():
                for level in range(levels[kind] + 1, len(costs)):
                    cost = float(costs[level] - costs[levels[kind]])
                    if cost > left:
                        break
                    saved = work - self.work.total({**levels, kind: level})
                    worth = saved / max(cost, SMALLEST_LOSS)
                    if saved > 0 and (best is None or worth > best[0]):
                        best = worth, kind, level
            if best is None:
                return Chosen(self._settings(levels))
            _, kind, level = best
            left -= float(losses[kind][level] - losses[kind][levels[kind]])
            levels[kind] = level
            work = self.work.total(levels)

    def least_loss(self, cycles: float, most: float, factors: Factors) -> float | None:
        """None: what work there is says too little about cycles."""
        return None

    def _settings(self, levels: Mapping[Kind, int]) -> Settings:
        settings = {
            layer.name: setting_of(
                layer,
                act_share=ACT_LEVELS[levels["act", layer.name]],
                weight_sparsity=CHANNEL_LEVELS[levels.get(("weight", layer.name), 0)],
            )
            for layer in self.facts
        }
        return {name: setting for name, setting in settings.items() if setting is not None}


def channel_losses(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    leaders: Sequence[str],
    known: Known,
    hooks: SearchHooks,
) -> dict[str, LossCurve]:
    """Layer that leads classes -> what the network loses without a share of them, measured once.

    A curve ends, as those of clips do, at the first share that loses ``ENOUGH``.

    Args:
        graph, weights: the dense network.
        dataset: its images.
        leaders: the layers that are asked about.
        known: where losses are kept.
        hooks: told about progress.
    """
    ranked = ranked_classes(graph, weights)
    images = measured_images(graph, dataset)
    progress = stage_progress(hooks, "losses of channels")
    measure: NetworkLosses | None = None
    curves = {}
    for done, leader in enumerate(leaders):
        removed = [smallest_channels(ranked, {leader: share}) for share in CHANNEL_LEVELS[1:]]
        of: dict[str, JsonValue] = {
            "graph": graph.digest,
            "weights": weights.digest,
            "data": dataset.digest,
            "images": images,
            "enough": ENOUGH,
            "removed": [{n: list(channels) for n, channels in r.items()} for r in removed],
        }
        found = known.text("channels", of)
        losses = _numbers(found, len(removed))
        if losses is None:
            measure = measure or NetworkLosses(graph, weights, dataset, images)
            losses = []
            for channels in removed:
                narrowed = without_channels(graph, weights, channels)
                losses.append(measure.loss(narrowed.graph, narrowed.weights))
                if losses[-1] >= ENOUGH:
                    break
            known.keep_text("channels", of, [*losses])
        rising = np.maximum.accumulate([0.0, *losses])
        curves[leader] = LossCurve(CHANNEL_LEVELS[: len(rising)], tuple(rising.tolist()))
        progress(done + 1, len(leaders))
    return curves


def _numbers(found: JsonValue, most: int) -> list[float] | None:
    """Losses as they were kept; None if they are not."""
    if not isinstance(found, list) or not 1 <= len(found) <= most:
        return None
    numbers = [loss for loss in found if isinstance(loss, float)]
    return numbers if len(numbers) == len(found) else None
