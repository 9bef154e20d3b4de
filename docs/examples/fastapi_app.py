"""A FastAPI application with a metered route: four generations are held before it runs, and those that were made are captured.

    OVERSPILL_URL=http://127.0.0.1:8080 OVERSPILL_KEY=osk_… uvicorn --factory fastapi_app:app

Needs `pip install "overspill[client]" fastapi uvicorn`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi import Request as Call
from pydantic import BaseModel

from overspill import Request
from overspill.client import AsyncClient, HoldJournal, Meter

MOST = 4
RECOVER_SECONDS = 60


class Wish(BaseModel):
    prompt: str
    count: int = 1


def app() -> FastAPI:
    client = AsyncClient(os.environ["OVERSPILL_URL"], os.environ["OVERSPILL_KEY"])
    journal = HoldJournal.in_folder(os.environ.get("HOLDS", "holds"))  # each worker has its own file in it

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        recovering = asyncio.create_task(recovered_now_and_then(client, journal))
        yield
        recovering.cancel()
        with suppress(asyncio.CancelledError):
            await recovering
        journal.close()
        await client.close()

    api = FastAPI(lifespan=lifespan)
    api.add_middleware(Meter, client=client, ask=asked, journal=journal, if_away="allow")

    @api.post("/generations")
    async def generate(wish: Wish, call: Call) -> dict[str, Any]:
        if not 1 <= wish.count <= MOST:
            raise HTTPException(422, f"from 1 to {MOST} at once")  # an error, and nothing was counted: it costs nothing
        made = [f"{wish.prompt}, number {number + 1}" for number in range(wish.count)]
        call.scope["overspill"].use(generations=len(made))  # what is captured, in the place of the estimate
        return {"made": made}

    @api.get("/usage")
    async def usage(call: Call) -> dict[str, Any]:
        status = await client.status({"user": user_of(call.scope)})
        windows = [one for one in status.accounts[0].windows if one.in_force]
        return {one.key: {"used": one.used, "of": one.limit, "unit": one.unit} for one in windows}

    return api


def asked(scope: MutableMapping[str, Any], id: str) -> Request | None:
    """The estimate of a metered route, under the id that the meter has made for it; None: it is not metered."""
    if scope["path"] != "/generations":
        return None
    fields = {"product": "sora", "model": "sora-2"}
    return Request(id=id, account={"user": user_of(scope)}, fields=fields, meters={"generations": MOST})


def user_of(scope: MutableMapping[str, Any]) -> str:
    """Here your own authentication says who asks."""
    return dict(scope["headers"]).get(b"x-user", b"nobody").decode("latin-1")


async def recovered_now_and_then(client: AsyncClient, journal: HoldJournal) -> None:
    """What an earlier process left is booked at the start, what waits for the service once it is back."""
    while True:
        for one in await client.recover(journal):
            logging.getLogger(__name__).warning("hold %s, left before: %s %s", one.of, one.outcome, one.failure or "")
        await asyncio.sleep(RECOVER_SECONDS)
