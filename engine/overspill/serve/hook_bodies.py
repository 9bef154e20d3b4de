"""What is sent and answered about hooks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from overspill.events.cloud_event import TYPES
from overspill.hooks.endpoints import PERCENTS_MAX
from overspill.hooks.reach import URL_MAX
from overspill.words.codec import Raw, Struct

Type = Annotated[str, Meta(extra_json_schema={"enum": list(TYPES)})]
Types = Annotated[tuple[Type, ...], Meta(min_length=1)]
Percents = Annotated[tuple[Annotated[int, Meta(ge=1, le=100)], ...], Meta(max_length=PERCENTS_MAX)]
Url = Annotated[str, Meta(max_length=URL_MAX)]


class HookBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`types` null: all. `percents` are the marks of windows, in percent of their limits; null: 80 and 100."""

    url: Url
    types: Types | None = None
    percents: Percents | None = None


class HookChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is null stays as it is."""

    url: Url | None = None
    types: Types | None = None
    percents: Percents | None = None


class LettersBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either the ids of events, or `all`."""

    events: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    all: bool = False


class HookShown(Struct, frozen=True, kw_only=True):
    """`older_secret_until`: a secret before the last rotation signs too, until then. `failing_since`: since when nothing could
    be delivered. `waiting` deliveries are tried again, `dead` ones are not."""

    id: str
    url: str
    types: tuple[Type, ...]
    percents: tuple[int, ...]
    created_at: str
    enabled: bool
    disabled_at: str | None
    disabled_why: str | None
    older_secret_until: str | None
    failing_since: str | None
    waiting: int
    dead: int


class HookMade(Struct, frozen=True, kw_only=True):
    """`secret` is told this once; null where the same key was used before."""

    hook: HookShown
    secret: str | None


class HookDeleted(Struct, frozen=True, kw_only=True):
    deleted: str


class HookList(Struct, frozen=True, kw_only=True):
    hooks: tuple[HookShown, ...]


class Letter(Struct, frozen=True, kw_only=True):
    """`last` is what came of the last attempt, `message` what was to be delivered."""

    event: str
    type: Type
    subject: str
    attempts: int
    last: str
    last_at: str
    dead_at: str
    message: Raw


class LetterPage(Struct, frozen=True, kw_only=True):
    """`next` is what to ask `after` for what follows; null where nothing does."""

    letters: tuple[Letter, ...]
    next: str | None


class LettersDone(Struct, frozen=True, kw_only=True):
    """How many letters that were."""

    count: int
