"""One connection to PostgreSQL, with settings that it was checked for; whatever goes wrong on it is a StoreFailure.

Refused is what could lose an acknowledged answer (`fsync` or `full_page_writes` off, a standby), what would not keep
the bytes (an encoding other than UTF8), and a server before version 15. What a session may set for itself is set here
and read back, whatever the server, the database or the role have as their own.
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ConnStatus, TransactionStatus

from overspill.words.failures import Interrupted, StoreFailure

VERSION_MIN = 15
LOCK_SECONDS = 10
"""So long a writer waits for its place."""
IDLE_SECONDS = 30
"""So long a writer may say nothing in its place, then the server puts it out: one that was stopped stops nobody else."""
DEFAULTS = {
    "application_name": "overspill",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""Of a connection, where its URL does not say otherwise: that the other side is gone is found out in some 20 s."""


Values = Sequence[object] | Mapping[str, object] | None


class Session:
    """A connection that is not inside a transaction until `execute` begins one."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        parts = _parts(url)
        self.name = name_of(parts)
        """The database for people, without its password."""
        several = {"target_session_attrs": "read-write"} if "," in str(parts.get("host", "")) else {}
        try:
            self._connection = psycopg.connect(make_conninfo("", **{**DEFAULTS, **several, **parts}), autocommit=True)
        except psycopg.Error as error:
            raise _not_connected(error, self.name) from None
        self._cursor = self._connection.cursor()
        try:
            self._prepare(durable)
        except BaseException:
            self.close()
            raise

    def _prepare(self, durable: bool) -> None:
        settings = {
            "lock_timeout": f"{LOCK_SECONDS * 1000}ms",
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
            "idle_session_timeout": "0",
            "statement_timeout": "0",
            "default_transaction_read_only": "off",
            "search_path": "pg_catalog",
            "jit": "off",
        }
        version = self._connection.info.server_version // 10_000
        if version >= 17:
            settings["transaction_timeout"] = "0"
        if version < VERSION_MIN:
            what = f"{self.name} is PostgreSQL {version}, and {VERSION_MIN} is the first that serves"
            raise StoreFailure("old_server", what, help="upgrade the server")
        each = ", ".join(["set_config(%s, %s, false)"] * len(settings))
        self.execute(f"SELECT {each}", [text for setting in settings.items() for text in setting])
        self._check(durable)

    def _check(self, durable: bool) -> None:
        if not self.commits_durably():
            self.execute("SET synchronous_commit = on")
        [(standby, encoding, *backend)] = self.execute(
            "SELECT pg_is_in_recovery(), current_setting('server_encoding'), pid, backend_start"
            " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        self.backend = tuple(backend)
        """(process id, when it began) of the server's side: which it is, even if the number is used again."""
        if standby:
            help = "name the primary, or all hosts in one URL"
            raise StoreFailure("read_only", f"{self.name} is a standby, which takes no writes", help=help)
        if encoding != "UTF8":
            what = f"{self.name} has the encoding {encoding}"
            raise StoreFailure("wrong_encoding", what, help="create the database with ENCODING 'UTF8'")
        for setting in ("synchronous_commit", "fsync", "full_page_writes") if durable else ():
            if not self._is_on(setting):
                raise self.not_durable(setting)

    def commits_durably(self) -> bool:
        return self._is_on("synchronous_commit")

    def _is_on(self, setting: str) -> bool:
        return self._shown(setting) in ("on", "remote_apply")

    def not_durable(self, setting: str) -> StoreFailure:
        what = f"{self.name} has {setting} off, so that a crash could lose what was acknowledged"
        help = f"set {setting} = on and reload the server"
        if setting == "synchronous_commit":
            help = "connect to the server itself, or by a pooler that keeps sessions: this one was set, and is lost"
        return StoreFailure("not_durable", what, help=help)

    def _shown(self, setting: str) -> str:
        return str(self.execute(f"SHOW {setting}")[0][0])

    # ---- statements

    def execute(self, statement: str, values: Values = None) -> list[tuple[Any, ...]]:
        """The rows of a statement; of several at once, which have no values, those of the last. Raises StoreFailure."""
        cursor = self._cursor
        try:
            plain = values is None
            cursor.execute(statement, values, binary=not plain, prepare=False if plain else None)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            raise self._failure(error) from None

    def stream(self, query: str, rows: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, so many at a time, inside a transaction."""
        try:
            with self._connection.cursor("stream", binary=True) as cursor:  # type: ignore[call-overload]
                cursor.itersize = rows
                yield from cursor.execute(query)
        except psycopg.Error as error:
            raise self._failure(error) from None

    def copy_in(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Adds rows to `schema.table (column, …)`."""
        try:
            with self._cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise self._failure(error) from None

    def commit(self) -> None:
        """Raises StoreFailure: `is_lost` then tells whether the server may have committed all the same."""
        self.execute("COMMIT")
        if self._cursor.statusmessage != "COMMIT":
            raise StoreFailure("store_error", f"{self.name} rolled back where it was told to commit", help="ask again")

    def roll_back(self) -> None:
        """Ends what was begun, if the connection is still there; without it the server does."""
        if self._is_idle():
            return
        with contextlib.suppress(StoreFailure):
            self.execute("ROLLBACK")
        if not self._is_idle():
            self.close()

    def _is_idle(self) -> bool:
        return self.is_lost or self._connection.info.transaction_status == TransactionStatus.IDLE

    @property
    def is_lost(self) -> bool:
        return self._connection.closed or self._connection.pgconn.status != ConnStatus.OK

    def is_there(self) -> bool:
        """Whether an idle connection still is, as far as can be told without asking: what the other side has said by itself is
        read, and it mostly is good-bye."""
        connection = self._connection.pgconn
        try:
            while not self.is_lost and _can_be_read(connection.socket):
                connection.consume_input()
                connection.is_busy()
        except psycopg.Error:
            self.close()
        return not self.is_lost

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def _failure(self, error: psycopg.Error) -> StoreFailure:
        if error.diag.severity_nonlocalized in ("FATAL", "PANIC"):  # the server says good-bye
            self.close()
        return _unreachable(error, self.name) if self.is_lost else _failure_of(error, self.name)


def _can_be_read(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _parts(url: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:  # what it says may hold the password
        raise StoreFailure(
            "bad_url",
            "the URL of the PostgreSQL database cannot be read",
            help="write postgresql://user@host:5432/database, with %-codes for special characters",
        ) from None


def name_of(parts: dict[str, Any]) -> str:
    """What stands in messages: everything that tells which database it is, and no secret."""
    user = f"{parts['user']}@" if "user" in parts else ""
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"


def _unreachable(error: psycopg.Error, name: str) -> StoreFailure:
    """The server is gone, or puts everybody out; it may come back."""
    return StoreFailure("unreachable", f"{name} cannot be reached: {_line(error)}", help="ask again with the same id")


def _not_connected(error: psycopg.Error, name: str) -> StoreFailure:
    help = "check that the server runs, and the host, the database, the user and the password of the URL"
    return StoreFailure("unreachable", f"{name} cannot be opened: {_line(error)}", help=help)


def _line(error: BaseException) -> str:
    """What a library said, in one line without its own label."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("connection failed: ").strip().rstrip(".")


def _failure_of(error: psycopg.Error, name: str) -> StoreFailure:
    if isinstance(error, errors.IntegrityError) and error.diag.table_name in _REFUSALS:
        code, what, help = _REFUSALS[error.diag.table_name]
        return StoreFailure(code, f"{name} {what}", help=help)
    if isinstance(error, (errors.DeadlockDetected, errors.SerializationFailure)):
        return Interrupted(f"{name} gave the transaction up in favour of another one")
    for kinds, code, what, help in _FAILURES:
        if isinstance(error, kinds):
            return StoreFailure(code, f"{name} {what}", help=help)
    return StoreFailure("store_error", f"{name}: {_line(error)}", help="look at the server's log")


_REFUSALS = {
    "postings": ("posted_before", "has a record posted already", "settle again"),
    "balances": ("refused", "refuses a balance on the wrong side", "reconcile it, and report it"),
}
"""Table of the ledger → what it means that the server refuses a row of it."""
_AGAIN = "ask again with the same id"
_FAILURES: list[tuple[tuple[type[psycopg.Error], ...], str, str, str]] = [
    ((errors.LockNotAvailable,), "busy", f"was held by another writer for {LOCK_SECONDS} s", "try again, or find who holds it"),
    ((errors.QueryCanceled,), "busy", "was interrupted", _AGAIN),
    ((errors.DiskFull,), "disk_full", "cannot grow: the disk is full", "free some space and ask again with the same id"),
    ((errors.ReadOnlySqlTransaction,), "read_only", "takes no writes", "name the primary"),
    ((errors.InsufficientPrivilege,), "not_allowed", "does not let this role do that", "grant it the schema overspill, or CREATE on the database"),
    ((errors.DataCorrupted, errors.IndexCorrupted), "corrupt", "is damaged", "restore it from a backup"),
    ((errors.IoError,), "disk_error", "had a disk error", "check the server's disk"),
    ((errors.CheckViolation, errors.ForeignKeyViolation, errors.UniqueViolation), "head_moved", "refused a segment that does not continue its journal", "open the engine again"),
    ((errors.UndefinedTable, errors.InvalidSchemaName), "not_ours", "has lost the tables of Overspill", "restore them from a backup"),
]  # fmt: skip
"""What PostgreSQL says, and what it means here."""
