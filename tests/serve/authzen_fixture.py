"""The fixture of the AuthZEN certification scenario (openid/authzen, certification/authorization-api-1_0-scenario.md,
section "Required Fixture") as a policy of ours: two users, two records, three actions, eight decisions.

That standard's shapes are written here as JSON Schemas of our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.services import Served, served

POLICY = b"""policy records version 1;
language 1;

unit uses: integer, singular use;

account user {
  writer: bool;
}

request {
  action: string;
  record: string;
  status: string = "active";
  role: string = "";
  soft: bool = false;
  uses: meter = 1;
}

entitlement access {
  per user;
  unit uses;
  unlimited;
}

// Who is not known may not even read: reading asks for the attribute that all who are known have.
waterfall reading {
  serves request.action == "read";
  counts uses;
  deny unknown_reader when user.writer != user.writer;
  draw access;
  otherwise deny no_access;
}

waterfall writing {
  serves request.action == "write";
  counts uses;
  deny no_writer when !user.writer && request.role != "admin";
  deny archived when request.status == "archived" && request.role != "admin";
  draw access;
  otherwise deny no_access;
}

waterfall deleting {
  serves request.action == "delete";
  counts uses;
  deny no_writer when !user.writer;
  deny hard_delete when !request.soft;
  draw access;
  otherwise deny no_access;
}
"""
ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
ONE, TWO = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2"}
ACTIVE = {**ONE, "properties": {"status": "active"}}
ARCHIVED = {**TWO, "properties": {"status": "archived"}}
READ, WRITE = {"name": "read"}, {"name": "write"}
SOFT, HARD = ({"name": "delete", "properties": {"soft": soft}} for soft in (True, False))
DECISIONS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]] = {
    "1 alice reads": (ALICE, READ, ONE, True),
    "2 alice writes": (ALICE, WRITE, ONE, True),
    "3 bob reads": (BOB, READ, ONE, True),
    "4 bob writes": (BOB, WRITE, ONE, False),
    "5 alice writes what is archived": (ALICE, WRITE, ARCHIVED, False),
    "6 an admin writes what is archived": (ADMIN, WRITE, ARCHIVED, True),
    "7 alice deletes softly": (ALICE, SOFT, ONE, True),
    "8 alice deletes for good": (ALICE, HARD, ONE, False),
}
EVALUATION: dict[str, Any] = {
    "type": "object",
    "required": ["decision"],
    "properties": {"decision": {"type": "boolean"}, "context": {"type": "object"}},
}
EVALUATIONS: dict[str, Any] = {
    "type": "object",
    "required": ["evaluations"],
    "properties": {"evaluations": {"type": "array", "items": EVALUATION}},
}
ACTIONS: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "properties": {"type": "object"}},
                "additionalProperties": False,
            },
        },
        "page": {
            "type": "object",
            "required": ["next_token"],
            "properties": {
                "next_token": {"type": "string"},
                "count": {"type": "integer", "minimum": 0},
                "total": {"type": "integer", "minimum": 0},
            },
        },
        "context": {"type": "object"},
    },
}


def said(subject: Any, action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "action": action, "resource": resource, **more}


@contextmanager
def records() -> Iterator[Served]:
    """A service of that policy, which knows Alice and Bob."""
    with served(policy={"records.spill": POLICY}) as one:
        for name, writer in (("alice", True), ("bob", False)):
            one.all.post(f"/v1/accounts/user/{name}/attributes", {"attributes": {"writer": writer}}, f"signup-{name}")
        yield one
