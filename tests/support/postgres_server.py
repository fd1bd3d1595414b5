"""A real PostgreSQL for tests: one that is named, or one that runs from Debian's binaries for the tests alone."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

NAMED = "COINDEX_TEST_POSTGRES_URL"


@contextmanager
def postgres_server():
    """The URL of a server's database `postgres`; skips, with the reason, where there is none."""
    if named := os.environ.get(NAMED):
        yield named
        return
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install coindex[scale]")
    binaries = _binaries()
    if binaries is None:
        pytest.skip(f"{NAMED} names no server, and no PostgreSQL is installed (initdb, pg_ctl)")
    # PostgreSQL refuses to run as root: then it runs as its own user, or nobody.
    as_user = _unprivileged() if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="coindex-pg-") as folder:
        if as_user:
            os.chown(folder, pwd.getpwnam(as_user["user"]).pw_uid, -1)

        def run(tool, *arguments):
            command = [str(binaries / tool), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120, **as_user)

        data = f"{folder}/data"
        run("initdb", "--pgdata", data, "--auth", "trust", "--username", "coindex", "--encoding", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
        run("pg_ctl", "start", "--pgdata", data, "--wait", "--log", f"{folder}/log", "--options", options)
        try:
            yield f"postgresql+psycopg://coindex@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--pgdata", data, "--mode", "immediate")


@contextmanager
def empty_database(server):
    """The URL of a database on a server that is made for the block."""
    name = f"coindex_{uuid.uuid4().hex[:12]}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def _binaries():
    """The folder of the newest PostgreSQL, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


def _unprivileged():
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": name, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other user")
