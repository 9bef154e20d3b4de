"""The doors that strangers' texts come through: text in, a word for what became of it out.

Each target lets nothing out but what its door documents, and asserts what must hold of all that was accepted. Whatever
else is raised is a finding (`watch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from cel_support import faults_of as cel_faults_of
from cel_support import outcome, same, tree_of

from overspill.account.state import EMPTY, Account
from overspill.cel.print import canonical_text
from overspill.compile.from_rules import compile_rules
from overspill.plan.plan import Input, Instant, Plan, Table, Waterfall
from overspill.plan.program import Program, interpreted
from overspill.records.request import Request
from overspill.records.wire import request_from_json
from overspill.report.objects import fault_object
from overspill.review.diff import read_side
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import checked_of, compiled
from overspill.step.commands import Consume, Preview
from overspill.step.keys import identify
from overspill.step.step import step
from overspill.syntax.format import Surface, formatted, surface_of
from overspill.syntax.frame import frame
from overspill.words.codec import json_bytes
from overspill.words.diagnostics import Fault
from overspill.words.failures import Failure, PolicyFaults
from overspill.words.instants import NEVER, instant_from_text
from overspill.words.strict_json import json_from_text
from support.suites import read, run

Target = Callable[[str], str]
ACCEPTED, REFUSED = "accepted", "refused"
NOW = instant_from_text("2026-10-05T10:00:00Z")
WATERFALLS_RUN_MAX = 3
ANA = Account(1, 0, {"plan": "plus"})
_VALUES: Mapping[type, str | int | bool] = {str: "plus", int: 1, bool: False, Instant: NOW - 1}


def _shown(faults: Iterable[Fault]) -> str:
    """Every fault can be printed for people and for programs, and stands somewhere in its text."""
    for fault in faults:
        assert 0 <= fault.span.start <= fault.span.end <= len(fault.span.source.text) + 1, fault
        assert fault.message
        assert frame(fault).endswith("\n")
        assert json_bytes(fault_object(fault))
    return REFUSED


# ---- policies


def dsl(text: str) -> str:
    """A policy file in the DSL."""
    return _policy("t.spill", text)


def yaml(text: str) -> str:
    """A policy file in YAML."""
    return _policy("t.spill.yaml", text)


def _policy(name: str, text: str) -> str:
    data = text.encode()
    try:
        checked = checked_of({name: data})
    except PolicyFaults as failure:
        return _shown(failure.faults)
    _shown(checked.faults)
    if checked.rules is None:
        assert checked.faults
        return REFUSED
    program = compile_rules(checked.rules)
    _formats(name, data, program.plan.digest)
    _converts(name, data, program.plan.digest)
    _decides(program)
    return ACCEPTED


def _formats(name: str, data: bytes, digest: str) -> None:
    text, _ = formatted(name, data)
    assert text is not None
    assert formatted(name, text.encode())[0] == text, "formatting twice is formatting once"
    assert read_side({name: text.encode()}).digest == digest, "formatting keeps the digest"


def _converts(name: str, data: bytes, digest: str) -> None:
    """There and back: three texts of one digest; the DSL comes back as formatting gives it, comments and all. (In YAML a
    comment behind a key comes back on a line of its own.)"""
    there = surface_of(name).other
    other = f"t{there.ending}"
    text, _ = formatted(name, data, there)
    assert text is not None
    assert read_side({other: text.encode()}).digest == digest, "the other surface means the same"
    back, _ = formatted(other, text.encode(), there.other)
    assert back is not None
    assert read_side({name: back.encode()}).digest == digest, "and so does what comes back"
    assert there is Surface.DSL or back == formatted(name, data)[0], "nothing has moved"


def _decides(program: Program) -> None:
    """Canned requests get one answer from generated functions and from the interpreter."""
    plain = Program(program.plan, interpreted)
    for waterfall in program.plan.waterfalls[:WATERFALLS_RUN_MAX]:
        request = _request(program.plan, waterfall)
        generated, expected = _tried(program, request), _tried(plain, request)
        assert generated == expected, f"{generated} is not {expected}"


class _Plans:
    def __init__(self, program: Program) -> None:
        self.program = program

    def active(self) -> Program:
        return self.program

    def of(self, digest: str) -> Program:
        return self.program


def _tried(program: Program, request: Request) -> tuple[bytes, object] | str:
    """The answer's bytes and the accounts after it, or the failure."""
    account = _account(program.plan)
    command = identify(Consume(tenant="default", request=request))
    try:
        outcome = step(_Plans(program), lambda key: account, command, NOW, 1)
        return outcome.answer, outcome.accounts
    except Failure as failure:
        assert failure.code != "internal_error", failure
        return f"failure {failure.code}: {failure}"


