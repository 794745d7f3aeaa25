"""Several processes on one study: who works, whose turn it is, and who has died."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hass.errors import OutputError
from hass.files import make_folder

from .locks import lock, opened
from .trial_log import TrialLog
from .trial_notes import Running

LEASE_SECONDS = 60.0  # a process that shows no sign of life for so long is taken for dead
BEATS = 6  # signs of life in that time: a few may be lost or late
POLL_SECONDS = 0.2  # between two looks at what others do


def new_token() -> str:
    """Tells a process from earlier ones of the same machine with its number."""
    return uuid.uuid4().hex[:8]


def owner_name(pid: int, token: str) -> str:
    """A name for a process, of which there is no other on any machine."""
    return f"{socket.gethostname()}-{pid}-{token}"


def new_owner() -> str:
    """A name for this process."""
    return owner_name(os.getpid(), new_token())


@dataclass(slots=True)
class Watch:
    """Finds trials whose process shows no sign of life.

    Signs are counted, not dated: clocks of other machines do not matter. So a process is taken for
    dead after it was watched for the whole lease.

    Attributes:
        lease_seconds: how long a sign of life holds.
    """

    lease_seconds: float
    _seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def give_up_the_dead(self, log: TrialLog) -> int:
        """Mark trials of dead processes as failed; their number."""
        now = time.monotonic()
        running = log.under_way()
        before, self._seen = self._seen, {}
        dead = 0
        for trial in running:
            beat, since = before.get(trial.number, (trial.beat, now))
            if beat != trial.beat:
                since = now
            self._seen[trial.number] = (trial.beat, since)
            if now - since > self.lease_seconds:
                log.give_up(trial.number)
                dead += 1
        return dead


@dataclass(frozen=True, slots=True)
class Team:
    """How a process works with others on a study.

    Attributes:
        owner: its name.
        turn_folder: choosing what to try next is done by one process at a time of those with the
            same folder; None: there are no others.
        watch: for the dead; None for a process that is alone on its study.
    """

    owner: str
    turn_folder: Path | None = None
    watch: Watch | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for its turn. The lock is the kernel's, so that it does not outlive its process.

        Raises:
            OutputError: if the folder cannot be made or locked.
        """
        if self.turn_folder is None:
            yield
            return
        folder = make_folder(self.turn_folder)
        with opened(folder) as descriptor:
            lock(descriptor, folder, fcntl.LOCK_EX)
            yield

    def give_up_the_dead(self, log: TrialLog) -> None:
        """Mark trials of dead processes as failed."""
        if self.watch is not None:
            self.watch.give_up_the_dead(log)

    @contextmanager
    def alive(self, log: TrialLog, running: Running) -> Iterator[None]:
        """Show signs of life while the body works on a trial."""
        if self.watch is None:
            yield
            return
        ended = threading.Event()
        pause = self.watch.lease_seconds / BEATS
        thread = threading.Thread(target=_beat, args=(log, running, pause, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _beat(log: TrialLog, running: Running, pause_seconds: float, ended: threading.Event) -> None:
    count = 0
    while not ended.wait(pause_seconds):
        count += 1
        try:
            if not log.beat(running, count):
                return  # given up by others: finishing will find out
        except OutputError:
            continue  # the storage may be back for the next one
