"""Twice as many callers as a tenant may have at once, for a while: what is more is sent away, what is answered is right, memory
is bounded, no other tenant's call is sent away, and it goes on as before. It lasts 60 seconds, or as many as OVERSPILL_LOAD says: 10 in a
continuous check.

How long others wait meanwhile, and how soon all is as before, is measured: `python tools/bench --overload`.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from overspill.cli.reconcile import of_database
from overspill.runtime.ids import PLACES, SPARSE
from support.service_processes import Callers, Connection, key_for, process
from system.tools import tool

pytestmark = pytest.mark.system
SECONDS = int(os.environ.get("OVERSPILL_LOAD", "60"))
AT_ONCE = 32
GROWTH_MAX = 48 * 1024 * 1024
"""Bytes, beside the largest table of marks of ids, which is there once so many ids are."""
LOOKED_AT = 500
ASKED = {
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5", "speed": "standard"},
    "meters": {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 10},
}
FLOOD = """
local n = 0
function init(arguments) key = arguments[1] end
function request()
  n = n + 1
  local headers = {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "f-" .. n}
  return wrk.format("POST", "/v1/decisions", headers,
    '{"account":{"user":"u_' .. (n % 64) .. '"},"fields":{"product":"codex","model":"gpt-5.5","speed":"standard"},' ..
    '"meters":{"input_tokens":100,"cached_input_tokens":0,"output_tokens":10}}')
end
"""


def _prepared(port: int, key: str, users: list[str]) -> None:
    caller = Connection(port, key)
    for user in users:
        path = f"/v1/accounts/user/{user}"
        assert caller.ask("POST", f"{path}/attributes", {"attributes": {"plan": "free"}}, "signup").status == 200
        assert caller.ask("POST", f"{path}/grants", {"pool": "credits", "amount": "1000000"}, "C1").status == 200
    caller.close()


def test_more_than_it_may_take_hurts_nobody_else(tmp_path: Path) -> None:
    wrk, db, script = tool("wrk"), str(tmp_path / "x.db"), tmp_path / "flood.lua"
    script.write_text(FLOOD)
    flooding, other = key_for(db, "acme"), key_for(db, "umbrella")
    with process(db, "--at-once", str(AT_ONCE)) as one:
        _prepared(one.port, flooding, [f"u_{number}" for number in range(64)])
        _prepared(one.port, other, ["u_ana"])
        before = one.memory_peak
        flood = subprocess.Popen(
            [
                wrk,
                "-t1",
                f"-c{2 * AT_ONCE}",
                f"-d{SECONDS}",
                "-s",
                script,
                f"http://127.0.0.1:{one.port}",
                "--",
                flooding,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        callers = Callers(one.port, other, ASKED, 2, "o")
        callers.until(20)
        told, _ = flood.communicate(timeout=SECONDS + 60)
        callers.until(len(callers.acknowledged) + 20)
        callers.stop()
        answered = _expect_a_flood(told)
        assert (callers.odd, callers.sent_away) == ([], 0)
        table = PLACES[-1] if answered > PLACES[0] // SPARSE - LOOKED_AT else 0
        assert one.memory_peak - before < GROWTH_MAX + table
        statuses = _as_before(one.port, flooding)
        gone = statuses.pop("400", 0)  # who hangs up with a call under way, as wrk does, may have asked nothing by then
        assert (set(statuses), gone <= 2 * AT_ONCE) == ({"200", "503"}, True)
        assert list(_changed(one.port, other, callers)) == []
        assert not [line for line in one.told if "internal_error" in line]
        assert one.stop() == 0
    assert of_database(db).is_clean


def _expect_a_flood(told: str) -> int:
    """It was more than was taken, and some of it was: how many calls of it were answered."""
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    [answered] = re.findall(r"(\d+) requests in", told)
    assert refused is not None, told
    assert 0 < int(refused[1]) < int(answered)
    return int(answered) - int(refused[1])


def _as_before(port: int, key: str) -> dict[str, int]:
    """Every place among the calls is free again: as many at once as may be are answered. How many decisions were answered by which
    status until then."""
    caller = Connection(port, key)
    while _under_way(metrics := caller.ask("GET", "/metrics").body.decode()) > 1:  # calls that wrk has hung up on
        pass
    caller.close()
    gate = threading.Barrier(AT_ONCE)

    def ask(number: int) -> int:
        own = Connection(port, key)
        gate.wait(60)
        got = own.ask("POST", "/v1/decisions", {**ASKED, "account": {"user": f"u_{number}"}}, f"after-{number}")
        own.close()
        return got.status

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert set(threads.map(ask, range(AT_ONCE))) == {200}
    found = re.findall(r'overspill_calls_total{operation="decide",status="(\d+)"} ([\d.e+]+)', metrics)
    return {status: int(float(count)) for status, count in found}


def _under_way(metrics: str) -> int:
    [found] = re.findall(r"^overspill_calls_under_way ([\d.]+)$", metrics, re.MULTILINE)
    return int(float(found))


def _changed(port: int, key: str, callers: Callers) -> Iterator[str]:
    """Keys of the last answers that others had, whose answer is another one now."""
    caller = Connection(port, key)
    for own, body in list(callers.acknowledged.items())[-LOOKED_AT:]:
        again = caller.ask("POST", "/v1/decisions", ASKED, own)
        if again.body != body or again.headers.get("idempotency-replayed") != "true":
            yield own
    caller.close()
