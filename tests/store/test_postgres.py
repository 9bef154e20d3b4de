"""What only a server has: migrations, settings that are not safe, fences, the outbox beside an open transaction."""

from __future__ import annotations

import builtins
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from overspill import Engine, Request
from overspill.ports.store import Snapshot
from overspill.records.answers import Decision
from overspill.records.written import Hole, form_of
from overspill.runtime.states import States
from overspill.store import migrations, opened
from overspill.store.postgres import PostgresStore
from overspill.store.postgres_session import Session
from overspill.words.failures import StoreFailure
from store.places import ANA, POLICY, chain, put, segment
from support.postgres import PASSWORD, QUOTED, Server


def _run(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(url)) as store:
        yield store


# ---- opening


def test_an_empty_database_that_many_open_at_once_is_migrated_once(url: str) -> None:
    stores: list[PostgresStore] = []
    failures: list[BaseException] = []
    barrier = threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        try:
            stores.append(PostgresStore(url))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(store.epoch for store in stores) == [1, 2, 3, 4, 5, 6]
    applied = [(one.number, one.name) for one in migrations.shipped("postgres")]
    assert _run(url, "SELECT number, name FROM overspill.migrations ORDER BY number") == applied
    for store in stores:
        put(store)
    assert len(chain(stores[0])) == 6
    for store in stores:
        store.close()


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = migrations.shipped("postgres")
    number = shipped[-1].number + 1
    broken = migrations.Migration(number, "9999_broken.sql", "CREATE TABLE more (a int); SELECT 1 / 0;")
    monkeypatch.setattr(migrations, "shipped", lambda _: (*shipped, broken))
    with pytest.raises(StoreFailure, match="division by zero"):
        PostgresStore(url)
    assert _run(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'overspill'") == [(0,)]
    added = migrations.Migration(number, "9999_more.sql", "CREATE TABLE more (a int);")
    for known in ((*shipped,), (*shipped, added), (*shipped, added)):
        monkeypatch.setattr(migrations, "shipped", lambda _, known=known: known)
        PostgresStore(url).close()
    assert _run(url, "SELECT name FROM overspill.migrations ORDER BY number") == [
        (one.name,) for one in (*shipped, added)
    ]
    monkeypatch.setattr(migrations, "shipped", lambda _: shipped)
    with pytest.raises(StoreFailure, match=r"newer version \(by 9999_more.sql") as failure:
        PostgresStore(url)
    assert (failure.value.code, failure.value.help) == ("newer_version", "upgrade Overspill")


def _changed(url: str) -> None:
    PostgresStore(url).close()
    _run(url, "UPDATE overspill.migrations SET checksum = decode(repeat('00', 32), 'hex')")


def _foreign(url: str) -> None:
    _run(url, "CREATE SCHEMA overspill; CREATE TABLE overspill.theirs (a int)")


def _lost(url: str) -> None:
    PostgresStore(url).close()
    _run(url, "DROP TABLE overspill.writers")


CASES: list[tuple[Callable[[str], None], str, str]] = [
    (_changed, "changed_migration", "another 0001_journal.sql"),
    (_foreign, "not_ours", "belongs to another program"),
    (_lost, "not_ours", "has lost the tables"),
]


@pytest.mark.parametrize(("make", "code", "message"), CASES, ids=[case[1] + case[0].__name__ for case in CASES])
def test_a_database_that_cannot_serve_is_one_clear_failure(
    url: str, make: Callable[[str], None], code: str, message: str
) -> None:
    make(url)
    with pytest.raises(StoreFailure, match=message) as failure:
        Engine.open(POLICY, db=url)
    assert (failure.value.code, bool(failure.value.help)) == (code, True)
    assert QUOTED not in str(failure.value)
    assert PASSWORD not in str(failure.value)


def test_a_schema_that_somebody_made_for_us_is_taken(url: str) -> None:
    _run(url, "CREATE SCHEMA overspill")
    PostgresStore(url).close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("postgresql://u:s%zzcret@h/d", "bad_url"),
        ("postgresql://u:secret@127.0.0.1:1/d", "unreachable"),
        ("postgres://u:secret@127.0.0.1:1/d?colour=red", "bad_url"),
        ("postgresql://u:secret@nowhere.invalid/d", "unreachable"),
    ],
)
def test_a_url_that_leads_nowhere_is_named_without_its_password(wrong: str, code: str) -> None:
    with pytest.raises(StoreFailure) as failure:
        Engine.open(POLICY, db=wrong)
    assert (failure.value.code, bool(failure.value.help)) == (code, True)
    assert "cret" not in str(failure.value)


