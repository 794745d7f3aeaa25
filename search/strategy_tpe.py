"""The paper's strategy (Yu et al., FPL 2024): TPE over two clips per layer, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from hass.pareto import Measure
from hass.sparsity import Settings

from .clips import LARGEST_SHARE, LayerFacts, setting_of
from .record import TrialRecord
from .spec import ObjectiveWeights
from .strategy import (
    SAMPLE,
    History,
    Hopeless,
    Proposal,
    Range,
    Space,
    Values,
    dsp_ratio,
    gain,
)


class TpeStrategy:
    """Per Conv2d layer the share of weights and of non-zero inputs to clip, all left to TPE."""

    def __init__(
        self,
        facts: Sequence[LayerFacts],
        weights: ObjectiveWeights,
        goal: Measure = Measure.THROUGHPUT,
    ) -> None:
        self._facts = tuple(facts)
        self._weights = weights
        self._goal = goal

    @property
    def space(self) -> Space:
        """``weight:<layer>`` and ``act:<layer>``, shares."""
        return {
            f"{kind}:{layer.name}": Range(0.0, LARGEST_SHARE)
            for layer in self._facts
            for kind in ("weight", "act")
        }

    @property
    def neutral(self) -> Values:
        """All shares 0."""
        return dict.fromkeys(self.space, 0.0)

    @property
    def random_trials(self) -> int:
        """Optuna's default."""
        return 10

    @property
    def hopeless(self) -> Hopeless:
        """The objective has the accuracy in it."""
        return Hopeless.MEASURED

    def propose(self, history: History) -> Proposal:
        """Always the sampler."""
        return SAMPLE

    def settings(self, values: Values) -> Settings:
        """Shares to weight sparsity and activation threshold."""
        settings = {
            layer.name: setting_of(
                layer,
                act_share=values[f"act:{layer.name}"],
                weight_sparsity=values[f"weight:{layer.name}"],
            )
            for layer in self._facts
        }
        return {name: setting for name, setting in settings.items() if setting is not None}

    def score(self, record: TrialRecord, reference: TrialRecord) -> float:
        """accuracy + l1 * sparsity + l2 * throughput - l3 * DSP; see ``ObjectiveWeights``.

        With another goal than throughput its gain over the reference takes throughput's place.
        """
        sparsity = 0.0 if record.pair_density is None else 1 - record.pair_density
        top1 = record.selection_top1
        return (
            (0.0 if top1 is None else top1)
            + self._weights.l1 * sparsity
            + self._weights.l2 * gain(record, reference, self._goal)
            - self._weights.l3 * dsp_ratio(record, reference)
        )
