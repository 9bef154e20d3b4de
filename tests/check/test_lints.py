"""Lints: what each pass says, and where it must be silent because it cannot know. One changed line of `tiny` a row."""

from __future__ import annotations

import pytest

from overspill.check.lints.expressions import implies, truth
from support.texts import DSL, faults_of, typed_in

GUARD = "deny blocked when user.blocked;"
DRAW = 'draw money when user.plan != "free";'
LIMIT = 'capacity by user.plan { "plus": day 10 credits; default: day 0 credits; }'

# replace this, by that → (code, what it stands on) of every finding
ROWS = [
    # unused
    ("unit images", "unit calls: integer;\nunit images", [("OSP350", "calls")]),
    ("bound: credits?", "bound: credits?; extra: credits?", [("OSP352", "extra")]),
    ("images: meter;", "images: meter; calls: meter;", [("OSP351", "calls")]),
    ("request {", "account team of user { size: int; }\nrequest {", [("OSP352", "team")]),
    ("pool money { per user;", "account team of user { size: int; }\npool money { per team;", [("OSP352", "size")]),
    (GUARD, "deny blocked when user.blocked || user.id == \"u_1\";", []),
    ("price in credits per 1000 by request.model", "meter more = tokens + images;\n  price in credits per 1000 by request.model", []),
    ("limit plan_limit", "rate_card old { price in credits per 1 by request.model; from 2020-01-01T00:00:00Z { \"a\": tokens 1; } }\nlimit plan_limit", [("OSP353", "old")]),
    # constant
    (DRAW, "draw money when 1 < 2;", [("OSP360", "1 < 2")]),
    (DRAW, "draw money when true;", [("OSP360", "true")]),
    (DRAW, 'draw money when user.plan != "free" && !false;', [("OSP360", "!false")]),
    (DRAW, 'draw money when request.product == "text";', [("OSP360", 'request.product == "text"')]),
    (DRAW, 'draw money when request.product in ["pictures", "sound"];', [("OSP360", 'request.product in ["pictures", "sound"]')]),
    (DRAW, 'draw money when request.product != "pictures";', [("OSP360", 'request.product != "pictures"')]),
    (DRAW, 'draw money when user.plan == "a" && user.plan == "b";', [("OSP360", 'user.plan == "a" && user.plan == "b"')]),
    (DRAW, 'draw money when user.plan == "a" || user.plan == "b";', []),
    (DRAW, 'draw money when user.plan == user.plan;', [("OSP360", "user.plan == user.plan")]),
    (DRAW, "draw money when (1 < 2 ? user.blocked : user.plan == \"a\");", [("OSP360", "1 < 2")]),
    ("skip opted_out when user.blocked", 'skip opted_out when user.blocked && request.product == "text"', []),
    ("skip opted_out when user.blocked", 'skip opted_out when "a" in ["b"]', [("OSP360", '"a" in ["b"]')]),
    ('serves request.product == "text"', 'serves request.product == "text" && request.product == "other"', [("OSP360", 'request.product == "text" && request.product == "other"')]),
    # shadowed
    (GUARD, f"{GUARD} deny again when user.blocked;", [("OSP361", "user.blocked")]),
    (GUARD, f'{GUARD} deny again when user.plan == "a" && user.blocked;', [("OSP361", 'user.plan == "a" && user.blocked')]),
    (GUARD, f'deny wide when user.blocked || user.plan == "a"; {GUARD}', [("OSP361", "user.blocked")]),
    (GUARD, f'{GUARD} deny again when user.blocked || user.plan == "a";', []),
    (GUARD, 'deny two when user.blocked && user.plan == "a"; deny three when user.blocked && user.plan == "a" && user.id == "u";', [("OSP361", 'user.blocked && user.plan == "a" && user.id == "u"')]),
    ("skip opted_out when user.blocked;", "skip opted_out when user.blocked; skip again when user.blocked;", [("OSP361", "user.blocked")]),
    # unreached
    (DRAW, "draw money when user.blocked;", [("OSP362", "draw money when user.blocked;")]),
    (DRAW, 'draw money when user.plan == "a" && user.blocked;', [("OSP362", 'draw money when user.plan == "a" && user.blocked;')]),
    (LIMIT, "capacity unlimited;", [("OSP362", DRAW)]),
    (LIMIT, "capacity unlimited; skip off when user.plan == \"none\";", []),
    (LIMIT, 'capacity by user.plan { "plus": day unlimited; default: day 0 credits; }', []),
    # repeated
    (GUARD, 'deny blocked when user.blocked && user.plan == "a" && user.blocked;', [("OSP363", "user.blocked")]),
    (GUARD, 'deny blocked when user.plan == "a" || (user.plan == "a");', [("OSP363", '(user.plan == "a")')]),
    (GUARD, 'deny blocked when !(user.blocked || user.blocked);', [("OSP363", "user.blocked")]),
    (GUARD, 'deny blocked when user.plan == "a" || user.plan == "b";', []),
    # failing
    (GUARD, "deny blocked when user.bound == user.bound && user.blocked;", [("OSP364", "user.bound == user.bound && user.blocked")]),
    ("skip opted_out when user.blocked", "skip opted_out when request.tokens + 1 > 5", [("OSP364", "request.tokens + 1 > 5")]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), ROWS)
