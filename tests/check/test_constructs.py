"""Constructs that parse and mean nothing, and what is allowed and seldom meant: each fault with its code and place."""

from __future__ import annotations

import pytest

from overspill.syntax.write_dsl import write_dsl
from support.everything import EVERYTHING
from support.texts import DSL, YAML, faults_of

# (replace this, by that) → code, what the fault stands on, message (None: any)
CASES = [
    # windows and limits
    ("window hour: sliding 1h;", "window hour: sliding 1mo;", "OSP212", "1mo", "`1mo` is no exact length of time"),
    ("burst 20 credits", "burst 0 credits", "OSP306", None, "a bucket refills, and holds more than nothing"),
    ("burst 20 credits", "burst 20 images", "OSP220", "20 images", "expected an amount in credits, found images"),
    ("1mo from user.anchor;\n  window day", "1mo from user.tier;\n  window day", "OSP212", "user.tier", None),
    ("1mo from user.anchor;\n  window day", "1mo from user.nchor;\n  window day", "OSP210", "nchor", None),
    ("in Europe/Berlin", "in Europe/Bonn", "OSP210", "Europe/Bonn", "unknown time zone `Europe/Bonn`"),
    ("calendar day in Europe/Berlin", "calendar day", "OSP110", ";", None),
    ("five 60 credits,", "five 60 credits, rush 1 credits,", "OSP212", "rush 1 credits", "a bucket bounds itself: its burst"),
    ("fixed unlimited, ", "", "OSP307", None, "the row says nothing of window `fixed`"),
    ("from 2026-05-01T00:00:00Z until 2026-06-01", "from 2026-05-01T00:00:00Z until 2026-04-01", "OSP304", None, None),
    ("capacity times 2 from", "capacity times 0 from", "OSP306", "0", None),
    ("of five, day at", "of five, night at", "OSP210", "night", "unknown window `night`"),
    ("Z restart_anchor;", "Z lift_anchor;", "OSP210", "lift_anchor", "unknown anchor `lift_anchor`"),
    ("reset quiet at", "reset party at", "OSP211", "party", "reset `party` is declared twice"),
    ("keep_anchor when is_large", "keep_anchor when user.tier", "OSP232", "user.tier", None),
    ("warn at 95%, 80%", "warn at 95%, 95%", "OSP203", "95%", "`95%` is there twice"),
    ("warn at 95%, 80%", "warn at 101%", "OSP222", "101%", "a warning stands at 1% to 100%"),
    # pools
    ("up to company.reserve per", "up to company.name per", "OSP210", "name", "unknown field of `company` `name`"),
    ("up to company.reserve per", "up to user.tier per", "OSP212", "user.tier", None),
    ("up to company.reserve per", "up to user.teams.ceiling per", "OSP212", "user.teams.ceiling", None),
    ("30d from 2026-01-01T00:00:00Z;", "30d from first_use;", "OSP204", "first_use", None),
    ("debt up to 50 credits", "debt", "OSP204", "debt", "`debt` takes an amount, not nothing"),
    ("debt up to 50 credits", "refund 7d", "OSP204", "refund 7d", "`refund` takes nothing, not a length of time"),
    ("debt up to 50 credits", "forgive", "OSP210", "forgive", "unknown `on overshoot` `forgive`"),
    ("debt up to 50 credits", "debt up to 50 usd", "OSP220", "50 usd", "expected an amount in credits, found usd"),
    ("settings user;", "settings company;", "OSP212", "company", "a user's pool is topped up by the user's own settings"),
    ("on top_up_cap none; when may_pay;", 'on top_up_cap none; when request.model == "m1";', "OSP212", "request.model", "`request.model` is no attribute that a user keeps: a top-up is tested without a request"),
    ("settings user;", "settings teams;", "OSP212", "teams", "`teams` may be many accounts"),
    ("  price 0.04 usd per 1 credits;\n", "", "OSP202", "user", "a pool that is topped up states a `price`"),
    # entitlements and graces
    ("until 2027-02-01T00:00:00Z;", "until 2025-02-01T00:00:00Z;", "OSP304", None, "the entitlement ends before it begins"),
    ("billed in_arrears", "billed in_advance", "OSP210", "in_advance", "unknown way to bill `in_advance`"),
    ("max(user.ceiling, 9 credits)", "least(user.ceiling)", "OSP210", "least", "unknown choice of amounts `least`"),
    ("per request.job;", "per user;", "OSP212", "user", "a grace is kept per fields of the request"),
    ("only_if started_funded", "only_if started", "OSP210", "started", None),
    ("up to 10 credits; only_if", "up to unlimited; only_if", "OSP212", "unlimited", "a grace has a bound"),
    # caps and concurrencies
    ("company.ceiling, unlimited)", "unlimited, company.ceiling)", "OSP312", "company.ceiling", None),
    ("keep_anchor when is_large;", 'keep_anchor when request.model == "m1";', "OSP212", "request.model", "`request.model` is no attribute that a user keeps: a reset asks for them as they were at its instant"),
    ("keep_anchor when is_large;", 'keep_anchor when user.plan == "a";', "OSP212", "user.plan", "`user.plan` is no attribute that a user keeps: a reset asks for them as they were at its instant"),
    ("keep_anchor when is_large;", "keep_anchor when size(user.teams) > 0;", "OSP212", "user.teams", None),
    ("keep_anchor when is_large;", "keep_anchor when has(company.ceiling);", "OSP212", "has(company.ceiling)", None),
    ("user.teams.ceiling, 1", "user.groups.ceiling, 1", "OSP210", "user.groups", "unknown many-valued account `user.groups`"),
    ("user.teams.ceiling, 1", "user.teams.floor, 1", "OSP210", "floor", "unknown field of `teams` `floor`"),
    ("window month: calendar month in UTC;", "window month: sliding 1h;", "OSP212", None, "a cap counts by fixed periods"),
    ("mode finish_started", "mode lenient", "OSP210", "lenient", "unknown mode `lenient`"),
    ("draw plan_limit within seat", "draw plan_limit within seats", "OSP210", "seats", "unknown cap `seats`"),
    ("draw plan_limit within seat", "draw plan_limit within money", "OSP212", "money", "`money` is no cap"),
    ("draw plan_limit within seat", "draw plan_limit within seat, seat", "OSP203", "seat", "cap `seat` is there twice"),
    ("at most 4 holds", "at most 4.5 holds", "OSP222", "4.5", "expected a whole number below 10^9"),
    ("occupy streams;", "occupy stream;", "OSP210", "stream", "unknown concurrency `stream`"),
    ("occupy streams;", "occupy rooms;", "OSP203", None, "`occupy rooms` is stated twice"),
    ("occupy streams;", "", "OSP302", "streams", "concurrency `streams` is occupied by no waterfall"),
    ("  draw finish;\n", "", "OSP302", "finish", "layer `finish` is drawn in no waterfall"),
    # waterfalls
    ("admission verify_only", "admission verify", "OSP210", "verify", "unknown `admission` `verify`"),
    ("allow up to 5 credits", "allow up to 5 images", "OSP220", "5 images", None),
    ("on reversal closed_window transfer", "on reversal open_window transfer", "OSP210", "open_window", None),
    ("on reversal expired_lot reissue 7d", "on reversal closed_window transfer", "OSP203", None, None),
    ('serves request.product == "chat"', 'serves request.product == "pictures"', "OSP303", None, None),
    # accounts and named expressions
    ("account teams of user many", "account teams many", "OSP110", "many", None),
    ("pays: bool = true;", "pays: bool = true; teams: int = 1;", "OSP211", "teams", None),
    ("many { ceiling: credits?; }", "many { ceiling: credits?; level: int from request; }", "OSP204", "level", None),
    ("plan: string from request;", "tokens: string from request;", "OSP211", "tokens", None),
    ("plan: string from request;", "plan: credits from request;", "OSP204", None, None),
    ("anchor: timestamp = 2026-01-31T12:00:00Z;", 'anchor: timestamp = "noon";', "OSP204", None, None),
    ("images: meter; }", "images: meter; since: timestamp; }", "OSP212", "timestamp", None),
    ("per user, request.model;", "per teams;", "OSP212", "teams", "`teams` may be many accounts"),
    ("let may_pay = user.pays", "let may_pay = is_larg", "OSP230", "is_larg", "unknown name `is_larg`"),
    ("let is_large = ", "let tokens = ", "OSP211", "tokens", "`tokens` names an input already"),
    ("let is_large = ", "let is_large = may_pay && is_large && ", "OSP311", "is_large", None),
    ("invariant sane: !user.blocked", "invariant sane: !user.tier", "OSP232", "user.tier", "expected a bool, found string"),
    ("|| draws.all(d,", "|| draws.all(d, true) && draws.all(d,", None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "on", "message"), CASES)
