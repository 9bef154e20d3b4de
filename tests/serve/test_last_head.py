"""A call like the one before it on its connection is read without a parser, and as the parser would have read it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from overspill.serve import last_head
from overspill.serve.call import Reply
from overspill.serve.lane import Answer, Headers
from overspill.serve.lane import Connection as Remembering
from overspill.serve.protocol import PARSED_MAX, LaneProtocol
from support.connections import Connection, Out

Read = tuple[list[tuple[bytes, bytes]], bytes]
"""(header fields in their order, body)."""
FIRST = b"POST /v1/decisions HTTP/1.1"
REPLY, ID = Reply(b"ok"), "call"
BODY_MAX = 64


class Reader:
    """An application, and a lane that takes whatever is brought to it: both keep what they read, and answer the same in a later
    turn. `known` is how many calls were brought with their key, that is without a parser."""

    def __init__(self) -> None:
        self.read: list[Read] = []
        self.known = 0
        self.app = SimpleNamespace(service=SimpleNamespace(limits=SimpleNamespace(body=BODY_MAX)))

    def takes(
        self, connection: Remembering, headers: Headers, body: bytes, answer: Answer, key: str | None = None
    ) -> bool:
        self.read.append((list(headers.items()), body))
        self.known += key is not None
        if key is not None:
            assert headers[b"idempotency-key"].strip(b'"') == key.encode()
        asyncio.get_running_loop().call_soon(answer, REPLY, ID)
        return True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.read.append((scope["headers"], body))
        fields = [REPLY.media, (b"content-length", b"2"), (b"x-request-id", ID.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": REPLY.body})


class Quiet(Out):
    """As a socket's: what is written behind its end is lost."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            super().write(data)


async def _said(reader: Reader, protocol: Callable[..., Any], parts: Sequence[bytes]) -> tuple[list[Read], bytes, bool]:
    """What is read of packets, answered, and whether the connection has ended."""
    connection = Connection(reader, protocol)
    connection.out = Quiet()
    connection.protocol.connection_made(connection.out)
    for part in parts:
        if not connection.out.closed:
            connection.protocol.data_received(part)
        for _ in range(8):
            await asyncio.sleep(0)
    found = reader.read, connection.sent, connection.out.closed
    connection.protocol.connection_lost(None)
    await asyncio.gather(*connection.state.tasks)
    return found


async def known_of(parts: Sequence[bytes]) -> int:
    """How many of the calls in these packets are read without a parser, all of which are read as uvicorn reads them."""
    ours, uvicorns = Reader(), Reader()
    found = await _said(ours, partial(LaneProtocol, ours), parts)  # type: ignore[arg-type]
    assert found == await _said(uvicorns, HttpToolsProtocol, parts)
    return ours.known


def call(id: bytes = b"r1", body: bytes = b"{}", more: bytes = b"Accept: */*\r\nConnection: keep-alive") -> bytes:
    lines = (
        FIRST,
        b"Host: h",
        b"Idempotency-Key: " + id,
        more,
        b"X-Request-ID: c-" + id,
        b"Content-Length: %d" % len(body),
    )
    return b"%b\r\n\r\n%b" % (b"\r\n".join(lines), body)


BEFORE = [call(b"r0"), call()]
"""Behind one call like another one that needed the parser no more need it."""


def _instead(old: bytes, new: bytes) -> bytes:
    whole = call(b"r2")
    assert whole.count(old) == 1
    return whole.replace(old, new)