def test_a_pass_says(old: str, new: str, expected: list[tuple[str, str]]) -> None:
    assert old in DSL
    faults = faults_of(DSL.replace(old, new, 1))
    assert [(fault.code, fault.span.text) for fault in faults if fault.code >= "OSP350"] == expected
    assert all(fault.severity != "error" for fault in faults)


def test_the_policy_that_the_rows_change_has_no_findings() -> None:
    assert faults_of(DSL) == ()


IMPLIED = [
    ("user.blocked", "user.blocked", True),
    ("(user.blocked)", "user.blocked", True),
    ('user.blocked && user.plan == "a"', "user.blocked", True),
    ("user.blocked", 'user.blocked || user.plan == "a"', True),
    ('user.blocked || user.plan == "a"', 'user.plan == "a" || user.blocked', True),
    ('user.plan == "a" && user.blocked', 'user.blocked && user.plan == "a"', True),
    ('(user.blocked || user.plan == "a") && user.id == "u"', 'user.blocked || user.plan == "a"', True),
    ("user.blocked", 'user.blocked && user.plan == "a"', False),
    ('user.blocked || user.plan == "a"', "user.blocked", False),
    ("!user.blocked", "user.blocked", False),
    ('user.plan == "a"', 'user.plan == "b"', False),
]


@pytest.mark.parametrize(("first", "second", "expected"), IMPLIED)
def test_what_follows_from_what(first: str, second: str, expected: bool) -> None:
    assert implies(typed_in(DSL, first), typed_in(DSL, second)) is expected


FACTS = {"request.product": frozenset({"a", "b"}), "user.plan": frozenset({"x"})}
TRUTHS = [
    ("true && false", False),
    ("true || user.blocked", True),
    ("false && user.blocked", False),
    ("true && user.blocked", None),
    ('request.product == "c"', False),
    ('request.product == "a"', None),
    ('request.product in ["b", "a", "z"]', True),
    ('user.plan == "x"', True),
    ('"x" == user.plan', True),
    ('user.plan != "x"', False),
    ('user.plan == "x" ? false : true', False),
    ("request.tokens == request.tokens", True),
    ("request.tokens < request.tokens", False),
    ("request.tokens + 1 == request.tokens + 1", None),  # it may overflow, and then it is an error
    ("user.bound == user.bound", None),  # it may be absent
    ("1.0 == 1.0", None),
    ("1 in [2, 3]", False),
    ('"b" > "a"', True),
    ("user.blocked || !user.blocked", None),
]


@pytest.mark.parametrize(("text", "expected"), TRUTHS)
def test_what_is_true_for_every_request(text: str, expected: bool | None) -> None:
    assert truth(typed_in(DSL, text), FACTS) is expected


def test_long_chains_are_compared_in_one_pass() -> None:
    """Two chains of sixty clauses would take for ever where every split was tried."""
    first = " || ".join(f'user.plan == "a{index}"' for index in range(60))
    second = " && ".join(f'user.plan != "b{index}"' for index in range(60))
    assert not implies(typed_in(DSL, first), typed_in(DSL, second))
    assert implies(typed_in(DSL, second), typed_in(DSL, second))