def test_a_construct_that_means_nothing_is_named(
    old: str, new: str, code: str | None, on: str | None, message: str | None
) -> None:
    assert old in EVERYTHING
    found = [(fault.code, fault.span.text, fault.message) for fault in faults_of(EVERYTHING.replace(old, new, 1))]
    errors = [one for one in found if one[0] != "OSP310"]
    if code is None:
        assert errors == []
        return
    matching = [one for one in errors if one[0] == code and (on is None or one[1] == on)]
    assert matching, errors
    assert message is None or message in [one[2] for one in matching]


HINTS = [
    ("on overshoot refund; ", "", "OSP310", "hint", "money"),
    (
        "multiplier 1;",
        "multiplier 1; capacity times 2 from 2026-05-01T00:00:00Z until 2026-06-01T00:00:00Z; "
        "capacity times 3 from 2026-05-20T00:00:00Z until 2026-07-01T00:00:00Z;",
        "OSP313",
        "hint",
        "capacity times 3 from 2026-05-20T00:00:00Z until 2026-07-01T00:00:00Z;",
    ),
    ("language 1;", "language 1; effective from 2025-01-01T00:00:00Z;", "OSP314", "warning", "2026-01-01T00:00:00Z"),
    (
        'window day: calendar day in UTC; capacity by user.plan { "plus": day',
        'window day: calendar year in UTC; capacity by user.plan { "plus": day',
        "OSP315",
        "hint",
        "draw plan_limit within monthly;",
    ),
]
TEXT = (
    DSL.replace("draw plan_limit;", "draw plan_limit within monthly;")
    .replace("calendar day in UTC;\n  capacity", "calendar day in UTC; capacity")
    .replace("limit plan_limit {\n  per user;", "limit plan_limit {\n  multiplier 1;\n  per user;")
    + "cap monthly { per user; unit credits; window month: calendar month in UTC; up to 100 credits; }\n"
)


