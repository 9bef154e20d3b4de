"""`overspill hooks`: who is told of what happens; and what delivers it in a process of its own."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import click

from overspill.cli.groups import Commands
from overspill.cli.io import existing_db_option, format_option, out, out_json, say
from overspill.events.cloud_event import TYPES
from overspill.hooks.delivering import Delivering
from overspill.hooks.endpoints import changed, deleted, found, made, rotated
from overspill.hooks.reach import Reach, networks
from overspill.ports.hooks import Hook, Hooks
from overspill.runtime.clock import SystemClock
from overspill.store.opened import named, opened
from overspill.store.registry import opened_registry
from overspill.words.instants import instant_text

LETTERS_MAX = 1000


@click.group(cls=Commands)
def hooks() -> None:
    """Tell endpoints of what happens, and see what could not be delivered."""


_tenant = click.option("--tenant", default="default", show_default=True, help="Whose hook it is.")
_hook = click.argument("hook_id", metavar="HOOK_ID")
_events = click.argument("events", nargs=-1, metavar="[EVENT_ID]...")
_key = click.option("--key", required=True, help="Your own name for this; the same again changes nothing.")
allow_option = click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="NETWORK",
    help="A network beside the public ones that endpoints may be in, also by http: 10.0.0.0/8.",
)


@hooks.command()
@click.argument("url")
@_key
@click.option("--type", "types", multiple=True, type=click.Choice(TYPES), help="What it is told of.  [default: all]")
@click.option(
    "--percent",
    "percents",
    multiple=True,
    type=click.IntRange(1, 100),
    help="A mark of every window.  [default: 80 and 100]",
)
@_tenant
@allow_option
@existing_db_option
@format_option("text", "json")
def create(
    url: str,
    key: str,
    types: tuple[str, ...],
    percents: tuple[int, ...],
    tenant: str,
    allowed: tuple[str, ...],
    db: str,
    format_: str,
) -> int:
    """Have URL told of what happens from now on. Its secret is printed this once.

    \b
    overspill hooks create https://example.com/hooks --key billing --type usage.settled --db x.db
    """
    with _kept(db) as kept:
        hook, is_new = made(
            kept,
            Reach(networks(allowed)),
            tenant=tenant,
            key=key,
            url=url,
            types=types or None,
            percents=percents or None,
            at=SystemClock().now(),
        )
    _tell(hook, hook.secret if is_new else None, format_)
    return 0


@hooks.command("list")
@click.option("--tenant", help="Those of one tenant.")
@existing_db_option
@format_option("text", "json")
def list_(tenant: str | None, db: str, format_: str) -> int:
    """List hooks, the oldest first: never their secrets."""
    with _kept(db) as kept:
        rows = [(hook, kept.waiting(hook.id)) for hook in kept.all(tenant)]
    if format_ == "json":
        out_json([{**_shown(hook), "waiting": count.waiting, "dead": count.dead} for hook, count in rows])
    else:
        for hook, count in rows:
            waits = f"{count.waiting} wait, {count.dead} dead"
            out(f"{hook.id}  {hook.tenant}  {_state(hook)}  {waits}  {hook.url}")
    return 0


@hooks.command()
@_hook
@click.option("--url", help="Where it is told.  [default: as it is]")
@click.option(
    "--type", "types", multiple=True, type=click.Choice(TYPES), help="What it is told of.  [default: as it is]"
)
@click.option(
    "--percent", "percents", multiple=True, type=click.IntRange(1, 100), help="Its marks.  [default: as they are]"
)
@_tenant
@allow_option
@existing_db_option
@format_option("text", "json")
def change(
    hook_id: str,
    url: str | None,
    types: tuple[str, ...],
    percents: tuple[int, ...],
    tenant: str,
    allowed: tuple[str, ...],
    db: str,
    format_: str,
) -> int:
    """Give a hook another URL, other types of events or other marks. Its secret is changed by `rotate`."""
    if url is None and not types and not percents:
        raise click.UsageError("say what changes: --url, --type or --percent")
    with _kept(db) as kept:
        hook = found(kept, tenant, hook_id)
        changed(kept, Reach(networks(allowed)), hook, url=url, types=types or None, percents=percents or None)
    _done("changed", hook_id, format_)
    return 0


@hooks.command()
@_hook
@_tenant
@existing_db_option
@format_option("text", "json")
def delete(hook_id: str, tenant: str, db: str, format_: str) -> int:
    """Delete a hook with its secrets, what waits and its dead letters, for good. Its key makes no other."""
    with _kept(db) as kept:
        deleted(kept, tenant, hook_id, SystemClock().now())
    _done("deleted", hook_id, format_)
    return 0


@hooks.command()
@_hook
@_tenant
@existing_db_option
@format_option("text", "json")
def disable(hook_id: str, tenant: str, db: str, format_: str) -> int:
    """Tell a hook nothing until it is enabled again."""
    with _kept(db) as kept:
        kept.disable(found(kept, tenant, hook_id).id, SystemClock().now(), "operator")
    _done("disabled", hook_id, format_)
    return 0


@hooks.command()
@_hook
@_tenant
@existing_db_option
@format_option("text", "json")
def enable(hook_id: str, tenant: str, db: str, format_: str) -> int:
    """Tell a hook on from where it was."""
    with _kept(db) as kept:
        kept.enable(found(kept, tenant, hook_id).id)
    _done("enabled", hook_id, format_)
    return 0


@hooks.command()
@_hook
@_key
@_tenant
@existing_db_option
@format_option("text", "json")
def rotate(hook_id: str, key: str, tenant: str, db: str, format_: str) -> int:
    """Give a hook a new secret, printed this once. The one before signs too for a day."""
    with _kept(db) as kept:
        hook = found(kept, tenant, hook_id)
        secret = rotated(kept, hook, key, SystemClock().now())
    _tell(hook, secret, format_)
    return 0


@hooks.command("dead-letters")
@_hook
@_tenant
@existing_db_option
@format_option("text", "json")
def dead_letters(hook_id: str, tenant: str, db: str, format_: str) -> int:
    """List what was given up, one event a line."""
    with _kept(db) as kept:
        rows = kept.dead(found(kept, tenant, hook_id).id, "", LETTERS_MAX)
    for row in rows:
        if format_ == "json":
            out(row.body.decode())
        else:
            out(f"{row.event}  {row.type}  {row.subject}  {row.attempts} attempts, {row.last}")
    return 0


@hooks.command()
@_hook
@_events
@_tenant
@existing_db_option
@format_option("text", "json")
def redeliver(hook_id: str, events: tuple[str, ...], tenant: str, db: str, format_: str) -> int:
    """Attempt dead letters anew: those named, or all."""
    with _kept(db) as kept:
        hook = found(kept, tenant, hook_id)
        count = kept.redeliver(hook.id, events or None, SystemClock().now())
    if format_ == "json":
        out_json({"redelivered": count})
    else:
        out(f"{count} {'letter' if count == 1 else 'letters'} to be redelivered")
    return 0


@hooks.command()
@_hook
@_events
@click.option("--all", "all_", is_flag=True, help="All of them.")
@_tenant
@existing_db_option
@format_option("text", "json")
def drop(hook_id: str, events: tuple[str, ...], all_: bool, tenant: str, db: str, format_: str) -> int:
    """Forget dead letters: those named, or all."""
    if bool(events) == all_:
        raise click.UsageError("name the events, or say --all")
    with _kept(db) as kept:
        count = kept.drop(found(kept, tenant, hook_id).id, None if all_ else events)
    if format_ == "json":
        out_json({"dropped": count})
    else:
        out(f"{count} {'letter' if count == 1 else 'letters'} dropped")
    return 0


@hooks.command()
@existing_db_option
@click.option("--once", is_flag=True, help="Deliver what there is now, then end.")
@allow_option
def run(db: str, once: bool, allowed: tuple[str, ...]) -> int:
    """Deliver to all hooks of a database, as it comes, until stopped.

    Any number may run at once, beside `overspill serve`, which does the same.
    """
    opened(db).close()  # brings it to this program's schema
    one = Delivering(db, Reach(networks(allowed)))
    with _stopping(one):
        say(f"delivering what {named(db)} tells")
        one.run(once=once)
    return 0


def _done(what: str, hook_id: str, format_: str) -> None:
    out_json({what: hook_id}) if format_ == "json" else out(f"{hook_id} is {what}")


@contextlib.contextmanager
def _stopping(one: Delivering) -> Iterator[None]:
    """SIGTERM and SIGINT end it."""

    def stop(_: int, __: FrameType | None) -> None:
        one.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _kept(db: str) -> Iterator[Hooks]:
    opened(db).close()  # brings it to this program's schema
    with contextlib.closing(opened_registry(db)) as registry:
        yield registry.hooks


def _tell(hook: Hook, secret: str | None, format_: str) -> None:
    if format_ == "json":
        out_json({"hook": _shown(hook), "secret": secret})
    elif secret is None:
        out(f"{hook.id}: that was done before; its secret is not shown again")
    else:
        say(f"{hook.id} of {hook.tenant}; the secret is shown this once:")
        out(secret)


def _shown(hook: Hook) -> dict[str, object]:
    return {
        "id": hook.id,
        "tenant": hook.tenant,
        "url": hook.url,
        "types": hook.types,
        "percents": hook.percents,
        "created_at": instant_text(hook.created_at),
        "disabled_at": _instant(hook.disabled_at),
        "disabled_why": hook.disabled_why,
        "failing_since": _instant(hook.failing_since),
    }


def _state(hook: Hook) -> str:
    if hook.disabled_at is not None:
        return f"disabled ({hook.disabled_why})"
    return "enabled" if hook.failing_since is None else f"failing since {instant_text(hook.failing_since)}"


def _instant(instant: int | None) -> str | None:
    return None if instant is None else instant_text(instant)