def _account(plan: Plan) -> Account:
    """An account with every attribute set, and a lot in every pool."""
    inputs = [input for kind in plan.kinds for input in kind.attributes.values()]
    lots = dict.fromkeys(plan.pools, (("L1", 10**6, NOW - 1, NEVER, 0, 0, 10**6),))
    return Account(3, NOW - 1, _filled(inputs), {}, lots, {})


def _filled(inputs: Iterable[Input]) -> dict[str, str | int | bool]:
    return {input.name: _VALUES[input.type] for input in inputs if input.type in _VALUES}


def _request(plan: Plan, waterfall: Waterfall) -> Request:
    """A request for the waterfall, with values that its tables have rows for."""
    fields = _filled(plan.fields.values())
    for name, value in _rows(waterfall):
        if name in fields and isinstance(value, type(fields[name])):
            fields[name] = value
    index = plan.waterfalls.index(waterfall)
    served = next((value for value, found in plan.dispatch.by_value.items() if index in found), None)
    if plan.dispatch.field is not None and served is not None:
        fields[plan.dispatch.field] = served
    kinds = {kind: f"{kind[0]}_1" for kind in plan.kind_names}
    return Request(id="r1", account=kinds, fields=fields, meters=dict.fromkeys(sorted(plan.meters), 1000))


def _rows(waterfall: Waterfall) -> Iterator[tuple[str, str]]:
    """(request field, a value that a table has a row for)."""
    tables: list[Table[object]] = [entry.table for entry in getattr(waterfall.base, "tables", ())]  # type: ignore[misc]
    for table in tables:
        row = next(iter(table.rows), ())
        for slot, value in zip(table.by, (row,) if isinstance(row, str) else row, strict=False):
            yield waterfall.slots[slot].path.removeprefix("request."), value


# ---- expressions, requests, tests


def cel(text: str) -> str:
    """An expression, over the inputs that the tests of expressions share."""
    faults = cel_faults_of(text)
    if faults:
        return _shown(faults)
    value = outcome(text)  # asserts that interpreted and generated are one
    normal = canonical_text(tree_of(text))
    assert canonical_text(tree_of(normal)) == normal, "the normal form is its own"
    assert same(outcome(normal), value), "the normal form means the same"
    return ACCEPTED


@lru_cache(maxsize=1)
def _shipped() -> _Plans:
    return _Plans(compiled(sources_of("codex_sora")))


def request(text: str) -> str:
    """A request as JSON, previewed by the shipped policy."""
    try:
        command = identify(Preview(tenant="default", request=request_from_json(text.encode())))
        answer = step(_shipped(), lambda key: ANA if "/user/" in key else EMPTY, command, NOW, 1).answer
    except Failure as failure:
        assert failure.message and (failure.pointer is None or failure.pointer == "" or failure.pointer[0] == "/")
        return REFUSED
    assert json_from_text(answer), "a decision is JSON as we would take it ourselves"
    return ACCEPTED


def tests(text: str) -> str:
    """A file of policy tests, run against the small policy that tests share."""
    suite, faults = read(text)
    assert (suite is None) == bool(faults)
    if suite is None:
        return _shown(faults)
    try:
        run(text)
    except PolicyFaults as failure:
        return _shown(failure.faults)
    return ACCEPTED


TARGETS: Mapping[str, Target] = {"dsl": dsl, "yaml": yaml, "cel": cel, "request": request, "tests": tests}
