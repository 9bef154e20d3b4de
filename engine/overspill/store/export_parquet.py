"""folder of an export → its tables as Parquet, by DuckDB (extra `parquet`): the only door to it.

Nothing is a float: amounts are DECIMAL(38, 9), which holds every amount there can be (19 digits before the point, 9
behind it) and sums of them exactly; instants are timestamps in UTC to the microsecond; meters are whole numbers. What nests
stays nested: maps, and lists of structures. DuckDB reads the JSONL files with exactly these types and guesses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Final

from overspill.records.export import TRANSACTIONS
from overspill.words.failures import Failure

if TYPE_CHECKING:
    import duckdb

MEMORY: Final = "1GB"
"""What DuckDB may take; it goes on in files of the folder beyond that."""
_AMOUNT: Final = "DECIMAL(38, 9)"
_PART: Final = f"STRUCT(kind VARCHAR, amount {_AMOUNT}, account VARCHAR, pool VARCHAR, lot VARCHAR)"
_COVERAGE: Final = f"STRUCT(layer VARCHAR, base {_AMOUNT}, amount {_AMOUNT}, unit VARCHAR, parts {_PART}[])"
_LEG: Final = f"STRUCT(debit VARCHAR, credit VARCHAR, asset VARCHAR, amount {_AMOUNT})"
_WHO: Final = {"at": "TIMESTAMPTZ", "tenant": "VARCHAR", "account": "VARCHAR"}

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "usage_events": {
        "event": "VARCHAR",
        "kind": "VARCHAR",
        **_WHO,
        "request": "VARCHAR",
        "cause": "VARCHAR",
        "waterfall": "VARCHAR",
        "meters": "MAP(VARCHAR, BIGINT)",
        "base": _AMOUNT,
        "unit": "VARCHAR",
        "charge": f"MAP(VARCHAR, {_AMOUNT})",
        "reason": "VARCHAR",
        "layers": "VARCHAR[]",
    },
    "monetization_events": {
        "event": "VARCHAR",
        "kind": "VARCHAR",
        **_WHO,
        "request": "VARCHAR",
        "cause": "VARCHAR",
        "policy": "VARCHAR",
        "version": "BIGINT",
        "rate_card": "VARCHAR",
        "base": _AMOUNT,
        "unit": "VARCHAR",
        "charge": f"MAP(VARCHAR, {_AMOUNT})",
        "coverage": f"{_COVERAGE}[]",
    },
    "balance_updates": {
        "update": "VARCHAR",
        "kind": "VARCHAR",
        **_WHO,
        "pool": "VARCHAR",
        "lot": "VARCHAR",
        "amount": _AMOUNT,
        "unit": "VARCHAR",
        "balance": _AMOUNT,
        "why": "VARCHAR",
        "cause": "VARCHAR",
    },
}
"""Table of the same name as JSONL → its columns with their types."""
_TRANSACTION: Final = {
    "seq": "BIGINT",
    "record": "VARCHAR",
    "kind": "VARCHAR",
    "key": "VARCHAR[]",
    "cause": "VARCHAR",
    "policy": "VARCHAR",
    "version": "BIGINT",
    "rate_card": "VARCHAR",
    "at": "BIGINT",
    "effective_at": "BIGINT",
    "legs": f"{_LEG}[]",
    "hold": "VARCHAR",
    "hold_state": "VARCHAR",
}
_LEGS: Final = """
SELECT seq, record, number, kind, key[1] AS tenant, key[2] AS owner, key[4] AS request, cause, policy, version, rate_card,
  make_timestamptz("at") AS "at", make_timestamptz(effective_at) AS effective_at,
  leg.debit, leg.credit, leg.asset, leg.amount, hold, hold_state
FROM (SELECT *, unnest(legs) AS leg, generate_subscripts(legs, 1) AS number FROM {source})"""


def check_parquet() -> None:
    """Raises Failure `missing_extra` where DuckDB is not installed."""
    try:
        import_module("duckdb")
    except ImportError:
        what = "Parquet is written by DuckDB, which is not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[parquet]"') from None


def write_parquet(folder: Path) -> Mapping[str, int]:
    """Writes the Parquet files of the folder; gives their names with their rows."""
    import duckdb

    queries = {name: f"SELECT * FROM {_source(folder / f'{name}.jsonl', of)}" for name, of in COLUMNS.items()}
    queries["legs"] = _LEGS.format(source=_source(folder / TRANSACTIONS, _TRANSACTION))
    spill = folder / "duckdb.tmp"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "2",
    }
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            return {f"{name}.parquet": _written(connection, query, folder / name) for name, query in queries.items()}
    finally:
        rmtree(spill, ignore_errors=True)


def _source(path: Path, columns: Mapping[str, str]) -> str:
    types = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in columns.items())
    return f"read_json({_text(path)}, format = 'newline_delimited', auto_detect = false, columns = {{{types}}})"


def _written(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Rows."""
    copy = f"COPY ({query}) TO {_text(f'{path}.parquet')} (FORMAT parquet, COMPRESSION zstd)"
    return int(connection.execute(copy).fetchall()[0][0])


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
