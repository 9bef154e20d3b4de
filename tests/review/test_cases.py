"""Steps and what is expected of them: what holds, and how it reads when it does not."""

from __future__ import annotations

import pytest

from overspill.review.report import text_report
from overspill.words.failures import PolicyFaults
from support.suites import ASK, run, said, steps

GRANT = "grant: {pool: money, id: C1, amount: 5 credits}"
LONG = "decide: {product: text, model: m1, tokens: 8000}"
HOLDS = [
    [
        f"{ASK} ; expect: {{outcome: allow, requested: 1.5, granted: 1.50 credits, draws: {{plan_limit: 1.5}}, charge: {{}}}}"
    ],
    [f"{ASK} ; expect: {{code: none, binding: none, retry_at: none, skipped: {{}}, offers: {{}}}}"],
    [f"{ASK} ; expect: {{layers: {{plan_limit: drew}}, windows: {{plan_limit.day: 1.5}}, lots: {{money: 0}}}}"],
    [
        f"{LONG} ; expect: {{outcome: deny, available: 10, shortfall: 2, code: used_up, binding: day}}",
        f"{LONG} ; expect: {{causes: {{plan_limit: day, money: empty}}, offers: {{add_money: 2 credits}}}}",
        f"{GRANT} ; expect: {{balance: 5, lots: {{money: {{C1: 5 credits}}}}}}",
        f"{LONG} ; expect: {{draws: {{plan_limit: 10, money: 2}}, charge: {{credits: 2}}, lots: {{money: {{C1: 3}}}}}}",
    ],
    ["set: {blocked: true}", f"{ASK} ; expect: {{outcome: deny, code: blocked, causes: {{}}}}"],
    ["set: {plan: free}", f"{ASK} ; expect: {{layers: {{money: not_applicable}}}}"],
    ["set: {plann: free} ; expect: {error: unknown_attribute}"],
    ["set: {blocked: perhaps} ; expect: {error: invalid_attribute}"],
    ["set: {bound: 3 credits}", "set: {bound: 3}", "set: {bound: x} ; expect: {error: invalid_attribute}"],
    [
        f"{ASK} ; expect: {{error: none}}",
        "decide: {product: text, model: m9, tokens: 1} ; expect: {error: unknown_model}",
    ],
    ["decide: {product: text, model: m1, tokens: -1} ; expect: {error: invalid_meter}"],
    ["decide: {product: text, model: m1, token: 1} ; expect: {error: unknown_field}"],
    [f"{ASK} ; only: [money] ; expect: {{layers: {{plan_limit: not_applicable}}}}"],
    [f"{ASK} ; only: [mony] ; expect: {{error: unknown_layer}}"],
    [
        f"{ASK} ; max_charge: {{credits: 0}} ; at_least: 1 ; expect: {{outcome: allow}}",
        f"{ASK} ; initiator: background",
    ],
    ["preview: {product: text, model: m1, tokens: 1000} ; expect: {granted: 1.5, windows: {plan_limit.day: 0}}"],
    [
        "reserve: {product: text, model: m1, tokens: 2000} ; hold: one ; expect: {windows: {plan_limit.day: 3}}",
        "reserve: {product: text, model: m1, tokens: 1000} ; hold: two ; expect: {windows: {plan_limit.day: 4.5}}",
        "capture: {tokens: 1000} ; hold: one ; expect: {used: 1.5, covered: 1.5, absorbed: 0, late: false}",
        "release: {} ; hold: two ; expect: {windows: {plan_limit.day: 1.5}}",
        "release: {} ; expect: {error: hold_closed}",
    ],
    [
        "reserve: {product: text, model: m1, tokens: 1000} ; expect: {outcome: allow}",
        "capture: {tokens: 10000} ; expect: {used: 15, covered: 10, absorbed: 5, draws: {plan_limit: 10}}",
    ],
    [
        "reserve: {product: text, model: m1, tokens: 1000} ; hold: one",
        "wait: 14min ; expect: {windows: {plan_limit.day: 1.5}}",
        "reserve: {product: text, model: m1, tokens: 1000} ; hold: two ; expect: {windows: {plan_limit.day: 3}}",
        "wait: 1min ; expect: {windows: {plan_limit.day: 1.5}}",
        "capture: {tokens: 2000} ; hold: one ; expect: {late: true, windows: {plan_limit.day: 4.5}}",
        "at: 2026-10-05T20:00:00Z ; expect: {windows: {plan_limit.day: 3}}",
        "release: {} ; hold: two ; expect: {error: hold_closed}",
    ],
    [
        "reserve: {product: text, model: m1, tokens: 80000} ; expect: {outcome: deny}",
        "capture: {tokens: 1} ; expect: {error: unknown_hold}",
    ],
    [
        f"{ASK} ; id: r1 ; expect: {{replayed: false, windows: {{plan_limit.day: 1.5}}}}",
        f"{ASK} ; id: r1 ; expect: {{replayed: true, windows: {{plan_limit.day: 1.5}}}}",
        f"{LONG} ; id: r1 ; expect: {{error: idempotency_conflict}}",
        f"{GRANT} ; expect: {{replayed: false}}",
        f"{GRANT} ; expect: {{replayed: true, lots: {{money: 5}}}}",
    ],
    [
        f"{ASK} ; expect: {{windows: {{plan_limit.day: 1.5}}}}",
        "at: 2026-10-05T23:59:59.999999Z ; expect: {windows: {plan_limit.day: 1.5}}",
        "wait: 1ms ; expect: {windows: {plan_limit.day: 0}}",
        "grant: {pool: money, id: C2, amount: 5 credits, expires_at: 2026-10-06T01:00:00Z} ; expect: {lots: {money: 5}}",
        "at: 2026-10-06T01:00:00Z ; expect: {lots: {money: 0}}",
    ],
    [
        "set: {plan: plus} ; account: {user: u_2}",
        f"{ASK} ; account: {{user: u_2}} ; expect: {{windows: {{plan_limit.day: 1.5}}}}",
        "wait: 1s ; expect: {windows: {plan_limit.day: 0}}",
    ],
]


