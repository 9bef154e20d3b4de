"""Hooks: who is told of what happens, and what could not be delivered."""

from __future__ import annotations

from overspill.hooks.endpoints import changed, deleted, found, made, rotated
from overspill.ports.hooks import Delivery, Hook
from overspill.serve.call import REPLAYED, Call, Operation, Param, Reply
from overspill.serve.hook_bodies import (
    HookBody,
    HookChange,
    HookDeleted,
    HookList,
    HookMade,
    HookShown,
    Letter,
    LetterPage,
    LettersBody,
    LettersDone,
)
from overspill.serve.reading import object_from, shaped
from overspill.serve.threads import blocking
from overspill.words.codec import Raw, as_dict, json_bytes
from overspill.words.failures import Failure
from overspill.words.instants import instant_text

HOOK = "/v1/hooks/{hook}"
PAGE = 100
BY_HAND = "operator"


def create(call: Call) -> Reply:
    """The hook, and its secret where it is new."""
    asked = shaped(object_from(call.body), HookBody)
    hook, is_new = made(
        call.service.registry.hooks,
        call.service.reach,
        tenant=call.caller.tenant,
        key=call.key,
        url=asked.url,
        types=asked.types,
        percents=asked.percents,
        at=call.engine.now(),
    )
    return _made(call, hook, hook.secret if is_new else None)


def rotate(call: Call) -> Reply:
    hook = _hook(call)
    secret = rotated(call.service.registry.hooks, hook, call.key, call.engine.now())
    return _made(call, _hook(call), secret)


def _made(call: Call, hook: Hook, secret: str | None) -> Reply:
    told = HookMade(hook=_shown(call, hook), secret=secret)
    return Reply(json_bytes(told), headers=(REPLAYED,) if secret is None else ())


def listed(call: Call) -> Reply:
    hooks = call.service.registry.hooks.all(call.caller.tenant)
    return Reply(json_bytes(HookList(hooks=tuple([_shown(call, hook) for hook in hooks]))))


def show(call: Call) -> Reply:
    return Reply(json_bytes(_shown(call, _hook(call))))


def change(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), HookChange))
    changed(call.service.registry.hooks, call.service.reach, _hook(call), **asked)
    return show(call)


def delete(call: Call) -> Reply:
    id = call.path["hook"]
    deleted(call.service.registry.hooks, call.caller.tenant, id, call.engine.now())
    return Reply(json_bytes(HookDeleted(deleted=id)))


def disable(call: Call) -> Reply:
    call.service.registry.hooks.disable(_hook(call).id, call.engine.now(), BY_HAND)
    return show(call)


def enable(call: Call) -> Reply:
    call.service.registry.hooks.enable(_hook(call).id)
    return show(call)


def dead_letters(call: Call) -> Reply:
    rows = call.service.registry.hooks.dead(_hook(call).id, call.asked("after") or "", PAGE)
    page = LetterPage(letters=tuple([_letter(row) for row in rows]), next=rows[-1].event if len(rows) == PAGE else None)
    return Reply(json_bytes(page))


def redeliver(call: Call) -> Reply:
    hook, which = _hook(call), _which(call)
    return _done(call.service.registry.hooks.redeliver(hook.id, which, call.engine.now()))


def drop(call: Call) -> Reply:
    hook, which = _hook(call), _which(call)
    return _done(call.service.registry.hooks.drop(hook.id, which))


def _done(count: int) -> Reply:
    return Reply(json_bytes(LettersDone(count=count)))


def _hook(call: Call) -> Hook:
    return found(call.service.registry.hooks, call.caller.tenant, call.path["hook"])


def _which(call: Call) -> tuple[str, ...] | None:
    """The events that are named; None for all."""
    asked = shaped(object_from(call.body), LettersBody)
    if bool(asked.events) == asked.all:
        what = "letters are named, or it is said that all are meant"
        raise Failure("invalid_request", what, help="send either `events` or `all`", pointer="/events")
    return None if asked.all else asked.events


