"""The first paid use of an account on a day of UTC: by whatever charges first, once a day, known from the journal alone."""

from __future__ import annotations

import pytest

from events.scenes import ANA, BEN, NOON, Scene
from overspill.events.first_use import FirstUses, charge_of, day_of
from overspill.words.instants import DAY, HOUR


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    for account in (ANA, BEN):
        scene.engine.grant(account, "money", "1000", id="C")
    return scene


def _first(scene: Scene) -> list[tuple[str, str, str]]:
    return [(one["subject"], one["day"], one["cause"]) for one in scene.data("account.first_paid_use")]


def test_what_is_free_is_no_paid_use(scene: Scene) -> None:
    scene.use(100)
    scene.engine.grant(ANA, "gift", "5", id="G", category="promotional")
    scene.use(5)
    assert _first(scene) == []
    paid = scene.use(5)
    scene.use(5)
    assert _first(scene) == [("user/ana", "2026-10-05", paid)]


def test_each_account_has_its_own_and_each_day_of_utc(scene: Scene) -> None:
    first = [scene.use(150), scene.use(150, BEN)]
    scene.clock.set(NOON // DAY * DAY + DAY - 1)
    scene.use(150)
    scene.clock.advance(1)
    first.append(scene.use(150))
    assert _first(scene) == [
        ("user/ana", "2026-10-05", first[0]),
        ("user/ben", "2026-10-05", first[1]),
        ("user/ana", "2026-10-06", first[2]),
    ]


def test_a_hold_is_no_use_and_its_capture_is(scene: Scene) -> None:
    scene.use(100)
    scene.engine.release(scene.hold(20))
    hold = scene.hold(20)
    assert _first(scene) == []
    receipt = scene.capture(hold, 10)
    scene.use(1)
    assert _first(scene) == [("user/ana", "2026-10-05", receipt["capture"])]


def test_the_id_is_that_of_the_account_and_the_day_whichever_use_was_first(scene: Scene) -> None:
    """So a journal that was put back, in which another use comes first, tells of the same event."""
    other = Scene()
    other.engine.grant(ANA, "money", "1000", id="D")
    scene.use(150)
    other.clock.advance(HOUR)
    other.use(170)
    ids = [[e["id"] for e in one.told() if e["type"].endswith("first_paid_use")] for one in (scene, other)]
    assert ids[0] == ids[1] != []


def test_it_is_read_from_the_first_record_of_the_day_on(scene: Scene) -> None:
    scene.use(150)
    scene.clock.advance(DAY)
    scene.use(150)
    scene.use(150)
    records = scene.records()
    day = day_of(records[-1])
    begins = next(record.seq for record in records if day_of(record) == day)
    for after in (begins - 1, 0):  # what was before that day is no part of it
        uses = FirstUses(day, after)
        for record in records[after:]:
            uses.note(record)
        assert [uses.is_first(one) for one in records[begins - 1 :] if charge_of(one) is not None] == [True, False]
