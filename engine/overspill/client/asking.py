"""The scripts of what can be asked: one call each, and what is made of its reply."""

from __future__ import annotations

import re
from collections.abc import Sequence

from overspill.client import calls
from overspill.client.answers import Answer, IfAway, decided, failed, readable, receipt
from overspill.client.calls import Account, Call, Mode
from overspill.client.failures import ServiceFailure
from overspill.client.patience import wait_before
from overspill.client.replies import Again, Problem, Reply, of_problem
from overspill.client.script import Script, Wait, Ways, asked, given_up, now
from overspill.records.answers import Receipt
from overspill.records.explanation import Explanation
from overspill.records.purchases import PurchaseList, PurchaseShown
from overspill.records.request import Request
from overspill.records.statement import Statement
from overspill.records.status import Status
from overspill.words.codec import Light, Raw, json_decoder
from overspill.words.failures import Failure


class Result(Light, frozen=True):
    """Of one request in many."""

    decision: Raw = Raw()
    replayed: bool = False
    problem: Problem | None = None


class Results(Light, frozen=True):
    results: tuple[Result, ...]


_IN_MANY = re.compile("^/requests/[0-9]+")
_results = json_decoder(Results).decode
_explanation = json_decoder(Explanation).decode
_statement = json_decoder(Statement).decode
_purchases = json_decoder(PurchaseList).decode


def decision(mode: Mode, request: Request, ways: Ways, if_away: IfAway) -> Script[Answer]:
    return decision_of(calls.decision(mode, request), ways, if_away)


def decision_of(call: Call, ways: Ways, if_away: IfAway, until: int | None = None) -> Script[Answer]:
    """Raises ServiceFailure."""
    try:
        return decided((yield from asked(call, ways, until)))
    except ServiceFailure as failure:
        return failed(failure, if_away)


def decisions(
    mode: Mode, requests: Sequence[Request], ways: Ways, if_away: IfAway
) -> Script[list[Answer | ServiceFailure]]:
    """Each has its answer or its failure, in order; a failure's pointer is into its own request. Those that are to be asked again are, and only those."""
    found: dict[int, Answer | ServiceFailure] = {}
    open = list(range(len(requests)))
    end = (yield from now()) + ways.patience.total
    attempt = 0
    while open:
        attempt += 1
        try:
            reply = yield from asked(calls.decisions(mode, [requests[one] for one in open]), ways, end)
        except ServiceFailure as failure:
            _all_away(found, open, failure, if_away)
            break
        again = _sorted_out(found, open, reply)
        wait = None
        if again:
            at = yield from now()
            after = max([one.after or 0 for one in again.values()]) or None
            wait = wait_before(ways.patience, attempt, after, end - at, ways.jitter)
        if wait is None:
            for index, one in again.items():
                found[index] = _away(given_up(one.failure, one.taken), if_away)
            break
        yield Wait(wait)
        open = list(again)
    return [found[index] for index in range(len(requests))]


def _sorted_out(found: dict[int, Answer | ServiceFailure], open: Sequence[int], reply: Reply) -> dict[int, Again]:
    """What is answered goes into `found`; the rest is to be asked again."""
    results = readable(_results, reply.body).results
    if len(results) != len(open):
        what = f"{len(open)} requests were asked and {len(results)} answered"
        raise ServiceFailure("unreadable", what, help="see what stands between here and the service", status=200)
    again: dict[int, Again] = {}
    for index, one in zip(open, results, strict=True):
        if one.problem is None:
            found[index] = Answer(bytes(one.decision), replayed=one.replayed, source="decided")
            continue
        means = of_problem(one.problem)
        if isinstance(means, Again):
            again[index] = means
        else:
            if means.failure.pointer is not None:  # into the request itself, wherever it stood
                means.failure.pointer = _IN_MANY.sub("", means.failure.pointer)
            found[index] = means.failure
    return again


def _all_away(
    found: dict[int, Answer | ServiceFailure], open: Sequence[int], failure: ServiceFailure, if_away: IfAway
) -> None:
    if not failure.away or (if_away == "raise" and not found):
        raise failure
    for index in open:
        found[index] = _away(failure, if_away)


def _away(failure: ServiceFailure, if_away: IfAway) -> Answer | ServiceFailure:
    return failure if if_away == "raise" else failed(failure, if_away)


def changed(call: Call, ways: Ways) -> Script[Receipt]:
    return receipt((yield from asked(call, ways)))


def status(account: Account, ways: Ways) -> Script[Status]:
    found = Status((yield from asked(calls.status(account), ways)).body)
    readable(lambda _: found.record, found.json)
    return found


def statement(account: Account, since: str | None, as_of: str | None, ways: Ways) -> Script[Statement]:
    return readable(_statement, (yield from asked(calls.statement(account, since, as_of), ways)).body)


def shown(id: str, ways: Ways) -> Script[Explanation]:
    return readable(_explanation, (yield from asked(calls.show(id), ways)).body)


def explained(id: str, ways: Ways) -> Script[str]:
    return (yield from asked(calls.explain(id), ways)).body.decode()


def purchases(ways: Ways) -> Script[tuple[PurchaseShown, ...]]:
    return readable(_purchases, (yield from asked(calls.purchases(), ways)).body).purchases


def expect_if_away(text: object) -> None:
    if text not in ("raise", "allow", "deny"):
        what = f"`if_away` is {text!r}"
        raise Failure("invalid_argument", what, help="known: raise, allow, deny", pointer="/if_away")
