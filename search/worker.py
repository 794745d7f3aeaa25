"""The loop of one process: trial after trial, alone or beside others on the same study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property

from hass.design import Design
from hass.design_file import design_json
from hass.errors import InfeasibleError, OutputError
from hass.files import canonical_json
from hass.pareto import hypervolume

from .evaluate import Problem
from .evaluation import Evaluation, Stopped
from .floor import accuracy_shortfall
from .hooks import SearchHooks
from .pareto import best_of
from .record import Origin, TrialRecord
from .spec import SearchSpec
from .strategy import History, Strategy
from .team import POLL_SECONDS, Team
from .trial import (
    clips_digest,
    measured_record,
    next_proposal,
    part_excess,
    strategy_of,
    supposed,
)
from .trial_log import TrialLog, step_seed
from .trial_notes import DESIGN, REASON, Ending, Running

FIRST = 2  # trials that go one by one: the dense design and the unclipped one


class Idle(StrEnum):
    """Why nothing is tried now."""

    WAIT = "wait"  # for what others try
    END = "end"  # the strategy has nothing more to propose


class Told:
    """Tells the hooks of every trial that finishes, once, whoever finished it.

    Args:
        hooks: to be told.
        spec: what the trials are compared by.
        history: trials that are known already.
    """

    def __init__(self, hooks: SearchHooks, spec: SearchSpec, history: History) -> None:
        self._hooks = hooks
        self._spec = spec
        self._known = {tried.record.number for tried in history}

    def tell(self, history: History) -> int:
        """Tell what is new; how much that is."""
        records = [tried.record for tried in history]
        new = [record for record in records if record.number not in self._known]
        for record in new:
            self._known.add(record.number)
            seen = [other for other in records if other.number in self._known]
            front = hypervolume(seen, self._spec.aim)
            self._hooks.tried(replace(record, hypervolume=front), best_of(seen, self._spec.measure))
        return len(new)


def stop_if_hopeless(log: TrialLog, history: History, trials: int) -> None:
    """Stop where no design can fit.

    What a folding costs does not depend on clips, only its speed does: where neither the dense nor
    the unclipped design fits, none does.

    Raises:
        InfeasibleError: if so.
    """
    first = [tried.record for tried in history[:FIRST]]
    if len(first) == min(FIRST, trials) and not any(record.fits for record in first):
        raise InfeasibleError(log.outcome(first[0].number, REASON) or "infeasible")


class Worker:
    """One process on a study.

    Args:
        problem: what is searched.
        log: its trials.
        team: how it works with others.
    """

    def __init__(self, problem: Problem, log: TrialLog, team: Team) -> None:
        self._problem = problem
        self._log = log
        self._team = team
        self._spec = problem.spec
        self._begun_here = 0

    @cached_property
    def _strategy(self) -> Strategy:
        return strategy_of(self._problem)

    def run(self) -> None:
        """Try until enough trials have finished, here or elsewhere.

        Raises:
            InfeasibleError: if the smallest foldings do not fit the part.
            OutputError: if the study cannot be written.
        """
        told = Told(self._problem.hooks, self._spec, self._log.history())
        while True:
            self._team.give_up_the_dead(self._log)
            history = self._log.history()
            told.tell(history)
            stop_if_hopeless(self._log, history, self._spec.trials)
            if len(history) >= self._spec.trials:
                return
            match self._next():
                case Running() as running:
                    self._try(running)
                case Idle.END:
                    return
                case Idle.WAIT:
                    time.sleep(POLL_SECONDS)

    def _next(self) -> Running | Idle:
        strategy = self._strategy  # what it measures at first, all may measure at once
        with self._team.turn():
            history = self._log.history()
            others = self._log.under_way()
            if len(history) + len(others) >= self._spec.trials:
                return Idle.WAIT
            if others and len(history) < FIRST:
                return Idle.WAIT
            running = self._begun(strategy, history, len(others))
            if not isinstance(running, Running):
                return running
            ahead = self._log.ahead(running)  # no two machines get the same number
            if ahead >= self._spec.trials or (len(history) < FIRST and ahead != len(history)):
                self._log.fail(running, Ending.WITHDRAWN)
                return Idle.WAIT
            settings = strategy.settings(running.values)
            self._log.note_clips(running, clips_digest(running.origin, settings))
            return running

    def _begun(self, strategy: Strategy, history: History, others: int) -> Running | Idle:
        owner = self._team.owner
        lost = self._log.lost(strategy.space)
        if lost:
            return self._log.begin_again(lost[0], owner)
        under_way = self._log.under_way() if others else ()
        proposal = next_proposal(strategy, supposed(history, under_way, strategy.space))
        if proposal is None:
            return Idle.WAIT if under_way else Idle.END
        seed = step_seed(self._spec.seed, len(history))
        if others:  # who begin at the same step must not draw the same
            seed = step_seed(seed, f"{owner}:{self._begun_here}")
            self._begun_here += 1
        return self._log.begin(proposal, strategy.space, seed, strategy.random_trials, owner)

    def _try(self, running: Running) -> None:
        strategy = self._strategy
        history = self._log.history()
        try:
            with self._team.alive(self._log, running):
                clips = clips_digest(running.origin, strategy.settings(running.values))
                known = self._known(running, clips)
                if known is not None:
                    self._log.finish_as(running, known)
                    return
                self._evaluate(running, history)
        except OutputError:
            raise  # the study cannot be written: a resumed search finds the trial abandoned
        except BaseException:
            self._log.fail(running)
            raise

    def _known(self, running: Running, clips: str) -> int | None:
        """A finished trial with the same clips, perhaps one that is waited for."""
        while True:
            others = self._log.under_way()
            known = self._log.finished_with(clips)
            if known is not None:
                return known
            if not any(
                other.number < running.number and other.clips in (None, clips) for other in others
            ):
                return None
            time.sleep(POLL_SECONDS)
            self._team.give_up_the_dead(self._log)

    def _evaluate(self, running: Running, history: History) -> None:
        strategy = self._strategy
        if running.origin is Origin.DENSE:
            evaluation = self._problem.dense()
        else:
            settings = strategy.settings(running.values)
            evaluation = self._problem.evaluate(settings, strategy.hopeless)
        record, shortfall = self._judged(running, evaluation, [tried.record for tried in history])
        answer = evaluation.answer
        outcome = (
            (DESIGN, canonical_json(design_json(answer)))
            if isinstance(answer, Design)
            else (REASON, str(answer))
        )
        constraints = {"part": part_excess(answer), "accuracy": shortfall}
        self._log.finish(running, record, constraints, outcome)

    def _judged(
        self, running: Running, evaluation: Evaluation, before: Sequence[TrialRecord]
    ) -> tuple[TrialRecord, float]:
        floor = None
        if before and before[0].selection_top1 is not None:
            floor = before[0].selection_top1 - self._spec.accuracy_drop / 100
        record = measured_record(running, evaluation, floor, self._spec.min_fps)
        fitting = (known for known in before if known.fits)
        scored = replace(record, objective=self._strategy.score(record, next(fitting, record)))
        shortfall = accuracy_shortfall(record.selection_top1, floor)
        if isinstance(evaluation.answer, Stopped):  # the earlier, the worse
            shortfall *= evaluation.answer.dense.images / evaluation.answer.images
        return scored, shortfall
