"""What an endpoint may be, and what becomes of it by hand: made, rotated; its secrets are told once and kept as they are.

A secret has to sign, so its bytes are kept and not only a hash of them: whoever reads the database could sign in the
service's name, and nothing more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from overspill.events.cloud_event import TYPES
from overspill.hooks.reach import Reach
from overspill.ports.hooks import Hook, Hooks
from overspill.runtime.signatures import secret_of
from overspill.words.diagnostics import did_you_mean
from overspill.words.failures import Failure
from overspill.words.ids import derived_id, key_text
from overspill.words.instants import DAY
from overspill.words.names import shown

SECRET_BYTES = 32
PERCENTS = (80, 100)
PERCENTS_MAX = 10
ENABLED_MAX = 32
"""Of one tenant."""
OLDER_FOR = DAY
"""How long the secret before the last rotation signs too."""


def made(
    hooks: Hooks,
    reach: Reach,
    *,
    tenant: str,
    key: str,
    url: str,
    types: Sequence[str] | None,
    percents: Sequence[int] | None,
    at: int,
) -> tuple[Hook, bool]:
    """(the hook, whether it is new). `key` is the caller's own for this: again it is the same hook. Raises Failure,
    StoreFailure."""
    reach.site(url)
    hook = Hook(
        id=derived_id(key_text(tenant, key), "hook"),
        tenant=tenant,
        url=url,
        types=_types(types),
        percents=_percents(percents),
        secret=secret_of(os.urandom(SECRET_BYTES)),
        created_at=at,
    )
    others = [one for one in hooks.all(tenant) if one.disabled_at is None and one.id != hook.id]
    if len(others) >= ENABLED_MAX:
        what = f"a tenant has at most {ENABLED_MAX} hooks that are enabled"
        raise Failure("too_many_hooks", what, help="disable one of them first")
    kept = hooks.put(hook)
    if kept.is_deleted:
        what = f"the key {shown(key)} made a hook that is deleted"
        raise Failure("hook_deleted", what, help="use a new key for a new hook")
    for name in ("url", "types", "percents"):
        if getattr(kept, name) != getattr(hook, name):
            what = f"the key {shown(key)} made a hook with another `{name}`"
            raise Failure("idempotency_conflict", what, help="use a new key for another hook", pointer=f"/{name}")
    return kept, kept.secret == hook.secret


def changed(
    hooks: Hooks,
    reach: Reach,
    hook: Hook,
    *,
    url: str | None,
    types: Sequence[str] | None,
    percents: Sequence[int] | None,
) -> None:
    """What is None stays as it is. Raises Failure, StoreFailure."""
    if url is not None:
        reach.site(url)
    hooks.change(
        hook.id,
        hook.url if url is None else url,
        hook.types if types is None else _types(types),
        hook.percents if percents is None else _percents(percents),
    )


def deleted(hooks: Hooks, tenant: str, id: str, at: int) -> None:
    """For good; the same again changes nothing. Raises Failure for a hook that there never was, or that is another tenant's."""
    if not hooks.delete(tenant, id, at):
        raise _unknown(id)


def rotated(hooks: Hooks, hook: Hook, key: str, at: int) -> str | None:
    """A new secret, which signs from now on, beside the one before for a day. None for a rotation of that key that was."""
    secret = secret_of(os.urandom(SECRET_BYTES))
    return secret if hooks.rotate(hook.id, secret, at + OLDER_FOR, key) else None


def found(hooks: Hooks, tenant: str, id: str) -> Hook:
    """Raises Failure for a hook that there is not, or that is another tenant's."""
    hook = hooks.get(tenant, id)
    if hook is None:
        raise _unknown(id)
    return hook


def _unknown(id: str) -> Failure:
    return Failure(
        "unknown_hook", f"there is no hook {shown(id)}", help="see `GET /v1/hooks` or `overspill hooks list`"
    )


def secrets_of(hook: Hook, now: int) -> tuple[str, ...]:
    """Those that sign now, the newest first."""
    if hook.older_secret is None or hook.older_until is None or hook.older_until <= now:
        return (hook.secret,)
    return (hook.secret, hook.older_secret)


def _types(asked: Sequence[str] | None) -> tuple[str, ...]:
    """In the order of the table; None: all."""
    for index, type in enumerate(asked or ()):
        if type not in TYPES:
            help = did_you_mean(type, TYPES) or f"known: {', '.join(TYPES)}"
            raise Failure("unknown_type", f"there is no event {shown(type)}", help=help, pointer=f"/types/{index}")
    if asked is not None and not asked:
        raise Failure("invalid_types", "a hook wants at least one type", help="leave it out for all", pointer="/types")
    return TYPES if asked is None else tuple([type for type in TYPES if type in asked])


def _percents(asked: Sequence[int] | None) -> tuple[int, ...]:
    if asked is None:
        return PERCENTS
    if len(asked) > PERCENTS_MAX or not all(1 <= percent <= 100 for percent in asked):
        what = f"marks are at most {PERCENTS_MAX} percentages from 1 to 100"
        raise Failure("invalid_percents", what, help="such as [50, 80, 100]", pointer="/percents")
    return tuple(sorted(set(asked)))
