"""One trial: what to try next, and the record of what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace

from hass.clip_family import WholeChannels
from hass.design import Design
from hass.device import RESOURCE_NAMES
from hass.files import canonical_json
from hass.folding import Infeasibility
from hass.sparsity import Settings

from .chosen import Chooser
from .clips import clip_key
from .codesign import clipped_layers
from .evaluate import Problem
from .evaluation import Evaluation, Stopped
from .floor import ROUNDING, accuracy_shortfall
from .record import Origin, TrialRecord, TrialState
from .strategy import History, Proposal, Space, Strategy, Tried
from .strategy_climb import HillClimbStrategy
from .strategy_default import DefaultStrategy
from .strategy_tpe import TpeStrategy
from .trial_notes import Running, UnderWay
from .weight_clips import weight_clips_of


def strategy_of(problem: Problem) -> Strategy:
    """The strategy that a problem's spec names."""
    spec = problem.spec
    match spec.strategy:
        case "tpe":
            return TpeStrategy(problem.facts, spec.objective, spec.measure)
        case "hill-climb":
            return HillClimbStrategy(problem.facts, spec.measure, spec.accuracy_drop)
        case _:
            layers = [layer.name for layer in clipped_layers(problem.facts)]
            return DefaultStrategy(
                layers, lambda: _chooser(problem), spec.accuracy_drop, spec.measure
            )


def _chooser(problem: Problem) -> Chooser:
    whole_channels = isinstance(weight_clips_of(problem.spec.clips).family, WholeChannels)
    return problem.channel_plan if whole_channels else problem.codesign


def next_proposal(strategy: Strategy, history: History) -> Proposal | None:
    """The dense design, then all engine kinds with nothing clipped, then what the strategy says."""
    if not history:
        return Proposal(Origin.DENSE, strategy.neutral)
    if len(history) == 1:
        return Proposal(Origin.SEED, strategy.neutral)
    return strategy.propose(history)


def part_excess(answer: Design | Infeasibility | Stopped) -> float:
    """Demand over budget of the resource that runs out, less 1; negative if it fits, 0 where
    nobody asked."""
    if isinstance(answer, Stopped):
        return 0.0
    if isinstance(answer, Infeasibility):
        return max(answer.demand / max(answer.budget, 1) - 1, ROUNDING)
    need, have = answer.summary.resources, answer.device.budget
    return max((a / b for a, b in zip(need, have, strict=True) if b), default=1.0) - 1.0


def measured_record(
    running: Running, evaluation: Evaluation, floor: float | None, min_fps: float | None = None
) -> TrialRecord:
    """The numbers of a trial, its score apart.

    Args:
        running: the trial.
        evaluation: what was measured.
        floor: lowest accuracy allowed, or None for the dense design, which sets it.
        min_fps: lowest throughput allowed, or None for any.
    """
    selection, calibration = evaluation.selection, evaluation.calibration
    top1 = None if selection is None else selection.top1
    record = TrialRecord(
        number=running.number,
        state=TrialState.COMPLETE,
        origin=running.origin,
        stopped=isinstance(evaluation.answer, Stopped),
        selection_top1=top1,
        selection_images=_images_run(evaluation),
        calibration_top1=None if calibration is None else calibration.top1,
    )
    if evaluation.densities is not None:
        densities = asdict(evaluation.densities)
        record = replace(record, **densities)
    if not isinstance(evaluation.answer, Design):
        return record
    summary = evaluation.answer.summary
    fast = min_fps is None or summary.throughput_fps >= min_fps
    return replace(
        record,
        feasible=top1 is not None and fast and accuracy_shortfall(top1, floor) <= 0,
        throughput_fps=summary.throughput_fps,
        frame_ii_cycles=summary.frame_ii_cycles,
        latency_us=summary.latency_us,
        energy_proxy_pj=summary.energy_proxy_pj,
        **{name: getattr(summary.resources, name) for name in RESOURCE_NAMES},
    )


def _images_run(evaluation: Evaluation) -> int | None:
    if isinstance(evaluation.answer, Stopped):
        return evaluation.answer.images
    return None if evaluation.selection is None else evaluation.selection.images


def supposed(history: History, under_way: Sequence[UnderWay], space: Space) -> History:
    """The history, with trials that run taken to miss the accuracy floor.

    A strategy then does not propose them again, but what it would try if they failed.
    """
    return [
        *history,
        *(
            Tried(
                trial.values,
                TrialRecord(trial.number, TrialState.COMPLETE, trial.origin, selection_top1=0.0),
            )
            for trial in under_way
            if trial.values.keys() == space.keys()
        ),
    ]


def clips_digest(origin: Origin, settings: Settings) -> str:
    """The same for trials that evaluate the same: clips, and which engines there are."""
    clips = {layer: clip_key(setting) for layer, setting in settings.items()}
    text = canonical_json({"dense": origin is Origin.DENSE, "clips": clips})
    return hashlib.sha256(text.encode()).hexdigest()[:24]