@pytest.mark.parametrize(("old", "new", "code", "severity", "on"), HINTS)
def test_what_is_seldom_meant_is_hinted_at(old: str, new: str, code: str, severity: str, on: str) -> None:
    assert faults_of(TEXT) == ()
    assert old in TEXT
    found = [(fault.code, fault.severity.value, fault.span.text) for fault in faults_of(TEXT.replace(old, new, 1))]
    assert found == [(code, severity, on)]


def test_many_accounts_are_of_one() -> None:
    text = YAML.replace('bound: "credits?"}}}', 'bound: "credits?"}}, teams: {many: "true", fields: {level: string}}}')
    assert text != YAML
    assert ("OSP202", "`teams` are many of no account") in [
        (fault.code, fault.message) for fault in faults_of(text, "t.spill.yaml")
    ]


def test_a_let_means_what_it_stands_for() -> None:
    named = DSL.replace("deny blocked when user.blocked;", "deny blocked when !is_free && is_blocked;")
    named += 'let is_free = user.plan == "free";\nlet is_blocked = user.blocked;\n'
    assert faults_of(named) == ()


def test_a_let_leaves_the_variables_of_comprehensions_alone() -> None:
    text = EVERYTHING.replace("let is_large", "let d = user.blocked;\nlet is_large")
    assert sorted(fault.code for fault in faults_of(text)) == ["OSP310", "OSP354"]


def test_a_fault_inside_a_let_is_told_once() -> None:
    text = EVERYTHING.replace("user.pays && !user.blocked", "user.pay && !user.blocked")
    assert [fault.span.text for fault in faults_of(text) if fault.code == "OSP230"] == ["pay"]


def test_lets_that_would_explode_are_refused_before_they_do() -> None:
    lets = ["let x0 = user.blocked && user.blocked;"]
    lets += [f"let x{number} = x{number - 1} && x{number - 1};" for number in range(1, 40)]
    text = DSL.replace("deny blocked when user.blocked;", "deny blocked when x39;") + "\n".join(lets)
    assert {fault.code for fault in faults_of(text)} == {"OSP103"}


def test_lets_in_a_circle_are_named_with_the_way_around() -> None:
    text = DSL + "let a = b || user.blocked;\nlet b = c && user.blocked;\nlet c = !a;\n"
    messages = [fault.message for fault in faults_of(text) if fault.code == "OSP311"]
    assert messages == ["`let a` comes back to itself: a → b → c → a"]


def test_a_row_cannot_be_called_as_the_row_for_all_others() -> None:
    found = faults_of(DSL.replace('"plus": day', '"default": day'))
    assert [fault.code for fault in found] == ["OSP204"]


def test_every_statement_may_be_left_out_or_be_faulty_without_a_crash() -> None:
    """Each line away, and each line doubled: faults or none, never an exception."""
    lines = EVERYTHING.split("\n")
    for number in range(len(lines)):
        faults_of("\n".join([*lines[:number], *lines[number + 1 :]]))
        faults_of("\n".join([*lines[:number], lines[number], *lines[number:]]))


def test_what_the_writer_gives_is_as_sound_as_what_it_was_made_of() -> None:
    from overspill.syntax.read import read

    file, _ = read("t.spill", EVERYTHING.encode())
    assert file is not None
    assert [fault.code for fault in faults_of(write_dsl(file.items))] == ["OSP310"]
