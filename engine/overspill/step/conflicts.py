"""A key that was used (LANGUAGE.md I1): whether the same is asked again, or else the failure that names the first place that
differs."""

from __future__ import annotations

from overspill.step.commands import SetTopUp
from overspill.step.keys import Identified, payload_of
from overspill.words.codec import defaults_of, json_decoder, sorted_json_bytes
from overspill.words.failures import Failure
from overspill.words.first_difference import ABSENT, first_difference
from overspill.words.instants import instant_text
from overspill.words.names import shown

INSTANTS = ("/effective_at", "/expires_at")
"""What the caller writes as an instant, and a command has in microseconds."""
_decode = json_decoder(dict[str, object]).decode


def is_again(command: Identified, first: bytes) -> bool:
    """Whether it asks for what the canonical JSON `first` asked for under its key, whoever asks."""
    return first == command.payload or _what(first, command) == _what(command.payload, command)


def conflict(command: Identified, first: bytes) -> Failure:
    """`first` is the canonical JSON that the key was used for before."""
    _, owner, kind, own = command.key
    place = first_difference(_what(first, command), _what(command.payload, command))
    what = f"`{own}` was used before for another {kind} of {owner}"
    if place is not None:
        was, now = _apart(_as_written(place.pointer, place.was), _as_written(place.pointer, place.now))
        what += f": {shown(place.pointer)} was {was} first and is {now} now"
    return Failure(
        "idempotency_conflict",
        what,
        help="use a new id, or send exactly what was sent first",
        pointer="/id" if place is None else place.pointer,
    )


def _what(payload: bytes, command: Identified) -> bytes:
    """What is asked, with what is left out at its default: nobody needs to know that it is. Who asks is no part of it, for credentials
    are changed for others between a call and its repetition; but a consent is somebody's own."""
    found = {**defaults_of(type(payload_of(command.command))), **_decode(payload)}
    if not isinstance(command.command, SetTopUp):
        found.pop("actor", None)
    return sorted_json_bytes(found)


def _as_written(pointer: str, json: str) -> str:
    return f'"{instant_text(int(json))}"' if pointer in INSTANTS and json.lstrip("-").isdigit() else json


def _apart(was: str, now: str) -> tuple[str, str]:
    """Both, short; from where they differ on, if that is beyond what is shown."""
    if shown(was) == shown(now):
        same = next((at for at, pair in enumerate(zip(was, now, strict=False)) if pair[0] != pair[1]), 0)
        was, now = f"...{was[same:]}", f"...{now[same:]}"
    return _shown(was), _shown(now)


def _shown(json: str) -> str:
    return "absent" if json in (ABSENT, "null") else shown(json)
