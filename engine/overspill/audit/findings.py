"""Findings: what is wrong, by class and invariant, with the rows concerned and what of each asset is unexplained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from overspill.audit.amounts import Amounts, add, amount_text
from overspill.words.codec import Struct

Class = Literal["chain", "malformed", "missing", "duplicate", "orphan", "order", "amount", "differs", "late"]
"""
| class | what is wrong |
|---|---|
| `chain` | the journal's bytes, numbers, hashes or ids, or the export's files, are not what they say they are |
| `malformed` | a row cannot be read, or a record contradicts itself or those before it |
| `missing` | a record has no row that it must have; what is parked is missing too |
| `duplicate` | a record, a key or a row is there twice |
| `orphan` | a row, a balance or a record belongs to nothing |
| `order` | a row does not stand where its record does |
| `amount` | value, money or capacity is another than the journal says |
| `differs` | another field is |
| `late` | what should be settled or over by now is not |
"""
CLASSES: tuple[Class, ...] = (
    "chain",
    "malformed",
    "missing",
    "duplicate",
    "orphan",
    "order",
    "amount",
    "differs",
    "late",
)
LISTED_MAX = 10_000
"""So many findings are kept; further ones are counted."""


class Finding(Struct, frozen=True, kw_only=True):
    """`code` is an invariant (`LED3`) or the name of another check; `seq` is the record's number, 0 where there is none.
    `id` is a row's or a record's id, an account, a file; `key` the record's own. `unexplained` is decimal text by asset."""

    klass: Class
    code: str
    seq: int
    id: str
    key: str
    what: str
    unexplained: Mapping[str, str]


class Found(Exception):
    """Something was found where nobody wanted to know what."""


class Findings:
    """Collects what is found. `about` the record that is looked at: its number and the parts of its key. `stops`: the first
    raises `Found`."""

    def __init__(self, stops: bool = False) -> None:
        self._stops = stops
        self.listed: list[Finding] = []
        self.counts: dict[str, int] = {}
        self.unexplained: Amounts = {}
        self.entries = 0
        """How many entries are not explained."""
        self.about: tuple[int, tuple[str, ...]] = (0, ())

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.listed)

    def add(
        self,
        klass: Class,
        code: str,
        id: str,
        what: str,
        unexplained: Iterable[tuple[str, int]] = (),
        *,
        entries: int = 1,
        seq: int | None = None,
    ) -> None:
        """`unexplained` are amounts by asset; `entries` is how many legs, rows or records it leaves unexplained."""
        if self._stops:
            raise Found(what)
        amounts: Amounts = {}
        for asset, amount in unexplained:
            if amount:
                add(amounts, asset, abs(amount))
        for asset, amount in amounts.items():
            add(self.unexplained, asset, amount)
        self.counts[klass] = self.counts.get(klass, 0) + 1
        self.entries += entries
        if len(self.listed) < LISTED_MAX:
            about, key = self.about
            shown = {asset: amount_text(amount) for asset, amount in sorted(amounts.items())}
            number = about if seq is None else seq
            self.listed.append(
                Finding(
                    klass=klass,
                    code=code,
                    seq=number,
                    id=id,
                    key=" ".join(key) if number == about else "",
                    what=what,
                    unexplained=shown,
                )
            )
