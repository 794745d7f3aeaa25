"""Hill climbing on two thresholds: the search published with HASS's toolflow (see DECISIONS.md).

One threshold for all weights and one for all activations. From where it stands it tries a step of
either, and takes the one that loses less accuracy per image per second won, until the accuracy
floor is crossed. With another goal than throughput it is the accuracy lost per what is won of that:
microseconds, DSPs, ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hass.pareto import Measure
from hass.sparsity import Settings

from .clips import LARGEST_SHARE, LayerFacts, setting_of, share_below
from .record import Origin, TrialRecord
from .strategy import History, Hopeless, Proposal, Range, Space, Values, gain

WEIGHT, ACT = "steps:weight", "steps:act"
STEPS = {WEIGHT: 0.001, ACT: 0.01}  # of the thresholds, as published
MOST_STEPS = 10_000
ROUNDING = 1e-9  # of accuracies
Place = tuple[int, int]  # steps of the weights' threshold, of the activations'


class HillClimbStrategy:
    """Two global thresholds, a step at a time."""

    def __init__(
        self,
        facts: Sequence[LayerFacts],
        goal: Measure = Measure.THROUGHPUT,
        accuracy_drop: float = 1.0,
    ) -> None:
        self._facts = tuple(facts)
        self._goal = goal
        self._bears = accuracy_drop / 100 + ROUNDING

    @property
    def space(self) -> Space:
        """Steps of the two thresholds."""
        return dict.fromkeys(STEPS, Range(0.0, float(MOST_STEPS)))

    @property
    def neutral(self) -> Values:
        """No step."""
        return dict.fromkeys(STEPS, 0.0)

    @property
    def random_trials(self) -> int:
        """The sampler is never asked."""
        return 0

    @property
    def hopeless(self) -> Hopeless:
        """The climb compares accuracies, low ones too."""
        return Hopeless.MEASURED

    def propose(self, history: History) -> Proposal | None:
        """The next step to try; None at the top."""
        tried = {_place(known.values): known.record for known in history[1:]}
        place: Place = (0, 0)
        while True:
            steps = (place[0] + 1, place[1]), (place[0], place[1] + 1)
            for step in steps:
                if step not in tried:
                    values = dict(zip((WEIGHT, ACT), map(float, step), strict=True))
                    return Proposal(Origin.SEED, values)
            place = min(
                steps, key=lambda step: loss_per_gain(tried[place], tried[step], self._goal)
            )
            if not self._goes_on(tried[place], history[0].record) or max(place) >= MOST_STEPS:
                return None

    def _goes_on(self, record: TrialRecord, dense: TrialRecord) -> bool:
        """Whether the floor is not crossed; what is too slow yet may become faster."""
        lost = (dense.selection_top1 or 0.0) - (record.selection_top1 or 0.0)
        return record.feasible or (not record.fits and lost <= self._bears)

    def settings(self, values: Values) -> Settings:
        """The thresholds, in every layer."""
        thresholds = {name: values[name] * step for name, step in STEPS.items()}
        settings = {}
        for layer in self._facts:
            below = share_below(layer.weight_quantiles, thresholds[WEIGHT])
            clipped = layer.weight_zero_share + (1 - layer.weight_zero_share) * below
            found = setting_of(
                layer,
                act_share=min(share_below(layer.act_quantiles, thresholds[ACT]), LARGEST_SHARE),
                weight_sparsity=clipped if below > 0 else 0.0,
            )
            if found is not None:
                settings[layer.name] = found
        return settings

    def score(self, record: TrialRecord, reference: TrialRecord) -> float:
        """Gain at the goal over the reference."""
        return gain(record, reference, self._goal)


def _place(values: Values) -> Place:
    return round(values[WEIGHT]), round(values[ACT])


def loss_per_gain(
    before: TrialRecord, after: TrialRecord, goal: Measure = Measure.THROUGHPUT
) -> tuple[float, float]:
    """What a step costs: accuracy lost per what is won of the goal (images/s), and of equal ones
    the accuracy lost.

    A step that wins nothing is worth taking only where no other wins: thresholds go on growing
    over what a frame II's steps hide.
    """
    lost = (before.selection_top1 or 0.0) - (after.selection_top1 or 0.0)
    now, then = goal.worth(after), goal.worth(before)
    won = 0.0 if now is None else math.inf if then is None else now - then
    return (lost / won if won > 0 else math.inf), lost
