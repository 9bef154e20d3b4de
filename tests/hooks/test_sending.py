"""One attempt against a real receiver, whatever that does; bounded in time, in what is read, and in where it leads."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from hooks.benches import NEAR
from hooks.receiver import CLOSE, HANG, OK, Answer, Receiver, status
from overspill.hooks.reach import Reach
from overspill.hooks.sending import HEAD_MAX, Attempt, Outcome, Sender
from overspill.runtime.clock import SystemClock
from overspill.runtime.signatures import signed
from overspill.words.instants import HOUR, SECOND

HEADERS = signed(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "evt_1", 0, b"{}")
PEM = Path(__file__).parent / "localhost.pem"


def _sent(url: str, reach: Reach = NEAR, *, time: int = 10 * SECOND) -> Outcome:
    return Sender(reach, SystemClock().now, time=time)(Attempt(url, HEADERS, b"{}"))


ANSWERS: dict[str, tuple[Answer, Outcome]] = {
    "taken": (200, Outcome("delivered")),
    "taken, later": (202, Outcome("delivered")),
    "in pieces": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Outcome("delivered")),
    "behind preliminaries": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK,
        Outcome("delivered"),
    ),
    "moved": (status(301, "Location: http://127.0.0.1:1/"), Outcome("status_301")),
    "not modified": (304, Outcome("status_304")),
    "refused": (400, Outcome("status_400")),
    "unknown": (404, Outcome("status_404")),
    "gone": (410, Outcome("gone")),
    "too many": (status(429, "Retry-After: 3600"), Outcome("status_429", HOUR)),
    "away": (status(503, "retry-after:  7 "), Outcome("status_503", 7 * SECOND)),
    "away until a date": (status(503, "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT"), Outcome("status_503")),
    "asks with another status": (status(500, "Retry-After: 3600"), Outcome("status_500")),
    "nothing": (CLOSE, Outcome("bad_answer")),
    "no HTTP": (b"220 mail.example ESMTP\r\n\r\n", Outcome("bad_answer")),
    "no HTTP of ours": (b"HTTP/2 200\r\n\r\n", Outcome("bad_answer")),
    "a status that is none": (b"HTTP/1.1 20 OK\r\n\r\n", Outcome("bad_answer")),
    "half a head": (b"HTTP/1.1 200 OK\r\nA: b", Outcome("delivered")),
    "a head without end": (b"HTTP/1.1 500 No\r\nA: " + b"x" * (2 * HEAD_MAX), Outcome("status_500")),
    "hangs": (HANG, Outcome("timed_out")),
}


@pytest.mark.parametrize(("answer", "outcome"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_an_outcome(receiver: Receiver, answer: Answer, outcome: Outcome) -> None:
    receiver.script.append(answer)
    time = SECOND // 5 if answer == HANG else 10 * SECOND
    assert _sent(receiver.url, time=time) == outcome
    assert len(receiver.got) == 1


DOWN = {
    "delivered": False,
    "gone": False,
    "status_400": False,
    "status_404": False,
    "status_408": True,
    "status_429": True,
    "status_302": True,
    "status_500": True,
    "timed_out": True,
    "unreachable": True,
    "bad_answer": True,
}


@pytest.mark.parametrize(("code", "is_down"), DOWN.items())
def test_who_has_no_opinion_of_the_message_is_down(code: str, is_down: bool) -> None:
    assert Outcome(code).is_down == is_down


def test_a_receiver_that_answers_byte_by_byte_has_no_more_time_than_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                for _ in range(1000):
                    if over.wait(0.02):
                        return
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        outcome = _sent(f"http://127.0.0.1:{listener.getsockname()[1]}/", time=SECOND // 4)
        over.set()
        thread.join(60)
    assert outcome == Outcome("timed_out")


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert _sent(f"http://127.0.0.1:{bound.getsockname()[1]}/") == Outcome("unreachable")


def test_the_address_that_was_looked_at_is_the_one_that_is_called(receiver: Receiver) -> None:
    """The name is looked up once: a second answer, which would lead elsewhere, is never asked for."""
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    reach = Reach(allowed=NEAR.allowed, look_up=look_up)
    url = receiver.url.replace("127.0.0.1", "hooks.example")
    assert _sent(url, reach) == Outcome("delivered")
    assert asked == ["hooks.example"]
    assert receiver.got[0].headers["host"].startswith("hooks.example:")


def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver) -> None:
    reach = Reach(allowed=NEAR.allowed, look_up=lambda host, port: ["127.255.255.254", "127.0.0.1"])
    assert _sent(receiver.url.replace("127.0.0.1", "hooks.example"), reach) == Outcome("delivered")


def test_what_may_not_be_called_is_not_called(receiver: Receiver) -> None:
    assert _sent(receiver.url, Reach()) == Outcome("address_not_allowed")
    assert _sent(receiver.url.replace("http:", "https:"), Reach()) == Outcome("address_not_allowed")
    assert receiver.got == []


def _serve_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65_536)
            secure.sendall(OK)
    except OSError:
        connection.close()


@pytest.mark.parametrize(
    ("host", "trusted", "code"),
    [
        ("localhost", True, "delivered"),
        ("localhost", False, "bad_certificate"),
        ("other.example", True, "bad_certificate"),
    ],
)
def test_a_certificate_is_checked_for_who_gave_it_and_for_the_name(
    host: str, trusted: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_tls, args=(listener, context))
        thread.start()
        reach = Reach(allowed=NEAR.allowed, look_up=lambda host, port: ["127.0.0.1"])
        outcome = _sent(f"https://{host}:{listener.getsockname()[1]}/", reach)
        thread.join(60)
    assert outcome == Outcome(code)
