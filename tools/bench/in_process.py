"""Decisions in process: trace captured, with its full JSON, complete."""

from __future__ import annotations

from typing import Any

import msgspec
from table import cpu, paced, row
from worlds import ACCOUNTS, NOW, account_of, requests_of

from overspill.account.effects import apply
from overspill.account.state import pack, unpack
from overspill.decide.admit import admit
from overspill.decide.decide import decide
from overspill.decide.effects import effects_of
from overspill.decide.render import render
from overspill.plan.program import Program, interpreted
from overspill.runtime.bundles import sources_of
from overspill.runtime.policies import compiled
from overspill.step.commands import Consume
from overspill.step.keys import identify

encode = msgspec.msgpack.Encoder(enc_hook=lambda _: None).encode
"""The raw decision as compact bytes; what is absent as nil."""


def decisions(rounds: int, count: int) -> None:
    """Decide with trace captured; with its full JSON; complete in process."""
    program = compiled(sources_of("codex_sora"))
    plain = Program(program.plan, interpreted)
    for name, tokens, bars in (("windows cover", 900, (1.5, 5.0)), ("all layers", 90_000, (4.0, 14.0))):
        accounts = [account_of(number, exhausted=tokens > 1000) for number in range(ACCOUNTS)]
        requests = requests_of(tokens)
        admitted = [admit(program.plan, request) for request in requests]
        commands = [identify(Consume(tenant="default", request=request)) for request in requests]
        function, slow = program.function_of(0), plain.function_of(0)
        digests = [command.fingerprint for command in commands]
        packed = {f"u_{number:06d}": pack(account) for number, account in enumerate(accounts)}

        def raw(
            number: int,
            function: Any = function,
            requests: Any = requests,
            admitted: Any = admitted,
            accounts: Any = accounts,
        ) -> object:
            at = number % ACCOUNTS
            request = requests[at]
            return function(request.fields, request.meters, admitted[at].ids, (accounts[at], None), NOW)

        def interpreter(number: int, slow: Any = slow, raw: Any = raw) -> object:
            return raw(number, slow)

        def full(
            number: int,
            commands: Any = commands,
            digests: Any = digests,
            admitted: Any = admitted,
            accounts: Any = accounts,
        ) -> object:
            at = number % ACCOUNTS
            command = commands[at]
            decided = decide(program, admitted[at], (accounts[at], None), NOW)
            return render(
                decided,
                id=command.id,
                request_json=command.payload.decode(),
                request_digest=digests[at],
                account_version=7,
                hold=None,
            ).json

        def complete(number: int, requests: Any = requests, admitted: Any = admitted, packed: Any = packed) -> object:
            at = number % ACCOUNTS
            key = f"u_{at:06d}"
            account = unpack(packed[key])
            decided = decide(program, admitted[at], (account, None), NOW)
            after = apply(account, effects_of(decided, (key, None))[key], NOW)
            packed[key + "'"] = pack(after)
            return encode((requests[at].id, decided.raw))

        found = cpu({"raw": raw, "interpreter": interpreter, "full": full, "complete": complete}, rounds, count)
        ratio = f"interpreter {found['interpreter'] / found['raw']:.1f}×"
        pace = found["pace"]
        paced(f"decide, trace captured, {name}", found["raw"], "µs CPU", bars[0], pace, ratio)
        beside = f"{found['full'] / found['raw']:.1f}× captured"
        paced(f"decide with full JSON trace, {name}", found["full"], "µs CPU", bars[1], pace, beside)
        rate = 1e6 / found["complete"]
        row(
            f"complete in process, {name}",
            rate,
            "/s a core",
            bar="≥ 120000",
            holds=rate * pace >= 120_000 if tokens < 1000 else None,
            beside=f"{found['complete'] / found['raw']:.1f}× captured",
        )