KEY, LENGTH, ENDS = b"-Key: r2\r\n", b"Content-Length: 2\r\n", b"\r\n\r\n"
LIKE: dict[str, bytes] = {
    "the same": call(),
    "another key": call(b"r2"),
    "a longer key": call(b"r2" * 64),
    "a quoted key": _instead(KEY, b'-Key: "r2"\r\n'),
    "words": _instead(b"c-r2", b"a=1, b=2"),
    "another length": call(b"r2", b"{ }"),
    "no body": call(b"r2", b""),
    "as much as may be": call(b"r2", b" " * BODY_MAX),
    "a body that looks like a call": call(b"r2", ENDS + FIRST + ENDS),
}
ODD: dict[str, bytes] = {
    "more than may be": call(b"r2", b" " * (BODY_MAX + 1)),
    "a body that is longer than told": call(b"r2") + b"}",
    "a body that is shorter than told": call(b"r2")[:-1],
    "two calls": call(b"r2") + call(b"r3"),
    "a call and a half": call(b"r2") + call(b"r3")[:60],
    "an empty line before it": b"\r\n" + call(b"r2"),
    "an empty line behind it": call(b"r2") + b"\r\n",
    "bare line feeds": call(b"r2").replace(b"\r\n", b"\n"),
    "a bare line feed behind the key": _instead(KEY, b"-Key: r2\n"),
    "a bare line feed in the key": _instead(KEY, b"-Key: r\n2\r\n"),
    "a field behind a bare line feed": _instead(KEY, b"-Key: r2\nContent-Length: 9\r\n"),
    "a bare line feed at the end": _instead(ENDS, b"\r\n\n"),
    "bare carriage returns": call(b"r2").replace(b"\r\n", b"\r"),
    "a bare carriage return in the key": _instead(KEY, b"-Key: r\r2\r\n"),
    "a NUL in the key": _instead(KEY, b"-Key: r\x002\r\n"),
    "a DEL in the key": _instead(KEY, b"-Key: r\x7f2\r\n"),
    "a tab in the key": _instead(KEY, b"-Key: r\t2\r\n"),
    "a space in the key": _instead(KEY, b"-Key: r 2\r\n"),
    "more than ASCII in the key": _instead(KEY, b"-Key: r\xe92\r\n"),
    "a wide space behind the key": _instead(KEY, b"-Key: r2\xa0\r\n"),
    "a space behind the key": _instead(KEY, b"-Key: r2 \r\n"),
    "a tab behind the key": _instead(KEY, b"-Key: r2\t\r\n"),
    "two spaces before the key": _instead(KEY, b"-Key:  r2\r\n"),
    "no space before the key": _instead(KEY, b"-Key:r2\r\n"),
    "a tab before the key": _instead(KEY, b"-Key:\tr2\r\n"),
    "a space before the colon": _instead(KEY, b"-Key : r2\r\n"),
    "an empty key": _instead(KEY, b"-Key: \r\n"),
    "a folded key": _instead(KEY, b"-Key: r2\r\n r3\r\n"),
    "two keys": _instead(KEY, b"-Key: r2\r\nIdempotency-Key: r3\r\n"),
    "no key": _instead(b"Idempotency-Key: r2\r\n", b""),
    "a key of another field": _instead(b"Idempotency-Key", b"Idempotency-Kez"),
    "another case": _instead(b"Idempotency-Key", b"idempotency-key"),
    "a long key": call(b"r" * 129),
    "a space behind the id": _instead(b"c-r2", b"c-r2 "),
    "two spaces before the id": _instead(b"c-r2", b" c-r2"),
    "a tab in the id": _instead(b"c-r2", b"c\tr2"),
    "a NUL in the id": _instead(b"c-r2", b"c\x00r2"),
    "no id": _instead(b"c-r2", b""),
    "a length with a sign": _instead(LENGTH, b"Content-Length: +2\r\n"),
    "a negative length": _instead(LENGTH, b"Content-Length: -2\r\n"),
    "a length with a zero": _instead(LENGTH, b"Content-Length: 02\r\n"),
    "a length in hex": _instead(LENGTH, b"Content-Length: 0x2\r\n"),
    "a length with a space": _instead(LENGTH, b"Content-Length: 2 \r\n"),
    "a length with two spaces": _instead(LENGTH, b"Content-Length:  2\r\n"),
    "a length with a line": _instead(LENGTH, b"Content-Length: 2_0\r\n"),
    "two lengths": _instead(LENGTH, b"Content-Length: 2, 2\r\n"),
    "the length twice": _instead(LENGTH, LENGTH * 2),
    "another length behind it": _instead(LENGTH, LENGTH + b"Content-Length: 0\r\n"),
    "an endless length": _instead(LENGTH, b"Content-Length: %d\r\n" % 10**30),
    "no length": _instead(LENGTH, b""),
    "chunks": _instead(LENGTH + b"\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "chunks and a length": _instead(LENGTH, LENGTH + b"Transfer-Encoding: chunked\r\n"),
    "the end of the connection": call(b"r2", more=b"Accept: */*\r\nConnection: close"),
    "another protocol": call(b"r2", more=b"Accept: */*\r\nConnection: upgrade\r\nUpgrade: h2c"),
    "a question first": call(b"r2", more=b"Accept: */*\r\nExpect: 100-continue"),
    "another order": call(b"r2", more=b"Connection: keep-alive\r\nAccept: */*"),
    "another value": call(b"r2", more=b"Accept: */x\r\nConnection: keep-alive"),
    "a field more": call(b"r2", more=b"Accept: */*\r\nConnection: keep-alive\r\nX-Y: z"),
    "a field less": call(b"r2", more=b"Connection: keep-alive"),
    "a field without a name": call(b"r2", more=b"Accept: */*\r\nConnection: keep-alive\r\n: z"),
    "a line without a colon": call(b"r2", more=b"Accept: */*\r\nConnection: keep-alive\r\nX-Y"),
    "an older protocol": _instead(b"HTTP/1.1", b"HTTP/1.0"),
    "another method": _instead(b"POST", b"PUT"),
    "another path": _instead(b"decisions", b"reversals"),
    "a query": _instead(b"decisions", b"decisions?a=b"),
    "a whole address": _instead(b"/v1", b"http://h/v1"),
    "two spaces": _instead(b"POST ", b"POST  "),
    "nothing": b"",
    "no HTTP": b"?\r\n\r\n",
}


def _ways(odd: bytes) -> Iterator[list[bytes]]:
    """Behind a call and before another one: whole, in two parts, and in one packet with what is around it."""
    yield [*BEFORE, odd, call(b"r9"), call(b"r10")]
    yield [*BEFORE, call() + odd, call(b"r9")]
    yield [*BEFORE, odd + call(b"r9"), call(b"r10")]
    for at in range(1, len(odd)):
        yield [*BEFORE, odd[:at], odd[at:], call(b"r9")]


@pytest.mark.parametrize("name", LIKE)
def test_a_call_like_the_last_one_needs_no_parser(name: str) -> None:
    async def read() -> list[int]:
        return [await known_of([*BEFORE, *parts]) for parts in ([LIKE[name], call()], [call(), LIKE[name]])]

    assert asyncio.run(read()) == [2, 2]


@pytest.mark.parametrize("name", ODD)
def test_the_parser_reads_whatever_else_it_is(name: str) -> None:
    assert asyncio.run(known_of([*BEFORE, ODD[name]])) == 0


@pytest.mark.parametrize("name", LIKE | ODD)
def test_a_call_is_read_as_the_parser_reads_it_in_whichever_parts_it_comes(name: str) -> None:
    async def read() -> None:
        for parts in _ways((LIKE | ODD)[name]):
            await known_of(parts)

    asyncio.run(read())


FIRSTS: dict[str, list[bytes]] = {
    "one that ends the connection": [call(more=b"Connection: close")],
    "one with bare line feeds": [call().replace(b"\r\n", b"\n")],
    "one with a field that is not as most are": [_instead(KEY, b"-Key:r2\r\n")],
    "one in parts": [call()[:50], call()[50:]],
    "two at once": [call() + call(b"r2")],
    "one with the next one's head": [call() + call()[:-2], b"{}"],
    "two at once, whose first had one like it": [call(), call() + call(b"r2")],
    "one that the lane is not asked": [_instead(b"decisions", b"reversals")],
    "one whose body looks like a call": [b"%b\r\n%b\r\n\r\n" % (FIRST, call()[len(FIRST) + 2 : -6]), call()],
}


@pytest.mark.parametrize("name", FIRSTS)
def test_a_head_is_known_only_where_the_parser_has_read_just_that(name: str) -> None:
    assert asyncio.run(known_of([call(), *FIRSTS[name], call(b"r2")])) == 0


def _others(count: int) -> list[bytes]:
    return [call(more=b"Accept: %d" % number) for number in range(count)]


AGAIN: dict[str, tuple[list[bytes], int]] = {
    "a first one": ([call()] * 2, 0),
    "all but two": ([call()] * 10, 8),
    "those behind others": ([*_others(PARSED_MAX - 1), *[call()] * 3], 2),
    "none behind many others": ([*_others(PARSED_MAX), *[call()] * 3], 0),
    "others, and those behind these": ([*[call()] * 3, *_others(PARSED_MAX - 1), *[call()] * 3], 3),
    "each second one of two heads": ([call(), call(b"r2", more=b"X-Y: z")] * 8, 0),
}


@pytest.mark.parametrize("name", AGAIN)
def test_a_head_is_known_as_long_as_calls_are_alike(name: str) -> None:
    parts, expected = AGAIN[name]
    assert asyncio.run(known_of(parts)) == expected


def test_a_call_waits_for_the_one_before_it() -> None:
    async def together() -> int:
        reader = Reader()
        connection = Connection(reader, partial(LaneProtocol, reader))  # type: ignore[arg-type]
        for part in [call(), call(b"r2"), call(b"r3")]:
            connection.protocol.data_received(part)
        assert (await connection.said([], 3)).count(b"HTTP/1.1 200") == 3
        assert [dict(headers)[b"idempotency-key"] for headers, _ in reader.read] == [b"r1", b"r2", b"r3"]
        await connection.said([call(b"r4"), call(b"r5")], 5)
        return reader.known

    assert asyncio.run(together()) == 1


# ---- at random

INTO = [bytes([one]) for one in b'\0\t\n\r "+,-.:;09AZaz_~\x7f\x80\xa0\xff'] + [b"\r\n", b"\r\n ", b": ", LENGTH, KEY]


def _changed(whole: bytes, chance: random.Random) -> bytes:
    """With a byte or two otherwise, mostly where the values are that may be."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        near = chance.choice([b"r2", b"c-r2", b"Length: ", b"\r\n\r\n", b"\r\n", b""])
        at = max(0, whole.find(near)) + chance.randrange(6) if near else chance.randrange(len(whole))
        what = chance.choice(INTO)
        whole = (
            whole[:at] + chance.choice([what, b"", whole[at : at + 1] * 2, what + whole[at : at + 1]]) + whole[at + 1 :]
        )
    return whole


async def _at_random(seed: int, count: int) -> int:
    chance, known = random.Random(seed), 0
    for _ in range(count):
        body = bytes(chance.randrange(33, 127) for _ in range(chance.randrange(40)))
        odd = _changed(call(b"r2" * chance.randrange(1, 4), body), chance)
        known += await known_of([*BEFORE, odd, call(b"r9")]) > 0
    return known


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_sent_is_read_as_the_parser_reads_it(seed: int) -> None:
    assert asyncio.run(_at_random(seed, 500)) > 20


LENIENT = [("_VALUE", lambda value: True), ("plain_key", lambda value: value.strip(b'"').decode("latin-1"))]


@pytest.mark.parametrize(("name", "instead"), LENIENT)
def test_a_reader_that_takes_more_would_be_found(name: str, instead: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_head, name, instead)
    with pytest.raises(AssertionError):
        asyncio.run(_at_random(0, 500))
