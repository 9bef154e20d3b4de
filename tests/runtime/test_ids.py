"""Every id that was ever given leads to its record, however small the filter before the index is."""

from __future__ import annotations

from pathlib import Path

import pytest

from overspill import Engine, ManualClock, Request
from overspill.records.journal import Record
from overspill.runtime import ids as module
from overspill.runtime.ids import Ids
from overspill.store.sqlite import SqliteStore
from overspill.words.instants import instant_from_text

NOW = instant_from_text("2026-10-05T10:00:00Z")


def _request(number: int) -> Request:
    return Request(
        id=f"r{number}",
        account={"user": "u_ana"},
        fields={"product": "codex", "model": "gpt-5.5"},
        meters={"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
    )


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    ("places", "filled_at_once"),
    [
        pytest.param((1,), 1000, id="every place is marked"),
        pytest.param((31,), 3, id="filled while it is asked"),
        pytest.param((7, 2**12 - 1), 1000, id="a larger table in between"),
        pytest.param(module.PLACES, module.FILLED_AT_ONCE, id="as shipped"),
    ],
)
def test_keys_live_as_long_as_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[int, ...], filled_at_once: int
) -> None:
    monkeypatch.setattr(module, "PLACES", places)
    monkeypatch.setattr(module, "FILLED_AT_ONCE", filled_at_once)
    given: list[bytes] = []
    for opened in range(1, 5):  # each closing moves what is recent into the index
        with Engine.open(db=tmp_path / "x.db", clock=ManualClock(NOW)) as engine:
            engine.set_attributes({"user": "u_ana"}, {"plan": "pro"}, id="signup")
            for number in range(10 * opened):
                decision = engine.decide(_request(number))
                assert decision.replayed == (number < len(given))
                given[number:] = given[number:] or [decision.json]
                assert decision.json == given[number]


def test_two_recent_ids_of_one_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(":memory:")
    records = {seq: Record(seq=seq, at=NOW, id=f"dec_{seq}", key=("", "", "", ""), command=b"{}") for seq in (1, 2)}  # type: ignore[arg-type]
    monkeypatch.setattr(module, "id_number", lambda id: 5)
    monkeypatch.setattr(store, "record", records.__getitem__)
    ids = Ids(store)
    ids.note(records.values())
    assert ids.find(["dec_2", "dec_3", "dec_1"]) == {"dec_1": records[1], "dec_2": records[2]}
    assert ids.leave() == [5]
    assert ids.leaving([5]) == [(5, 1), (5, 2)]
    assert ids.find(["dec_2", "dec_3", "dec_1"]) == {"dec_1": records[1], "dec_2": records[2]}
    store.close()
