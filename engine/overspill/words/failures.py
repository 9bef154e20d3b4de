"""What the caller did wrong or the world refused: one exception at the API's edge, with a code that machines read.

A failure is an error, never a decision (LANGUAGE.md section 5): nothing is stored and nothing changes.
"""

from __future__ import annotations

from overspill.words.diagnostics import Fault


class Failure(Exception):
    """An operation that could not be done.

    `code` is stable (`idempotency_conflict`, `unknown_model` …), `message` names the place and the fault, `help` the
    remedy, `pointer` the place in the caller's JSON (RFC 6901), where there is one.
    """

    def __init__(self, code: str, message: str, *, help: str | None = None, pointer: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.pointer = pointer

    def __str__(self) -> str:
        return self.message if self.help is None else f"{self.message} ({self.help})"


class PolicyFaults(Failure):
    """Policy text that does not compile: all its faults, in the order of their places."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        super().__init__("policy_faults", f"{first.span.place}: {first.message}{more}", help=first.help)
        self.faults = faults


class StoreFailure(Failure):
    """The store refused or is not what it should be; the operation has changed nothing."""


class Interrupted(StoreFailure):
    """The store gave the transaction up in favour of another one: nothing has happened, and the same may pass at once."""

    def __init__(self, message: str) -> None:
        super().__init__("busy", message, help="ask again with the same id")


class StreamFailure(Failure):
    """The server of a stream refused or is not there. What it was to be told stands in the outbox."""
