"""All operations of the service, in the order of its reference."""

from __future__ import annotations

from overspill.serve import accounts, authzen, decisions, envoy, health, hooks, policies, problem_types
from overspill.serve.call import Operation
from overspill.serve.metrics import Metrics, metered
from overspill.serve.openapi import described

OPERATIONS: tuple[Operation, ...] = (
    *decisions.OPERATIONS,
    *authzen.OPERATIONS,
    *envoy.OPERATIONS,
    *accounts.OPERATIONS,
    *policies.OPERATIONS,
    *hooks.OPERATIONS,
    *health.OPERATIONS,
    *problem_types.OPERATIONS,
)


def all_operations(metrics: Metrics, version: str) -> tuple[Operation, ...]:
    """With those that tell of the service itself."""
    known = (*OPERATIONS, metered(metrics))
    return (*known, described(known, version))
