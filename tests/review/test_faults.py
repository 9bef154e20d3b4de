"""A test file that is not written as test files are: every fault with its code, its place and what to do about it."""

from __future__ import annotations

import pytest

from overspill.review import step_reader
from overspill.review.answers import EVERY
from overspill.review.schema import suite_schema
from support.suites import ASK, read, steps
from support.texts import DSL

BOUND = DSL.replace("blocked: bool = false;", "blocked: bool = false; tries: int = 1;").replace(
    "request {", "account teams of user many { size: int?; }\nrequest {", 1
)

STEP_FAULTS = [
    ("decid: {}", "OSP201", 5, "unknown step `decid`", "did you mean `decide`?"),
    (f"{ASK} ; expects: {{}}", "OSP201", 6, "unknown key beside `decide` `expects`", "did you mean `expect`?"),
    (
        f"{ASK} ; expect: {{grantd: 1}}",
        "OSP201",
        6,
        "unknown part of the answer to `decide` `grantd`",
        "did you mean `granted`?",
    ),
    (f"{ASK} ; expect: {{used: 1}}", "OSP201", 6, "unknown part of the answer to `decide` `used`", None),
    (f"{ASK} ; expect: {{outcome: alow}}", "OSP210", 6, "unknown outcome `alow`", "did you mean `allow`?"),
    (f"{ASK} ; expect: {{granted: lots}}", "OSP205", 6, "`lots` is not a plain decimal number", None),
    (f"{ASK} ; expect: {{granted: 1 credit}}", "OSP210", 6, "unknown unit `credit`", "did you mean `credits`?"),
    (
        f"{ASK} ; expect: {{draws: {{plan_limt: 1}}}}",
        "OSP210",
        6,
        "unknown layer `plan_limt`",
        "did you mean `plan_limit`?",
    ),
    (
        f"{ASK} ; expect: {{windows: {{plan_limit.dy: 1}}}}",
        "OSP210",
        6,
        "unknown window `plan_limit.dy`",
        "plan_limit.day",
    ),
    (f"{ASK} ; expect: {{lots: {{mony: 1}}}}", "OSP210", 6, "unknown pool `mony`", "did you mean `money`?"),
    (f"{ASK} ; expect: {{offers: {{wiat: x}}}}", "OSP210", 6, "unknown offer `wiat`", "did you mean `wait`?"),
    (f"{ASK} ; expect: {{layers: {{money: drawn}}}}", "OSP210", 6, "unknown layer `drawn`", "did you mean `drew`?"),
    (f"{ASK} ; expect: {{granted: [1]}}", "OSP204", 6, "an amount is one value, not a list", None),
    (f"{ASK} ; account: {{usr: u_1}}", "OSP210", 6, "unknown account `usr`", "did you mean `user`?"),
    (f"{ASK} ; initiator: robot", "OSP210", 6, "unknown initiator `robot`", "automation, background, user"),
    (f"{ASK} ; wait: 1h", "OSP202", 5, "a step is one thing that happens", "`decide`, `preview`"),
    ("{}", "OSP202", 5, "a step is one thing that happens", None),
    ("capture: {tokens: 1}", "OSP202", 5, "`capture` follows no `reserve`", "reserve first"),
    ("release: {} ; hold: h9", "OSP210", 6, "unknown hold `h9`", None),
    ("grant: {pool: money, id: C1}", "OSP202", 5, "a grant states no `amount`", "add `amount`"),
    (
        "grant: {pool: money, id: C1, amount: 5 images}",
        "OSP220",
        5,
        "expected an amount in credits, found images",
        None,
    ),
    ("grant: {pool: money, id: C1, amount: 5 credits, category: gift}", "OSP210", 5, "unknown category `gift`", "paid"),
    ("wait: soon", "OSP223", 5, "`soon` is not a length of time", None),
    ("at: tomorrow", "OSP223", 5, "`tomorrow` is not an instant", None),
    ("reset: {limit: plan_limt}", "OSP210", 5, "unknown limit `plan_limt`", "did you mean `plan_limit`?"),
    ("reset: {limit: plan_limit, of: [dy]}", "OSP210", 5, "unknown window of `plan_limit` `dy`", "day"),
    ("reset: {limit: plan_limit, of: []}", "OSP202", 5, "`of` lists nothing", "give one value at least"),
    ("reset: {limit: plan_limit, anchor: keep}", "OSP210", 5, "unknown anchor `keep`", "keep_anchor, restart_anchor"),
    ("reset: {}", "OSP202", 5, "a reset states no `limit`", "add `limit`"),
    ("redeem: plan_limit", "OSP210", 5, "unknown limit with banked resets `plan_limit`", None),
    ("purchase: {pool: money}", "OSP210", 5, "unknown pool with a top-up `money`", None),
    ("extend: {}", "OSP202", 5, "`extend` follows no `reserve`", None),
    ("reverse: q", "OSP210", 5, "unknown request of a step before `q`", None),
]