@pytest.mark.parametrize("lines", HOLDS, ids=[lines[0][:50] for lines in HOLDS])
def test_what_is_expected_and_comes_out_holds(lines: list[str]) -> None:
    (result,) = run(steps(*lines))
    assert said(result) == []


DIFFERS = [
    (f"{ASK} ; expect: {{granted: 2}}", ["granted: expected 2, got 1.5 credits"]),
    (f"{ASK} ; expect: {{granted: 1.5 images}}", ["granted: expected 1.5 images, got 1.5 credits"]),
    (
        f"{ASK} ; expect: {{outcome: deny, code: used_up}}",
        ["outcome: expected deny, got allow", "code: expected used_up, got none"],
    ),
    (f"{ASK} ; expect: {{available: 1}}", ["available: expected 1, got nothing"]),
    (
        f"{ASK} ; expect: {{draws: {{money: 1}}}}",
        ["draws.money: expected 1, got nothing", "draws.plan_limit: expected nothing, got 1.5 credits"],
    ),
    (f"{ASK} ; expect: {{draws: {{}}}}", ["draws.plan_limit: expected nothing, got 1.5 credits"]),
    (f"{ASK} ; expect: {{windows: {{plan_limit.day: 1}}}}", ["windows.plan_limit.day: expected 1, got 1.5 credits"]),
    (f"{ASK} ; expect: {{lots: {{money: {{C9: 1}}}}}}", ["lots.money/C9: expected 1, got 0"]),
    (f"{ASK} ; expect: {{layers: {{money: drew}}}}", ["layers.money: expected drew, got not_reached"]),
    (f"{ASK} ; expect: {{error: unknown_model}}", ["error: expected unknown_model, got none"]),
    (f"{ASK} ; expect: {{replayed: true}}", ["replayed: expected true, got false"]),
    (
        "decide: {product: text, model: m9, tokens: 1} ; expect: {granted: 1}",
        ["failed: `request.model` is `m9`, which the policy has no row for (known: m1, m2) [unknown_model]"],
    ),
    (
        "decide: {product: text, model: m9, tokens: 1} ; expect: {error: unknown_field}",
        ["error: expected unknown_field, got unknown_model"],
    ),
    (
        "grant: {pool: money, id: C1, amount: 0 credits}",
        ["failed: a grant is more than nothing (give a positive amount) [invalid_amount]"],
    ),
]


@pytest.mark.parametrize(("line", "problems"), DIFFERS, ids=[one[0][:60] for one in DIFFERS])
def test_what_comes_out_otherwise_is_said(line: str, problems: list[str]) -> None:
    (result,) = run(steps(line))
    assert said(result) == problems


GIVEN = """given:
  at: 2026-10-05T10:00:00Z
  account: {user: u_ana}
  attributes: {plan: plus}
  windows: {plan_limit.day: {used: 9 credits, ends_at: 2026-10-06T00:00:00Z}}
  lots: {money: [{id: P1, amount: 1 credits, category: promotional, priority: 1}, {id: C1, amount: 4 credits}]}
cases:
  - name: what all share
    steps:
      - decide: {product: text, model: m1, tokens: 1000}
        expect: {draws: {plan_limit: 1, money: 0.5}, lots: {money: {C1: 3.5, P1: 1}}}
  - name: name by name
    given: {windows: {plan_limit.day: {used: 0 credits}}, attributes: {blocked: true}}
    steps:
      - preview: {product: text, model: m1, tokens: 1000}
        expect: {outcome: deny, windows: {plan_limit.day: 0}, lots: {money: 5}}
  - name: a hold of before
    given:
      holds: {h: {product: text, model: m1, tokens: 2000}}
      windows: {plan_limit.day: {used: 0 credits}}
    steps:
      - capture: {tokens: 1000}
        hold: h
        expect: {used: 1.5, windows: {plan_limit.day: 1.5}}
"""


def test_what_a_case_gives_lies_over_what_all_share() -> None:
    assert [said(result) for result in run(GIVEN)] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (steps("at: 2026-10-05T09:00:00Z"), "time never runs backwards"),
        (
            steps(ASK).replace("plus}}", "plus}, holds: {h: {product: text, model: m1, tokens: 90000}}}"),
            "its reserve is denied",
        ),
        (steps(ASK).replace("plus}}", "plus}, holds: {h: {product: x}}}"), "no waterfall of the policy serves"),
    ],
)
def test_what_cannot_happen_at_all_is_a_fault_with_its_place(text: str, message: str) -> None:
    with pytest.raises(PolicyFaults, match=r"t\.test\.yaml:") as caught:
        run(text)
    assert message in caught.value.faults[0].message


def test_a_report_names_case_and_step_with_their_lines_and_explains_on_demand() -> None:
    (result,) = run(steps(f"{ASK} ; expect: {{granted: 2,}}"))
    assert text_report([result], explain=False) == [
        "✗ t.test.yaml:3: c",
        "    step 1, decide  t.test.yaml:5",
        "      granted: expected 2, got 1.5 credits",
    ]
    explained = text_report([result], explain=True)[3:]
    assert explained[0] == "        ✓ allowed 1.5 credits"
    assert any("plan_limit" in line and "t.spill:22" in line for line in explained)


def test_a_case_that_holds_says_nothing() -> None:
    assert text_report(run(steps(ASK)), explain=True) == []
