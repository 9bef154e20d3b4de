"""A decision → sentences: what was asked, what each layer did and why, what would help. At most 24 lines.

Made from the decision's own JSON alone, so that anybody who has it can explain it. Who has the lots that it had to choose
from beside it (`records/explanation.py`) is told the order of them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

LINES_MAX = 24
_MARKS = {"drew": "✓", "exhausted": "·", "skipped": "–", "not_applicable": "–", "error": "!", "not_reached": " "}
Step = Mapping[str, Any]


def lines(answer: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    """Any answer: a decision in sentences, every other field by field, a capture with what it had to choose from."""
    if "decision" in answer:
        return explain(answer, candidates)
    fields = [f"{name:<10} {value if isinstance(value, str) else json.dumps(value)}" for name, value in answer.items()]
    return [*fields, *(choices(answer, candidates) if "capture" in answer else ())]


def explain(decision: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """The lines, most telling first; layers in the order of the waterfall."""
    lots = {pool["layer"]: pool["lots"] for pool in candidates}
    trace = decision["trace"]
    inputs = next(step for step in trace if step["step"] == "inputs")
    lines = [_headline(decision), _who(decision, inputs)]
    body: list[str] = []
    for step in trace:
        if step["step"] == "guard" and step["verdict"] != "passed":
            body.append(f"  ! guard {step['guard']} {step['verdict']}{_clause(step)}  {step['source']}")
        elif step["step"] == "unavailable":
            body.append(f"  ! the store was away: {step['after']} of {step['up_to']} {decision['unit']} granted so far")
        elif step["step"] == "layer":
            body.extend(_layer(step, decision["unit"], lots.get(step["layer"])))
    tail = list(_ending(decision))
    room = LINES_MAX - len(lines) - len(tail)
    if len(body) > room:
        hidden = len(body) - room + 1
        body = [*body[: room - 1], f"  … {hidden} more lines in the decision's trace"]
    return [*lines, *body, *tail]


def _headline(decision: Mapping[str, Any]) -> str:
    outcome, unit = decision["outcome"], decision["unit"]
    if outcome == "deny":
        return f"✗ denied {decision['requested']} {unit}: {_reason(decision)}"
    code = decision["reason"]["code"] if decision["reason"] else ""
    free = " (free of charge by its rate)" if code == "rate_zero" else ""
    partial = f" of {decision['requested']}" if outcome == "partial" else ""
    return f"✓ allowed {decision['granted']}{partial} {unit}{free}"


def _reason(decision: Mapping[str, Any]) -> str:
    reason = decision["reason"]
    binding = f", {reason['binding']} binds" if reason["binding"] else ""
    return f"{reason['code']}{binding}; {decision['available']} available, {decision['shortfall']} short"


def _who(decision: Mapping[str, Any], inputs: Step) -> str:
    request = inputs["request"]
    account = ", ".join(f"{kind} {id}" for kind, id in request["account"].items())
    fields = " ".join(str(value) for value in request.get("fields", {}).values())
    about = f" ({fields})" if fields else ""
    policy = decision["policy"]
    return (
        f"  {decision['at']}  {account}  request {request['id']}{about}  "
        f"policy {policy['name']} {policy['version']} {policy['digest'][7:15]}"
    )


def _layer(step: Step, unit: str, candidates: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    verdict = step["verdict"]
    mark = _MARKS[verdict]
    head = f"  {mark} {step['layer']:<16}"
    if verdict == "not_reached":
        yield f"{head} not reached  {step['source']}"
    elif verdict in ("drew", "exhausted"):
        short = f", short: {step['cause']}" if "cause" in step else ""
        did = (
            f"{step['granted']} of {step['asked']}"
            if verdict == "drew"
            else f"has {step['available']} of {step['asked']}"
        )
        yield f"{head} {did} {unit}{short}  {step['source']}"
        for part in step.get("windows", ()):
            bound = " ← binds" if part["binds"] else ""
            yield f"      window {part['window']}: {part['before']} → {part['after']} of {part['limit']}, until {part['ends_at']}{bound}"
        drawn = {lot["lot"]: f"{lot['before']} → {lot['after']}" for lot in step.get("lots", ())}
        if candidates is None:
            yield from (f"      lot {lot}: {change}" for lot, change in drawn.items())
        else:
            yield from _candidates(candidates, drawn)
    else:
        why = "" if step["cause"] == verdict else f" by {step['cause']}"
        yield f"{head} {verdict.replace('_', ' ')}{why}{_clause(step)}  {step['source']}"


def choices(capture: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lots that a capture had to choose from for what its hold did not cover, pool by pool."""
    drawn = {
        (part["layer"], lot["lot"]): lot["amount"]
        for part in capture["draws"]
        for lot in part.get("lots", ())
        if part["from"] == "free"
    }
    for pool in candidates:
        yield f"  beyond the hold from {pool['pool']} of {pool['account']}, in {pool['unit']}"
        taken = [(lot, drawn.get((pool["layer"], lot["lot"]))) for lot in pool["lots"]]
        told = {lot["lot"]: f"{lot['left']}, {amount} drawn" for lot, amount in taken if amount is not None}
        yield from _candidates(pool["lots"], told)


def _candidates(candidates: Sequence[Mapping[str, Any]], drawn: Mapping[str, str]) -> Iterator[str]:
    """All lots, each with the key that puts it before the next one."""
    following = dict(pairwise(lot["lot"] for lot in candidates))
    for lot in candidates:
        name = lot["lot"]
        passed = "not needed" if lot["passed"] is None else lot["passed"].replace("_", " ")
        why = f", before {following[name]} by {lot['before_next']}" if name in following else ""
        yield f"      lot {name}: {drawn.get(name, lot['left'] + ', ' + passed)}{why}"


def _clause(step: Step) -> str:
    clause = step.get("clause")
    if clause is None:
        return ""
    values = ", ".join(f"{name} is {_shown(value)}" for name, value in clause["values"].items())
    error = f": {clause['error']}" if "error" in clause else ""
    return f" ({clause['text']}; {values}{error})"


def _shown(value: object) -> str:
    return "absent" if value is None else f'"{value}"' if isinstance(value, str) else str(value).lower()


def _ending(decision: Mapping[str, Any]) -> Iterator[str]:
    charge = ", ".join(f"{amount} {unit}" for unit, amount in decision["charge"].items())
    if charge:
        yield f"  charged {charge}"
    if decision["hold"]:
        yield f"  held by {decision['hold']['id']} until {decision['hold']['expires_at']}"
    if decision["retry_at"]:
        yield f"  passes at {decision['retry_at']} with nothing bought"
    for offer in decision["offers"]:
        if "amount" in offer:
            yield f"  would pass with {offer['amount']} more {offer['unit']} in {offer['pool']}"
        elif "until" not in offer:
            yield f"  offer: {offer['offer']}"
