"""Every operation against its own description, by what Schemathesis thinks of: no server error, no status, no body and no header
that the description does not tell of, in a body no field, and every header that is told to be always there."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance, unsupported_method

from overspill.serve.app import App
from overspill.serve.envoy import PREFIX
from overspill.serve.gateway_file import gateway_from
from overspill.serve.metrics import Metrics
from overspill.serve.openapi import document
from overspill.serve.operations import all_operations
from support.described import answer_headers, answer_schema, undescribed, unfit_headers
from support.services import served, with_ana

EXAMPLES = 300


KEPT = ExitStack()
atexit.register(KEPT.close)  # whoever only collects the tests has it open too
ONE = with_ana(KEPT.enter_context(served()))
RULES = b"rules: [{path: /a, mode: pass}, {path: /, account: {user: u_ana}, fields: {product: sora}, meters: {generations: 1}}]"
ONE.service.gateway = gateway_from(RULES, "gateway.yaml")
ALL = all_operations(Metrics(ONE.service), "0")
APP = App(ONE.service, ALL)
DOCUMENT = document(ALL, "0")
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    KEPT.close()


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_does_what_its_description_says(case: schemathesis.Case) -> None:
    excluded = [positive_data_acceptance]  # what a policy does not know is refused, whatever its shape
    if isinstance(case.body, dict) and {"requests", "evaluations"} & case.body.keys():
        excluded.append(negative_data_rejection)  # one request of a batch is refused by itself
    if case.path.startswith(PREFIX):
        excluded.append(unsupported_method)  # every method is taken there
    headers = {"Authorization": f"Bearer {ONE.all.key}"}
    response = case.call_and_validate(headers=headers, excluded_checks=excluded)
    id, status = case.operation.definition.raw["operationId"], response.status_code
    if str(status) in case.operation.definition.raw["responses"]:
        sent = {name: values[0] for name, values in response.headers.items()}
        assert unfit_headers(sent, answer_headers(DOCUMENT, id, status)) == []
    media = response.headers.get("content-type", [""])[0]
    if "json" in media and case.operation.label != "GET /openapi.json":
        told = answer_schema(DOCUMENT, id, status, media)
        assert undescribed(response.json(), told, DOCUMENT) == []
