"""Another payload under a key that was used (LANGUAGE.md I1) → the failure that names the first place that differs."""

from __future__ import annotations

from overspill.step.keys import Identified, payload_of
from overspill.words.codec import Struct, defaults_of, json_decoder, sorted_json_bytes
from overspill.words.failures import Failure
from overspill.words.first_difference import ABSENT, first_difference
from overspill.words.instants import instant_text
from overspill.words.names import shown

INSTANTS = ("/effective_at", "/expires_at")
"""What the caller writes as an instant, and a command has in microseconds."""
_decode = json_decoder(dict[str, object]).decode


def conflict(command: Identified, first: bytes) -> Failure:
    """`first` is the canonical JSON that the key was used for before."""
    _, owner, kind, own = command.key
    shape = payload_of(command.command)
    place = first_difference(_whole(first, shape), _whole(command.payload, shape))
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


def _whole(payload: bytes, shape: Struct) -> bytes:
    """With what is left out at its default: nobody needs to know that it is."""
    return sorted_json_bytes({**defaults_of(type(shape)), **_decode(payload)})


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
