"""Known-bad ways to spend from one row, in plain SQL: they must go wrong here, or the race would show nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import psycopg
import pytest

BUDGET, CALLERS, TURNS, MOST = 200, 8, 60, 3


def _absolute(connection: psycopg.Connection, asked: int) -> int:
    """Reads, decides, writes what it thinks is left."""
    left = _left(connection)
    granted = min(left, asked)
    connection.execute("UPDATE pool SET left_over = %s", (left - granted,))
    return granted


def _relative(connection: psycopg.Connection, asked: int) -> int:
    """Reads, decides, takes so much off."""
    granted = min(max(_left(connection), 0), asked)
    connection.execute("UPDATE pool SET left_over = left_over - %s", (granted,))
    return granted


def _locked(connection: psycopg.Connection, asked: int) -> int:
    """The good way, as the store takes the writer's place: the same race shows nothing wrong."""
    left = _left(connection, "FOR UPDATE")
    granted = min(left, asked)
    connection.execute("UPDATE pool SET left_over = %s", (left - granted,))
    return granted


def _left(connection: psycopg.Connection, lock: str = "") -> int:
    [(left,)] = connection.execute(f"SELECT left_over FROM pool {lock}").fetchall()
    time.sleep(0.001)  # what a decision takes
    return int(left)


def _raced(url: str, spend: Callable[[psycopg.Connection, int], int]) -> tuple[int, int]:
    """(granted, left) after all callers have asked for more than there is, under READ COMMITTED."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE pool (left_over int); ")
        connection.execute("INSERT INTO pool VALUES (%s)", (BUDGET,))
    granted: list[int] = []

    def work(name: int) -> None:
        with psycopg.connect(url) as connection:
            for turn in range(TURNS):
                granted.append(spend(connection, 1 + (name + turn) % MOST))
                connection.commit()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(url) as connection:
        return sum(granted), _left(connection)


def test_read_decide_write_absolute_loses_units(url: str) -> None:
    granted, left = _raced(url, _absolute)
    assert granted > BUDGET
    assert granted + left != BUDGET


def test_read_decide_write_relative_overspends(url: str) -> None:
    granted, left = _raced(url, _relative)
    assert (granted > BUDGET, left < 0, granted + left) == (True, True, BUDGET)


@pytest.mark.parametrize("turn", range(2))
def test_behind_a_lock_of_the_row_nothing_is_lost(url: str, turn: int) -> None:
    assert _raced(url, _locked) == (BUDGET, 0)
