"""Whose trace a call belongs to: what was given, else OpenTelemetry's current span, else nobody's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider

from client.both import ANA, NAMES, Awaited, Both, turn
from client.test_meter import Scene, answering
from overspill.client import AsyncClient, Client
from overspill.client.calls import headers_of
from support.services import Served, served, with_ana
from support.serving import Scripted

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-00"
TRACER = TracerProvider().get_tracer("test")


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def sent(way: Scripted) -> list[dict[str, str]]:
    """The fields of each call that say whose trace it belongs to."""
    fields = [headers_of(call, "osk_x") for _, call in way.calls]
    return [{name: one[name] for name in ("traceparent", "tracestate", "baggage") if name in one} for one in fields]


def status(way: Scripted, name: str, *trace: str) -> None:
    """Asks once with a trace that is given, and once as ever, with the same connections."""
    if name == "threads":
        with Client("http://service.test", "osk_x", transport=way) as client:
            client.with_traceparent(*trace).status(ANA)
            client.status(ANA)
        return

    async def main() -> None:
        async with AsyncClient("http://service.test", "osk_x", transport=Awaited(way)) as client:
            await client.with_traceparent(*trace).status(ANA)
            await client.status(ANA)

    asyncio.run(main())


def test_what_the_caller_was_given_is_passed_on(one: Served, name: str) -> None:
    way = Scripted(one.app, one.all.key)
    status(way, name, GIVEN, "vendor=1,other=2")
    assert sent(way) == [{"traceparent": GIVEN, "tracestate": "vendor=1,other=2"}, {}]


@pytest.mark.parametrize(
    "traceparent",
    ["", "00", GIVEN + "\r\nx: y", GIVEN.upper(), "ff" + GIVEN[2:], f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01"],
)  # fmt: skip
def test_what_is_no_trace_is_not_passed_on(one: Served, name: str, traceparent: str) -> None:
    way = Scripted(one.app, one.all.key)
    status(way, name, traceparent, "vendor=1")
    assert sent(way) == [{}, {}]


@pytest.mark.parametrize("tracestate", ["", "a\r\nb", "ü", "a" * 513])
def test_what_is_no_state_is_left_out(one: Served, tracestate: str) -> None:
    way = Scripted(one.app, one.all.key)
    status(way, "threads", GIVEN, tracestate)
    assert sent(way)[0] == {"traceparent": GIVEN}


def test_the_current_span_is_passed_on_where_nothing_was_given(one: Served, name: str) -> None:
    way = Scripted(one.app, one.all.key)
    with TRACER.start_as_current_span("work") as span:
        token = context.attach(baggage.set_baggage("user", "ana"))
        try:
            status(way, name, GIVEN)
        finally:
            context.detach(token)
    given, current = sent(way)
    own = span.get_span_context()
    assert (given, list(current)) == (
        {"traceparent": GIVEN},
        ["traceparent"],
    )  # and no baggage, which may be of persons
    assert current["traceparent"][:52] == f"00-{own.trace_id:032x}-{own.span_id:016x}"


def test_every_attempt_and_every_call_of_a_hold_has_it(one: Served, name: str) -> None:
    way = Scripted(one.app, one.all.key, iter(["503", "pass"]))
    with TRACER.start_as_current_span("work") as span:
        Both(name, way).call("status", ANA)
    own = f"{span.get_span_context().span_id:016x}"
    assert [one["traceparent"][36:52] for one in sent(way)] == [own, own]


def test_a_metered_route_passes_on_the_trace_of_whoever_asks(one: Served) -> None:
    scene = Scene(one)
    scene.call(answering(), headers=[(b"traceparent", GIVEN.encode()), (b"tracestate", b"a=1")])
    assert sent(scene.way) == [{"traceparent": GIVEN, "tracestate": "a=1"}] * 2
    scene = Scene(one, request=turn("m2"))
    with TRACER.start_as_current_span("instrumented") as span:  # it is a child of what was sent
        scene.call(answering(), headers=[(b"traceparent", OTHER.encode())])
    assert {one["traceparent"][36:52] for one in sent(scene.way)} == {f"{span.get_span_context().span_id:016x}"}


def test_nobody_loads_opentelemetry_for_it() -> None:
    text = (
        "import sys; from overspill.client import Client, tracing; "
        "assert tracing.current() == {}; sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


def test_the_service_is_told_it_over_the_wire(one: Served, name: str) -> None:
    way = Scripted(one.app, one.all.key)
    heard: list[dict[bytes, bytes]] = []

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        heard.append(dict(scope["headers"]))
        await one.app(scope, receive, send)

    way.app = app
    status(way, name, GIVEN)
    assert [headers.get(b"traceparent") for headers in heard] == [GIVEN.encode(), None]
