"""Several worker processes on this machine, and the parent that starts, watches and ends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from hass.errors import (
    HassError,
    InfeasibleError,
    ModelError,
    OutputError,
    SolverError,
    WorkerError,
)

from .evaluate import Problem, open_problem
from .hooks import SilentHooks
from .known import KNOWN, Known
from .spec import SearchSpec
from .team import LEASE_SECONDS, POLL_SECONDS, Team, Watch, new_token, owner_name
from .trial_log import TrialLog, quiet_optuna
from .worker import Told, Worker

GRACE_SECONDS = 10.0  # for which workers that are asked to end are waited for
_KINDS = (InfeasibleError, ModelError, SolverError, OutputError)  # whose only argument is the text


@dataclass(frozen=True, slots=True)
class Crew:
    """How many processes of this machine work on a search, and when one is taken for dead.

    Attributes:
        workers: how many; with one it is the calling process itself.
        lease_seconds: how long a process may show no sign of life (a parent sees its own die at
            once).
    """

    workers: int = 1
    lease_seconds: float = LEASE_SECONDS


ALONE = Crew()


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker process is told.

    Attributes:
        spec: of the search.
        folder: its output folder.
        study: name of its study.
        token: for the worker's name.
        cores: those that it may use.
        lease_seconds: for which processes may show no sign of life.
    """

    spec: SearchSpec
    folder: Path
    study: str
    token: str
    cores: frozenset[int]
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class _Hand:
    """A worker process, seen from its parent."""

    place: int
    owner: str
    process: SpawnProcess
    inbox: Connection

    def error(self) -> HassError | None:
        """What it failed with, if it said so."""
        try:
            kind, text = self.inbox.recv() if self.inbox.poll() else (None, "")
        except EOFError:
            return None
        return None if kind is None else kind(text)


def cores_of(place: int, workers: int, cores: Sequence[int]) -> frozenset[int]:
    """A worker's share of the cores; one that it shares with others where they are too few."""
    if workers >= len(cores):
        return frozenset({cores[place % len(cores)]})
    return frozenset(cores[place * len(cores) // workers : (place + 1) * len(cores) // workers])


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # its trial is then nobody's; a search that goes on marks it as failed


def work(order: Order, outbox: Connection) -> None:
    """A worker process from beginning to end; a ``HassError`` goes to the parent.

    It has a process group of its own, so that Ctrl-C reaches the parent alone, which passes it on.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.sched_setaffinity(0, order.cores)
    owner = owner_name(os.getpid(), order.token)
    team = Team(owner, order.folder / KNOWN, Watch(order.lease_seconds))
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        with quiet_optuna():
            known = Known(order.folder / KNOWN)
            problem = open_problem(order.spec, SilentHooks(), known)
            with closing(TrialLog.open(order.folder, order.spec.storage, order.study)) as log:
                Worker(problem, log, team).run()
    except KeyboardInterrupt:
        pass  # the parent says so
    except HassError as error:
        kind = next((kind for kind in _KINDS if isinstance(error, kind)), HassError)
        outbox.send((kind, str(error)))


class _Parent:
    """Starts workers, replaces those that die, and tells of what they finish."""

    def __init__(
        self, problem: Problem, log: TrialLog, folder: Path, study: str, crew: Crew
    ) -> None:
        self._problem = problem
        self._log = log
        self._folder = folder
        self._study = study
        self._crew = crew
        self._hands: list[_Hand] = []
        self._died: list[int] = []  # exit codes

    def run(self) -> tuple[str, ...]:
        """Until enough trials have finished, or the strategy has no more.

        Returns:
            Remarks on workers that died.
        """
        hooks, trials = self._problem.hooks, self._problem.spec.trials
        history = self._log.history()
        told = Told(hooks, self._problem.spec, history)
        watch = Watch(self._crew.lease_seconds)  # what no worker of this parent owns
        in_a_row = 0
        try:
            if len(history) < trials:
                for place in range(self._crew.workers):
                    self._start(place)
            while self._hands:
                count = len(self._hands)
                hooks.stage(f"{count} worker{'s' if count > 1 else ''}", len(history), trials)
                wait([hand.process.sentinel for hand in self._hands], POLL_SECONDS)
                ended = [hand for hand in self._hands if not hand.process.is_alive()]
                watch.give_up_the_dead(self._log)
                history = self._log.history()
                if told.tell(history):
                    in_a_row = 0
                for hand in ended:
                    if self._buried(hand):
                        in_a_row += 1
                        if in_a_row > self._crew.workers:
                            raise WorkerError(self._complaint())
                        self._start(hand.place)
        finally:
            self._stop()
        return (f"{self._complaint()}; others took their place",) if self._died else ()

    def _complaint(self) -> str:
        codes = ", ".join(str(code) for code in sorted(set(self._died)))
        killed = -signal.SIGKILL in self._died
        hint = " (-9: killed, perhaps for lack of memory)" if killed else ""
        return f"{len(self._died)} worker process(es) died, with exit code {codes}{hint}"

    def _start(self, place: int) -> None:
        spec, token = self._problem.spec, new_token()
        cores = cores_of(place, self._crew.workers, sorted(os.sched_getaffinity(0)))
        order = Order(spec, self._folder, self._study, token, cores, self._crew.lease_seconds)
        context = multiprocessing.get_context("spawn")
        inbox, outbox = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(order, outbox), daemon=True)
        # until the worker is ready for it, Ctrl-C waits
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
            owner = owner_name(process.pid or 0, token)
            self._hands.append(_Hand(place, owner, process, inbox))
        finally:
            outbox.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _buried(self, hand: _Hand) -> bool:
        """Take a worker that has ended off the list; whether it died.

        Raises:
            HassError: what it failed with, if it said so.
        """
        self._hands.remove(hand)
        error, code = hand.error(), hand.process.exitcode
        hand.inbox.close()
        hand.process.close()
        self._log.give_up_all_of(hand.owner)
        if error is not None:
            raise error
        if code:
            self._died.append(code)
        return bool(code)

    def _stop(self) -> None:
        """End all workers: as Ctrl-C would, and those that do not listen by force."""
        hands, self._hands = self._hands, []
        try:
            for hand in hands:
                with suppress(ProcessLookupError):
                    os.kill(hand.process.pid or 0, signal.SIGINT)
            deadline = time.monotonic() + GRACE_SECONDS
            for hand in hands:
                hand.process.join(max(deadline - time.monotonic(), 0))
        finally:  # also if Ctrl-C comes once more
            for hand in hands:
                hand.process.kill()
            for hand in hands:
                hand.process.join()
                hand.process.close()
                hand.inbox.close()
                self._log.give_up_all_of(hand.owner)


def run_crew(
    problem: Problem, log: TrialLog, folder: Path, study: str, crew: Crew
) -> tuple[str, ...]:
    """Search with worker processes.

    Args:
        problem: what is searched.
        log: its trials.
        folder: its output folder.
        study: name of its study.
        crew: how many workers.

    Returns:
        Remarks on workers that died.

    Raises:
        WorkerError: if more die, one after the other, than there are, and no trial finishes.
        HassError: what the first worker that failed failed with.
    """
    return _Parent(problem, log, folder, study, crew).run()
