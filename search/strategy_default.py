"""The default strategy: clip where it buys throughput, find how much, then let TPE refine.

Clipping |x| <= t removes noise energy of the order of t**2 per clipped word; it saves the
layer's active MACs times the share clipped. All layers of a dataflow pipeline share one part,
so a MAC saved is worth the same anywhere. The clips that save most at a given total of noise
(a Lagrangian; relative noise energies of the layers add up, to first order) have

    t_layer = level * rms_layer * sqrt(active MACs of the layer / mean over the layers)

for weights and activations alike. But a sparse engine pays for its selector before it gains
anything, so a MAC saved in a layer that is sparse already is worth more than one saved in a
dense layer: the rule is tilted by (pair density of the layer / mean) ** (-tilt / 2). With tilt 1
the dense MACs count instead of the active ones.

What is left unknown is how much noise the network bears, a
single number: a short ladder brackets it. Layers differ in more than this rule knows, so each
has a factor 2**offset for TPE to find, once the ladder stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hass.sparsity import Settings, SparsitySetting

from .clips import LARGEST_SHARE, LayerFacts, rms, setting_of, share_below
from .record import Origin, TrialRecord
from .strategy import SAMPLE, History, Proposal, Range, Space, Values, throughput_ratio

LEVELS = Range(0.0, 1.0)  # a threshold of one rms takes two words in three of a normal distribution
OFFSETS = Range(-0.6, 0.6)  # of a layer's threshold, in doublings
TILTS = Range(0.0, 2.0)
USUAL_TILT = 1.0
FIRST_LEVEL = 0.2
CLOSE_ENOUGH = 1.1  # ratio of levels at which the ladder stops
SMALLEST_LEVEL = 0.01
SPARSITY_WORTH = 0.1  # of all MACs saved, in throughputs of the reference
SMALLEST_MAC_SHARE = 0.002  # layers with less of the active MACs are left alone


@dataclass(frozen=True, slots=True)
class Ray:
    """A direction of the ladder: how the layers, and their two clips, share one level.

    Attributes:
        act, weight: the level's factors.
        tilt: towards layers that are sparse already.
        start: first level; of the highest that the first ray kept, or its own for the first.
        trials: at most, on this ray.
        growth: factor between rungs while the floor is not bracketed.
    """

    act: float
    weight: float
    tilt: float
    start: float
    trials: int
    growth: float


# The rule's own optimum first. Then more tilt, and leaning to either clip, in small steps, as the
# first ray tells where; they begin at about the same noise energy.
RAYS = (
    Ray(1.0, 1.0, USUAL_TILT, FIRST_LEVEL, 6, 2.0),
    Ray(1.0, 1.0, 2.0, 0.85, 2, 1.2),
    Ray(1.0, 0.6, USUAL_TILT, 1.2, 2, 1.2),
    Ray(0.6, 1.0, USUAL_TILT, 1.2, 2, 1.2),
)


def next_level(
    tried: Mapping[float, bool], first: float, largest: float, growth: float
) -> float | None:
    """The next rung: up or down until the floor is bracketed, then bisecting.

    Args:
        tried: level -> whether the design kept the accuracy floor.
        first: the level to begin with.
        largest: the highest level worth trying.
        growth: factor of a step up or down.

    Returns:
        None once the bracket is closer than ``CLOSE_ENOUGH`` or has left the range.
    """
    if not tried:
        return min(first, largest)
    bad = [level for level, kept in tried.items() if not kept]
    lowest_bad = min(bad, default=None)
    good = [
        level
        for level, kept in tried.items()
        if kept and (lowest_bad is None or level < lowest_bad)
    ]
    if lowest_bad is None:
        highest = max(good)
        return min(growth * highest, largest) if highest < largest else None
    if not good:
        return lowest_bad / growth if lowest_bad / growth >= SMALLEST_LEVEL else None
    if lowest_bad / max(good) <= CLOSE_ENOUGH:
        return None
    return float((lowest_bad * max(good)) ** 0.5)


class DefaultStrategy:
    """A ladder over the total noise, then TPE around it."""

    def __init__(self, facts: Sequence[LayerFacts]) -> None:
        total = sum(layer.active_macs for layer in facts) or 1.0
        self._facts = tuple(
            layer for layer in facts if layer.active_macs / total >= SMALLEST_MAC_SHARE
        )
        mean_macs = sum(layer.active_macs for layer in self._facts) / max(len(self._facts), 1)
        mean_density = mean_macs * len(self._facts) / max(sum(f.macs for f in self._facts), 1)
        self._density = {
            layer.name: layer.active_macs / layer.macs / mean_density for layer in self._facts
        }
        self._macs = {layer.name: layer.active_macs / mean_macs for layer in self._facts}

    @property
    def space(self) -> Space:
        """Levels and tilt, and per layer the offsets ``weight:<layer>`` and ``act:<layer>``."""
        levels = {"level:act": LEVELS, "level:weight": LEVELS, "tilt": TILTS}
        offsets = {
            f"{kind}:{layer.name}": OFFSETS for layer in self._facts for kind in ("weight", "act")
        }
        return levels | offsets

    @property
    def neutral(self) -> Values:
        """Levels and offsets 0."""
        return {**dict.fromkeys(self.space, 0.0), "tilt": USUAL_TILT}

    @property
    def random_trials(self) -> int:
        """None: the ladder has been there."""
        return 0

    def propose(self, history: History) -> Proposal:
        """The next rung of the first ray that is not done, or the sampler."""
        unit = 1.0
        for ray in RAYS:
            tried = self._rungs(ray, history)
            if len(tried) < ray.trials:
                largest = LEVELS.high / max(ray.act, ray.weight)
                level = next_level(tried, unit * ray.start, largest, ray.growth)
                if level is not None:
                    return Proposal(Origin.SEED, self._rung(ray, level))
            if ray is RAYS[0]:
                unit = max((level for level, kept in tried.items() if kept), default=0.0)
                if unit == 0.0:
                    break  # nothing may be clipped this way: leaning will not help
        return SAMPLE

    def _rung(self, ray: Ray, level: float) -> Values:
        levels = {"level:act": level * ray.act, "level:weight": level * ray.weight}
        return {**self.neutral, **levels, "tilt": ray.tilt}

    def _rungs(self, ray: Ray, history: History) -> dict[float, bool]:
        rungs: dict[float, bool] = {}
        for tried in history:
            act, weight = tried.values["level:act"], tried.values["level:weight"]
            if tried.record.origin is not Origin.SEED or act == 0:
                continue
            if tried.values["tilt"] != ray.tilt:
                continue
            if abs(act * ray.weight - weight * ray.act) <= 1e-9:
                rungs[act / ray.act] = tried.record.feasible
        return rungs

    def settings(self, values: Values) -> Settings:
        """Levels and offsets to thresholds, weights as the share below theirs."""
        settings = {layer.name: self._setting(layer, values) for layer in self._facts}
        return {name: setting for name, setting in settings.items() if setting is not None}

    def _setting(self, layer: LayerFacts, values: Values) -> SparsitySetting | None:
        shares = {}
        tilted = self._macs[layer.name] * self._density[layer.name] ** -values["tilt"]
        weighting = float(tilted**0.5)
        for kind, quantiles in (("act", layer.act_quantiles), ("weight", layer.weight_quantiles)):
            level = values[f"level:{kind}"] * weighting
            threshold = level * 2 ** values[f"{kind}:{layer.name}"] * rms(quantiles)
            shares[kind] = min(share_below(quantiles, threshold), LARGEST_SHARE)
        sparsity = layer.weight_zero_share + (1 - layer.weight_zero_share) * shares["weight"]
        return setting_of(
            layer,
            act_share=shares["act"],
            weight_sparsity=sparsity if shares["weight"] > 0 else 0.0,
        )

    def score(self, record: TrialRecord, reference: TrialRecord) -> float:
        """Throughput relative to the reference; the accuracy floor is a constraint.

        Frame II moves in steps, and between them the sampler would be blind: fewer active MACs
        count for a little, as the next step is nearer.
        """
        sparsity = 0.0 if record.pair_density is None else 1 - record.pair_density
        return throughput_ratio(record, reference) + SPARSITY_WORTH * sparsity
