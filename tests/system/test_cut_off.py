"""A PostgreSQL server whose network goes down while engines decide: nobody says that it is gone, it only does not answer. What
draws credits is refused, limits grant as far as the policy says, and all of it is there when the network is back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from overspill import Decision, Engine, Request, StoreFailure
from overspill.store import postgres as module
from overspill.store import postgres_writer as writer
from store.places import ANA, chain
from store.processes import settled_once, wait
from support.postgres import Server
from system.tools import Network, network

FUNDS, AWAY_MAX = 1_000_000, 10
POLICY = {
    "p.spill": f"""policy p version 1; language 1; unit credits: integer; account user {{ }}
request {{ kind: string; credits: meter; }}
pool money {{ per user; unit credits; }}
limit many {{ per user; unit credits; window w: 5h from first_use; capacity {FUNDS} credits; }}
waterfall funded {{ serves request.kind == "funded"; counts credits; draw money; fill whole; otherwise deny used_up; }}
waterfall limited {{ serves request.kind == "limited"; counts credits; draw many; otherwise deny used_up;
  on unavailable allow up to {AWAY_MAX} credits; }}
""".encode()
}
SOON = "?connect_timeout=2&tcp_user_timeout=1000"
"""So that a test needs no minute: who gets no answer for a second is told so."""
CODES = {"unreachable", "commit_unknown", "unavailable"}


@pytest.fixture
def cable() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture
def url(cable: Network) -> Iterator[str]:
    with Server(host=cable.address, inside=cable.inside) as server:
        yield server.database() + SOON


class Asking:
    """Asks for one credit after the other, each until it is decided; those of which that is not known are asked again at the
    end, since nobody grants them meanwhile."""

    def __init__(self, engine: Engine, kind: str) -> None:
        self._engine, self._kind = engine, kind
        self.decided: list[Decision] = []
        self.refused: list[str] = []
        self.unknown: list[int] = []
        self.found_out: list[Decision] = []
        self._number = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.decided.append(self._decide(self._number))
            except StoreFailure as failure:
                self.refused.append(failure.code)
                if failure.code != "commit_unknown":
                    continue
                self.unknown.append(self._number)
            self._number += 1

    def _decide(self, number: int) -> Decision:
        id = f"{self._kind}-{number}"
        return self._engine.decide(Request(id=id, account=ANA, fields={"kind": self._kind}, meters={"credits": 1}))

    def all(self) -> list[Decision]:
        return [*self.decided, *self.found_out]

    def more(self, count: int = 5) -> None:
        before = len(self.decided)
        wait(lambda: len(self.decided) >= before + count)

    def refusals(self, count: int = 5) -> None:
        before = len(self.refused)
        wait(lambda: len(self.refused) >= before + count)

    def stop(self) -> None:
        self._over.set()
        self._thread.join(60)
        self.found_out = [*map(self._decide, self.unknown)]


@pytest.mark.rule("L13")
def test_a_server_that_is_cut_off_loses_nothing_and_limits_grant_within_their_bound(
    cable: Network, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASKED_MAX", 2)
    monkeypatch.setattr(module, "ASKED_EVERY", 0.01)
    monkeypatch.setattr(writer, "FIRST_SECONDS", 0.1)
    monkeypatch.setattr(writer, "AGAIN_SECONDS", 0.1)
    with Engine.open(POLICY, db=url) as engine:
        engine.grant(ANA, "money", str(FUNDS), id="C1")
        funded, limited = Asking(engine, "funded"), Asking(engine, "limited")
        outages = 2
        try:
            behind: list[int] = []
            for _ in range(outages):
                funded.more(), limited.more()
                limited.refused.clear()
                cable.down()
                funded.refusals()
                before = len(funded.decided)
                wait(lambda: "unavailable" in limited.refused)  # it has had all that there is
                funded.refusals()
                assert len(funded.decided) == before
                behind.append(len(limited.decided))
                cable.up()
                funded.more(), limited.more()
        finally:
            cable.up()
            funded.stop(), limited.stop()
        assert set(funded.refused) <= CODES
        _kept(engine, [one for each in (funded, limited) for one in each.all()], outages)
        _in_order(engine, limited.decided, behind)
        left = sum(lot[1] for lot in engine.account(ANA).pools["money"])
        assert (left, engine.account(ANA).windows["many.w"][3]) == (FUNDS - len(funded.all()), len(limited.all()))
        settled_once(engine)


def _kept(engine: Engine, decided: list[Decision], outages: int) -> None:
    """Each decision stands once in the journal, as it was answered; those of an outage are marked, and no more than may be."""
    chain(engine._store)
    records = list(engine.records())
    assert {record.id: bytes(record.answer) for record in records[1:]} == {one.id: one.json for one in decided}
    assert len(records) == 1 + len(decided)
    marked = [record for record in records if record.away is not None]
    assert len(marked) == AWAY_MAX * outages
    assert all(b'"step":"unavailable"' in bytes(record.answer) for record in marked)
    assert all(record.key[3].startswith("limited-") for record in marked)


def _in_order(engine: Engine, limited: list[Decision], behind: list[int]) -> None:
    """What was granted in an outage stands before all that was decided after it."""
    records = {record.id: record for record in engine.records()}
    for number in behind:
        marked = [records[one.id].seq for one in limited[:number] if records[one.id].away is not None]
        assert all(records[one.id].seq > marked[-1] for one in limited[number:])
