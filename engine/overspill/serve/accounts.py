"""Accounts: how they stand, what is put in, set, agreed to, redeemed; lots, transfers, resets, purchases."""

from __future__ import annotations

from overspill.records.answers import Receipt
from overspill.records.purchases import PurchaseList, PurchaseShown
from overspill.records.statement import Statement
from overspill.records.status import StatusRecord, TopUpList
from overspill.serve.bodies import (
    AttributesBody,
    GrantBody,
    LimitBody,
    LotBody,
    ResetBody,
    ResolveBody,
    TopUpBody,
    TransferBody,
)
from overspill.serve.call import Call, Operation, Param, Reply, receipt
from overspill.serve.fields import IDEMPOTENCY_REPLAYED
from overspill.serve.reading import object_from, shaped
from overspill.serve.receipts import (
    AttributesReceipt,
    GrantReceipt,
    GrantResetReceipt,
    PaidReceipt,
    RedeemReceipt,
    RefundReceipt,
    ResetReceipt,
    TopUpReceipt,
    TransferReceipt,
    UnpaidReceipt,
    VoidReceipt,
)
from overspill.serve.threads import blocking
from overspill.words.codec import as_dict, json_bytes
from overspill.words.failures import Failure
from overspill.words.names import NAME, is_identifier, shown

ACCOUNT = "/v1/accounts/{kind}/{account}"


def _account(call: Call) -> dict[str, str]:
    kind, id = call.path["kind"], call.path["account"]
    if NAME.fullmatch(kind) is None or not is_identifier(id):
        raise Failure("invalid_id", f"{shown(f'{kind}/{id}')} is no account", help="write `user/u_ana`")
    return {kind: id}


def _reply(done: Receipt) -> Reply:
    return receipt(done.json, done.replayed)


# ---- looking


def status(call: Call) -> Reply:
    accounts = _account(call)
    for text in call.query.get("with", ()):
        kind, slash, id = text.partition("/")
        if not slash or accounts.setdefault(kind, id) != id:
            what = f"`with` is {shown(text)}"
            raise Failure("invalid_query", what, help="write `workspace/w_1`, one of each kind", pointer=None)
    return Reply(call.engine.status(accounts).json)


def top_ups(call: Call) -> Reply:
    own = call.engine.status(_account(call)).accounts[0]
    return Reply(json_bytes(TopUpList(account=own.account, top_ups=own.top_ups)))


def statement(call: Call) -> Reply:
    found = call.engine.statement(_account(call), since=call.asked("since"), as_of=call.asked("as_of"))
    return Reply(json_bytes(found))


# ---- changing


def set_attributes(call: Call) -> Reply:
    asked = shaped(object_from(call.body), AttributesBody)
    return _reply(call.engine.set_attributes(_account(call), asked.attributes, id=call.key, actor=call.caller.id))


def grant(call: Call) -> Reply:
    asked = shaped(object_from(call.body), GrantBody)
    return _reply(call.engine.grant(_account(call), **as_dict(asked), id=call.key, actor=call.caller.id))


def agree(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), TopUpBody))
    agreed_by = asked.pop("agreed_by")
    try:
        return _reply(call.engine.set_top_up(_account(call), **asked, id=call.key, actor=agreed_by))
    except Failure as failure:
        if failure.pointer == "/actor":  # as the command calls it
            failure.pointer, failure.message = "/agreed_by", failure.message.replace("`/actor`", "`/agreed_by`")
        raise


def grant_reset(call: Call) -> Reply:
    asked = shaped(object_from(call.body), LimitBody)
    return _reply(call.engine.grant_reset(_account(call), asked.limit, id=call.key, actor=call.caller.id))


def redeem(call: Call) -> Reply:
    asked = shaped(object_from(call.body), LimitBody)
    return _reply(call.engine.redeem(_account(call), asked.limit, id=call.key, actor=call.caller.id))


def reset(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), ResetBody))
    return _reply(call.engine.reset(**asked, id=call.key, actor=call.caller.id))


def transfer(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), TransferBody))
    return _reply(call.engine.transfer(**asked, id=call.key, actor=call.caller.id))


def void(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), LotBody))
    return _reply(call.engine.void(**asked, lot=call.path["lot"], id=call.key, actor=call.caller.id))


def refund(call: Call) -> Reply:
    asked = as_dict(shaped(object_from(call.body), LotBody))
    return _reply(call.engine.refund(**asked, lot=call.path["lot"], id=call.key, actor=call.caller.id))


# ---- purchases


def purchases(call: Call) -> Reply:
    own = [one for one in call.engine.open_purchases() if one.tenant == call.caller.tenant]
    fields = PurchaseShown.__struct_fields__
    return Reply(
        json_bytes(
            PurchaseList(purchases=tuple([PurchaseShown(**{n: getattr(one, n) for n in fields}) for one in own]))
        )
    )


