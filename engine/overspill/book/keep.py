"""What a store keeps of the book beside balances: lots, windows and holds, each as JSON under the account that owns it.

The book is put together from it account by account: an account's part is all that a record which touches it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overspill.book import chart
from overspill.book.state import Book, Hold, Lot, Window
from overspill.words.codec import Struct, json_bytes, json_decoder

LOT: Final = "lot"
WINDOW: Final = "window"
HOLD: Final = "hold"


class Item(Struct, frozen=True):
    """`owner` is an account (`user/ana`), `body` None for what is gone."""

    owner: str
    kind: str
    key: str
    body: bytes | None


_lot_from = json_decoder(Lot).decode
_window_from = json_decoder(Window).decode
_hold_from = json_decoder(Hold).decode


def changed(book: Book) -> Iterator[Item]:
    """All that may have changed since the last time; balances apart."""
    for lot_key, lot in book.lots.taken():
        yield Item(lot_key[0], LOT, chart.lot_text(lot_key), json_bytes(lot))
    for (account, counter), window in book.windows.taken():
        yield Item(account, WINDOW, counter, json_bytes(window))
    for id, hold in book.holds.taken():
        yield Item(hold.root, HOLD, id, json_bytes(hold) if id in book.holds else None)


def put_back(book: Book, owner: str, kind: str, key: str, body: bytes) -> None:
    """One item into the book, as it was kept."""
    match kind:
        case "lot":
            book.lots.put_back(chart.lot_key(key), _lot_from(body))
        case "window":
            book.windows.put_back((owner, key), _window_from(body))
        case "hold":
            hold = _hold_from(body)
            book.holds.put_back(key, hold)
            if not hold.is_open:
                book.timed_out.setdefault(owner, []).append(key)
        case _:
            raise ValueError(f"the book keeps no {kind}")
