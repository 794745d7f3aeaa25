"""What clipping each layer costs: measured once on a few shares, in between interpolated.

Losses are divergences of the network's output from the dense network's, which add up over layers
to first order (``hass.measure.clip_losses``). They grow about as the square of what is clipped, so
that their roots are interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hass.files import JsonValue
from hass.graph import Graph, Weights, macs_per_frame
from hass.measure import Dataset, Split, images_at_once, measure_clip_losses
from hass.sparsity import SparsitySetting

from .clips import LayerFacts, setting_of
from .hooks import SearchHooks, stage_progress
from .known import Known

# Of a layer's words, weights and activations alike.
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# A clip is measured on as many images as take this many MACs, within these numbers: losses are
# means over images, and even a large network's should not take longer than a few dozen trials.
MACS_PER_PASS = 8e9
FEWEST_IMAGES, MOST_IMAGES = 16, 128


@dataclass(frozen=True, slots=True)
class LossCurve:
    """What clipping a share of one operand of a layer costs.

    Attributes:
        shares: ascending, the first 0.
        losses: never falling, the first 0.
    """

    shares: tuple[float, ...]
    losses: tuple[float, ...]

    def within(self, loss: float) -> float:
        """The loss of ``share_at``."""
        return min(loss, self.losses[-1])

    def share_at(self, loss: float) -> float:
        """The share that costs ``loss``; the largest measured where that costs less."""
        roots = np.sqrt(np.asarray(self.losses))
        steps = np.append(True, np.diff(roots) > 0)
        if loss <= 0.0:
            return 0.0
        return float(np.interp(loss**0.5, roots[steps], np.asarray(self.shares)[steps]))


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The curves of one layer."""

    weight: LossCurve
    act: LossCurve


def measured_images(graph: Graph, dataset: Dataset) -> int:
    """Calibration images that losses are measured on."""
    macs = sum(macs_per_frame(graph, layer.name) for layer in graph.convs)
    wanted = min(MOST_IMAGES, max(FEWEST_IMAGES, int(MACS_PER_PASS / macs)))
    return min(wanted, dataset.count(Split.CALIBRATION))


def _clips(facts: LayerFacts) -> tuple[SparsitySetting, ...]:
    """Clips of the activations alone, then of the weights alone."""
    acts = [setting_of(facts, act_share=share, weight_sparsity=0.0) for share in SHARES]
    weights = [setting_of(facts, act_share=0.0, weight_sparsity=share) for share in SHARES]
    return tuple(setting or SparsitySetting() for setting in (*acts, *weights))


def _curve(losses: Sequence[float]) -> LossCurve:
    rising = np.maximum.accumulate(np.append(0.0, losses))  # noise apart, more clips lose more
    return LossCurve((0.0, *SHARES), tuple(rising.tolist()))


def sensitivities(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    facts: Sequence[LayerFacts],
    known: Known,
    hooks: SearchHooks,
) -> dict[str, Sensitivity]:
    """Layer -> its curves, measured group of images by group, each kept as soon as it is known."""
    clips = {layer.name: _clips(layer) for layer in facts}
    images = measured_images(graph, dataset)
    group = images_at_once(graph)
    shared: dict[str, JsonValue] = {
        "graph": graph.digest,
        "weights": weights.digest,
        "data": dataset.digest,
        "images": images,
        "group": group,
        "clips": {
            name: [[s.weight_sparsity, s.act_threshold] for s in settings]
            for name, settings in clips.items()
        },
    }
    sums = {name: np.zeros(2 * len(SHARES)) for name in clips}
    done = 0
    for part in _kept(known, shared, clips, images, group):
        done += 1
        for name, known_losses in part.items():
            sums[name] += known_losses
    missing = measure_clip_losses(
        graph,
        weights,
        dataset,
        clips,
        images=images,
        known=done,
        progress=stage_progress(hooks, "sensitivity of the layers"),
    )
    for number, found in enumerate(missing, start=done):
        stored: JsonValue = {name: list(losses) for name, losses in found.sums.items()}
        known.keep_text("losses", {**shared, "part": number}, stored)
        for name, losses in found.sums.items():
            sums[name] += losses
    count = len(SHARES)
    return {
        name: Sensitivity(
            weight=_curve((total[count:] / images).tolist()),
            act=_curve((total[:count] / images).tolist()),
        )
        for name, total in sums.items()
    }


def _kept(
    known: Known,
    shared: Mapping[str, JsonValue],
    clips: Mapping[str, Sequence[SparsitySetting]],
    images: int,
    group: int,
) -> Iterator[dict[str, list[float]]]:
    """What is known already, from the first group on."""
    for number in range(-(-images // group)):
        found = known.text("losses", {**shared, "part": number})
        if not isinstance(found, Mapping) or found.keys() != clips.keys():
            return
        part: dict[str, list[float]] = {}
        for name, losses in found.items():
            if not isinstance(losses, list) or len(losses) != len(clips[name]):
                return
            part[name] = [float(loss) for loss in losses]
        yield part
