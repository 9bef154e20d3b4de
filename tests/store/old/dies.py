"""Opens a database and is killed before one of the statements that migrate it: `python dies.py DB NUMBER`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from overspill.store import postgres_schema, sqlite_schema
from overspill.store.opened import opened


class Connection:
    """A connection of either kind, of which every statement is counted."""

    def __init__(self, real: Any) -> None:
        self._real, self._left = real, int(sys.argv[2])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if not statement.startswith(("SELECT", "PRAGMA application_id", "PRAGMA user_version")) or "=" in statement:
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
        return self._real.execute(statement, *values)


def _counting(module: Any) -> None:
    migrate = module.migrate
    module.migrate = lambda connection, *more: migrate(Connection(connection), *more)


_counting(sqlite_schema)
_counting(postgres_schema)
opened(sys.argv[1]).close()