def _shown(call: Call, hook: Hook) -> HookShown:
    count = call.service.registry.hooks.waiting(hook.id)
    older = hook.older_until is not None and hook.older_until > call.engine.now()
    return HookShown(
        id=hook.id,
        url=hook.url,
        types=hook.types,
        percents=hook.percents,
        created_at=instant_text(hook.created_at),
        enabled=hook.disabled_at is None,
        disabled_at=_instant(hook.disabled_at),
        disabled_why=hook.disabled_why,
        older_secret_until=_instant(hook.older_until) if older else None,
        failing_since=_instant(hook.failing_since),
        waiting=count.waiting,
        dead=count.dead,
    )


def _letter(one: Delivery) -> Letter:
    return Letter(
        event=one.event,
        type=one.type,
        subject=one.subject,
        attempts=one.attempts,
        last=one.last,
        last_at=instant_text(one.last_at),
        dead_at=instant_text(one.dead_at or one.last_at),
        message=Raw(one.body),
    )


def _instant(instant: int | None) -> str | None:
    return None if instant is None else instant_text(instant)


OPERATIONS = (
    Operation(
        id="create_hook",
        method="POST",
        path="/v1/hooks",
        tag="Webhooks",
        summary="Have an endpoint told of what happens from now on",
        about="The answer has the secret that messages are signed with, this once.",
        scope="operate",
        body=HookBody,
        answer=HookMade,
        keyed="always",
        act=blocking(create),
    ),
    Operation(
        id="list_hooks",
        method="GET",
        path="/v1/hooks",
        tag="Webhooks",
        summary="List the hooks, the oldest first",
        scope="operate",
        answer=HookList,
        act=blocking(listed),
    ),
    Operation(
        id="show_hook",
        method="GET",
        path=HOOK,
        tag="Webhooks",
        summary="Show a hook and how it is doing",
        scope="operate",
        answer=HookShown,
        act=blocking(show),
    ),
    Operation(
        id="change_hook",
        method="POST",
        path=f"{HOOK}/change",
        tag="Webhooks",
        summary="Give a hook another URL, other types of events or other marks",
        about="What was not told yet goes to the new URL, and is told by the new types; what waits to be tried again does too, whatever its type.",
        scope="operate",
        body=HookChange,
        answer=HookShown,
        act=blocking(change),
    ),
    Operation(
        id="delete_hook",
        method="POST",
        path=f"{HOOK}/delete",
        tag="Webhooks",
        summary="Delete a hook with its secrets, what waits and its dead letters",
        about="For good: the key that made it makes no other.",
        scope="operate",
        answer=HookDeleted,
        act=blocking(delete),
    ),
    Operation(
        id="disable_hook",
        method="POST",
        path=f"{HOOK}/disable",
        tag="Webhooks",
        summary="Tell a hook nothing until it is enabled again",
        scope="operate",
        answer=HookShown,
        act=blocking(disable),
    ),
    Operation(
        id="enable_hook",
        method="POST",
        path=f"{HOOK}/enable",
        tag="Webhooks",
        summary="Tell a hook on from where it was",
        scope="operate",
        answer=HookShown,
        act=blocking(enable),
    ),
    Operation(
        id="rotate_hook",
        method="POST",
        path=f"{HOOK}/rotate",
        tag="Webhooks",
        summary="Give a hook a new secret; the one before signs too for a day",
        scope="operate",
        answer=HookMade,
        keyed="always",
        act=blocking(rotate),
    ),
    Operation(
        id="list_dead_letters",
        method="GET",
        path=f"{HOOK}/dead_letters",
        tag="Webhooks",
        summary="List what was given up, by the ids of the events",
        scope="operate",
        query=(Param("after", "the `next` of the page before"),),
        answer=LetterPage,
        act=blocking(dead_letters),
    ),
    Operation(
        id="redeliver",
        method="POST",
        path=f"{HOOK}/redeliver",
        tag="Webhooks",
        summary="Attempt dead letters anew, from the beginning of the schedule",
        scope="operate",
        body=LettersBody,
        answer=LettersDone,
        act=blocking(redeliver),
    ),
    Operation(
        id="drop_dead_letters",
        method="POST",
        path=f"{HOOK}/drop",
        tag="Webhooks",
        summary="Forget dead letters",
        scope="operate",
        body=LettersBody,
        answer=LettersDone,
        act=blocking(drop),
    ),
)