def test_a_wrong_password_or_database_says_so(postgres: Server, url: str) -> None:
    for wrong, said in ((url.replace(QUOTED, "no"), "password"), (postgres.url("nowhere"), "does not exist")):
        with pytest.raises(StoreFailure, match=said):
            PostgresStore(wrong)


def test_names_for_people_hold_no_password(store: PostgresStore, url: str) -> None:
    host = url.rpartition("@")[2]
    assert (store.name, opened.named(url)) == (f"postgresql://overspill@{host}", f"postgresql://{host}")
    assert opened.named("x.db") == "x.db"


def test_a_missing_extra_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__
    monkeypatch.setattr(opened, "import_module", lambda name: real("psycopg_that_is_not_there"))
    with pytest.raises(StoreFailure, match="psycopg, which is not installed") as failure:
        Engine.open(POLICY, db="postgresql://h/d")
    assert (failure.value.code, failure.value.help) == ("missing_extra", 'pip install "overspill[postgres]"')


# ---- settings


def test_a_session_commits_durably_whatever_the_database_has_set(postgres: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    for setting in (
        "synchronous_commit = off",
        "statement_timeout = '5s'",  # it holds for the statement that takes it away
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
        "search_path = 'nowhere'",
    ):
        postgres.execute(f"ALTER DATABASE {name} SET {setting}")
    with closing(PostgresStore(url)) as store:
        names = ("synchronous_commit", "lock_timeout", "statement_timeout")
        shown = {setting: store._session._shown(setting) for setting in names}
        assert shown == {"synchronous_commit": "on", "lock_timeout": "10s", "statement_timeout": "0"}
        put(store)
        assert chain(store) == [2]


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_could_lose_what_was_acknowledged_is_refused(setting: str) -> None:
    with Server(f"{setting}=off") as server:
        url = server.database()
        with pytest.raises(StoreFailure, match=f"has {setting} off") as failure:
            Engine.open(POLICY, db=url)
        assert (failure.value.code, failure.value.help) == ("not_durable", f"set {setting} = on and reload the server")
        with closing(PostgresStore(url, durable=False)) as store:
            put(store)
        (server.folder / "data" / "standby.signal").touch()
        server.kill()
        server.start()
        with pytest.raises(StoreFailure, match="standby"):
            PostgresStore(url, durable=False)


def test_an_encoding_that_cannot_keep_every_name_is_refused(postgres: Server) -> None:
    url = postgres.database(more="ENCODING 'SQL_ASCII'")
    with pytest.raises(StoreFailure, match="SQL_ASCII") as failure:
        PostgresStore(url)
    assert failure.value.code == "wrong_encoding"


def test_an_old_server_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overspill.store.postgres_session.VERSION_MIN", 99)
    with pytest.raises(StoreFailure, match="99 is the first that serves"):
        PostgresStore(url)


def test_a_place_where_a_second_writer_does_not_wait_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a proxy that puts two connections into one."""
    one: list[Session] = []
    real = Session.execute

    def executes(self: Session, statement: str, values: Any = None) -> Any:
        one[:] = one or [self]
        return real(one[0] if "FOR UPDATE" in statement else self, statement, values)

    monkeypatch.setattr(Session, "execute", executes)
    with pytest.raises(StoreFailure, match="lets a second writer in") as failure:
        PostgresStore(url)
    assert failure.value.code == "not_isolated"


def test_a_session_that_loses_its_settings_appends_nothing(store: PostgresStore) -> None:
    """As behind a pooler that gives every transaction another session."""
    store._session.execute("SET synchronous_commit = off")
    with pytest.raises(StoreFailure, match="has synchronous_commit off") as failure:
        put(store)
    assert (failure.value.code, chain(store)) == ("not_durable", [])


def test_a_role_that_owns_nothing_else_is_enough(postgres: Server) -> None:
    postgres.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
    host = postgres.url().rpartition("@")[2].rpartition("/")[0]
    named = postgres.database().rpartition("/")[2]
    with pytest.raises(StoreFailure, match="does not let this role") as failure:
        PostgresStore(f"postgresql://app:{QUOTED}@{host}/{named}")
    assert (failure.value.code, bool(failure.value.help)) == ("not_allowed", True)
    postgres.execute(f"GRANT CREATE ON DATABASE {named} TO app")
    with closing(PostgresStore(f"postgresql://app:{QUOTED}@{host}/{named}")) as store:
        put(store)
        store.begin()  # a connection that the client gave up, while the server goes on with it
        lost, store._writer.session = store._session, Session(store._writer._url)
        store._session.close()
        store._session.backend = lost.backend
        store.rollback()
        put(store)
        lost.close()
        assert chain(store) == [2, 4]


def test_a_closed_store_stays_closed(store: PostgresStore) -> None:
    store.close()
    with pytest.raises(StoreFailure, match="was closed"):
        store.head()


def test_a_command_names_the_database_without_its_password(url: str) -> None:
    command = [sys.executable, "-m", "overspill", "explain", "dec_" + "a" * 26, "--db", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "127.0.0.1" in done.stderr
    assert QUOTED not in done.stderr


# ---- the chain, and who may add to it


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, epoch) SELECT 4, 4, hash, hash, 'x', 1 FROM overspill.segments",
        "INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, epoch) SELECT 3, 4, sha256('a'), hash, 'x', 1 FROM overspill.segments",
        "INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, epoch) SELECT 3, 2, hash, hash, 'x', 1 FROM overspill.segments",
        "INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, epoch) SELECT 3, 4, hash, 'short', 'x', 1 FROM overspill.segments",
        "DELETE FROM overspill.segments",
        "UPDATE overspill.head SET seq = 9",
        "UPDATE overspill.head SET hash = sha256('a')",
        "UPDATE overspill.head SET snapshots_through = 3",
        "INSERT INTO overspill.head (one, seq, hash) VALUES (false, 0, sha256('a'))",
        "INSERT INTO overspill.outbox VALUES (7, 8, pg_current_xact_id())",
    ],
)
def test_the_database_itself_keeps_the_chain_whole(store: PostgresStore, url: str, statement: str) -> None:
    put(store)
    with pytest.raises(psycopg.errors.IntegrityError):
        _run(url, statement)
    assert chain(store) == [2]


def test_who_knows_the_end_takes_the_place_with_the_commit(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store)
    sent: list[str] = []
    real = Session.execute

    def execute(self: Session, statement: str, values: Any = None) -> Any:
        sent.append(statement.split()[0])
        return real(self, statement, values)

    monkeypatch.setattr(Session, "execute", execute)
    for _ in range(3):
        store.begin(store._seen)
        store.append(segment(store.head()), has_events=True)
        store.commit()
    assert sent == ["WITH"] * 3
    store.begin(store._seen)
    store.commit()
    store.begin(store._seen)
    store.rollback()
    assert sent == ["WITH"] * 3


def test_who_is_overtaken_changes_nothing_and_takes_the_place_first_for_a_while(
    store: PostgresStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overspill.store.postgres.CROWDED", 2)
    with closing(PostgresStore(url)) as other:
        put(store)
        known = store.head()
        put(other, 1)
        for write in (
            store.commit,
            lambda: store.put_form(form_of(("a", "b", "c"), (Hole(5, "int"), Hole(6, "int")))),
        ):
            store._crowded = 0
            store.begin(known)
            store.append(segment(store.head()), has_events=True)
            with pytest.raises(StoreFailure) as failure:
                write()
            store.rollback()
            assert (failure.value.code, bool(failure.value.help), chain(other)) == ("overtaken", True, [2, 3])
        for taken_first in (True, True, False):
            known = store.head()
            store.begin(known)
            assert (store._at is None) == taken_first
            store.append(segment(store.head(), 1), has_events=False)
            store.commit()
        assert chain(other) == [2, 3, 4, 5, 6]


def test_who_is_fenced_or_not_durable_is_told_so_at_the_commit(store: PostgresStore, url: str) -> None:
    put(store)
    for statement, code in (
        ("SET synchronous_commit = off", "not_durable"),
        ("SET synchronous_commit = on; UPDATE overspill.writers SET fenced = true", "fenced"),
    ):
        store._session.execute(statement)
        store.begin(store._seen)
        store.append(segment(store.head()), has_events=True)
        with pytest.raises(StoreFailure) as failure:
            store.commit()
        store.rollback()
        assert (failure.value.code, chain(store)) == (code, [2])


def test_a_good_bye_is_heard_before_anything_is_sent(store: PostgresStore, postgres: Server) -> None:
    put(store)
    assert store._session.is_there()
    postgres.execute(f"SELECT pg_terminate_backend({store._session.backend[0]}, 5000)")
    assert not store._session.is_there()
    assert store._session.is_lost


def test_a_fenced_writer_appends_nothing_more(store: PostgresStore, url: str) -> None:
    with closing(PostgresStore(url)) as other:
        put(store)
        store.begin()
        _run(url, f"UPDATE overspill.writers SET fenced = true WHERE epoch = {store.epoch}")
        with pytest.raises(StoreFailure) as failure:
            store.append(segment(store.head()), has_events=True)
        store.rollback()
        assert (failure.value.code, bool(failure.value.help)) == ("fenced", True)
        put(other)
        store._session.close()  # a new connection does not get it around the fence
        with pytest.raises(StoreFailure, match="was fenced"):
            store.head()
        assert chain(other) == [2, 4]


def test_a_session_that_comes_late_is_fenced_by_the_one_that_took_its_place(store: PostgresStore) -> None:
    put(store)
    late, number = store._session, store._writer.number
    store._writer.session = Session(store._writer._url)
    store._session.execute("UPDATE overspill.writers SET session = session + 1")
    store._writer.number += 1
    put(store)
    newer = store._session
    store._writer.session, store._writer.number = late, number
    with pytest.raises(StoreFailure, match="was fenced"):
        put(store)
    late.close()
    store._writer.session, store._writer.number = newer, number + 1
    put(store)
    assert chain(store) == [2, 4, 6]


def test_a_writer_that_stops_in_its_place_is_put_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overspill.store.postgres_session.IDLE_SECONDS", 1)
    with closing(PostgresStore(url)) as stopped, closing(PostgresStore(url)) as other:
        stopped.begin()
        made = segment(stopped.head())
        put(other)  # waits until the server has put the first one out
        with pytest.raises(StoreFailure) as failure:
            stopped.append(made, has_events=False)
        stopped.rollback()
        assert failure.value.code == "unreachable"
        put(stopped)
        assert chain(other) == [2, 4]


def test_a_journal_that_was_set_back_takes_nothing_more(store: PostgresStore, url: str) -> None:
    """As after a restore, or when a standby takes over that was behind."""
    put(store)
    put(store)
    decided_on = store.head()
    _run(
        url,
        "UPDATE overspill.head SET seq = 2, hash = (SELECT hash FROM overspill.segments WHERE first_seq = 1);"
        "DELETE FROM overspill.segments WHERE first_seq = 3",
    )
    with pytest.raises(StoreFailure, match="ends at record 2, and record 4 was there before") as failure:
        store.begin()
    assert failure.value.code == "journal_behind"
    with closing(PostgresStore(url)) as again:
        put(again, 1)
        put(again, 1)
        store.begin()  # the same length, and not the same journal
        with pytest.raises(StoreFailure, match="not where the batch was decided on") as failure:
            store.append(segment(decided_on), has_events=False)
        store.rollback()
        assert (failure.value.code, chain(again)) == ("head_moved", [2, 3, 4])


# ---- the outbox


def test_the_outbox_passes_nothing_over_that_is_not_yet_to_be_seen(store: PostgresStore, url: str) -> None:
    put(store, has_events=True)
    with psycopg.connect(url) as long, closing(PostgresStore(url)) as reader:
        assert list(reader.outbox(0)) == [(1, 2)]
        long.execute("SELECT pg_current_xact_id()")  # a transaction that writes, left open
        put(store, has_events=True)
        assert chain(reader) == [2, 4]
        assert list(reader.outbox(0)) == [(1, 2)]
        long.rollback()
        assert list(reader.outbox(2)) == [(3, 4)]


def test_a_row_of_an_earlier_transaction_that_commits_later_is_read(store: PostgresStore, url: str) -> None:
    """What reading by number alone would lose: the canary, with rows that are put past the writer's lock."""
    put(store, 1)
    put(store, 1)
    insert = "INSERT INTO overspill.outbox VALUES ({0}, {0}, pg_current_xact_id())"
    with psycopg.connect(url) as slow, closing(PostgresStore(url)) as reader:
        slow.execute(insert.format(1))
        _run(url, insert.format(2))
        by_number = _run(url, "SELECT first_seq FROM overspill.outbox WHERE last_seq > 0 ORDER BY last_seq")
        first = list(reader.outbox(0))
        slow.commit()
        after = max((last for _, last in first), default=0)
        assert (by_number, first, list(reader.outbox(after))) == ([(2,)], [], [(1, 1), (2, 2)])


def test_transactions_that_take_their_numbers_in_another_order_than_the_writers_place(
    store: PostgresStore, url: str
) -> None:
    """The later row may be below the oldest open transaction while the earlier one is not yet: neither is given."""
    with psycopg.connect(url) as open_one, closing(PostgresStore(url)) as early, closing(PostgresStore(url)) as reader:
        early._session.execute("BEGIN")
        early._session.execute("SELECT pg_current_xact_id()")
        open_one.execute("SELECT pg_current_xact_id()")
        put(store, has_events=True)
        early.begin()
        early.append(segment(early.head()), has_events=True)
        early.commit()
        numbers = [
            int(number) for (number,) in _run(url, "SELECT written_by::text FROM overspill.outbox ORDER BY last_seq")
        ]
        assert numbers[0] > numbers[1]
        assert list(reader.outbox(0)) == []
        open_one.rollback()
        assert list(reader.outbox(0)) == [(1, 2), (3, 4)]


def test_a_fenced_store_settles_nothing(store: PostgresStore, url: str) -> None:
    put(store, has_events=True)
    _run(url, "UPDATE overspill.writers SET fenced = true")
    with pytest.raises(StoreFailure, match="was fenced") as failure:
        store.ledger.begin_settling()
    assert failure.value.code == "fenced"
    with closing(PostgresStore(url)) as other:
        assert other.ledger.begin_settling().through == 0
        other.rollback()


# ---- what is behind


def test_a_state_is_written_down_only_up_to_the_journals_end(store: PostgresStore) -> None:
    put(store)
    store.begin()
    with pytest.raises(StoreFailure):
        store.write_snapshots([Snapshot("a", 3, b"s", 1)], [], [], 3)
    store.rollback()
    assert (store.snapshot("a"), store.snapshots_through()) == (None, 0)


def test_states_are_the_same_from_either_kind_of_store(url: str) -> None:
    states = []
    for db in (None, url):
        engine = Engine.open(POLICY, db=db, settle=False)
        engine.grant(ANA, "money", "5", id="C1")
        engine._combiner.exclusively(engine._combiner.snapshots.write_all)
        lots = States(engine._store).of("default/user/u_ana").pools["money"]
        states.append([(lot[0], lot[1]) for lot in lots])
    assert states[0] == states[1] == [("C1", 5)]


def test_accounts_that_are_not_here_are_asked_for_together(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the server knows them or not: a batch has one question for all that it decides on."""
    with Engine.open(POLICY, db=url, settle=False) as before:
        for number in range(8):
            before.grant({"user": f"u_{number}"}, "money", "5", id="C1")
    asked: list[str] = []
    with Engine.open(POLICY, db=url, settle=False) as engine:
        execute = engine._store._session.execute

        def counted(query: str, values: Any = None) -> Any:
            asked.append(query)
            return execute(query, values)

        monkeypatch.setattr(engine._store._session, "execute", counted)
        requests = [Request(id="r1", account={"user": f"u_{number}"}, meters={"credits": 1}) for number in range(16)]
        decided = engine.decide_all(requests)
        outcomes = [decision.outcome for decision in decided if isinstance(decision, Decision)]
    assert len([query for query in asked if query.startswith("SELECT") and "accounts" in query]) == 1
    assert outcomes == ["allow"] * 8 + ["deny"] * 8
