"""Throwaway PostgreSQL and Redis on the loopback interface, stopped and removed at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.rig.install import postgresql_bin
from tests.rig.processes import (
    HOST,
    DidNotStart,
    free_port,
    listens,
    owner,
    running,
    tail,
    wait_until,
)

START_SECONDS = 60.0
NAME = "dentamind"


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty PostgreSQL database for the length of a block. Raises DidNotStart."""
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses root
    with folder(prefix="dentamind-pg-", user=user) as place:
        log, port = place / "log", free_port()
        initialise(data=place / "data", user=user, log=log)
        command = [f"{postgresql_bin()}/postgres", "-D", str(place / "data"), "-p", str(port)]
        for option in (f"listen_addresses={HOST}", f"unix_socket_directories={place}", "fsync=off"):
            command += ["-c", option]
        # SIGQUIT is PostgreSQL's "stop now": it waits for no client.
        with running(command=command, log=log, user=user, cwd=place, ask=signal.SIGQUIT) as server:
            url = f"postgres://{NAME}@{HOST}:{port}/postgres"
            wait_until(
                ready=lambda: accepts(url=url), process=server, log=log, seconds=START_SECONDS
            )
            yield create_database(server_url=url, name=NAME)


def initialise(*, data: Path, user: str | None, log: Path) -> None:
    """Write an empty cluster into a folder. Raises DidNotStart with the end of the log."""
    command = [f"{postgresql_bin()}/initdb", "-D", str(data), "-U", NAME, "-A", "trust"]
    command += ["--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    with log.open("ab") as output:
        result = subprocess.run(
            command, cwd=data.parent, stdout=output, stderr=output, check=False, **owner(user=user)
        )
    if result.returncode:
        raise DidNotStart(f"PostgreSQL's initdb failed. The end of its log:\n{tail(log=log)}")


def accepts(*, url: str) -> bool:
    """Whether PostgreSQL takes connections at this URL."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(*, server_url: str, name: str) -> str:
    """Create an empty database beside the one named; its URL. Raises psycopg.Error."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server_url.rpartition('/')[0]}/{name}"


@contextmanager
def fresh_database(*, server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on a PostgreSQL server, dropped at the end of the block."""
    url = create_database(server_url=server_url, name=f"live_{uuid.uuid4().hex[:12]}")
    try:
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')


@contextmanager
def redis() -> Iterator[str]:
    """The URL of an empty Redis for the length of a block. Raises DidNotStart."""
    with folder(prefix="dentamind-redis-", user=None) as place:
        log, port = place / "log", free_port()
        command = [shutil.which("redis-server") or "redis-server", "--port", str(port)]
        command += ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(place)]
        with running(command=command, log=log, cwd=place) as server:
            wait_until(
                ready=lambda: listens(port=port), process=server, log=log, seconds=START_SECONDS
            )
            yield f"redis://{HOST}:{port}/0"


@contextmanager
def folder(*, prefix: str, user: str | None) -> Iterator[Path]:
    """A temporary folder, owned by the given user, removed at the end of the block."""
    # The other user must be able to walk to it, which a TMPDIR of our own may not allow.
    place = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp" if user else None))
    try:
        if user:
            shutil.chown(place, user=user, group=user)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