def resolve(call: Call) -> Reply:
    """What became of a purchase of the caller's own tenant."""
    asked = shaped(object_from(call.body), ResolveBody)
    purchase = call.path["purchase"]
    if call.engine.find(purchase) is None:  # another tenant's is nobody's
        what = f"there is no purchase {shown(purchase)}"
        raise Failure("unknown_purchase", what, help="see `GET /v1/purchases`")
    done = call.engine.resolve_purchase(
        purchase, asked.outcome, receipt=asked.receipt, detail=asked.detail, actor=call.caller.id
    )
    return _reply(done)


_WITH = Param("with", "a further account that asks together with it (`workspace/w_1`), one of each kind", many=True)
_SINCE = Param("since", "from this instant on, RFC 3339 in UTC; otherwise from the beginning")
_AS_OF = Param("as_of", "up to this instant, itself not included; otherwise all that is settled")
OPERATIONS = (
    Operation(
        id="show_account",
        method="GET",
        path=ACCOUNT,
        tag="Accounts",
        summary="Show an account as a decision would meet it now",
        about="Windows, lots in the order that they are drawn in, what is settled, pending, held and available.",
        scope="decide",
        query=(_WITH,),
        answer=StatusRecord,
        act=blocking(status),
    ),
    Operation(
        id="account_statement",
        method="GET",
        path=f"{ACCOUNT}/statement",
        tag="Accounts",
        summary="Show every entry of an account with its decision",
        scope="audit",
        query=(_SINCE, _AS_OF),
        answer=Statement,
        act=blocking(statement),
    ),
    Operation(
        id="set_attributes",
        method="POST",
        path=f"{ACCOUNT}/attributes",
        tag="Accounts",
        summary="Set attributes of an account",
        scope="operate",
        body=AttributesBody,
        answer=AttributesReceipt,
        keyed="always",
        act=blocking(set_attributes),
    ),
    Operation(
        id="grant",
        method="POST",
        path=f"{ACCOUNT}/grants",
        tag="Accounts",
        summary="Put a lot into an account's pool",
        about="The Idempotency-Key is the lot's name.",
        scope="operate",
        body=GrantBody,
        answer=GrantReceipt,
        keyed="always",
        act=blocking(grant),
    ),
    Operation(
        id="show_top_ups",
        method="GET",
        path=f"{ACCOUNT}/top_up",
        tag="Accounts",
        summary="Show what is bought for an account by itself",
        about="What was agreed to, what is bought just now, why nothing is, and how much this month has had.",
        scope="decide",
        answer=TopUpList,
        act=blocking(top_ups),
    ),
    Operation(
        id="agree_to_top_up",
        method="POST",
        path=f"{ACCOUNT}/consent",
        tag="Accounts",
        summary="Set what an account agrees to be charged for by itself",
        scope="operate",
        body=TopUpBody,
        answer=TopUpReceipt,
        keyed="always",
        act=blocking(agree),
    ),
    Operation(
        id="grant_reset",
        method="POST",
        path=f"{ACCOUNT}/resets",
        tag="Accounts",
        summary="Let an account reset the windows of a limit once",
        scope="operate",
        body=LimitBody,
        answer=GrantResetReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(grant_reset),
    ),
    Operation(
        id="redeem_reset",
        method="POST",
        path=f"{ACCOUNT}/redemptions",
        tag="Accounts",
        summary="Redeem an account's reset: the windows of a limit begin anew",
        scope="operate",
        body=LimitBody,
        answer=RedeemReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(redeem),
    ),
    Operation(
        id="reset_windows",
        method="POST",
        path="/v1/resets",
        tag="Accounts",
        summary="Let windows of an account begin anew",
        scope="operate",
        body=ResetBody,
        answer=ResetReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(reset),
    ),
    Operation(
        id="transfer_lot",
        method="POST",
        path="/v1/transfers",
        tag="Lots",
        summary="Make a lot, or a part of it, a lot of another account",
        scope="operate",
        body=TransferBody,
        answer=TransferReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(transfer),
    ),
    Operation(
        id="void_lot",
        method="POST",
        path="/v1/lots/{lot}/void",
        tag="Lots",
        summary="Take away what is left of a lot",
        scope="operate",
        body=LotBody,
        answer=VoidReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(void),
    ),
    Operation(
        id="refund_lot",
        method="POST",
        path="/v1/lots/{lot}/refund",
        tag="Lots",
        summary="Take away what is left of a lot that was paid for, and say what is due back",
        scope="operate",
        body=LotBody,
        answer=RefundReceipt,
        keyed="always",
        problems=(409,),
        act=blocking(refund),
    ),
    Operation(
        id="list_purchases",
        method="GET",
        path="/v1/purchases",
        tag="Purchases",
        summary="List the purchases that wait for a payment, the oldest first",
        scope="operate",
        answer=PurchaseList,
        act=blocking(purchases),
    ),
    Operation(
        id="resolve_purchase",
        method="POST",
        path="/v1/purchases/{purchase}/resolve",
        tag="Purchases",
        summary="Record what became of a purchase",
        about="The same again changes nothing: the purchase is its own key.",
        scope="operate",
        body=ResolveBody,
        answer={"anyOf": [PaidReceipt, UnpaidReceipt]},
        problems=(404, 409),
        sends={200: (IDEMPOTENCY_REPLAYED,)},
        act=blocking(resolve),
    ),
)
