"""The configuration of docs/gateways.md: YAML, and Envoy and the rules meant for each other. What Envoy makes of it shows
test_gateway_envoy.py."""

from __future__ import annotations

from typing import Any

import yaml

from overspill.cli.serve import KEEP_SECONDS
from overspill.serve.envoy import PREFIX
from overspill.serve.gateway import Gateway
from overspill.serve.gateway_file import gateway_from
from support.asgi import call
from support.gateways import PAGE, block
from support.services import served, with_ana


def _gateway() -> Gateway:
    return gateway_from(block("gateway.yaml").encode(), "gateway.yaml")


def _filters() -> dict[str, Any]:
    envoy = yaml.safe_load(block("envoy.yaml"))
    [listener] = envoy["static_resources"]["listeners"]
    [manager] = listener["filter_chains"][0]["filters"]
    return {one["name"].rsplit(".", 1)[1]: one["typed_config"] for one in manager["typed_config"]["http_filters"]} | {
        "manager": manager["typed_config"],
        "clusters": {one["name"] for one in _clusters()},
    }


def _clusters() -> Any:
    return yaml.safe_load(block("envoy.yaml"))["static_resources"]["clusters"]


def _exact(patterns: Any) -> set[str]:
    return {one["exact"] for one in patterns["patterns"]}


def test_the_filters_stand_in_their_order_and_ask_of_clusters_that_are_there() -> None:
    found = _filters()
    assert list(found)[:3] == ["jwt_authn", "ext_authz", "router"]
    provider = found["jwt_authn"]["providers"]["issuer"]
    asked = {
        found["ext_authz"]["http_service"]["server_uri"]["cluster"],
        provider["remote_jwks"]["http_uri"]["cluster"],
        *[route["route"]["cluster"] for route in found["manager"]["route_config"]["virtual_hosts"][0]["routes"]],
    }
    assert asked == found["clusters"]


def test_each_header_that_a_rule_reads_is_set_by_the_gateway_and_sent() -> None:
    found, gateway = _filters(), _gateway()
    values = [
        one for rule in gateway.rules for part in (rule.account, rule.fields, rule.meters) for one in part.values()
    ]
    read = {one.header for one in values if one.header is not None}
    claims = {one["header_name"] for one in found["jwt_authn"]["providers"]["issuer"]["claim_to_headers"]}
    assert read == claims
    assert _exact(found["ext_authz"]["allowed_headers"]) == read | {gateway.key}


def test_paths_and_ids_are_what_the_rules_count_on() -> None:
    found = _filters()
    assert found["ext_authz"]["http_service"]["path_prefix"] == PREFIX
    assert found["ext_authz"]["failure_mode_allow"] is False
    manager = found["manager"]
    assert (manager["use_remote_address"], manager["normalize_path"], manager["merge_slashes"]) == (True, True, True)
    assert manager["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    assert "preserve_external_request_id" not in manager


def test_all_that_goes_upstream_is_let_through_and_is_taken_from_no_client() -> None:
    response = _filters()["ext_authz"]["http_service"]["authorization_response"]
    [prefix] = [one["prefix"] for one in response["allowed_upstream_headers"]["patterns"]]
    with served() as one:
        with_ana(one).service.gateway = _gateway()
        headers = {"Authorization": f"Bearer {one.all.key}", "x-request-id": "q1", "x-user-id": "u_ana"}
        answer = call(one.app, "POST", f"{PREFIX}/v1/videos", headers=headers)
        own = {name for name in answer.headers if name.startswith("x-") and name != "x-request-id"}
        assert answer.status == 200
        assert len(own) == 6 and all(name.startswith(prefix) for name in own)
        mutations = _filters()["manager"]["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        claims = _filters()["jwt_authn"]["providers"]["issuer"]["claim_to_headers"]
        said = own | {one["header_name"] for one in claims}
        assert sorted(one["remove"] for one in mutations) == sorted(said)


def test_envoy_ends_idle_connections_before_the_service_does() -> None:
    [cluster] = [one for one in _clusters() if one["name"] == "overspill"]
    [options] = cluster["typed_extension_protocol_options"].values()
    assert int(options["common_http_protocol_options"]["idle_timeout"].removesuffix("s")) < KEEP_SECONDS
    assert f"for {KEEP_SECONDS} s;" in PAGE


def test_the_policy_understands_the_rules() -> None:
    with served() as one:
        _gateway().check(one.engine.policies.active().plan)
