"""The embedded stores come back from whatever happened to the last run."""

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from controlplane.services import home
from controlplane.services.children import alive, wait_for
from controlplane.services.home import StoreError
from controlplane.services.ports import answers
from controlplane.services.postgres import Postgres
from controlplane.services.valkey import Valkey

Make = Callable[[Path], Postgres]


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every account reaches, as a data folder below /srv is."""
    folder = tmp_path_factory.mktemp("stores")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o711)
    return folder


@pytest.fixture
def postgres() -> Iterator[Make]:
    """Makes clusters that are ended and deleted after the test."""
    made: list[Postgres] = []

    def make(folder: Path) -> Postgres:
        made.append(Postgres(folder))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        home.forget(one.folder)


def rows(server: Postgres) -> int:
    """How many rows table t has."""
    with psycopg.connect(server.url("patchbay")) as connection:
        row = connection.execute("select count(*) from t").fetchone()
        assert row is not None
        return int(row[0])


def fill(server: Postgres) -> None:
    """Make table t with 100 committed rows."""
    with psycopg.connect(server.url("patchbay"), autocommit=True) as connection:
        connection.execute("create table t as select generate_series(1, 100)")


def test_postgres_keeps_what_was_committed_when_it_is_killed(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    fill(server)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()
    assert rows(server) == 100


def test_postgres_starts_over_a_pid_file_whose_pid_belongs_to_somebody_else(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    fill(server)
    server.stop()
    assert server.home is not None
    stale = server.home.cluster / "data" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.home.cluster}/data\n0\n{server.port}\n\n127.0.0.1\n")
    server.start()
    assert rows(server) == 100


def test_postgres_ends_the_server_that_an_earlier_run_left(postgres: Make, open_folder: Path) -> None:
    earlier, later = postgres(open_folder / "pg"), postgres(open_folder / "pg")
    earlier.start()
    fill(earlier)
    later.start()
    assert earlier.process is not None
    assert wait_for(lambda: earlier.process is not None and earlier.process.poll() is not None, 20)
    assert rows(later) == 100


def test_postgres_begins_again_after_an_initdb_that_was_killed(postgres: Make, open_folder: Path) -> None:
    half = open_folder / "pg" / "cluster" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (open_folder / "pg").chmod(0o711)
    server = postgres(open_folder / "pg")
    server.start()
    fill(server)
    assert rows(server) == 100


def test_postgres_runs_below_a_closed_folder_and_opens_nobodys_folders(postgres: Make, tmp_path: Path) -> None:
    closed = tmp_path / "closed to others"
    closed.mkdir(mode=0o700)
    deep = closed / ("long " * 30).strip() / "pg"
    server = postgres(deep)
    server.start()
    fill(server)
    server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    again = postgres(deep)
    again.start()
    assert rows(again) == 100


def test_postgres_says_that_its_password_is_gone(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    server.stop()
    server.password_file.write_text("another")
    with pytest.raises(StoreError, match="password"):
        server.start()


def test_postgres_names_the_version_that_made_its_files(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    server.stop()
    assert server.home is not None
    (server.home.cluster / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(StoreError, match="PostgreSQL 12"):
        server.start()


def test_postgres_that_is_killed_leaves_no_session_behind(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    with psycopg.connect(server.url("patchbay")) as connection:
        backend = connection.info.backend_pid
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server.start()
        assert alive(backend) is None


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey server in a folder whose name has a space."""
    server = Valkey(tmp_path / "with space" / "valkey")
    server.start()
    yield server
    server.stop()


def test_valkey_keeps_what_it_was_told_when_it_is_killed(valkey: Valkey) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.set("a", "1")
    log = valkey.folder / "appendonlydir"
    assert wait_for(lambda: any(b"\r\na\r\n" in file.read_bytes() for file in log.glob("*.incr.aof")), 20)
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()
    valkey.start()
    assert redis.Redis.from_url(valkey.url).get("a") == b"1"


def test_valkey_starts_over_a_file_that_was_cut_off(valkey: Valkey) -> None:
    redis.Redis.from_url(valkey.url).set("a", "1")
    valkey.stop()
    (file,) = (valkey.folder / "appendonlydir").glob("*.incr.aof")
    with file.open("ab") as end:
        end.write(b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$10")
    valkey.start()
    client = redis.Redis.from_url(valkey.url)
    assert client.get("a") == b"1"
    assert client.get("b") is None


def test_valkey_names_its_damaged_file_and_what_to_do(valkey: Valkey) -> None:
    redis.Redis.from_url(valkey.url).set("a", "1")
    valkey.stop()
    (file,) = (valkey.folder / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(b"garbage\r\n" + file.read_bytes())
    with pytest.raises(StoreError, match=r"Move .*appendonlydir"):
        valkey.start()


def test_valkey_asks_for_a_password_that_nobody_else_can_read(valkey: Valkey) -> None:
    assert answers(valkey.port, b"PING\r\n", b"-NOAUTH")
    for name in ("password", "valkey.conf"):
        assert stat.S_IMODE((valkey.folder / name).stat().st_mode) == 0o600


LOGGED = "a prompt that nobody may read"


def test_m2_programs_use_a_role_that_triggers_and_limits_bind(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    with psycopg.connect(server.url("patchbay"), autocommit=True) as connection:
        asked = "select rolname, rolsuper, rolcreaterole from pg_roles where rolname = current_user"
        assert connection.execute(asked).fetchone() == ("patchbay", False, False)
        connection.execute("create extension pg_trgm")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("set session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("copy (select 1) to program 'true'")


def test_m2_a_cluster_of_an_older_version_is_handed_over(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    old = f"postgresql://app:{server.password_file.read_text()}@127.0.0.1:{server.port}/patchbay"
    with psycopg.connect(old, autocommit=True) as connection:
        connection.execute("alter database patchbay owner to app")
        connection.execute("create extension pg_trgm")
        connection.execute("create table t (id bigint generated by default as identity, n serial, note text)")
        connection.execute("insert into t (note) select generate_series(1, 100)::text")
        connection.execute("create function f() returns int language sql as 'select 1'")
        connection.execute("create view v as select * from t")
        connection.execute("create sequence s")
    server.role_password_file.unlink()
    server.stop()
    server.start()
    assert rows(server) == 100
    with psycopg.connect(server.url("patchbay"), autocommit=True) as connection:
        connection.execute("insert into t (note) values ('new')")
        connection.execute("alter table t add column more int")
        connection.execute("create or replace function f() returns int language sql as 'select 2'")
        connection.execute("drop view v")
        connection.execute("select nextval('s')")
        connection.execute("create index on t using gin (note gin_trgm_ops)")


def test_m2_the_log_holds_nothing_of_a_statement_that_fails(postgres: Make, open_folder: Path) -> None:
    server = postgres(open_folder / "pg")
    server.start()
    with psycopg.connect(server.url("patchbay"), autocommit=True) as connection:
        connection.execute("create table prompts (text text unique, size int check (size > 0))")
        connection.execute("insert into prompts values (%s, 1)", [LOGGED])
        wrong = ["insert into prompts values (%s, 1)", "insert into prompts values (%s, 0)", "select %s::int"]
        for statement in (*wrong, "selekt %s"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, [LOGGED])
            with pytest.raises(psycopg.Error), psycopg.ClientCursor(connection) as cursor:
                cursor.execute(statement, [LOGGED])
        with pytest.raises(psycopg.Error), connection.cursor().copy("copy prompts from stdin") as copy:
            copy.write_row([LOGGED, "no number"])
    server.stop()
    assert "nobody may read" not in server.log.read_text()
