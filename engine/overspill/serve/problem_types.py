"""What each code of a problem means: `GET /problems/{code}`, which is where the `type` of a problem leads.

A policy's own names are in some codes: `missing_product` where waterfalls are told apart by a field `product`.
"""

from __future__ import annotations

from collections.abc import Mapping

from overspill.serve.bodies import ProblemType
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.denials import CREDITS, ENTITLEMENT
from overspill.serve.problems import AGAIN, STATUSES, title_of, type_of
from overspill.words.codec import json_bytes
from overspill.words.failures import Failure
from overspill.words.names import shown

STORE = "The store cannot serve now, or is not what it should be: whoever runs the service knows more. Ask again with the same key: it is answered once and for all."
STORE_CODES = (
    "bad_url", "cannot_open", "chain_broken", "changed_migration", "changed_policy", "commit_unknown", "corrupt",
    "database_exists", "disk_error", "disk_full", "fenced", "head_moved", "in_use", "journal_behind", "missing_extra",
    "missing_form", "newer_version", "no_such_database", "no_such_folder", "not_a_database", "not_durable", "not_isolated",
    "not_migrated", "not_ours", "old_server", "older_version", "other_history", "overtaken", "posted_before", "read_only",
    "records_missing", "refused", "restored", "store_closed", "store_error", "store_stopped", "unavailable", "unit_changed",
    "unreachable", "wrong_encoding",
)  # fmt: skip
ABOUT = {
    # the call itself
    "invalid_json": "The body is no JSON, or JSON that could be read in two ways: a key twice, a number that not everybody reads alike, half a character.",
    "invalid_request": "The body, or what stands beside it, has not the shape that the operation's description tells of.",
    "unknown_key": "The body has a key that the operation does not know.",
    "invalid_query": "The query has a name that the operation does not know, or a value that is none.",
    "invalid_header": "A header that says one thing is there more than once.",
    "missing_header": "A gateway's call lacks a header that its rule reads.",
    "invalid_path": "The path of a gateway's call can be read in more than one way.",
    "missing_idempotency_key": "A change needs a key of the caller's own, in the header Idempotency-Key.",
    "missing_id": "A request of a batch has no `id`, which is its key.",
    "missing_account": "No account is named.",
    "unauthenticated": "There is no credential, or it is not good: unknown, over, or revoked.",
    "not_allowed": "The credential has not the scope that the operation needs.",
    "no_rule": "No rule of the gateway's file is met by the call.",
    "not_found": "There is no such path, or nothing of that id.",
    "method_not_allowed": "The path knows other methods; the header Allow has them.",
    "too_large": "The body is longer than may be.",
    "batch_too_long": "The batch has more requests than may be.",
    "wrong_media_type": "The body is not said to be JSON.",
    "invalid_id": "What names something is no identifier.",
    # keys, and what has happened before
    "in_flight": "A call with the same key is under way: ask again after `Retry-After`.",
    "idempotency_conflict": "The key was used before for something else; the first place that differs is named.",
    "replayed": "The gateway's rules let no key be granted twice, and this one was.",
    "hold_closed": "The hold is over: captured, released, or timed out.",
    "hold_open": "The hold is not over: capture or release it first.",
    "lot_held": "Open holds hold a part of the lot.",
    "not_enough": "The lot has less left than that.",
    "already_expired": "The lot would have ended before it began, or before now.",
    "already_reversed": "The request was reversed before; that is done once, and whole.",
    "nothing_to_reverse": "The request drew nothing that could go back.",
    "nothing_to_reset": "No window of the limit is open.",
    "no_reset": "No reset is left of those that the account may redeem.",
    "reset_expired": "The resets that the account might have redeemed have expired.",
    "purchase_closed": "What became of the purchase was recorded before, and otherwise.",
    "receipt_used": "The provider's receipt was recorded for another purchase.",
    "nothing_new": "What the balances are is recorded already.",
    # what is not there
    "unknown_hold": "There is no such hold.",
    "unknown_request": "There is no such decision or hold.",
    "unknown_purchase": "There is no such purchase.",
    "unknown_policy": "No such policy was published here.",
    "unknown_hook": "There is no such hook.",
    "unknown_lot": "The pool has no such lot with anything left.",
    # what the policy does not know
    "unknown_account": "The policy declares no such kind of account.",
    "wrong_account": "Another account, or another number of accounts, is wanted here.",
    "wrong_per": "The pool is kept by other values than those that are given.",
    "unknown_attribute": "The kind of account has no such attribute.",
    "invalid_attribute": "The attribute's value is not of the type that the policy declares.",
    "missing_attribute": "The account lacks an attribute that the policy reads and has no default for: set it first.",
    "unknown_field": "The policy declares no such field of a request.",
    "missing_field": "The request lacks a field that the policy reads.",
    "invalid_field": "The field's value is not of the type that the policy declares.",
    "unknown_meter": "The policy declares no such meter.",
    "missing_meter": "The request or the capture lacks a meter that the policy reads.",
    "invalid_meter": "A meter is a whole number from 0 to 2^63 - 1.",
    "invalid_usage": "The meters contradict each other, as where a part is more than its whole.",
    "invalid_initiator": "The policy knows no such initiator of requests.",
    "not_served": "No waterfall of the policy serves the request.",
    "unknown_layer": "The policy draws on no such layer.",
    "unknown_unit": "The policy has no such unit.",
    "unknown_pool": "The policy has no such pool.",
    "unknown_limit": "The policy has no such limit for that account.",
    "unknown_window": "The limit has no such window.",
    "no_price_yet": "The rate card has no price for that instant.",
    "no_price": "The pool has no price that a cost could be measured by.",
    "no_top_up": "The pool is not topped up by itself.",
    "not_paid": "Nothing was paid for the lot, so nothing is due back: void it.",
    "same_account": "What is transferred goes to another account.",
    # values
    "invalid_amount": "An amount is decimal text, of no more digits than its unit has, and not below nothing.",
    "amount_overflow": "It comes to more than amounts can hold.",
    "invalid_instant": "An instant is RFC 3339 in UTC.",
    "invalid_range": "The time that is named is none: an end that is no instant, or an end before the beginning.",
    "invalid_category": "A lot is `paid` or `promotional`.",
    "invalid_priority": "The priority of a lot is beyond its bounds.",
    "invalid_target": "What is bought up to is more than nothing, and no less than the minimum.",
    "invalid_actor": "Whoever agrees is named in few printable characters.",
    "invalid_detail": "The detail is longer than may be, or does not print.",
    "invalid_outcome": "Nothing becomes of a purchase that is called so.",
    # hooks
    "invalid_url": "The address is none that may be called.",
    "invalid_types": "The types of events are not a list of some.",
    "invalid_percents": "The marks are no percentages.",
    "unknown_type": "There is no such type of event.",
    "too_many_hooks": "As many hooks are enabled as may be: disable or delete one.",
    "hook_deleted": "The hook that the key made was deleted; a new one needs a new key.",
    # the service itself
    "busy": "There is too much to do: ask again after `Retry-After`, with the same key.",
    "engine_closed": "The service is about to end: ask again, with the same key.",
    "internal_error": "The service failed inside. Ask again with the same key, and report it with its X-Request-ID.",
    # a gateway's denials
    "insufficient_credits": "A denial that only a purchase ends: `remedies` says which.",
    "entitlement_missing": "A denial that neither time nor a purchase ends.",
}
"""Code → what it means."""
DENIED = {"insufficient_credits": CREDITS, "entitlement_missing": ENTITLEMENT}
NAMED: Mapping[str, str] = {
    "missing_": "The request lacks that field, by which the policy tells its waterfalls apart or looks up a price.",
    "unknown_": "The policy has no waterfall or no price for that value of the field.",
}
"""Codes that begin so, with a field's name behind it."""


def about(code: str) -> str | None:
    """What a code means; None for one that is none."""
    if (found := ABOUT.get(code)) is not None:
        return found
    if code in STORE_CODES:
        return STORE
    return next((text for start, text in NAMED.items() if code.startswith(start) and code != start), None)


def problem_type(code: str) -> ProblemType | None:
    text = about(code)
    if text is None:
        return None
    status = DENIED.get(code) or STATUSES.get(code) or (AGAIN if code in STORE_CODES else 422)
    return ProblemType(type=type_of(code), title=title_of(code), status=status, code=code, about=text)


async def show(call: Call) -> Reply:
    code = call.path["code"]
    found = problem_type(code)
    if found is None:
        raise Failure("not_found", f"there is no problem {shown(code)}", help="see docs/api.md for all of them")
    return Reply(json_bytes(found))


OPERATIONS = (
    Operation(
        id="show_problem",
        method="GET",
        path="/problems/{code}",
        tag="Service",
        summary="What a code of a problem means",
        about="Where the `type` of a problem leads.",
        scope=None,
        answer=ProblemType,
        act=show,
    ),
)
