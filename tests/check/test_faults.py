"""Policies that parse and mean nothing: each fault with its code, what it stands on, its message and second place."""

from __future__ import annotations

import pytest

from support.texts import DSL, faults_of

CASES = [
    ("draw plan_limit;", "draw plan_limits;", "OSP210", "plan_limits", "unknown layer `plan_limits`"),
    ("draw plan_limit;", "draw card;", "OSP212", "card", "`card` is no layer"),
    ("priced by card;", "priced by plan_limit;", "OSP212", "plan_limit", "`plan_limit` is no rate card"),
    (
        "draw plan_limit;",
        "draw plan_limit; draw plan_limit;",
        "OSP301",
        "plan_limit",
        "layer `plan_limit` is drawn twice",
    ),
    ("  draw plan_limit;\n", "", "OSP302", "plan_limit", "layer `plan_limit` is drawn in no waterfall"),
    (
        "draw money at 2 credits per image;",
        "draw money;",
        "OSP220",
        "money",
        "layer `money` is in credits, the request is counted in images",
    ),
    ("day 10 credits", "day 10 images", "OSP220", "10 images", "expected an amount in credits, found images"),
    ("day 10 credits", "day 10.001 credits", "OSP221", "10.001", None),
    ("day 10 credits", "day 999999999999999999 credits", "OSP222", "999999999999999999", None),
    ("day 10 credits", "night 10 credits", "OSP210", "night", "unknown window `night`"),
    ("default: day 0 credits;", "", "OSP307", None, "the table has no `default` row"),
    ('"plus": day', '"plus": day 5 credits; "plus": day', "OSP203", '"plus"', "the row is there twice"),
    ("by user.plan", "by user.pln", "OSP210", "pln", "unknown field of `user` `pln`"),
    ("by user.plan", "by user.blocked", "OSP212", "user.blocked", None),
    (
        "calendar day in UTC",
        "calendar day in Mars/Olympus",
        "OSP210",
        "Mars/Olympus",
        "unknown time zone `Mars/Olympus`",
    ),
    ("calendar day in UTC", "calendar fortnight in UTC", "OSP210", "fortnight", "unknown calendar period `fortnight`"),
    ("calendar day in UTC", "0h from first_use", "OSP223", "0h", "`0h` is no time at all"),
    (
        "deny blocked when user.blocked;",
        "deny blocked when user.plan;",
        "OSP232",
        "user.plan",
        "a condition is a bool, this is a string",
    ),
    (
        "deny blocked when user.blocked;",
        "deny blocked when user.blokked;",
        "OSP230",
        "blokked",
        "`user` declares no `blokked`",
    ),
    (
        "deny blocked when user.blocked;",
        "deny blocked when user.bound > 5;",
        "OSP231",
        "user.bound > 5",
        "`>` does not take (credits, int)",
    ),
    (
        '== "pictures"',
        '== "text"',
        "OSP303",
        'request.product == "text"',
        "waterfalls `text` and `pictures` may serve one request",
    ),
    ('serves request.product == "pictures";', "serves true;", "OSP303", "true", None),
    (
        "pool money { per user;",
        "pool money { order id, priority; per user;",
        "OSP305",
        "id, priority",
        "two lots may tie: the order is not total",
    ),
    ("pool money { per user;", "pool money { multiplier 0; per user;", "OSP306", "0", "a multiplier is more than zero"),
    ("pool money { per user;", "pool money { per usr;", "OSP210", "usr", "unknown account `usr`"),
    ('"m1": tokens', '"m1": tokenz', "OSP210", "tokenz", "unknown meter `tokenz`"),
    (
        "from 2026-01-01T00:00:00Z {",
        'from 2027-01-01T00:00:00Z { "m1": free; } from 2026-01-01T00:00:00Z {',
        "OSP304",
        "2026-01-01T00:00:00Z",
        None,
    ),
    ("from 2026-01-01T00:00:00Z", "from 2026-13-01T00:00:00Z", "OSP223", "2026-13-01T00:00:00Z", None),
    ("counts images;", "counts credits;", "OSP212", "credits", None),
    ("counts images;", "", "OSP202", "pictures", None),
    ("offer wait, add_money", "offer add_money", None, None, None),
    (
        "unit images: integer, singular image;",
        "unit images: integer, singular image; unit images: integer;",
        "OSP211",
        "images",
        "unit `images` is declared twice",
    ),
    ("language 1;", "language 2;", "OSP222", "2", "this version reads language 1, not 2"),
    ("version 1;", "version 0;", "OSP222", "0", "a version is a whole number from 1"),
    ("tokens: meter;", "tokens: meter; tokens: meter;", "OSP211", "tokens", "`tokens` is declared twice"),
    ("plan: string;", "plan: strin;", "OSP210", "strin", "unknown type `strin`"),
    (
        "blocked: bool = false",
        "blocked: bool = 3",
        "OSP204",
        "blocked: bool = 3;",
        "the default of `blocked` is no bool",
    ),
    ("draw plan_limit;", "draw plan_limit on error ignore;", "OSP210", "ignore", "unknown `on error` `ignore`"),
]


@pytest.mark.parametrize(("old", "new", "code", "on", "message"), CASES)
def test_a_policy_that_means_nothing_is_named(
    old: str, new: str, code: str | None, on: str | None, message: str | None
) -> None:
    assert old in DSL
    faults = faults_of(DSL.replace(old, new, 1))
    found = [(fault.code, fault.span.text, fault.message) for fault in faults]
    if code is None:
        assert found == []
        return
    matching = [one for one in found if one[0] == code and (on is None or one[1] == on)]
    assert matching, found
    assert message is None or matching[0][2] == message
    assert all(
        fault.help or fault.notes
        for fault in faults
        if fault.code == code and fault.code not in ("OSP221", "OSP222", "OSP223")
    )


def test_two_places_are_shown_where_two_disagree() -> None:
    (fault,) = faults_of(DSL.replace("day 10 credits", "day 10 images"))
    assert fault.notes[0].span.text == "credits"
    assert fault.notes[0].text == "the unit is credits"


def test_a_condition_that_can_fail_without_a_word_is_hinted_at() -> None:
    text = DSL.replace('draw money when user.plan != "free"', "draw money when user.bound == user.bound")
    assert [(fault.code, fault.severity.value) for fault in faults_of(text)] == [("OSP309", "hint")]


@pytest.mark.rule("L7")
def test_presence_shown_by_has_makes_a_condition_total() -> None:
    text = DSL.replace(
        'draw money when user.plan != "free"', "draw money when has(user.bound) && user.bound == user.bound"
    )
    assert "OSP309" not in {fault.code for fault in faults_of(text)}
