"""Hooks in the database of the journal: the same few statements for SQLite and PostgreSQL, each a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from overspill.ports.hooks import DELETED, Delivery, Hook, Waiting
from overspill.words.codec import as_dict

Run = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
_HOOK = Hook.__struct_fields__
_HOOKS = ", ".join(_HOOK)
_DELIVERY = Delivery.__struct_fields__
_DELIVERIES = ", ".join(_DELIVERY)
_ENDS = {
    "through": "coalesce((SELECT last_seq FROM segments ORDER BY first_seq DESC LIMIT 1), 0)",
    "posted_through": "(SELECT coalesce(max(seq), 0) FROM postings)",
}
"""Where the journal ends, and what is posted of it, at the instant of the statement."""
_THERE = f"coalesce(disabled_why, '') <> '{DELETED}'"
"""Of a hook that is not deleted."""


class SqlHooks:
    """`run` gives the rows of one statement; a value's place in it is a `?`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    # ---- endpoints

    def put(self, hook: Hook) -> Hook:
        values = _values(hook)
        places = ", ".join([_ENDS.get(name, "?") for name in _HOOK])
        kept = [value for name, value in values.items() if name not in _ENDS]
        self._run(f"INSERT INTO hooks ({_HOOKS}) VALUES ({places}) ON CONFLICT (id) DO NOTHING", kept)
        return self._all("WHERE id = ?", hook.id)[0]

    def get(self, tenant: str, id: str) -> Hook | None:
        found = self._all(f"WHERE tenant = ? AND id = ? AND {_THERE}", tenant, id)
        return found[0] if found else None

    def all(self, tenant: str | None = None) -> Sequence[Hook]:
        if tenant is None:
            return self._all(f"WHERE {_THERE} ORDER BY created_at, id")
        return self._all(f"WHERE tenant = ? AND {_THERE} ORDER BY created_at, id", tenant)

    def change(self, id: str, url: str, types: Sequence[str], percents: Sequence[int]) -> None:
        self._run(
            "UPDATE hooks SET url = ?, types = ?, percents = ?, failing_since = NULL, paused_until = 0"
            f" WHERE id = ? AND {_THERE}",
            (url, _words(types), _words(percents), id),
        )

    def delete(self, tenant: str, id: str, at: int) -> bool:
        done = self._run(
            "UPDATE hooks SET disabled_at = coalesce(disabled_at, ?), disabled_why = ?, url = '', secret = '',"
            " older_secret = NULL, older_until = NULL, failing_since = NULL, paused_until = 0"
            " WHERE tenant = ? AND id = ? RETURNING id",
            (at, DELETED, tenant, id),
        )
        if done:  # from now on none is added
            self._run("DELETE FROM hook_deliveries WHERE hook = ?", (id,))
        return bool(done)

    def _all(self, where: str, *values: object) -> list[Hook]:
        return [_hook(row) for row in self._run(f"SELECT {_HOOKS} FROM hooks {where}", values)]

    def rotate(self, id: str, secret: str, until: int, rotation: str) -> bool:
        done = self._run(
            "UPDATE hooks SET older_secret = secret, older_until = ?, secret = ?, rotation = ?"
            f" WHERE id = ? AND rotation <> ? AND {_THERE} RETURNING id",
            (until, secret, rotation, id, rotation),
        )
        return bool(done)

    def disable(self, id: str, at: int, why: str) -> None:
        self._run(
            "UPDATE hooks SET disabled_at = ?, disabled_why = ? WHERE id = ? AND disabled_at IS NULL", (at, why, id)
        )

    def enable(self, id: str) -> None:
        clear = "disabled_at = NULL, disabled_why = NULL, failing_since = NULL, paused_until = 0"
        self._run(f"UPDATE hooks SET {clear} WHERE id = ? AND disabled_at IS NOT NULL AND {_THERE}", (id,))

    # ---- for runners

    def claim(self, id: str, by: str, now: int, until: int) -> Hook | None:
        rows = self._run(
            "UPDATE hooks SET claimed_by = ?, claimed_until = ?"
            " WHERE id = ? AND disabled_at IS NULL AND (claimed_by = ? OR claimed_until <= ?)"
            f" RETURNING {_HOOKS}",
            (by, until, id, by, now),
        )
        return _hook(rows[0]) if rows else None

    def unclaim(self, by: str) -> None:
        self._run("UPDATE hooks SET claimed_by = NULL, claimed_until = 0 WHERE claimed_by = ?", (by,))

    def advance(self, hook: Hook) -> bool:
        done = self._run(
            "UPDATE hooks SET through = ?, posted_through = ?, failing_since = ?, paused_until = ?"
            " WHERE id = ? AND claimed_by = ? AND through <= ? AND posted_through <= ? RETURNING id",
            (
                hook.through, hook.posted_through, hook.failing_since, hook.paused_until,
                hook.id, hook.claimed_by, hook.through, hook.posted_through,
            ),
        )  # fmt: skip
        return bool(done)

    def due(self, now: int) -> Sequence[str]:
        rows = self._run("SELECT DISTINCT hook FROM hook_deliveries WHERE dead_at IS NULL AND next_at <= ?", (now,))
        return [id for (id,) in rows]

    def due_of(self, hook: str, now: int, most: int) -> Sequence[Delivery]:
        where = "hook = ? AND dead_at IS NULL AND next_at <= ? ORDER BY next_at, event LIMIT ?"
        return self._deliveries(where, hook, now, most)

    def _deliveries(self, where: str, *values: object) -> list[Delivery]:
        rows = self._run(f"SELECT {_DELIVERIES} FROM hook_deliveries WHERE {where}", values)
        return [_delivery(row) for row in rows]

    def wait(self, delivery: Delivery) -> None:
        values = {**as_dict(delivery), "body": delivery.body.decode()}
        places = ", ".join("?" * len(_DELIVERY))
        self._run(
            f"INSERT INTO hook_deliveries ({_DELIVERIES}) SELECT {places}"
            f" WHERE EXISTS (SELECT 1 FROM hooks WHERE id = ? AND {_THERE}) ON CONFLICT (hook, event) DO NOTHING",
            [*values.values(), delivery.hook],
        )

    def tried(self, delivery: Delivery, attempts: int) -> None:
        self._run(
            "UPDATE hook_deliveries SET attempts = ?, next_at = ?, last = ?, last_at = ?, dead_at = ?"
            " WHERE hook = ? AND event = ? AND attempts = ? AND dead_at IS NULL",
            (
                delivery.attempts, delivery.next_at, delivery.last, delivery.last_at, delivery.dead_at,
                delivery.hook, delivery.event, attempts,
            ),
        )  # fmt: skip

    def delivered(self, hook: str, event: str) -> None:
        self._run("DELETE FROM hook_deliveries WHERE hook = ? AND event = ?", (hook, event))

    # ---- letters

    def waiting(self, id: str | None = None) -> Waiting:
        which, values = (f"IN (SELECT id FROM hooks WHERE {_THERE})", ()) if id is None else ("= ?", (id,))
        [(all, dead)] = self._run(f"SELECT count(*), count(dead_at) FROM hook_deliveries WHERE hook {which}", values)
        return Waiting(all - dead, dead)

    def dead(self, id: str, after: str, most: int) -> Sequence[Delivery]:
        where = "hook = ? AND dead_at IS NOT NULL AND event > ? ORDER BY event LIMIT ?"
        return self._deliveries(where, id, after, most)

    def redeliver(self, id: str, events: Sequence[str] | None, now: int) -> int:
        anew = "UPDATE hook_deliveries SET attempts = 0, dead_at = NULL, next_at = ?"
        return self._of_dead(anew, (now,), id, events)

    def drop(self, id: str, events: Sequence[str] | None) -> int:
        return self._of_dead("DELETE FROM hook_deliveries", (), id, events)

    def _of_dead(self, act: str, values: Sequence[object], id: str, events: Sequence[str] | None) -> int:
        """The statement for these dead letters of the hook, or for all: how many there were."""
        which = "hook = ? AND dead_at IS NOT NULL"
        if events is not None:
            if not events:
                return 0
            which += f" AND event IN ({', '.join('?' * len(events))})"
        return len(self._run(f"{act} WHERE {which} RETURNING event", (*values, id, *(events or ()))))


def _values(hook: Hook) -> dict[str, object]:
    found = as_dict(hook)
    return {**found, "types": _words(hook.types), "percents": _words(hook.percents)}


def _words(values: Sequence[object]) -> str:
    return " ".join(map(str, values))


def _hook(row: Sequence[Any]) -> Hook:
    found = dict(zip(_HOOK, row, strict=True))
    types, percents = found["types"].split(), found["percents"].split()
    return Hook(**{**found, "types": tuple(types), "percents": tuple(map(int, percents))})


def _delivery(row: Sequence[Any]) -> Delivery:
    found = dict(zip(_DELIVERY, row, strict=True))
    return Delivery(**{**found, "body": found["body"].encode()})
