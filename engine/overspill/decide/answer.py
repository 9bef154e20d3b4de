"""An admitted request that holds nothing → its answer and what changes by it, in one go.

Most requests are covered by the first layer's windows, and say nothing that the raw decision does not have in its place: their
values and effects are read from there (`forms.py`). All others are decided, written and counted by what is for any.
"""

from __future__ import annotations

from collections.abc import Sequence

from overspill.account.effects import Effect
from overspill.decide.admit import Admitted
from overspill.decide.decide import DENY, decided_of, raw_of
from overspill.decide.effects import effects_of
from overspill.decide.render import Renderer, render
from overspill.plan.facts import Accounts
from overspill.plan.program import Program
from overspill.plan.raw import COVERED
from overspill.records.written import Fingerprint, Written

Answer = tuple[Written, dict[str, list[Effect]], bool]
"""(the answer, account key → what changes there, whether it is denied)."""


def answer(
    program: Program,
    admitted: Admitted,
    accounts: Accounts,
    now: int,
    keys: Sequence[str | None],
    id: str,
    request_json: str,
    digest: Fingerprint,
    version: int,
) -> Answer:
    """What a request is answered, and what it draws. `keys` are the accounts' by kind, `version` is the account's that asks. Raises
    Failure for invalid input."""
    index, raw = raw_of(program, admitted, accounts, now)
    if raw[0] == COVERED and len(raw[5]) == 1:
        renderer: Renderer = program.renderers[index] or Renderer.made(program, index)  # type: ignore[assignment]
        drawn = renderer.first_drawn
        if drawn is not None:
            form, kind, of = drawn
            card_at, card = renderer.card_at
            if card_at != now:
                card = renderer.rate_card(now)
            values, changed = of(raw, admitted.ids, admitted.request.id, now, id, digest, request_json, version, card)
            return Written(b"", form, values), {keys[kind]: changed}, False  # type: ignore[dict-item]
    decided = decided_of(program, admitted, accounts, now, index, raw)
    written = render(decided, id, request_json, digest, version, None)
    return written, effects_of(decided, keys), decided.outcome == DENY