@pytest.mark.parametrize(
    ("line", "code", "at", "message", "help"), STEP_FAULTS, ids=[one[0][:40] for one in STEP_FAULTS]
)
def test_a_step_that_cannot_be_read_is_named_with_its_line(
    line: str, code: str, at: int, message: str, help: str | None
) -> None:
    suite, (fault, *more) = read(steps(line))
    assert (suite, more) == (None, [])
    assert (fault.code, fault.span.source.position(fault.span.start)[0]) == (code, at)
    assert message in fault.message
    assert help is None or help in (fault.help or "")


CASE = "cases: [{name: c, steps: []}]\n"
FILE_FAULTS = [
    ("case: []\n", "OSP201", "unknown part of a test file `case`", "did you mean `cases`?"),
    ("given: {}\n", "OSP202", "the file has no `cases`", None),
    ("cases: {}\n", "OSP204", "`cases` is a list", None),
    ("cases: [{steps: []}]\n", "OSP202", "a case states no `name`", None),
    ("cases: [{name: c}]\n", "OSP202", "a case has `steps` or a `matrix`", None),
    ("cases: [{name: c, steps: [], stepz: []}]\n", "OSP201", "unknown key `stepz`", "did you mean `steps`?"),
    ("cases: [{name: c, steps: []}, {name: c, steps: []}]\n", "OSP211", "the case `c` is there twice", None),
    ("policy: []\n" + CASE, "OSP204", "the policy's path is one value, not a list", None),
    ("a: &x 1\n" + CASE, "OSP121", "YAML's anchors are not read here", None),
    ("given: {}\ngiven: {}\n" + CASE, "OSP123", "the key `given` is there twice", None),
    ("given: {att: x}\n" + CASE, "OSP201", "unknown part of `given` `att`", "did you mean `at`?"),
    ("given: {top_ups: {money: {}}}\n" + CASE, "OSP210", "unknown pool with a top-up `money`", None),
    ("given: {account: {usr: u}}\n" + CASE, "OSP210", "unknown account `usr`", None),
    ("given: {account: {}}\n" + CASE, "OSP202", "the account names no `user`", "add `user: …`"),
    ("given: {account: {user: a/b}}\n" + CASE, "OSP205", "`a/b` is no identifier", None),
    (
        "given: {attributes: {plann: x}}\n" + CASE,
        "OSP210",
        "unknown attribute of `user` `plann`",
        "did you mean `plan`?",
    ),
    ("given: {members: {team: {}}}\n" + CASE, "OSP210", "unknown many-valued account `team`", "did you mean `teams`?"),
    ("given: {members: {teams: {a/b: {}}}}\n" + CASE, "OSP205", "`a/b` is no identifier", None),
    ("given: {members: {teams: {a: {sise: 1}}}}\n" + CASE, "OSP210", "unknown attribute of `teams` `sise`", None),
    ("given: {members: {teams: {a: {size: x}}}}\n" + CASE, "OSP205", "`x` is no whole number", None),
    ("given: {attributes: {blocked: maybe}}\n" + CASE, "OSP205", "`maybe` is neither true nor false", None),
    ("given: {attributes: {tries: many}}\n" + CASE, "OSP205", "`many` is no whole number", None),
    ("given: {attributes: {bound: 3 images}}\n" + CASE, "OSP220", "expected an amount in credits, found images", None),
    ("given: {windows: {plan_limit.day: {}}}\n" + CASE, "OSP202", "a window states no `used`", None),
    (
        "given: {windows: {plan_limit.day: {used: 1.234 credits}}}\n" + CASE,
        "OSP221",
        "finer than the smallest step",
        None,
    ),
    ("given: {windows: {day: {used: 1 credits}}}\n" + CASE, "OSP210", "unknown window `day`", "plan_limit.day"),
    ("given: {lots: {money: [{id: C1, amount: 5}]}}\n" + CASE, "OSP205", "`5` is no amount", "60 credits"),
    ("given: {lots: {money: [{id: C1, amount: 5 credits, priority: -1}]}}\n" + CASE, "OSP205", "no whole number", None),
    (
        "given: {lots: {money: [{id: C1, amount: 5 credits}, {id: C1, amount: 5 credits}]}}\n" + CASE,
        "OSP211",
        "two lots of `money` have one id",
        None,
    ),
    ("given: {holds: {'': {}}}\n" + CASE, "OSP205", "`` is no identifier", None),
    ("invariants: {a: outcome}\n" + CASE, "OSP205", "an expression stands in quotes", None),
    ("invariants: {a: 'outcom == 1'}\n" + CASE, "OSP230", "unknown name `outcom`", "did you mean `outcome`?"),
    ("invariants: {a: 'outcome == 1'}\n" + CASE, "OSP231", "`==` does not take (string, int)", None),
    ("invariants: {a: 'granted'}\n" + CASE, "OSP232", "an invariant is a bool, this is a int", None),
    ("invariants: {A b: 'true'}\n" + CASE, "OSP205", "`A b` is no name", None),
]


