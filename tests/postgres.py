"""A PostgreSQL server of its own for tests: in a temporary folder, on a socket, with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "s3cret-w0rd"
DEBIAN = Path("/usr/lib/postgresql")  # Debian keeps the server's programs out of PATH


def _program(name: str) -> str | None:
    found = shutil.which(name)
    if found is None and DEBIAN.is_dir():
        versions = sorted(DEBIAN.glob(f"*/bin/{name}"))
        found = str(versions[-1]) if versions else None
    return found


def why_not() -> str | None:
    """Why there can be no server here; None if there can."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    if _program("initdb") is None or _program("postgres") is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that ends with the body."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="hass-pg-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user, user)
        initdb, postgres = _program("initdb"), _program("postgres")
        assert initdb is not None and postgres is not None
        data = str(folder / "data")
        words = ["-D", data, "-U", "hass", "--auth=scram-sha-256", f"--pwfile={folder}/password"]
        made = subprocess.run(
            [initdb, *words, "--no-sync", "-E", "UTF8", "--locale=C"],
            user=user,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        options = {"listen_addresses": "", "unix_socket_directories": str(folder), "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [postgres, "-D", data, *settings], user=user, cwd=folder, stdout=log, stderr=log
            )
        try:
            deadline = time.monotonic() + 120
            while b"ready to accept connections" not in (folder / "log").read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "log").read_text())
                time.sleep(0.05)
            yield f"postgresql://hass:{PASSWORD}@/postgres?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)  # at once, without waiting for clients to leave
            process.wait()
    finally:
        shutil.rmtree(folder)
