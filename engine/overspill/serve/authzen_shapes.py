"""The shapes of the AuthZEN Authorization API 1.0, as they are asked and answered here.

What is asked ignores every field that it does not know, as that standard demands (its section on JSON serialization);
what it says by itself under `context.overspill` is this product's own, and read as strictly as any request.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from overspill.serve.deciding import Mode
from overspill.words.codec import Struct
from overspill.words.initiators import DEFAULT_INITIATOR

Properties = dict[str, Any]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]
OVERSPILL = "overspill"
"""The key of what is this product's own, in a request's `context` and in an action's `properties`."""

# ---- asked


class Subject(Struct, frozen=True, kw_only=True):
    """Who asks: an account of the kind `type`."""

    type: str
    id: str
    properties: Properties = {}


class Action(Struct, frozen=True, kw_only=True):
    name: str
    properties: Properties = {}


class Resource(Struct, frozen=True, kw_only=True):
    type: str
    id: str
    properties: Properties = {}


class EvaluationBody(Struct, frozen=True, kw_only=True):
    """May the subject do this? `context.overspill` may say more of the request."""

    subject: Subject
    action: Action
    resource: Resource
    context: Properties = {}


class EntityDefaults(Struct, frozen=True, kw_only=True):
    """What a subject, an action or a resource of a batch is where an evaluation does not say it."""

    type: str = ""
    id: str = ""
    name: str = ""
    properties: Properties = {}


class EvaluationPart(Struct, frozen=True, kw_only=True):
    """One evaluation of a batch: what it leaves out is what the batch says."""

    subject: EntityDefaults = EntityDefaults()
    action: EntityDefaults = EntityDefaults()
    resource: EntityDefaults = EntityDefaults()
    context: Properties = {}


class EvaluationsOptions(Struct, frozen=True, kw_only=True):
    evaluations_semantic: Semantic = "execute_all"


class EvaluationsBody(EvaluationPart, frozen=True, kw_only=True):
    """Many evaluations, with defaults; without any it is one evaluation itself."""

    evaluations: tuple[EvaluationPart, ...] = ()
    options: EvaluationsOptions = EvaluationsOptions()


class PageBody(Struct, frozen=True, kw_only=True):
    """`limit` null: as many as there are, up to 100."""

    token: str = ""
    limit: int | None = None


class ActionSearchBody(Struct, frozen=True, kw_only=True):
    """What may the subject do? There is no `action`."""

    subject: Subject
    resource: Resource
    context: Properties = {}
    page: PageBody = PageBody()


class NativeParts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`context.overspill`: parts of a request as `/v1/decisions` takes them, and the way to decide. `account`, `fields` and
    `meters` go before what is found elsewhere."""

    mode: Mode = "preview"
    id: str | None = None
    account: dict[str, str] = {}
    fields: dict[str, str | int | bool] = {}
    meters: dict[str, int | str] = {}
    initiator: str = DEFAULT_INITIATOR
    only: tuple[str, ...] | None = None
    max_charge: dict[str, str] | None = None
    at_least: str | None = None


# ---- answered


class EvaluationError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an evaluation of a batch could not be made, which denies it. `code` is stable, `help` the remedy."""

    status: int
    message: str
    code: str
    help: str | None = None


class PolicyTold(Struct, frozen=True, kw_only=True):
    id: str
    version: str
    digest: str


class HoldTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Without `expires_at` it never does."""

    id: str
    expires_at: str | None = None


class GrantPart(Struct, frozen=True, kw_only=True):
    """What one layer gives, in its own unit; `source` are the windows that count it, or the lots that it is taken from."""

    layer: str
    unit: str
    amount: str
    source: tuple[str, ...]


class GrantTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much, by unit, and from where. `available`, of a denial: what there is. `charge` is what pools that are not free
    are debited."""

    requested: dict[str, str]
    granted: dict[str, str]
    available: dict[str, str] | None = None
    charge: dict[str, str] = {}
    parts: tuple[GrantPart, ...] = field(default=(), name="from")
    hold: HoldTold | None = None


class Constraint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A window or a cap that counts, with what is left of it behind this decision."""

    type: Literal["limit"]
    layer: str
    name: str
    unit: str
    limit: str
    remaining: str
    resets_at: str | None = None


class Obligation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What who enforces the decision must do, or treat it as a denial. `use_at_most`: no more than `amount`; `capture`: say
    at `endpoint`, before `expires_at`, what was used of the hold."""

    id: str
    type: Literal["custom"]
    action: Literal["use_at_most", "capture"]
    amount: str | None = None
    unit: str | None = None
    hold: str | None = None
    endpoint: str | None = None
    expires_at: str | None = None


class ReasonUser(Struct, frozen=True, kw_only=True):
    """What may be told to the user."""

    code: str


class ReasonAdmin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may not: `layers` has, for each that fell short, what it fell short of."""

    code: str
    binding: str | None = None
    layers: dict[str, str] = {}


class OfferTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would help: `until` for wait, `pool`, `amount` and `unit` for a purchase."""

    offer: str
    until: str | None = None
    pool: str | None = None
    amount: str | None = None
    unit: str | None = None


class TraceTold(Struct, frozen=True, kw_only=True):
    """Where a decision that is kept is told with its trace, and the SHA-256 of its bytes."""

    ref: str
    digest: str


class EvaluationContext(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands beside the decision. `error` stands alone, where it could not be made."""

    evaluation_id: str | None = None
    evaluated_at: str | None = None
    mode: Mode | None = None
    policy: PolicyTold | None = None
    grant: GrantTold | None = None
    constraints: tuple[Constraint, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    reason_user: ReasonUser | None = None
    reason_admin: ReasonAdmin | None = None
    offers: tuple[OfferTold, ...] = ()
    retry_at: str | None = None
    trace: TraceTold | None = None
    replayed: bool = False
    error: EvaluationError | None = None


class Evaluation(Struct, frozen=True, kw_only=True):
    """`decision` is true where anything is granted."""

    decision: bool
    context: EvaluationContext


class Evaluations(Struct, frozen=True, kw_only=True):
    """In the order of what was asked; shorter where the semantic ended it."""

    evaluations: tuple[Evaluation, ...]


class HowMuch(Struct, frozen=True, kw_only=True):
    """What is available of it now, in the unit that it is priced or counted in; `unlimited` where nothing bounds it."""

    available: str
    unit: str


class FoundProperties(Struct, frozen=True, kw_only=True):
    overspill: HowMuch


class FoundAction(Struct, frozen=True, kw_only=True):
    name: str
    properties: FoundProperties


class Undecided(Struct, frozen=True, kw_only=True):
    """An action that may be or not: what was asked lacks something."""

    name: str
    error: EvaluationError


class SearchPage(Struct, frozen=True, kw_only=True):
    """`next_token` empty: there are no more."""

    next_token: str
    count: int
    total: int


class SearchContext(Struct, frozen=True, kw_only=True):
    undecided: tuple[Undecided, ...]


class ActionSearchAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    page: SearchPage
    context: SearchContext | None = None
    results: tuple[FoundAction, ...]


class Configuration(Struct, frozen=True, kw_only=True):
    """The metadata of this decision point: what it offers, and nothing that it does not. `obligations_supported` are the types of
    obligations that it may give (Obligations Profile, draft 1)."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_action_endpoint: str
    obligations_supported: tuple[Literal["custom"], ...] = ("custom",)
