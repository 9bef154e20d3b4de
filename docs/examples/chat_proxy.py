"""A proxy before an API that streams chats as OpenAI's does: the tokens that a stream has used are captured.

    OVERSPILL_URL=http://127.0.0.1:8080 OVERSPILL_KEY=osk_… UPSTREAM_URL=https://api.openai.com UPSTREAM_KEY=sk-… \
        uvicorn --factory chat_proxy:app

Before the model is asked, as much is held as the prompt and the longest answer may cost; who has that no more, or asks for a model
that the policy has no price for, is told so in the API's own form. The API is asked for `stream_options.include_usage`, so that the last chunk has the tokens of all of it. Until that
has come each piece of text counts as one token, and is captured in parts; who hangs up in the middle, or whose stream
breaks, pays what had gone out by then.

Needs `pip install "overspill[client]" starlette uvicorn`.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from overspill import Request
from overspill.client import AsyncClient, HoldJournal, ServiceFailure
from overspill.client.aio import AsyncHold
from overspill.client.answers import Answer
from overspill.client.denials import denial_of
from overspill.client.pace import fresh_id

PATH = "/v1/chat/completions"
ANSWER_TOKENS = 1_000
"""Held for an answer whose length nobody has bounded."""
PART_TOKENS = 100
"""Captured at once while a stream goes on."""
COUNTS, COUNT_MAX = ("max_completion_tokens", "max_tokens", "n"), 10**9
"""What bounds an answer: its tokens, and how many there are of it."""


def app() -> Starlette:
    client = AsyncClient(os.environ["OVERSPILL_URL"], os.environ["OVERSPILL_KEY"])
    journal = HoldJournal.in_folder(os.environ.get("HOLDS", "holds"))
    upstream = httpx2.AsyncClient(
        base_url=os.environ["UPSTREAM_URL"],
        headers={"authorization": f"Bearer {os.environ['UPSTREAM_KEY']}"},
        timeout=httpx2.Timeout(60),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await client.recover(journal)
        yield
        journal.close()
        await upstream.aclose()
        await client.close()

    return Starlette(routes=[Route(PATH, Chat(client, journal, upstream), methods=["POST"])], lifespan=lifespan)


class Chat:
    """The route. It is an ASGI application itself, so that its hold ends with the call, however that ends."""

    def __init__(self, client: AsyncClient, journal: HoldJournal, upstream: httpx2.AsyncClient) -> None:
        self.client, self.journal, self.upstream = client, journal, upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, hold = await asked_of(Call(scope, receive)), None
        if asked is None:
            await refused(
                "the body is no JSON object with a model, and counts where it bounds its answer", "invalid_body"
            )(scope, receive, send)
            return
        try:
            async with self.client.holding(estimate(scope, asked), journal=self.journal, if_away="deny") as hold:
                await self._answered(asked, hold, scope, receive, send)
        except ServiceFailure as failure:
            if hold is not None or failure.status != 422:  # not the caller's fault, or it is too late to tell
                raise
            await refused(str(failure), failure.code)(scope, receive, send)

    async def _answered(
        self, asked: dict[str, Any], hold: AsyncHold, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not hold.allowed:
            await denied(hold.answer)(scope, receive, send)
            return
        body = {**asked, "stream_options": {"include_usage": True}} if asked.get("stream") else asked
        async with self.upstream.stream("POST", PATH, json=body) as reply:
            if asked.get("stream") and reply.status_code == 200:
                stream = Stream(reply, hold, asked)
                try:
                    response: Response = StreamingResponse(stream.events(), media_type="text/event-stream")
                    await response(scope, receive, send)
                finally:
                    stream.ended()
                return
            data = await reply.aread()
        response = Response(data, reply.status_code, media_type=reply.headers.get("content-type"))
        usage = json.loads(data).get("usage") if reply.status_code == 200 else None
        if usage:  # an error has none, and costs nothing
            hold.total(**meters_of(usage))
        await response(scope, receive, send)


class Stream:
    """One answer on its way through."""

    def __init__(self, reply: httpx2.Response, hold: AsyncHold, asked: dict[str, Any]) -> None:
        self.reply, self.hold, self.asked = reply, hold, asked
        self.is_told = False

    async def events(self) -> AsyncIterator[bytes]:
        """What the caller is sent, event by event: all but the usage, if only we have asked for it."""
        wanted = (self.asked.get("stream_options") or {}).get("include_usage", False)
        lines: list[str] = []
        async for line in self.reply.aiter_lines():
            lines.append(line)
            if line:
                continue
            event, lines = "\n".join([*lines, ""]), []
            chunk = chunk_of(event)
            if chunk.get("usage"):
                self.is_told = True
                self.hold.total(**meters_of(chunk["usage"]))
            if wanted or chunk.get("choices") != []:
                yield event.encode()  # it goes on from here once the event has been sent
            if has_text(chunk) and not self.is_told:
                self.hold.use(output_tokens=1)
                if self.hold.counted["output_tokens"] % PART_TOKENS == 0:
                    await self.hold.capture()

    def ended(self) -> None:
        """A stream that broke before its usage came has cost its prompt too, which is known about only."""
        if not self.is_told and self.hold.counted.get("output_tokens"):
            self.hold.use(input_tokens=prompt_tokens(self.asked))


def chunk_of(event: str) -> dict[str, Any]:
    """The JSON of a `data:` event; of `[DONE]` and comments nothing."""
    data = "".join(line[5:].strip() for line in event.splitlines() if line.startswith("data:"))
    return {} if data in ("", "[DONE]") else json.loads(data)


def has_text(chunk: dict[str, Any]) -> bool:
    return any(choice.get("delta", {}).get("content") for choice in chunk.get("choices", ()))


async def asked_of(call: Call) -> dict[str, Any] | None:
    """What the caller asks the API for; None: nothing that could be held for."""
    try:
        asked = await call.json()
        json.dumps(asked, ensure_ascii=False).encode()  # half a character can be passed on to nobody
    except (ValueError, RecursionError):
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str):
        return None
    is_fit = isinstance(asked.get("stream_options") or {}, dict) and all(is_count(asked.get(name)) for name in COUNTS)
    return asked if is_fit else None


def is_count(value: object) -> bool:
    return value is None or (type(value) is int and 0 < value <= COUNT_MAX)


def meters_of(usage: dict[str, Any]) -> dict[str, int]:
    """The API's count of tokens as the policy's meters."""
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return {
        "input_tokens": usage["prompt_tokens"],
        "cached_input_tokens": cached,
        "output_tokens": usage["completion_tokens"],
    }


def prompt_tokens(asked: dict[str, Any]) -> int:
    """About: four bytes of text are a token."""
    return len(json.dumps(asked.get("messages", []))) // 4 + 1


def estimate(scope: Scope, asked: dict[str, Any]) -> Request:
    """What is held: the prompt, and the longest answer as often as it is asked for. The id is ours: one that a caller may choose
    would let it have an old hold again."""
    longest = asked.get("max_completion_tokens") or asked.get("max_tokens") or ANSWER_TOKENS
    answers = asked.get("n") or 1
    return Request(
        id=fresh_id(),
        account={"user": user_of(scope)},
        fields={"product": "codex", "model": asked["model"]},
        meters={"input_tokens": prompt_tokens(asked), "cached_input_tokens": 0, "output_tokens": answers * longest},
    )


def user_of(scope: Scope) -> str:
    """Here your own authentication says who asks."""
    return dict(scope["headers"]).get(b"x-user", b"nobody").decode("latin-1")


def denied(answer: Answer) -> Response:
    """As the API tells that a quota is used up, with what would help beside it."""
    denial = denial_of(answer)
    told = json.loads(denial.body)
    error = {"message": told["title"], "type": "insufficient_quota", "code": told.get("reason"), "overspill": told}
    headers = {"retry-after": dict(denial.headers).get(b"retry-after", b"").decode()}
    return JSONResponse({"error": error}, denial.status, {name: text for name, text in headers.items() if text})


def refused(message: str, code: str) -> Response:
    """As the API tells that a request is wrong."""
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error", "code": code}}, 400)
