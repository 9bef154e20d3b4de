"""The worked examples of the docs, as they stand there: real servers on loopback, and an upstream of our own."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from overspill.client import HoldJournal
from support.services import Served, with_ana
from support.serving import Listening, serving

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ANA = {"x-user": "u_ana"}


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    with serving() as (one, url):
        monkeypatch.setenv("OVERSPILL_URL", url)
        monkeypatch.setenv("OVERSPILL_KEY", one.all.key)
        monkeypatch.setenv("HOLDS", str(tmp_path / "holds"))
        yield with_ana(one)


def captured(one: Served) -> list[dict[str, int]]:
    """The meters of each capture."""
    records = [record for record in one.engine.records() if record.key[2] == "capture"]
    meters = [json.loads(bytes(record.command))["meters"] for record in records]
    return [{name: amount for name, amount in each.items() if amount} for each in meters]


def last(one: Served) -> str:
    return [record.key[2] for record in one.engine.records()][-1]


def nothing_left(tmp_path: Path) -> bool:
    with HoldJournal(tmp_path / "holds" / "holds-0.jsonl") as journal:
        return journal.left() == []


# ---- FastAPI


def test_what_the_route_has_made_is_captured(up: Served, tmp_path: Path) -> None:
    with Listening(example("fastapi_app").app()) as server, httpx2.Client(base_url=server.url, headers=ANA) as client:
        made = client.post("/generations", json={"prompt": "a lake", "count": 3})
        server.quiet()
        wrong = client.post("/generations", json={"prompt": "a lake", "count": 9})
        server.quiet()
        usage = client.get("/usage")
        assert (made.status_code, len(made.json()["made"])) == (200, 3)
        assert (wrong.status_code, last(up)) == (422, "release")
        assert captured(up) == [{"generations": 3}]
        assert {"used": "3", "of": "30", "unit": "generations"} in usage.json().values()
    assert nothing_left(tmp_path)


def test_who_has_no_generations_left_is_told_what_would_help(up: Served) -> None:
    with Listening(example("fastapi_app").app()) as server, httpx2.Client(base_url=server.url) as client:
        answers = []
        for _ in range(8):
            answers.append(client.post("/generations", json={"prompt": "x", "count": 4}, headers={"x-user": "u_bo"}))
            server.quiet()
    assert [answer.status_code for answer in answers] == [200] * 7 + [429]
    denial = answers[-1].json()
    assert denial["violated-policies"] == ["day"]
    assert [offer["offer"] for offer in denial["offers"]] == ["wait", "add_credits"]
    assert answers[-1].headers["retry-after"].isdigit()


# ---- the proxy of chats

USAGE = {"prompt_tokens": 1_000, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 200}}
BOOKED = {"input_tokens": 1_000, "cached_input_tokens": 200, "output_tokens": 5}
ASKED = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 50}


class Upstream:
    """An API that streams chats: so many pieces of text, then usage if it was asked for. `ends` says how: `well`, `broken`
    (the connection is cut before the usage), `error`."""

    def __init__(self, pieces: int = 5, ends: str = "well") -> None:
        self.pieces, self.ends = pieces, ends
        self.asked: list[Any] = []
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(json.loads((await receive())["body"]))
        asked = self.asked[-1]
        if self.ends == "error":
            await self._whole(send, 429, {"error": {"message": "slow down", "type": "rate_limit"}})
            return
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "a b c d e"}
            await self._whole(send, 200, {"choices": [{"index": 0, "message": message}], "usage": USAGE})
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        wanted = asked.get("stream_options", {}).get("include_usage")
        beside = {"usage": None} if wanted else {}
        await self._event(send, {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], **beside})
        gone = asyncio.ensure_future(receive())
        for number in range(self.pieces):
            await asyncio.sleep(0)
            if gone.done():
                return
            self.sent += 1
            await self._event(send, {"choices": [{"index": 0, "delta": {"content": f"t{number} "}}], **beside})
        gone.cancel()
        if self.ends == "broken":
            raise ConnectionError("cut")
        await self._event(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **beside})
        if wanted:
            await self._event(send, {"choices": [], "usage": USAGE})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})

    async def _event(self, send: Any, chunk: Any) -> None:
        data = b"data: " + json.dumps({"object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async def _whole(self, send: Any, status: int, body: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@pytest.fixture
def proxied(up: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Upstream, Listening]]:
    upstream = Upstream()
    with Listening(upstream, lifespan="off") as behind:
        monkeypatch.setenv("UPSTREAM_URL", behind.url)
        monkeypatch.setenv("UPSTREAM_KEY", "sk-test")
        with Listening(example("chat_proxy").app()) as server:
            yield upstream, server


def chat(server: Listening, asked: Any) -> httpx2.Response:
    body = json.dumps(asked).encode()  # half characters too
    answer = httpx2.post(f"{server.url}/v1/chat/completions", content=body, headers=ANA, timeout=30)
    server.quiet()
    assert server.errors == []
    return answer


def chunks(answer: httpx2.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("wants", [True, False])
def test_the_tokens_of_a_stream_are_captured(up: Served, proxied: Any, wants: bool) -> None:
    upstream, server = proxied
    options = {"stream_options": {"include_usage": True}} if wants else {}
    found = chunks(chat(server, {**ASKED, "stream": True, **options}))
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in found if chunk["choices"])
    assert text == "t0 t1 t2 t3 t4 "
    assert [chunk["usage"] for chunk in found if not chunk["choices"]] == ([USAGE] if wants else [])
    assert upstream.asked[0]["stream_options"] == {"include_usage": True}
    assert captured(up) == [BOOKED]


def test_a_long_stream_is_captured_in_parts_that_are_together_the_whole(up: Served, proxied: Any) -> None:
    upstream, server = proxied
    upstream.pieces = 250
    chat(server, {**ASKED, "stream": True})
    parts = captured(up)
    assert parts[:2] == [{"output_tokens": 100}] * 2
    assert parts[2] == {"input_tokens": 1_000, "cached_input_tokens": 200}  # 5 tokens, says the API: 200 are booked


def test_the_tokens_of_an_answer_at_once_are_captured(up: Served, proxied: Any) -> None:
    answer = chat(proxied[1], ASKED)
    assert (answer.status_code, answer.json()["usage"]) == (200, USAGE)
    assert captured(up) == [BOOKED]


def test_an_error_of_the_api_goes_through_and_costs_nothing(up: Served, proxied: Any) -> None:
    upstream, server = proxied
    upstream.ends = "error"
    for stream in (True, False):
        answer = chat(server, {**ASKED, "stream": stream})
        assert (answer.status_code, answer.json()["error"]["type"], last(up)) == (429, "rate_limit", "release")


def test_a_stream_that_breaks_is_captured_for_what_went_out(up: Served, proxied: Any, tmp_path: Path) -> None:
    upstream, server = proxied
    upstream.ends = "broken"
    with pytest.raises(httpx2.RemoteProtocolError):
        chat(server, {**ASKED, "stream": True})
    server.quiet()
    server.__exit__()
    (booked,) = captured(up)
    assert (booked["output_tokens"], booked["input_tokens"] > 0) == (5, True)
    assert nothing_left(tmp_path)


def test_who_hangs_up_in_the_middle_is_captured_for_what_went_out(up: Served, proxied: Any, tmp_path: Path) -> None:
    upstream, server = proxied
    upstream.pieces = 10_000
    body = json.dumps({**ASKED, "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-user: u_ana\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.sendall(head.encode() + body)
        data = b""
        while data.count(b"data:") < 20:
            data += peer.recv(4096)
    server.quiet()
    server.__exit__()
    parts = captured(up)
    assert 10 <= sum(part.get("output_tokens", 0) for part in parts) <= upstream.sent < 10_000
    assert sum(part.get("input_tokens", 0) for part in parts) > 0
    assert nothing_left(tmp_path)


def test_who_has_nothing_left_is_told_so_in_the_apis_form_and_the_model_is_not_asked(up: Served, proxied: Any) -> None:
    upstream, server = proxied
    answer = chat(server, {**ASKED, "max_completion_tokens": 10**6})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (402, "insufficient_quota", "usage_exhausted")
    assert [offer["offer"] for offer in error["overspill"]["offers"]] == ["add_credits", "upgrade"]
    assert upstream.asked == []


def test_each_of_many_answers_is_held_for(up: Served, proxied: Any) -> None:
    assert chat(proxied[1], {**ASKED, "n": 3}).status_code == 200
    held = [json.loads(bytes(record.command))["meters"] for record in up.engine.records() if record.key[2] == "reserve"]
    assert [meters["output_tokens"] for meters in held] == [150]


WRONG: list[tuple[Any, str]] = [
    ({**ASKED, "model": "gpt-0"}, "unknown_model"),
    ({"messages": []}, "invalid_body"),
    ([], "invalid_body"),
    ({**ASKED, "model": "\ud800"}, "invalid_body"),
    ({**ASKED, "messages": "\ud800"}, "invalid_body"),
    ({**ASKED, "stream": True, "stream_options": "all"}, "invalid_body"),
    *[({**ASKED, "max_completion_tokens": odd}, "invalid_body") for odd in (1.5, True, "9", 0, -1, 10**20, {})],
    ({**ASKED, "n": 0}, "invalid_body"),
]


@pytest.mark.parametrize(("asked", "code"), WRONG)
def test_a_wrong_request_is_refused_in_the_apis_form_and_the_model_is_not_asked(
    proxied: Any, asked: Any, code: str
) -> None:
    upstream, server = proxied
    answer = chat(server, asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (400, "invalid_request_error", code)
    assert upstream.asked == []


def test_a_credential_that_is_not_good_is_no_fault_of_the_caller(proxied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSPILL_KEY", "osk_wrong")
    with Listening(example("chat_proxy").app()) as server:
        answer = httpx2.post(f"{server.url}/v1/chat/completions", json=ASKED, headers=ANA, timeout=30)
        assert answer.status_code == 500
        server.quiet()
    assert proxied[0].asked == []
