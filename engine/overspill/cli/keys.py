"""`overspill keys`: who may call the service."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from overspill.cli.groups import Commands
from overspill.cli.io import existing_db_option, format_option, needed_db_option, out, out_json, say
from overspill.ports.registry import ApiKey, Registry
from overspill.runtime.clock import SystemClock
from overspill.serve.credentials import SCOPES, Credentials, made_key
from overspill.store.opened import opened
from overspill.store.registry import opened_registry
from overspill.words.failures import Failure
from overspill.words.instants import DAY, instant_text
from overspill.words.names import shown


@click.group(cls=Commands)
def keys() -> None:
    """Make, list, rotate and revoke the keys of the service."""


_days = click.option("--days", type=click.IntRange(1, 36500), help="When it ends; otherwise it does not.")


@keys.command()
@click.option("--tenant", default="default", show_default=True, help="Whose key it is.")
@click.option("--name", default="", help="What you call it.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do; more than one is allowed.  [default: decide]",
)
@_days
@needed_db_option
@format_option("text", "json")
def create(tenant: str, name: str, scopes: tuple[str, ...], days: int | None, db: str, format_: str) -> int:
    """Make a key. Its text is printed this once and kept nowhere.

    \b
    overspill keys create --tenant acme --scope decide --scope operate --db x.db
    """
    with _registry(db) as registry:
        at = SystemClock().now()
        text, key = put_key(registry, tenant, name, scopes or ("decide",), at, _until(at, days))
    _tell(text, key, format_)
    return 0


@keys.command("list")
@click.option("--tenant", help="Those of one tenant.")
@existing_db_option
@format_option("text", "json")
def list_(tenant: str | None, db: str, format_: str) -> int:
    """List keys, the oldest first: never their text."""
    with _registry(db) as registry:
        found = registry.list_keys(tenant)
    if format_ == "json":
        out_json([_shown(key) for key in found])
    else:
        for key in found:
            state = "revoked" if key.revoked_at is not None else f"until {_instant(key.expires_at) or 'ever'}"
            used = _instant(key.last_used_at) or "never"
            out(f"{key.id}  {key.tenant}  {','.join(key.scopes)}  {state}  used {used}  {key.name}".rstrip())
    return 0


@keys.command()
@click.argument("id_", metavar="KEY_ID")
@_days
@existing_db_option
@format_option("text", "json")
def rotate(id_: str, days: int | None, db: str, format_: str) -> int:
    """Make a second key that may do what KEY_ID may. Revoke the first when nobody uses it any more."""
    with _registry(db) as registry:
        clock = SystemClock()
        text, key = Credentials(registry, clock.now).rotated(id_, _until(clock.now(), days))
    _tell(text, key, format_)
    return 0


@keys.command()
@click.argument("id_", metavar="KEY_ID")
@existing_db_option
@format_option("text", "json")
def revoke(id_: str, db: str, format_: str) -> int:
    """Let a key do nothing any more, within seconds."""
    with _registry(db) as registry:
        if not registry.revoke_key(id_, SystemClock().now()):
            what = f"there is no key {shown(id_)} that is not revoked"
            raise Failure("unknown_key_id", what, help="see `overspill keys list`")
    out_json({"revoked": id_}) if format_ == "json" else out(f"{id_} is revoked")
    return 0


def put_key(
    registry: Registry, tenant: str, name: str, scopes: tuple[str, ...], at: int, expires_at: int | None
) -> tuple[str, ApiKey]:
    """(the key's text, what is kept of it)."""
    text, key = made_key(tenant, name, scopes, at, expires_at)
    registry.put_key(key)
    return text, key


@contextlib.contextmanager
def _registry(db: str) -> Iterator[Registry]:
    opened(db).close()  # makes it, or brings it to this program's schema
    with contextlib.closing(opened_registry(db)) as registry:
        yield registry


def _until(at: int, days: int | None) -> int | None:
    return None if days is None else at + days * DAY


def _tell(text: str, key: ApiKey, format_: str) -> None:
    if format_ == "json":
        out_json({"key": text, **_shown(key)})
        return
    say(f"{key.id} of {key.tenant} may {', '.join(key.scopes)}; it is shown this once:")
    out(text)


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": key.scopes,
        "created_at": instant_text(key.created_at),
        "expires_at": _instant(key.expires_at),
        "revoked_at": _instant(key.revoked_at),
        "last_used_at": _instant(key.last_used_at),
    }


def _instant(instant: int | None) -> str | None:
    return None if instant is None else instant_text(instant)
