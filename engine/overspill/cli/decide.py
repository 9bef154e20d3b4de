"""`decide`, `reserve`, `capture`, `release`: requests in, decisions out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

import click

from overspill.cli.io import (
    db_option,
    failure_object,
    format_option,
    needed_db_option,
    out,
    out_json,
    pairs,
    policy_option,
    read_input,
    report,
    say,
    there,
)
from overspill.cli.operation import operation
from overspill.cli.progress import Progress
from overspill.records.answers import Decision, Receipt
from overspill.records.request import Request
from overspill.records.sentences import explain
from overspill.records.wire import meter_of, request_from_value
from overspill.runtime.engine import Engine
from overspill.words.failures import Failure, StoreFailure
from overspill.words.strict_json import BYTES_MAX, json_from_text

CHUNK = 256


@click.command()
@click.argument("requests", default="-")
@policy_option
@db_option
@click.option("--preview", is_flag=True, help="Decide without effect.")
@click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="Attributes of the accounts, without --db.")
@click.option("--fail-on-deny", is_flag=True, help="Exit with 1 when a request is denied.")
@format_option("json", "text", default="json")
def decide(
    requests: str, policy: str, db: str | None, preview: bool, sets: tuple[str, ...], fail_on_deny: bool, format_: str
) -> int:
    """Decide REQUESTS (a file, or - for stdin): one JSON request a line, one decision a line.

    Without --db everything happens in memory and is forgotten.

    \b
    overspill decide --db x.db requests.jsonl
    echo '{"id": "r1", …}' | overspill decide --preview --set plan=plus --format text
    """
    if sets and db is not None:
        raise click.UsageError("--set is for what is kept nowhere; with --db, `overspill account set` does it")
    if preview and db is not None:
        there(db)
    return _stream(requests, policy, db, sets, "preview" if preview else "decide", fail_on_deny, format_)


@click.command()
@click.argument("requests", default="-")
@policy_option
@needed_db_option
@click.option("--fail-on-deny", is_flag=True, help="Exit with 1 when a request is denied.")
@format_option("json", "text", default="json")
def reserve(requests: str, policy: str, db: str, fail_on_deny: bool, format_: str) -> int:
    """Hold what REQUESTS estimate: the decision's `hold` names it for `capture` and `release`."""
    return _stream(requests, policy, db, (), "reserve", fail_on_deny, format_)


@click.command()
@click.argument("hold")
@click.argument("meters", nargs=-1, required=True, metavar="METER=QUANTITY…")
@click.option("--id", "id_", help="Your key for this capture, within the hold; a part needs one.")
@click.option("--part", is_flag=True, help="More follows: the hold goes on, and all parts are priced as one.")
@operation
def capture(engine: Engine, hold: str, meters: tuple[str, ...], id_: str | None, part: bool) -> Receipt:
    """Book the actual usage of HOLD and end it; what was not used goes back.

    \b
    overspill capture hold_… input_tokens=60000 output_tokens=2000 --db x.db
    """
    quantities = {name: meter_of(name, value) for name, value in pairs(meters).items()}
    return engine.capture(hold, quantities, id=id_, final=not part)


@click.command()
@click.argument("hold")
@click.option("--id", "id_", required=True, help="Your key for this extension.")
@operation
def extend(engine: Engine, hold: str, id_: str) -> Receipt:
    """Let HOLD last as long again from now as one that is made now."""
    return engine.extend(hold, id=id_)


@click.command()
@click.argument("hold")
@click.option("--id", "id_", default="1", show_default=True, help="Your key for this release.")
@operation
def release(engine: Engine, hold: str, id_: str) -> Receipt:
    """Give back everything that HOLD still holds."""
    return engine.release(hold, id=id_)


@click.command()
@click.argument("of")
@click.option("--id", "id_", required=True, help="Your key for this reversal: the same again changes nothing.")
@click.option("--actor", default="operator", show_default=True, help="Who reverses it.")
@operation
def reverse(engine: Engine, of: str, id_: str, actor: str) -> Receipt:
    """Undo a finished request, whole: OF is the id of its decision or of its hold."""
    return engine.reverse(of, id=id_, actor=actor)


# ---- streams of requests


def _stream(
    requests: str, policy: str, db: str | None, sets: tuple[str, ...], how: str, fail_on_deny: bool, format_: str
) -> int:
    failed = denied = done = 0
    progress = Progress("requests decided", shown=not sys.stdout.isatty())
    with Engine.open(policy, db=db) as engine, progress:
        ask_all = {"decide": engine.decide_all, "preview": engine.preview_all, "reserve": engine.reserve_all}[how]
        values = _values(requests)
        known: set[str] = set()
        while chunk := list(islice(values, CHUNK)):
            parsed = [_request(value) for value in chunk]
            good = [request for request in parsed if isinstance(request, Request)]
            if sets:
                _set_attributes(engine, good, pairs(sets), known)
            answers = iter(ask_all(good))
            for request in parsed:
                answer = request if isinstance(request, Failure) else next(answers)
                failed += isinstance(answer, Failure)
                denied += isinstance(answer, Decision) and not answer.allowed
                done += 1
                _print(answer, format_)
            progress.update(done)
    if failed:
        say(f"{failed} of {done} requests could not be decided")
        return 2
    return 1 if denied and fail_on_deny else 0


def _values(path: str) -> Iterator[Any]:
    """One JSON value a line; a file that is one value over several lines is one request, or a list of them."""
    if path == "-":
        yield from _lines(_bounded(sys.stdin.buffer), path)
        return
    data = read_input(path)
    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) > 1 and not lines[0].rstrip().endswith(b"}"):
        value = json_from_text(data, name=path)
        yield from value if isinstance(value, list) else [value]
        return
    yield from _lines(lines, path)


def _bounded(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream; of one that is longer than any request only as much as makes it refused."""
    while line := stream.readline(BYTES_MAX + 2):
        yield line.rstrip(b"\r\n")
        while not line.endswith(b"\n") and len(line) > BYTES_MAX + 1:
            line = stream.readline(BYTES_MAX + 2)


def _lines(lines: Iterable[bytes], path: str) -> Iterator[Any]:
    name = "stdin" if path == "-" else path
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield json_from_text(line, name=f"{name} line {number}")
            except Failure as failure:
                yield failure


def _request(value: Any) -> Request | Failure:
    if isinstance(value, Failure):
        return value
    try:
        return request_from_value(value)
    except Failure as failure:
        return failure


def _set_attributes(engine: Engine, requests: list[Request], sets: Any, known: set[str]) -> None:
    """`--set plan=plus` (the user's) or `--set workspace.frozen=true`, for every account met, once."""
    from overspill.cli.operate import attribute_value

    for request in requests:
        for kind, id in request.account.items():
            names = {
                name.rpartition(".")[2]: value
                for name, value in sets.items()
                if name.rpartition(".")[0] in ((kind, "") if kind == "user" else (kind,))
            }
            if names and f"{kind}/{id}" not in known:
                known.add(f"{kind}/{id}")
                plan = engine.policies.active().plan
                attributes = {name: attribute_value(plan, kind, name, text) for name, text in names.items()}
                engine.set_attributes({kind: id}, attributes, id="cli-set")


def _print(answer: Decision | Failure, format_: str) -> None:
    if isinstance(answer, StoreFailure):
        raise answer
    if isinstance(answer, Failure):
        if format_ == "json":
            out_json(failure_object(answer))
        else:
            report(answer)
    elif format_ == "json":
        out(answer.json.decode())
    else:
        import json

        for line in explain(json.loads(answer.json)):
            out(line)
