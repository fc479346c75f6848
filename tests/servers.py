"""Real servers for tests: started when first asked for, on loopback or a socket, stopped when the tests end."""

import atexit
import contextlib
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def short_folder() -> Path:
    """A folder with a short path, since a socket's name is short; everybody may pass, some servers change their user."""
    folder = Path(tempfile.mkdtemp(prefix="ds", dir="/tmp"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def wait_for(ready, seconds=60, what="the server"):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} did not start"
        time.sleep(0.1)


def spawn(command, log, **options) -> subprocess.Popen:
    """Start a server in a process group of its own; it is ended with the tests."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, **options)
    atexit.register(stop, process)
    return process


def stop(process) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def execute(url, *statements, parameters=None):
    engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), parameters or {})


@functools.cache
def postgresql() -> sa.URL:
    """The address of PostgreSQL's superuser; a role `reader` may only read what it is granted."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="run")
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed: pip install 'dsar[test]'")
    server = pgserver.get_server(short_folder() / "pg", cleanup_mode="stop")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    execute(url, "CREATE ROLE reader LOGIN", "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    return url


def mariadb() -> sa.URL:
    """The address of MariaDB's root; an account `reader` may only read what it is granted."""
    if not shutil.which("mariadbd"):
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    return _shared_mariadb().url


class _Mariadb:
    """One server for all tests of a process. MariaDB 10.11 was seen to end with a segmentation fault: the next test finds it started again."""

    def __init__(self) -> None:
        self.folder = short_folder()
        self._url, self.process = start_mariadb(self.folder)
        execute(self._url, "CREATE USER reader@'%' IDENTIFIED BY 'reader'")

    @property
    def url(self) -> sa.URL:
        if self.process.poll() is not None:
            _, self.process = start_mariadb(self.folder, self._url.port)
        return self._url


@functools.cache
def _shared_mariadb() -> _Mariadb:
    return _Mariadb()


def start_mariadb(folder: Path, port: int | None = None, options: Sequence[str] = ()) -> tuple[sa.URL, subprocess.Popen]:
    port = port or free_port()
    plain = ["--no-defaults", f"--datadir={folder}/data"]
    user = ["--user=root"] if os.getuid() == 0 else []
    if not (folder / "data").exists():
        subprocess.run(
            ["mariadb-install-db", *plain, *user, "--auth-root-authentication-method=normal", "--skip-test-db"], check=True, capture_output=True
        )
    process = spawn(
        ["mariadbd", *plain, *user, f"--socket={folder}/my.sock", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/my.pid",
         "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", *options],
        folder / "log",
    )  # fmt: skip
    ping = ["mariadb-admin", "--no-defaults", f"--socket={folder}/my.sock", "-u", "root", "ping"]
    wait_for(lambda: subprocess.run(ping, check=False, capture_output=True).returncode == 0, what="MariaDB")
    return sa.URL.create("mariadb+pymysql", "root", host="127.0.0.1", port=port), process


def postgresql_bin(program: str) -> str | None:
    """A program of a PostgreSQL of the system, which Debian keeps out of the path; None where there is none."""
    return shutil.which(program) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), None)


def start_postgresql(folder: Path, certificate: Path, key: Path) -> tuple[sa.URL, subprocess.Popen]:
    """A server that speaks TLS, which pgserver's does not; it refuses to run as root, so it runs as the account `postgres` there."""
    account = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder.mkdir()
    for name, path in {"server.crt": certificate, "server.key": key}.items():
        (folder.parent / name).write_bytes(path.read_bytes())
        (folder.parent / name).chmod(0o600)
    if account:
        for path in (folder, folder.parent, folder.parent / "server.crt", folder.parent / "server.key"):
            shutil.chown(path, "postgres")
    subprocess.run([*account, postgresql_bin("initdb"), "-D", str(folder), "-U", "root", "-A", "trust"], check=True, capture_output=True, cwd="/")
    with (folder / "postgresql.conf").open("a") as conf:  # not as options: those could not be turned off again
        conf.write(f"fsync = off\nssl = on\nssl_cert_file = '{folder.parent}/server.crt'\nssl_key_file = '{folder.parent}/server.key'\n")
    port = free_port()
    command = [*account, postgresql_bin("postgres"), "-D", str(folder), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder.parent)]
    process = spawn(command, folder.parent / "log", cwd="/")
    url = sa.URL.create("postgresql", "root", host="127.0.0.1", port=port, database="postgres")

    def answers():
        with contextlib.suppress(sa.exc.OperationalError):
            execute(url.set(drivername="postgresql+psycopg"), "SELECT 1")
            return True
        return False

    wait_for(answers, what="PostgreSQL")
    return url, process
