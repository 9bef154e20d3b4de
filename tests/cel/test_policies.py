"""CEL in the conditions of a policy: the generated waterfall, the interpreter and the author agree."""

from __future__ import annotations

import pytest

from overspill.account.state import Account
from overspill.plan.program import interpreted
from overspill.plan.raw import GUARD_ERROR, GUARDED, ZERO
from support.worlds import HEADER, NOW, program_of

PASSED, FAILED, DENIED = ZERO, GUARD_ERROR, GUARDED
LAYER = "limit l0 { per user; unit credits; window w0: 5h from first_use; capacity 0 credits; }"


@pytest.mark.parametrize(
    ("condition", "ending"),
    [
        ('["plus", "pro"].exists(p, p == user.plan)', DENIED),
        ('["free", "pro"].exists(p, p == user.plan)', PASSED),
        ('["a", "b"].all(p, user.plan.startsWith(p))', PASSED),
        ("[1, 2, 3].filter(n, n > user.bound).size() == 1", DENIED),
        ("[1, 2].exists(n, [3, 4].exists(m, n + m == user.bound * 3))", DENIED),
        ('user.plan.matches("^p[a-z]+s$")', DENIED),
        ('user.plan.matches("(?i)PRO")', PASSED),
        ('timestamp("2026-01-01T00:00:00Z") < timestamp("2026-01-02T00:00:00Z") && !user.blocked', DENIED),
        ('timestamp(request.tokens).getFullYear("Europe/Paris") == 1970', DENIED),
        ('{"plus": 10, "pro": 20}[user.plan] > request.tokens', DENIED),
        ('{"pro": 20}[user.plan] > request.tokens', FAILED),
        ('user.plan in {"plus": 10}', DENIED),
        ("string(user.bound) == '2' && type(user.bound) == int", DENIED),
        ("dyn(user.bound) == 2.0", DENIED),
        ("user.opted.size() > 100 || request.tokens / user.divisor > 1", FAILED),
        ("request.tokens / user.divisor > 1 || !user.blocked", DENIED),
        ("[0, 1].map(n, request.tokens / n)[1] > 0", FAILED),
        ("[0, 1].exists(n, request.tokens / n == request.tokens)", DENIED),
    ],
)
def test_a_guard_in_cel(condition: str, ending: int) -> None:
    program = program_of(
        HEADER.replace("PLACE", "up")
        + f'{LAYER} waterfall main {{ serves request.product == "main"; priced by card;'
        + f" deny odd when {condition}; draw l0; otherwise deny exhausted; }}"
    )
    user = Account(1, NOW, {"plan": "plus", "blocked": False, "bound": 2, "divisor": 0}, {}, {}, {})
    fields, meters = {"product": "main", "model": "m3"}, {"tokens": 5}
    found = [
        function(fields, meters, ("u_1", None), (user, None), NOW)
        for function in (program.function_of(0), interpreted(program.plan.waterfalls[0]))
    ]
    assert found[0] == found[1]
    assert found[0][0] == ending
