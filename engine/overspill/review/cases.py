"""A case against a program: its steps through the one pure `step`, what differs from what was expected, what broke."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overspill.plan.program import Program
from overspill.review import invariants as inv
from overspill.review.answers import Answer
from overspill.review.compare import differences
from overspill.review.suite import (
    Advance,
    Ask,
    CaptureHold,
    Case,
    ExtendHold,
    Invariant,
    ReleaseHold,
    ReverseRequest,
    Step,
    Wait,
)
from overspill.review.vocabulary import Vocabulary
from overspill.review.world import Did, World
from overspill.words.codec import Struct, json_decoder
from overspill.words.diagnostics import Fault
from overspill.words.failures import Failure, PolicyFaults
from overspill.words.instants import instant_from_text, instant_text
from overspill.words.lengths import instant_after
from overspill.words.spans import Span

END_OF_TIME = instant_from_text("9000-01-01T00:00:00Z")
"""Far enough from the calendar's own end that windows and holds still end before it."""
_decode = json_decoder(dict[str, Any]).decode


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that did not hold.

    A difference has `name`, `expected` and `got`; anything else is said in `message`. `where` is the step or the row
    and `step` its place, `span` that of what was expected; `answer` is the decision's bytes, for whoever asks why.
    """

    where: str
    step: Span
    span: Span
    name: str = ""
    expected: str = ""
    got: str = ""
    message: str = ""
    answer: bytes = b""


class Result(Struct, frozen=True, kw_only=True):
    """One case: it holds where `problems` is empty. `decisions` are its decisions' bytes, in order; `table` is what a
    matrix came to."""

    case: Case
    problems: tuple[Problem, ...]
    decisions: tuple[bytes, ...]
    table: str | None = None

    @property
    def holds(self) -> bool:
        return not self.problems


def run_steps(program: Program, words: Vocabulary, case: Case) -> Result:
    """The case's steps, one after another in one world. Raises PolicyFaults where a step cannot happen at all."""
    world = world_of(program, words, case)
    problems: list[Problem] = []
    decisions: list[bytes] = []
    for number, step in enumerate(case.steps, 1):
        where = f"step {number}, {step.word}"
        answer, found = run_step(world, step, number, where, case.invariants)
        if answer.failure is not None and not any(one.name == "error" for one in step.expect):
            message = f"failed: {answer.failure} [{answer.failure.code}]"
            problems.append(Problem(where=where, step=step.span, span=step.span, message=message))
        problems += found
        if answer.is_decision:
            decisions.append(answer.bytes)
    return Result(case=case, problems=tuple(problems), decisions=tuple(decisions))


def world_of(program: Program, words: Vocabulary, case: Case) -> World:
    """The world before the first step, with the holds that are given made in it. Raises PolicyFaults."""
    world = World(program, words, case.given)
    _in_time(world, case.span)
    for number, (name, step) in enumerate(case.given.holds.items(), 1):
        assert isinstance(step.action, Ask)
        try:
            world.run(step.action, -number)
        except Failure as failure:
            raise _impossible("OSP222", step.span, f"the hold `{name}` cannot be given: {failure.message}") from None
        if name not in world.holds:
            raise _impossible("OSP222", step.span, f"the hold `{name}` cannot be given: its reserve is denied")
    return world


def _impossible(code: str, span: Span, message: str) -> PolicyFaults:
    return PolicyFaults((Fault(code=code, span=span, message=message),))


def run_step(
    world: World, step: Step, number: int, where: str, invariants: tuple[Invariant, ...]
) -> tuple[Answer, list[Problem]]:
    """One step's answer, and what about it does not hold; whether it may fail is for the caller to say."""
    action = step.action
    said: list[str] = []
    if isinstance(action, (Wait, Advance)):
        answer = _time(world, step)
    else:
        answer, said = _did(world, action, number, invariants)
    problems = [
        Problem(where=where, step=step.span, span=step.span, message=message, answer=answer.bytes) for message in said
    ]
    for found in differences(answer, step.expect):
        problems.append(
            Problem(
                where=where,
                step=step.span,
                span=found.span,
                name=found.name,
                expected=found.expected,
                got=found.got,
                answer=answer.bytes,
            )
        )
    return answer, problems


def _time(world: World, step: Step) -> Answer:
    match step.action:
        case Wait(length=length):
            world.now = instant_after(world.now, length)
        case Advance(at=at):
            if at < world.now:
                raise _impossible("OSP304", step.span, "`at` lies before the step before: time never runs backwards")
            world.now = at
    _in_time(world, step.span)
    world.end_due()
    return _answer(world, {}, b"", None, False, None)


def _in_time(world: World, span: Span) -> None:
    if world.now >= END_OF_TIME:
        raise _impossible("OSP223", span, f"the case goes beyond {instant_text(END_OF_TIME)}, where tests end")


def _did(world: World, action: Did, number: int, invariants: tuple[Invariant, ...]) -> tuple[Answer, list[str]]:
    """What the engine answers, and which invariants it breaks."""
    account = None if isinstance(action, (CaptureHold, ExtendHold, ReleaseHold, ReverseRequest)) else action.account
    twin = _attempt(lambda: world.twin(action, number)) if isinstance(action, Ask) else b""
    try:
        ran = world.run(action, number)
    except Failure as failure:
        same = not isinstance(action, Ask) or twin == failure.code or failure.code == "idempotency_conflict"
        said = [] if same else [f"invariant preview equals decide: one fails with {failure.code}, the other does not"]
        return _answer(world, {}, b"", failure, False, account), said
    answer = _answer(world, _decode(ran.bytes), ran.bytes, None, ran.replayed, account)
    if not isinstance(action, Ask) or ran.replayed:
        return answer, []
    said = _own(answer, twin, ran.changed)
    for asked in (invariants, world.program.plan.invariants):
        said += inv.broken(asked, answer.json, world.words.units, lambda path: world.input_of(action, path))
    return answer, said


def _attempt(run: Callable[[], bytes]) -> bytes | str:
    """The bytes, or the code of the failure."""
    try:
        return run()
    except Failure as failure:
        return failure.code


def _own(answer: Answer, twin: bytes | str, effects: tuple[str, ...]) -> list[str]:
    """The engine's own invariants on a decision."""
    found = {
        "draws sum to granted": inv.draws_sum_to_granted(answer.json),
        "a denial changes nothing": inv.denials_change_nothing(answer.json, effects),
    }
    if isinstance(twin, str):
        found["preview equals decide"] = f"the other one fails with {twin}"
    elif twin != answer.bytes:
        found["preview equals decide"] = inv.twin_is_equal(answer.json, _decode(twin))
    return [f"invariant {name}: {why}" for name, why in found.items() if why is not None]


def _answer(
    world: World,
    json: Mapping[str, Any],
    bytes: bytes,
    failure: Failure | None,
    replayed: bool,
    account: Mapping[str, str] | None,
) -> Answer:
    return Answer(
        json=json,
        bytes=bytes,
        failure=failure,
        replayed=replayed,
        balances=lambda what: world.balances(what, account),
    )
