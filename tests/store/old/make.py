"""Writes what a database of this program looks like, as SQL: `sqlite_6.sql`, `postgres_1.sql`, and the SHA-256 of each answer.

Run once for each schema that is released, by the program that has it: `python make.py FOLDER [postgresql://…]` with that checkout first
in PYTHONPATH and an empty database. The numbers in the names are the schema's. What is written is never edited.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from hashlib import sha256
from pathlib import Path

from overspill import Engine, ManualClock, Request
from overspill.words.instants import MINUTE, instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")
ANA = {"user": "u_ana"}


def lived(db: str) -> dict[str, str]:
    """A morning of one user: windows, lots, holds that end in each way, one that stays open, most of it settled, and then a killed
    process. The answers by their ids."""
    clock = ManualClock(NOW)
    answers: dict[str, str] = {}
    engine = Engine.open("codex_sora", db=db, clock=clock, settle=False)
    engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
    engine.grant(ANA, "promo", "2", id="P1", expires_at="2026-10-31T00:00:00Z", category="promotional")
    engine.grant(ANA, "credits", "50", id="C1", cost="9.99 usd")
    engine.grant(ANA, "credits", "1", id="C2", expires_at="2026-10-05T10:30:00Z")
    for number in range(6):
        clock.advance(MINUTE)
        answers[f"r{number}"] = engine.decide(_request(f"r{number}", 60_000 + number)).json.decode()
    engine._combiner.exclusively(engine._combiner.snapshots.write_all)
    for number in range(4):
        clock.advance(MINUTE)
        decision = engine.reserve(_request(f"h{number}", 20_000))
        answers[f"h{number}"] = decision.json.decode()
        if decision.hold is not None and number < 3:
            _ended(engine, decision.hold.id, number)
    engine.reverse(json.loads(answers["r1"])["decision"], id="undo")
    clock.advance(40 * MINUTE)
    engine.sweep()
    engine.settle()
    answers["denied"] = engine.decide(_request("denied", 900_000_000)).json.decode()
    answers["open"] = engine.reserve(_request("open", 20_000)).json.decode()
    engine._store.close()
    return answers


def _ended(engine: Engine, hold: str, how: int) -> None:
    if how == 0:
        engine.capture(hold, {"input_tokens": 10_000, "cached_input_tokens": 0, "output_tokens": 500})
    elif how == 1:
        engine.release(hold)
    else:
        engine.capture(hold, {"input_tokens": 5_000, "cached_input_tokens": 0, "output_tokens": 0}, id="1", final=False)


def _request(id: str, tokens: int) -> Request:
    meters = {"input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0}
    return Request(id=id, account=ANA, fields={"product": "codex", "model": "gpt-5.5"}, meters=meters)


def sqlite_text(path: Path) -> tuple[int, str]:
    """(schema, the file as SQL)."""
    connection = sqlite3.connect(path)
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")}
    lines = [*(f"PRAGMA {name}={value};" for name, value in pragmas.items()), *connection.iterdump()]
    connection.close()
    return pragmas["user_version"], "\n".join(lines) + "\n"


def postgres_text(url: str) -> tuple[int, str]:
    """(how many migrations it has, its rows as SQL)."""
    import psycopg
    from psycopg import sql
    from psycopg.types.json import set_json_loads

    columns = """SELECT attname FROM pg_attribute
      WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped ORDER BY attnum"""
    lines = []
    with psycopg.connect(url) as connection:
        set_json_loads(lambda text: str(text, "utf-8") if isinstance(text, bytes) else text, connection)
        run = connection.execute
        tables = run("SELECT relname FROM pg_class WHERE relnamespace = 'overspill'::regnamespace AND relkind = 'r'")
        for (table,) in sorted(tables.fetchall()):
            names = [name for (name,) in run(columns, (f"overspill.{table}",)).fetchall()]
            listed = ", ".join(names)
            for row in run(f"SELECT {listed} FROM overspill.{table} ORDER BY 1").fetchall():
                values = sql.SQL(", ").join(map(sql.Literal, row)).as_string(connection)
                lines.append(f"INSERT INTO overspill.{table} ({listed}) OVERRIDING SYSTEM VALUE VALUES ({values});")
        identities = """SELECT 'overspill.' || relname, attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
          WHERE attidentity <> '' AND relnamespace = 'overspill'::regnamespace ORDER BY 1"""
        for table, column in run(identities).fetchall():
            [(most,)] = run(f"SELECT coalesce(max({column}), 0) FROM {table}").fetchall()
            if most:
                lines.append(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {most});")
        [(number,)] = run("SELECT max(number) FROM overspill.migrations").fetchall()
    return number, "\n".join(lines) + "\n"


def main(folder: Path, url: str | None) -> None:
    path = folder / "made.db"
    answers = lived(str(path))
    number, text = sqlite_text(path)
    for left in folder.glob("made.db*"):
        left.unlink()
    _write(folder / f"sqlite_{number}", text, answers)
    if url is not None:
        answers = lived(url)
        number, text = postgres_text(url)
        _write(folder / f"postgres_{number}", text, answers)


def _write(path: Path, text: str, answers: dict[str, str]) -> None:
    hashes = {id: sha256(answer.encode()).hexdigest() for id, answer in answers.items()}
    path.with_suffix(".sql").write_text(text, "utf-8")
    path.with_suffix(".json").write_text(json.dumps(hashes, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
