"""Processes that share a study: no trial twice, none too many, none of the dead for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from hass.clip_family import FilterMagnitude
from hass.search.crew import cores_of
from hass.search.journal import FlockLock
from hass.search.record import Origin, TrialRecord, TrialState
from hass.search.spec import SearchSpec, check_resumable, read_spec, write_spec
from hass.search.storage import JOURNAL
from hass.search.strategy import Follows, Proposal, Range, Tried
from hass.search.team import Team, Watch, new_owner
from hass.search.trial import clips_digest, supposed
from hass.search.trial_log import TrialLog
from hass.search.trial_notes import DESIGN, Ending, Running
from hass.search.urls import scrubbed, shown_url
from hass.search.worker import stop_if_hopeless
from hass.sparsity import SparsitySetting

SPACE = {"a": Range(0.0, 1.0), "b": Range(-1.0, 1.0)}


@pytest.fixture(params=["journal", "sqlite", "grpc"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    if request.param == "journal":
        yield None
    elif request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/study.db"
    else:
        pytest.importorskip("grpc", reason="grpcio is not installed")
        from optuna.storages._grpc.server import make_server

        server = make_server(optuna.storages.InMemoryStorage(), "127.0.0.1", 0)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"grpc://127.0.0.1:{port}"
        server.stop(None).wait()


def begin(log: TrialLog, a: float, owner: str = "", b: float = 0.0) -> Running:
    return log.begin(Proposal(Origin.SEED, {"a": a, "b": b}), SPACE, 0, 0, owner)


def finish(log: TrialLog, running: Running) -> bool:
    record = TrialRecord(
        running.number,
        TrialState.COMPLETE,
        running.origin,
        throughput_fps=1.0 + running.values["a"],
        objective=running.values["a"],
    )
    return log.finish(running, record, {"part": -0.5}, (DESIGN, f"of {running.number}"))


def test_two_processes_see_one_study(storage: str | None, tmp_path: Path) -> None:
    ours, theirs = (TrialLog.open(tmp_path, storage, "test") for _ in range(2))
    first, second = begin(ours, 0.25, "us"), begin(theirs, 0.5, "them")
    assert (first.number, second.number) == (0, 1)
    ours.note_clips(first, "same")
    seen = theirs.under_way()
    assert [(t.number, t.owner, t.clips, t.values["a"]) for t in seen] == [
        (0, "us", "same", 0.25),
        (1, "them", None, 0.5),
    ]
    assert theirs.ahead(second) == 1 and ours.ahead(first) == 0
    assert theirs.finished_with("same") is None
    assert finish(ours, first)
    assert theirs.finished_with("same") == 0
    assert theirs.finish_as(second, 0)
    assert [tried.record.throughput_fps for tried in ours.history()] == [1.25, 1.25]
    assert ours.outcome(1, DESIGN) == "of 0"


def test_a_trial_of_the_dead_is_taken_up_once(storage: str | None, tmp_path: Path) -> None:
    log = TrialLog.open(tmp_path, storage, "test")
    for owner in ("alive", "dead"):
        begin(log, 0.25 if owner == "dead" else 0.5, owner)
    log.give_up_all_of("dead")
    assert [trial.owner for trial in log.under_way()] == ["alive"]
    (lost,) = log.lost(SPACE)
    assert lost.number == 1
    assert log.lost({**SPACE, "c": Range(0.0, 1.0)}) == ()  # it had not all of its values
    interrupted = log.begin_again(lost)
    log.fail(interrupted)
    assert log.lost(SPACE) == (lost,)  # Ctrl-C does not count
    again = log.begin_again(lost, "dead too")
    assert again.values == {"a": 0.25, "b": 0.0} and again.origin is Origin.SEED
    assert log.lost(SPACE) == ()
    log.give_up_all_of("dead too")
    assert log.lost(SPACE) == ()


def test_what_follows_from_the_others_is_kept_with_them(
    storage: str | None, tmp_path: Path
) -> None:
    log = TrialLog.open(tmp_path, storage, "test")
    proposal = Proposal(Origin.SAMPLER, follows=Follows("a", lambda values: values["b"] / 2))
    first, second = (log.begin(proposal, SPACE, 0, 9, owner) for owner in ("dead", "alive"))
    for running in (first, second):
        assert running.values.keys() == SPACE.keys()
        assert running.values["a"] == running.values["b"] / 2
    log.give_up_all_of("dead")
    (lost,) = log.lost(SPACE)
    assert log.begin_again(lost).values == first.values
    assert finish(log, second)
    assert log.history()[0].values == second.values


def test_who_was_taken_for_dead_does_not_count(storage: str | None, tmp_path: Path) -> None:
    slow, other = (TrialLog.open(tmp_path, storage, "test") for _ in range(2))
    running = begin(slow, 0.25)
    assert slow.beat(running, 1)
    other.give_up(running.number)
    other.give_up(running.number)  # by two at a time
    assert not slow.beat(running, 2)
    assert not finish(slow, running)
    slow.fail(running, Ending.WITHDRAWN)
    assert slow.history() == () and len(slow.records()) == 1


def test_only_silence_for_the_whole_lease_is_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("hass.search.team.time.monotonic", lambda: now[0])
    log = TrialLog.open(tmp_path, None, "test")
    silent, living = begin(log, 0.1), begin(log, 0.2)
    watch = Watch(60.0)
    for count in range(7):
        assert log.beat(living, count)
        assert watch.give_up_the_dead(log) == 0
        now[0] += 10
    assert watch.give_up_the_dead(log) == 1
    assert [trial.number for trial in log.under_way()] == [living.number]
    assert [record.number for record in log.records()] == [silent.number]


def test_signs_of_life_are_shown(tmp_path: Path) -> None:
    log = TrialLog.open(tmp_path, None, "test")
    running = begin(log, 0.1)
    shown = threading.Event()
    beat = log.beat

    def seen(trial: Running, count: int) -> bool:
        result = beat(trial, count)
        shown.set()
        return result

    log.beat = seen  # type: ignore[method-assign]
    with Team("us", watch=Watch(0.06)).alive(log, running):
        assert shown.wait(60)
    assert log.under_way()[0].beat >= 1


def test_turns_are_taken_one_after_the_other(tmp_path: Path) -> None:
    team = Team("us", tmp_path / "known")
    inside, most = [0], [0]

    def take() -> None:
        for _ in range(50):
            with team.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_line_that_a_killed_worker_tore_is_cut_before_the_next(tmp_path: Path) -> None:
    ours, theirs = (TrialLog.open(tmp_path, None, "test") for _ in range(2))
    first = begin(ours, 0.25)
    path = tmp_path / JOURNAL
    whole = path.read_bytes()
    with path.open("ab") as stream:
        stream.write(b'{"op_code":8,"text":"' + b"x" * 100_000)
    second = begin(theirs, 0.5)
    assert path.read_bytes().startswith(whole)
    assert all(isinstance(json.loads(line), dict) for line in path.read_bytes().splitlines())
    assert finish(ours, first) and finish(theirs, second)
    path.write_bytes(b"no newline at all")
    lock = FlockLock(path)
    lock.acquire()
    lock.release()
    assert path.read_bytes() == b""


def test_what_runs_is_supposed_to_miss_the_floor(tmp_path: Path) -> None:
    log = TrialLog.open(tmp_path, None, "test")
    done = Tried({"a": 0.0, "b": 0.0}, TrialRecord(9, TrialState.COMPLETE, Origin.DENSE))
    running = begin(log, 0.5)
    history = supposed([done], log.under_way(), SPACE)
    assert history[0] == done
    assert history[1].values == running.values and not history[1].record.feasible
    assert supposed([done], log.under_way(), {"other": Range(0.0, 1.0)}) == [done]


def test_digests_tell_clips_and_engines_apart() -> None:
    clips = {"conv": SparsitySetting(0.5, 0.25)}
    digests = {
        clips_digest(Origin.DENSE, {}),
        clips_digest(Origin.SEED, {}),
        clips_digest(Origin.SEED, clips),
        clips_digest(Origin.SEED, {"conv": SparsitySetting(0.5, 0.0)}),
        clips_digest(Origin.SEED, {"conv": SparsitySetting(0.5, 0.25, FilterMagnitude())}),
    }
    assert len(digests) == 5
    assert clips_digest(Origin.SEED, clips) == clips_digest(Origin.SAMPLER, clips)


def test_nothing_is_hopeless_before_the_first_two(tmp_path: Path) -> None:
    stop_if_hopeless(TrialLog.open(tmp_path, None, "test"), [], 5)


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_cores_are_shared_out(workers: int, count: int) -> None:
    cores = list(range(10, 10 + count))
    shares = [cores_of(place, workers, cores) for place in range(workers)]
    assert all(shares) and frozenset().union(*shares) <= set(cores)
    if workers <= count:  # each core is somebody's, and no one else's
        assert sorted(core for share in shares for core in share) == cores


def test_owners_differ() -> None:
    assert new_owner() != new_owner()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me@host:5/db", "postgresql://me@host:5/db"),
        ("postgresql+psycopg://me:a%40b@host/db", "postgresql+psycopg://me:***@host/db"),
        ("mysql://me:a:b/c@host/db?x=1", "mysql://me:***@host/db?x=1"),
        ("postgresql:///db?user=me&password=pw&x=y", "postgresql:///db?user=me&password=***&x=y"),
        ("grpc://host:13000", "grpc://host:13000"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert shown_url(shown) == shown


def test_passwords_are_scrubbed_from_messages() -> None:
    url = "postgresql://me:a%40b@host/db?sslpassword=other"
    assert scrubbed(f"bad {url}: a@b, other", url) == (
        "bad postgresql://me:***@host/db?sslpassword=***: ***, ***"
    )


def test_no_password_reaches_a_file_or_hinders_going_on(tmp_path: Path) -> None:
    spec = SearchSpec("m", "d", "p", storage="postgresql://me:pw1@host/db", study="ours")
    write_spec(spec, tmp_path / "spec.toml")
    assert "pw1" not in (tmp_path / "spec.toml").read_text() and "pw1" not in repr(spec)
    check_resumable(spec, read_spec(tmp_path / "spec.toml"), "spec.toml")


def test_no_password_is_in_a_refusal(tmp_path: Path) -> None:
    url = f"postgresql://me:hidden-one@/db?host={tmp_path}&connect_timeout=1"
    with pytest.raises(Exception, match="storage") as caught:
        TrialLog.open(tmp_path, url, "test")
    assert "hidden-one" not in str(caught.value)
