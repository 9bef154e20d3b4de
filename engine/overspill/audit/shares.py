"""An export in shares: whose accounts have nothing to do with each other may be audited by several processes.

Each reads the whole journal and all that names no account (numbers, ids, time, policies), and audits the records of its own
accounts. That can only ever say that nothing is wrong: whoever finds anything stops (`Found`), and the export is audited
again by one process, which tells what. So the shares need no order among findings, but none of them may overlook what one
process would see. What is known of one record and held against another is either of accounts, which are then in one share,
or is brought together in the end: balances, orders of lots, steps of limits, and at which lines rows stand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from overspill.audit.auditing import Auditing, Given, Verdict
from overspill.audit.findings import Findings, Found
from overspill.audit.posted import Posted
from overspill.audit.streams import Exported, Part
from overspill.audit.world import World
from overspill.records.journal import Record, Segment
from overspill.words.codec import Light, Raw, Struct, json_decoder

MOST_OF_TEN = 8
"""A share of so many tenths of the records, or more, is not worth a second process."""


class Touched(Light, frozen=True):
    """A record's key, and the accounts that it changes."""

    key: tuple[str, str, str, str]
    effects: dict[str, Raw] = {}


class Share(Struct, frozen=True):
    """What one process has found in order, in plain values: amounts as text, line numbers and records as arrays' bytes."""

    records: int
    rows: int
    pending: int
    legs: dict[str, int]
    balances: Sequence[tuple[str, str, str, str]]
    """(tenant, account, asset, billionths)."""
    steps: Sequence[tuple[str, str, int]]
    orders: Sequence[tuple[tuple[str, str], Sequence[tuple[str, ...]]]]
    lines: Sequence[tuple[bytes, bytes]]
    """Of each file with rows: the numbers of lines, and those of their records."""


_touched = json_decoder(Touched).decode_lines


# ---- whose accounts


def divided(segments: Iterable[Segment], count: int) -> list[set[str]] | None:
    """The accounts of each share, so that no record is of two: of up to `count`, as far as there is something for each. None where
    that is not worth while. Raises JsonFault."""
    groups = _Groups()
    for segment in segments:
        for one in _touched(segment.body):
            groups.add(accounts_of(one))
    shares: list[set[str]] = [set() for _ in range(count)]
    sizes = [0] * count
    for size, accounts in groups.by_size():
        least = sizes.index(min(sizes))
        sizes[least] += size
        shares[least].update(accounts)
    return None if max(sizes) * 10 >= sum(sizes) * MOST_OF_TEN else [share for share in shares if share]


def accounts_of(record: Record | Touched) -> list[str]:
    """What a record is put into a share by: the accounts that it changes, and the one that it is of."""
    tenant, owner = record.key[:2]
    changed = [*record.effects]
    if changed and "/" not in owner:  # it is of a hold or a purchase
        return changed
    return [*changed, f"{tenant}/{owner}"]


class _Groups:
    """Accounts that records have in common."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._records: dict[str, int] = {}

    def add(self, accounts: Sequence[str]) -> None:
        root = self._root(accounts[0])
        for account in accounts[1:]:
            self._parent[self._root(account)] = root
        self._records[accounts[0]] = self._records.get(accounts[0], 0) + 1

    def _root(self, account: str) -> str:
        parent = self._parent
        above = parent.setdefault(account, account)
        while above != account:
            parent[account] = parent[above]
            account, above = above, parent[above]
        return account

    def by_size(self) -> list[tuple[int, set[str]]]:
        """Each group with its number of records, the largest first."""
        found: dict[str, set[str]] = {}
        sizes: dict[str, int] = {}
        for account in [*self._parent]:
            root = self._root(account)
            found.setdefault(root, set()).add(account)
            sizes[root] = sizes.get(root, 0) + self._records.get(account, 0)
        return sorted(((sizes[root], accounts) for root, accounts in found.items()), key=lambda one: -one[0])


# ---- one share


def read_share(given: Given, found: Findings) -> Auditing:
    """All of a share's records. Raises `Found` for whatever is wrong, as `found` does."""
    auditing = Auditing(given, found)
    if auditing.parked:
        raise Found("what is parked was not posted")
    auditing.read()
    auditing.late()
    return auditing


def share_of(auditing: Auditing) -> Share:
    """What another process needs of a share in which all is in order."""
    return Share(
        records=auditing.records,
        rows=auditing.rows,
        pending=auditing.pending,
        legs={tenant: posted.legs for tenant, posted in auditing.posted.items()},
        balances=[
            (tenant, *place, str(amount))
            for tenant, posted in auditing.posted.items()
            for place, amount in posted.balances.items()
        ],
        steps=[(tenant, *step) for tenant, world in auditing.worlds.items() for step in world.steps.items()],
        orders=[*auditing.orders.left.items()],
        lines=[(one.numbers.tobytes(), one.records.tobytes()) for one in _parts(auditing)],
    )


def _parts(auditing: Auditing) -> Sequence[Part]:
    source = auditing.given.source
    assert isinstance(source, Exported)
    return [one for one in source.streams if isinstance(one, Part)]


# ---- all together


def verdict_of(own: Auditing, others: Iterable[Share]) -> Verdict:
    """What one process would say, where all is in order. Raises `Found` where anything is not."""
    for share in others:
        _add(own, share)
    if own.records != own.chain.seq:
        raise Found("not all records were audited")
    return own.ended()


def _add(own: Auditing, share: Share) -> None:
    own.records += share.records
    own.rows += share.rows
    own.pending += share.pending
    for tenant, legs in share.legs.items():
        own.posted.setdefault(tenant, Posted(tenant, own.found)).legs += legs
    for tenant, account, asset, amount in share.balances:
        balances, place = own.posted[tenant].balances, (account, asset)
        balances[place] = balances.get(place, 0) + int(amount)
        if not balances[place]:
            del balances[place]
    for tenant, name, step in share.steps:
        if own.worlds.setdefault(tenant, World(tenant)).steps.setdefault(name, step) != step:
            raise Found(f"{name} has another step elsewhere")
    for of, orders in share.orders:
        if not own.orders.keep(of, orders):
            raise Found(f"lots of {of[1]} are drawn in another order elsewhere")
    for part, (numbers, records) in zip(_parts(own), share.lines, strict=True):
        part.numbers.frombytes(numbers)
        part.records.frombytes(records)


def only(accounts: Collection[str]) -> Callable[[Record], bool]:
    """Whether a record is of these accounts."""
    return lambda record: (next(iter(record.effects), "") or accounts_of(record)[0]) in accounts
