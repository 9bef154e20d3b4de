"""What libraries have to say is told as lines of JSON, and nothing that was sent is in them."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from overspill.cli.libraries import Told, libraries_told

CANARY = "canary-7f3a"
TOLD: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "words alone": ("Invalid HTTP request received.", (), "Invalid HTTP request received."),
    "a text": ("the field %s is odd", (CANARY,), "the field ... is odd"),
    "an exception": ("Transient error %s while exporting", (ValueError(CANARY),), "Transient error ValueError while exporting"),
    "numbers": ("status %s, in %.2fs", (503, 1.5), "status 503, in 1.50s"),
    "names": ("status %(status)s", ({"status": CANARY},), "status %(status)s"),
    "more than there is": ("status %s of %s", (CANARY,), "status %s of %s"),
    "a percent sign": (f"100% of it (all {CANARY})", (), "100% of it"),
    "an object behind": (f"Task exception was never retrieved\nfuture: <{CANARY}>", (), "Task exception was never retrieved"),
    "an object within": (f"Exception in callback act({CANARY})", (), "Exception in callback act"),
}  # fmt: skip


@pytest.mark.parametrize("message, filled_in, told", TOLD.values(), ids=TOLD)
def test_a_message_is_told_without_what_was_filled_in(
    capsys: pytest.CaptureFixture[str], message: str, filled_in: tuple[Any, ...], told: str
) -> None:
    logger = logging.getLogger("one.of.them")
    Told().handle(logger.makeRecord(logger.name, logging.ERROR, "", 0, message, filled_in, None))
    line = capsys.readouterr().err
    assert json.loads(line) == {"event": "library", "level": "warning", "library": "one.of.them", "message": told}
    assert CANARY not in line


def test_of_an_exception_its_kind_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def failing() -> None:
        def act(text: str) -> None:
            raise RuntimeError(text)

        asyncio.get_running_loop().call_soon(act, CANARY)
        await asyncio.sleep(0)

    with libraries_told():
        asyncio.run(failing())
    line = capsys.readouterr().err
    told = json.loads(line)
    assert (told["library"], told["error"], CANARY in line) == ("asyncio", "RuntimeError", False)
    assert told["message"].startswith("Exception in callback")
