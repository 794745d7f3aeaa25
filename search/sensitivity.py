"""What clipping each layer costs: measured once on a few shares, in between interpolated.

Losses are divergences of the network's output from the dense network's, which add up over layers
to first order (``hass.measure.clip_losses``). They grow about as the square of what is clipped, so
that their roots are interpolated. A curve ends at the first share that loses more than any strategy
asks for: larger ones would change no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hass.files import JsonValue
from hass.filter_refit import Refit
from hass.graph import Graph, Weights, macs_per_frame
from hass.intmath import ceil_div
from hass.measure import Dataset, LadderSums, Split, images_at_once, measure_clip_losses
from hass.sparsity import SparsitySetting

from .clips import LayerFacts, clip_key, setting_of
from .hooks import SearchHooks, stage_progress
from .known import Known

# Of a layer's words, weights and activations alike.
SHARES = (0.2, 0.4, 0.6, 0.8, 0.9)
# In nats, of one operand of one layer; it lies above what curves are asked for, the largest of
# ``codesign.LOSSES`` where the sampler takes losses to be smallest.
ENOUGH = 0.07
# A clip is measured on as many images as take this many MACs, within these numbers: losses are
# means over images, and even a large network's should not take longer than a few dozen trials.
MACS_PER_PASS = 8e9
FEWEST_IMAGES, MOST_IMAGES = 16, 128


@dataclass(frozen=True, slots=True)
class LossCurve:
    """What clipping a share of one operand of a layer costs, for losses up to ``ENOUGH``.

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
class LossSteps:
    """The same of an operand of which only some shares can be clipped: nothing lies in between.

    Attributes:
        shares: ascending, the first 0.
        losses: never falling, the first 0.
    """

    shares: tuple[float, ...]
    losses: tuple[float, ...]

    def _step(self, loss: float) -> int:
        return max(place for place, cost in enumerate(self.losses) if cost <= max(loss, 0.0))

    def within(self, loss: float) -> float:
        """The loss of ``share_at``."""
        return self.losses[self._step(loss)]

    def share_at(self, loss: float) -> float:
        """The largest share that costs at most ``loss``."""
        return self.shares[self._step(loss)] if loss > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The curves of one layer."""

    weight: LossCurve | LossSteps
    act: LossCurve


def measured_images(graph: Graph, dataset: Dataset) -> int:
    """Calibration images that losses are measured on."""
    macs = sum(macs_per_frame(graph, layer.name) for layer in graph.convs)
    wanted = min(MOST_IMAGES, max(FEWEST_IMAGES, int(MACS_PER_PASS / macs)))
    return min(wanted, dataset.count(Split.CALIBRATION))


def _ladders(facts: LayerFacts) -> tuple[tuple[SparsitySetting, ...], ...]:
    """Clips of the activations alone, and of the weights alone."""
    acts = [setting_of(facts, act_share=share, weight_sparsity=0.0) for share in SHARES]
    shares = SHARES if facts.weight_shares is None else facts.weight_shares
    weights = [setting_of(facts, act_share=0.0, weight_sparsity=share) for share in shares]
    return tuple(
        tuple(setting or SparsitySetting() for setting in ladder) for ladder in (acts, weights)
    )


def _losses(parts: Sequence[Sequence[float]], images: int) -> tuple[float, ...]:
    """From the sums of all groups of images; the last group has the fewest."""
    count = len(parts[-1])
    losses = sum(np.array(part[:count]) for part in parts) / images
    rising = np.maximum.accumulate(np.append(0.0, losses))  # noise apart, more clips lose more
    return tuple(rising.tolist())


def _sensitivity(
    facts: LayerFacts, parts: Sequence[Sequence[Sequence[float]]], images: int
) -> Sensitivity:
    """The curves of a layer from the sums of its ladders, group by group."""
    act, weight = (_losses([part[place] for part in parts], images) for place in range(2))
    curve = LossCurve((0.0, *SHARES[: len(act) - 1]), act)
    if facts.weight_shares is None:
        return Sensitivity(LossCurve((0.0, *SHARES[: len(weight) - 1]), weight), curve)
    shares = (0.0, *facts.weight_shares[: len(weight) - 1])
    return Sensitivity(LossSteps(shares, weight), curve)


def sensitivities(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    facts: Sequence[LayerFacts],
    known: Known,
    hooks: SearchHooks,
    refit: Refit = Refit.NONE,
) -> dict[str, Sensitivity]:
    """Layer -> its curves, measured group of images by group, each kept as soon as it is known."""
    ladders = {layer.name: _ladders(layer) for layer in facts}
    images = measured_images(graph, dataset)
    group = images_at_once(graph)
    shared: dict[str, JsonValue] = {
        "graph": graph.digest,
        "weights": weights.digest,
        "data": dataset.digest,
        "images": images,
        "group": group,
        "enough": ENOUGH,
        "ladders": {
            name: [[clip_key(setting) for setting in ladder] for ladder in pair]
            for name, pair in ladders.items()
        },
    }
    if refit is not Refit.NONE:
        shared["refit"] = refit.value
    parts = list(_kept(known, shared, ladders, ceil_div(images, group)))
    missing = measure_clip_losses(
        graph,
        weights,
        dataset,
        ladders,
        images=images,
        enough=ENOUGH,
        refit=refit,
        known=parts,
        progress=stage_progress(hooks, "sensitivity of the layers"),
    )
    for number, found in enumerate(missing, start=len(parts)):
        stored: JsonValue = {name: [list(s) for s in sums] for name, sums in found.sums.items()}
        known.keep_text("losses", {**shared, "part": number}, stored)
        parts.append(found.sums)
    return {f.name: _sensitivity(f, [part[f.name] for part in parts], images) for f in facts}


def _kept(
    known: Known,
    shared: Mapping[str, JsonValue],
    ladders: Mapping[str, Sequence[Sequence[SparsitySetting]]],
    groups: int,
) -> Iterator[LadderSums]:
    """What is known already, from the first group on."""
    most = {name: [len(ladder) for ladder in pair] for name, pair in ladders.items()}
    for number in range(groups):
        found = known.text("losses", {**shared, "part": number})
        if not isinstance(found, Mapping) or found.keys() != ladders.keys():
            return
        part: dict[str, tuple[tuple[float, ...], ...]] = {}
        for name, pair in found.items():
            sums = _sums(pair, most[name])
            if sums is None:
                return
            part[name] = sums
            most[name] = [len(losses) for losses in sums]
        yield part


def _sums(found: JsonValue, most: Sequence[int]) -> tuple[tuple[float, ...], ...] | None:
    """A layer's ladders as they were kept, each of at most so many losses; None if they are not."""
    if not isinstance(found, list) or len(found) != len(most):
        return None
    sums = []
    for losses, count in zip(found, most, strict=True):
        if not isinstance(losses, list) or not min(1, count) <= len(losses) <= count:
            return None
        numbers = tuple(loss for loss in losses if isinstance(loss, float))
        if len(numbers) < len(losses):
            return None
        sums.append(numbers)
    return tuple(sums)
