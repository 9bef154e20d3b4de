"""post : book, record → transaction and rows of the datasets. The book is the fold of the journal.

What the fold needs: each record once, and the records of one account in the journal's order (an account is touched by its own
records, and by those that have effects on it), and so what follows a hold behind its reservation. Records of different accounts may come
in any order: each gives the same transaction and the same rows, and the books come out the same. Who settles keeps the
journal's own order (`runtime/settler.py`).

A record that names a hold, a lot or a window which is not in the book is `Parked` and changes nothing. A denial moves nothing.
A reservation, a release and a reset move value or capacity and have no rows; what changes settings, attributes
or purchases that are not paid has neither.

Value and money are posted by what answers tell, capacity too but for what no answer tells (`book/effects.py`). Records
are read as the journal has them (`records/journal.py`); one that contradicts what was posted raises ValueError and may
leave the book half changed: it is then folded again from what is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overspill.book import holds, lots, requests, reversals
from overspill.book.entry import Early, Entry
from overspill.book.state import Book
from overspill.records.journal import Record
from overspill.records.postings import NOTHING, Parked, Posted


def _nothing(entry: Entry) -> Posted:
    return NOTHING


_KINDS: Mapping[str, Callable[[Entry], Posted]] = {
    "consume": requests.consumed,
    "reserve": requests.reserved,
    "capture": holds.captured,
    "release": holds.released,
    "expire": holds.timed_out,
    "expire_lot": lots.expired,
    "grant": lots.granted,
    "purchase": lots.purchased,
    "void": lots.voided,
    "refund": lots.refunded,
    "transfer": lots.transferred,
    "reverse": reversals.reversed_,
    "redeem": reversals.redeemed,
    "reset": reversals.redeemed,
    "extend": _nothing,
    "set": _nothing,
    "grant_reset": _nothing,
    "set_top_up": _nothing,
    "top_up": _nothing,
    "unpaid": _nothing,
}
"""Kind of command → what its record comes to."""


def post(book: Book, record: Record) -> Posted | Parked:
    """What the record comes to in the book, which it changes; or that it cannot be posted, which changes nothing."""
    if record.key[0] != book.tenant:
        raise ValueError(f"record {record.id} is of tenant {record.key[0]}, the book is {book.tenant}'s")
    try:
        return _KINDS[record.key[2]](Entry(book, record))
    except Early as early:
        return Parked(record.id, early.reason, early.of)
