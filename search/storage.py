"""Where a study lies: the journal of its folder, a database, or Optuna's gRPC proxy."""

from __future__ import annotations

import importlib.util
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import optuna
import sqlalchemy.exc  # a dependency of Optuna's, and its way to say that a URL is no good
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage
from sqlalchemy.engine import make_url

from hass.errors import SpecError

from .journal import open_journal
from .urls import scrubbed, shown_url

JOURNAL = "study.journal"
PROXY_SECONDS = 10.0  # for which a proxy that does not answer is waited for
LOCKED_SECONDS = 60.0  # for which SQLite waits for another process's lock; its own 5 are too few
ATTEMPTS = 5  # at opening an empty database: others may be making its tables at this moment
BROKEN = (optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError, ConnectionError)


def place_of(folder: Path, storage: str | None) -> str:
    """Where a study lies, for messages."""
    return str(folder / JOURNAL) if storage is None else shown_url(storage)


def _proxy(url: str) -> BaseStorage:
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError("grpc://HOST:PORT is wanted")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = GrpcStorageProxy(host=parts.hostname, port=parts.port)
    storage.wait_server_ready(timeout=PROXY_SECONDS)
    return storage


def _database(url: str) -> BaseStorage:
    parsed = make_url(url)
    if parsed.drivername == "postgresql" and importlib.util.find_spec("psycopg") is not None:
        parsed = parsed.set(drivername="postgresql+psycopg")
    kwargs: dict[str, object] = {"pool_pre_ping": True}  # a database may be restarted meanwhile
    if parsed.get_backend_name() == "sqlite":
        kwargs["connect_args"] = {"timeout": LOCKED_SECONDS}
    return RDBStorage(parsed.render_as_string(hide_password=False), engine_kwargs=kwargs)


def _made_by_another(error: Exception) -> bool:
    if isinstance(error, sqlalchemy.exc.OperationalError):
        return "already exists" in str(error)
    return isinstance(
        error,
        sqlalchemy.exc.ProgrammingError
        | sqlalchemy.exc.IntegrityError
        | optuna.exceptions.StorageInternalError,
    )


@dataclass(frozen=True, slots=True)
class OpenStudy:
    """A study and what it is reached through.

    Attributes:
        study: Optuna's.
        storage: where it lies.
    """

    study: optuna.Study
    storage: BaseStorage

    def close(self) -> None:
        """Give connections back."""
        if isinstance(self.storage, RDBStorage):
            self.storage.remove_session()
            self.storage.engine.dispose()
        elif isinstance(self.storage, GrpcStorageProxy):
            self.storage.close()


def open_study(folder: Path, storage: str | None, name: str) -> OpenStudy:
    """The study of a name, made if it does not exist.

    Args:
        folder: the search's, for its journal.
        storage: a URL, or None for the journal.
        name: of the study.

    Raises:
        SpecError: if the storage cannot be used.
        OutputError: if a journal cannot be written.
    """
    for attempt in range(ATTEMPTS):
        try:
            if storage is None:
                opened: BaseStorage = open_journal(folder / JOURNAL)
            else:
                opened = _proxy(storage) if storage.startswith("grpc:") else _database(storage)
            study = optuna.create_study(
                storage=opened, study_name=name, direction="maximize", load_if_exists=True
            )
            return OpenStudy(study, opened)
        except (ImportError, ValueError, *BROKEN) as error:
            if attempt + 1 < ATTEMPTS and _made_by_another(error):
                time.sleep(0.2 * (attempt + 1))
                continue
            why = str(error) if storage is None else scrubbed(str(error), storage)
            raise SpecError.at(
                "storage", place_of(folder, storage), f"a storage of Optuna's ({why})"
            ) from None
    raise AssertionError("the last attempt returns or raises")
