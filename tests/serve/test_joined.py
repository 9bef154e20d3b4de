"""What is written to a connection in one turn of the loop leaves together, in order, and nothing is kept back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from overspill.serve.joined import KEPT_MAX, Joined
from support.connections import Out


def _head_and_body(joined: Joined) -> None:
    joined.write(b"head")
    joined.write(b"body")


def _three(joined: Joined) -> None:
    _head_and_body(joined)
    joined.write(b"more")


def _much(joined: Joined) -> None:
    joined.write(bytes(KEPT_MAX + 1))
    joined.write(b"more")


def _much_behind_a_head(joined: Joined) -> None:
    joined.write(b"head")
    joined.write(bytes(KEPT_MAX + 1))


def _much_that_nobody_waits_for(joined: Joined) -> None:
    joined._transport.close()
    joined.write(bytes(KEPT_MAX + 1))


def _nothing_behind(joined: Joined) -> None:
    joined.write(b"head")
    joined.write(b"")


def _closed_at_once(joined: Joined) -> None:
    joined.write(b"head")
    joined.close()


TURNS: dict[str, tuple[Callable[[Joined], None], list[bytes], bool]] = {
    "a head and a body": (_head_and_body, [b"headbody"], False),
    "a head, a body and more": (_three, [b"headbodymore"], False),
    "more than is kept": (_much, [bytes(KEPT_MAX + 1), b"more"], False),
    "much behind a head": (_much_behind_a_head, [b"head", bytes(KEPT_MAX + 1)], False),
    "much that nobody waits for": (_much_that_nobody_waits_for, [], True),
    "a head alone": (lambda joined: joined.write(b"head"), [b"head"], False),
    "a head without a body": (_nothing_behind, [b"head"], False),
    "nothing": (lambda joined: joined.write(b""), [], False),
    "an end behind a head": (_closed_at_once, [b"head"], True),
}


@pytest.mark.parametrize("name", TURNS)
def test_what_is_written_in_one_turn_leaves_together(name: str) -> None:
    write, parts, is_closed = TURNS[name]
    sent = Out()

    async def turn() -> None:
        write(Joined(sent, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert (sent.parts, sent.closed) == (parts, is_closed)


def test_what_a_caller_who_is_gone_would_be_told_is_dropped() -> None:
    sent = Out()

    async def turn() -> None:
        Joined(sent, asyncio.get_running_loop()).write(b"head")
        sent.closed = True
        await asyncio.sleep(0)

    asyncio.run(turn())
    assert sent.parts == []


def test_everything_else_is_the_transports_own() -> None:
    loop = asyncio.new_event_loop()
    assert Joined(Out(), loop).get_write_buffer_size() == 7
    loop.close()
