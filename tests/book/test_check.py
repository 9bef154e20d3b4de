"""The checker finds what is put in: each corruption of a book's transactions or rows is a canary."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from book.folds import Fold
from book.scenes import Scene
from overspill.book.chart import SIDES
from overspill.book.check import PAIRS, check
from overspill.records.balances import BalanceUpdate
from overspill.records.monetization import MonetizationEvent
from overspill.records.postings import Leg, Row, Transaction
from overspill.words.codec import replace

Book = tuple[list[Transaction], list[Row]]
Corrupt = Callable[[Book], None]


@cache
def _sound() -> tuple[tuple[Transaction, ...], tuple[Row, ...]]:
    scene = Scene("included", "money within seat")
    scene.grant("money", "10", "C", cost="0.4 usd")
    scene.consume(450)
    hold = scene.reserve(300)
    scene.engine.capture(hold, {"hundredths": 100}, id="1", final=False)
    scene.engine.capture(hold, {"hundredths": 50}, id="2")
    scene.engine.release(scene.reserve(100))
    fold = Fold(scene.engine.records())
    return tuple(fold.transactions), tuple(fold.rows)


def _legs(book: Book, kind: str, change: Callable[[list[Leg]], list[Leg]], which: int = 0) -> None:
    places = [place for place, one in enumerate(book[0]) if one.kind == kind]
    one = book[0][places[which]]
    book[0][places[which]] = replace(one, legs=tuple(change(list(one.legs))))


def _of(legs: list[Leg], start: str) -> int:
    return next(place for place, leg in enumerate(legs) if leg.debit.startswith(start))


def _with(start: str, **more: str) -> Callable[[list[Leg]], list[Leg]]:
    """The first leg from such an account, otherwise."""

    def change(legs: list[Leg]) -> list[Leg]:
        place = _of(legs, start)
        return [*legs[:place], replace(legs[place], **more), *legs[place + 1 :]]

    return change


def _without(start: str) -> Callable[[list[Leg]], list[Leg]]:
    def change(legs: list[Leg]) -> list[Leg]:
        place = _of(legs, start)
        return [*legs[:place], *legs[place + 1 :]]

    return change


def _turned(start: str) -> Callable[[list[Leg]], list[Leg]]:
    def change(legs: list[Leg]) -> list[Leg]:
        leg = legs[_of(legs, start)]
        return _with(start, debit=leg.credit, credit=leg.debit)(legs)

    return change


def _posted_twice(book: Book) -> None:
    book[0].insert(2, book[0][1])


def _row(book: Book, shape: type, **more: object) -> None:
    place = next(place for place, row in enumerate(book[1]) if isinstance(row, shape))
    book[1][place] = replace(book[1][place], **more)


def _row_lost(book: Book, shape: type) -> None:
    del book[1][next(place for place, row in enumerate(book[1]) if isinstance(row, shape))]


CANARIES: list[tuple[str, str, Corrupt]] = [
    ("a leg of nothing", "LED1", lambda book: _legs(book, "consume", _with("lot", amount="0"))),
    ("a leg that is no amount", "LED1", lambda book: _legs(book, "consume", _with("lot", amount="1e3"))),
    ("a leg to itself", "LED1", lambda book: _legs(book, "grant", _with("issuance", credit="issuance:paid"))),
    ("a lot in another asset", "LED1", lambda book: _legs(book, "consume", _with("lot", asset="tokens"))),
    ("value that becomes money", "LED1", lambda book: _legs(book, "consume", _with("lot", credit="revenue:w"))),
    ("a lot's use is more than was told", "LED2", lambda book: _legs(book, "consume", _with("lot", amount="2"))),
    ("a lot's use is forgotten", "LED2", lambda book: _legs(book, "consume", _without("lot"))),
    ("a lot is overdrawn", "LED3", lambda book: _legs(book, "consume", _with("lot", amount="11"))),
    ("a window is overdrawn", "LED3", lambda book: _legs(book, "consume", _with("win", amount="3.1"))),
    ("a window is not funded", "LED3", lambda book: _legs(book, "consume", _without("issuance:window"))),
    ("a hold that takes nothing", "LED3", lambda book: _legs(book, "reserve", _without("lot"))),
    ("a leg the wrong way", "LED3", lambda book: _legs(book, "reserve", _turned("lot"))),
    ("a hold that keeps something", "LED4", lambda book: _legs(book, "release", _without("hold"))),
    ("a capture that leaves a rest", "LED4", lambda book: _legs(book, "capture", lambda legs: legs[:-1], 1)),
    ("a record twice", "LED5", _posted_twice),
    ("an account that nobody knows", "LED11", lambda book: _legs(book, "consume", _with("lot", credit="pocket:w"))),
    ("money that stays deferred", "LED13", lambda book: _legs(book, "consume", _without("deferred"))),
    ("money that was not paid", "LED13", lambda book: _legs(book, "grant", _without("cash"))),
    ("an update of another amount", "LED2", lambda book: _row(book, BalanceUpdate, amount="11")),
    ("an update with another balance", "LED2", lambda book: _row(book, BalanceUpdate, balance="11")),
    ("an update is lost", "LED2", lambda book: _row_lost(book, BalanceUpdate)),
    ("usage that nobody monetizes", "LED6", lambda book: _row_lost(book, MonetizationEvent)),
    ("usage monetized as another amount", "LED6", lambda book: _row(book, MonetizationEvent, base="4")),
    ("coverage that does not sum", "LED6", lambda book: _row(book, MonetizationEvent, coverage=())),
]


def test_a_sound_book_has_no_findings() -> None:
    assert check(*_sound()) == []


@pytest.mark.parametrize(("name", "code", "corrupt"), CANARIES, ids=[row[0].replace(" ", "_") for row in CANARIES])
def test_a_corruption_is_found(name: str, code: str, corrupt: Corrupt) -> None:
    book = (list(_sound()[0]), list(_sound()[1]))
    corrupt(book)
    findings = check(*book)
    assert code in {finding.code for finding in findings}, findings


def test_a_hold_that_goes_on_after_its_end_is_found() -> None:
    transactions, rows = list(_sound()[0]), list(_sound()[1])
    last = next(one for one in transactions if one.kind == "capture" and one.hold_state == "over")
    again = replace(last, record="cap_again", legs=tuple([leg for leg in last.legs if leg.debit.startswith("hold")]))
    transactions.append(replace(again, hold_state="open"))
    codes = {finding.code for finding in check(transactions, rows)}
    assert {"LED3", "LED4"} <= codes


def test_the_chart_knows_every_class_that_a_leg_may_name() -> None:
    classes = {one.removeprefix("hold.") for pair in PAIRS for one in pair}
    assert classes | {"hold"} == set(SIDES)