@pytest.mark.parametrize(("text", "code", "message", "help"), FILE_FAULTS, ids=[one[0][:40] for one in FILE_FAULTS])
def test_a_file_that_cannot_be_read_says_why(text: str, code: str, message: str, help: str | None) -> None:
    suite, (fault, *_) = read(text, BOUND)
    assert suite is None
    assert fault.code == code
    assert message in fault.message
    assert help is None or help in (fault.help or "")


def matrix(**parts: str) -> str:
    lines = {"axes": "{tokens: [1]}", "decide": "{product: text, model: m1}", "table": '""', **parts}
    return "cases:\n- name: c\n  matrix:\n" + "".join(f"    {key}: {value}\n" for key, value in lines.items() if value)


MATRIX_FAULTS = [
    ({"axes": "{tokns: [1]}"}, "OSP210", "unknown axis `tokns`"),
    ({"axes": "{tokens: []}"}, "OSP202", "lists nothing"),
    ({"axes": "{}"}, "OSP204", "the 0 axes make 1 rows"),
    ({"axes": "{a: {}}"}, "OSP211", "the axis `a` has no choice"),
    ({"axes": "{tokens: [1, 1]}"}, "OSP211", "the axis `tokens` has `1` twice"),
    ({"axes": "{user.plan: [{}]}"}, "OSP204", "is one value, not a mapping"),
    ({"axes": "{at: [noon]}"}, "OSP223", "`noon` is not an instant"),
    ({"axes": "{w: {a: {lot: {}}}}"}, "OSP201", "unknown part of `given` `lot`"),
    ({"axes": f"{{tokens: {list(range(50))}, images: {list(range(50))}}}"}, "OSP204", "the 2 axes make 2500 rows"),
    ({"decide": ""}, "OSP202", "a matrix asks one thing"),
    ({"columns": "[granted, grnted]"}, "OSP210", "unknown column `grnted`"),
    ({"table": "../x.golden.txt"}, "OSP205", "is no name of a file beside this one"),
]


@pytest.mark.parametrize(("parts", "code", "message"), MATRIX_FAULTS)
def test_a_matrix_that_cannot_be_read_says_why(parts: dict[str, str], code: str, message: str) -> None:
    suite, (fault, *_) = read(matrix(**parts))
    assert (suite, fault.code) == (None, code)
    assert message in fault.message


def test_all_faults_of_a_file_come_at_once() -> None:
    _, faults = read(steps("decid: {}", f"{ASK} ; expect: {{grantd: 1, outcom: allow}}", "wait: soon"))
    assert [fault.code for fault in faults] == ["OSP201", "OSP201", "OSP201", "OSP223"]


def test_every_step_of_the_language_has_its_reader_its_neighbours_and_its_schema() -> None:
    assert tuple(step_reader.BESIDE) == EVERY
    steps_of = suite_schema()["properties"]["cases"]["items"]["properties"]["steps"]["items"]["oneOf"]
    assert [next(iter(one["required"])) for one in steps_of] == list(EVERY)


def test_two_cases_have_two_tables() -> None:
    text = matrix(table="t.golden.txt")
    suite, (fault,) = read(text + text.removeprefix("cases:\n").replace("name: c", "name: d"))
    assert (suite, fault.code, fault.message) == (None, "OSP211", "`t.golden.txt` is the table of two cases")
