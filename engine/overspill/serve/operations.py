"""All operations of the service, in the order of its reference."""

from __future__ import annotations

from overspill.serve import accounts, authzen, decisions, health, policies
from overspill.serve.call import Operation

OPERATIONS: tuple[Operation, ...] = (
    *decisions.OPERATIONS,
    *authzen.OPERATIONS,
    *accounts.OPERATIONS,
    *policies.OPERATIONS,
    *health.OPERATIONS,
)
