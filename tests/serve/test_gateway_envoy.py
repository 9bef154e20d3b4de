"""A real Envoy asks a real `overspill serve`, by the rules and the configuration that docs/gateways.md shows."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.certificates import certificate_of
from support.gateways import ISSUER, JWK, OTHER, Headers, Place, Upstream, block, token
from support.service_processes import key_for
from support.serving import Listening, cutting

DECISION = ("outcome", "decision", "granted", "unit", "hold", "replayed")
VIDEO = {"fields": {"product": "sora"}, "meters": {"generations": 30}}
"""A whole day's, at once."""
LARGE = 3_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path_factory.mktemp("gateway"), stack)


# ---- what is allowed


def test_what_is_allowed_goes_on_with_its_decision(place: Place) -> None:
    answer, [asked] = place.ask("POST", "/v1/videos?size=large", token("u_first", workspace="w_1"), body=b"{}")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["ratelimit-policy"] == '"day";q=30;overspill-unit="generations"'
    assert answer.headers["ratelimit"].startswith('"day";r=29;t=')
    assert not [name for name in answer.headers if name.startswith("x-overspill-")]
    assert (asked.method, asked.target, asked.body) == ("POST", "/v1/videos?size=large", 2)
    told = asked.of("x-overspill-")
    assert set(told) == set(DECISION)
    decision = told.pop("decision")
    assert told == {"outcome": "allow", "granted": "1", "unit": "generations", "hold": "none", "replayed": "false"}
    answered = place.own("GET", f"/v1/decisions/{decision}")["answer"]
    assert (answered["decision"], answered["granted"]) == (decision, "1")
    assert asked.of("x-user-id") == {"": "u_first"} and asked.of("x-workspace-id") == {"": "w_1"}


def test_what_is_reserved_is_captured_by_the_service(place: Place) -> None:
    place.own("POST", "/v1/accounts/user/u_held/attributes", {"attributes": {"plan": "pro"}}, "held")
    answer, [asked] = place.ask("POST", "/v1/turns", token("u_held"))
    hold = asked.of("x-overspill-")["hold"]
    assert answer.status == 200 and hold.startswith("hold_")
    meters = {"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 10}
    assert place.own("POST", f"/v1/holds/{hold}/capture", {"meters": meters}, "1")["hold"] == hold


@pytest.mark.parametrize("method, path", [("GET", "/v1/videos/7"), ("OPTIONS", "/v1/turns")])
def test_what_a_rule_passes_goes_on_and_asks_nobody(place: Place, method: str, path: str) -> None:
    before = place.envoy.counted("http.edge.ext_authz.ok")
    answer, [asked] = place.ask(method, path, token())
    assert (answer.status, asked.method, asked.target) == (200, method, path)
    assert asked.of("x-overspill-") == dict.fromkeys(DECISION, "none") | {"outcome": "pass", "replayed": "false"}
    assert "ratelimit" not in answer.headers
    assert place.envoy.counted("http.edge.ext_authz.ok") == before + 1


PREFLIGHT = (("origin", "https://app.example.com"), ("access-control-request-method", "POST"))


def test_a_browser_may_ask_whether_it_may_ask_before_it_has_a_token(place: Place) -> None:
    answer, asked = place.ask("OPTIONS", "/v1/videos", *PREFLIGHT)
    assert (answer.status, [one.of("x-overspill-")["outcome"] for one in asked]) == (200, ["pass"])
    assert place.ask("OPTIONS", "/v1/videos")[0].status == 401


ROUTES: dict[str, tuple[str, str, Headers, dict[str, str]]] = {
    # → who it is at the service
    "what is counted": ("POST", "/v1/videos", [token()], {"": "u_ana"}),
    "what passes": ("GET", "/v1/videos", [token()], {"": "u_ana"}),
    "what nobody is asked about": ("GET", "/health", [], {}),
    "what needs no token": ("OPTIONS", "/v1/videos", PREFLIGHT, {}),
}
FORGED = [
    ("X-User-Id", "forged"),
    ("x-user-id", "forged"),
    ("x-workspace-id", "forged"),
    *[(f"x-overspill-{name}", "forged") for name in DECISION],
    ("X-Overspill-Hold", "forged"),
]


@pytest.mark.parametrize("method, path, more, user", ROUTES.values(), ids=ROUTES)
def test_what_only_the_gateway_says_no_client_says(
    place: Place, method: str, path: str, more: Headers, user: dict[str, str]
) -> None:
    answer, [asked] = place.ask(method, path, *more, *FORGED)
    assert answer.status == 200
    assert "forged" not in [value for _, value in asked.headers]
    assert asked.of("x-user-id") == user


BODIES: dict[str, Any] = {"at once": b"x" * LARGE, "in chunks": [b"x" * 1000] * (LARGE // 1000)}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_large_body_reaches_the_service_whole(place: Place, body: Any) -> None:
    answer, [asked] = place.ask("POST", "/v1/videos", token("u_large"), body=body)
    assert (answer.status, asked.body) == (200, LARGE)


# ---- what is denied

PROBLEM = {"content-type", "content-length", "date", "server"}
LIMITED = PROBLEM | {"ratelimit", "ratelimit-policy"}
DENIED: dict[str, tuple[str, str, str, int, str, set[str]]] = {
    # who, what → the status, the code, the headers
    "time helps": ("u_out", "POST", "/v1/videos", 429, "usage_exhausted", LIMITED | {"retry-after"}),
    "only a purchase helps": ("u_poor", "POST", "/v1/turns", 402, "usage_exhausted", LIMITED),
    "nothing helps": ("u_suspended", "POST", "/v1/turns", 403, "account_suspended", PROBLEM),
    "no rule says what it costs": ("u_ana", "POST", "/v2", 403, "no_rule", PROBLEM),
    "no rule for the method": ("u_ana", "DELETE", "/v1/videos", 403, "no_rule", PROBLEM),
    "who it is cannot be read": ("u ana", "POST", "/v1/videos", 422, "invalid_id", PROBLEM),
    "what it needs is not known": ("u_new", "POST", "/v1/turns", 422, "missing_attribute", PROBLEM),
}


@pytest.mark.parametrize("user, method, path, status, code, headers", DENIED.values(), ids=DENIED)
def test_what_is_denied_is_told_to_the_client_and_not_to_the_service(
    place: Place, user: str, method: str, path: str, status: int, code: str, headers: set[str]
) -> None:
    _prepare(place, user)
    answer, asked = place.ask(method, path, token(user))
    assert (answer.status, answer.json["code"], answer.json["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (set(answer.headers), asked) == (headers, [])


def _prepare(place: Place, user: str) -> None:
    account = f"/v1/accounts/user/{user}"
    if user == "u_out":
        place.own("POST", "/v1/decisions", {"account": {"user": user}, **VIDEO}, user)
    if user in ("u_poor", "u_suspended"):
        attributes = {"plan": "free", "suspended": user == "u_suspended"}
        place.own("POST", f"{account}/attributes", {"attributes": attributes}, user)


def test_a_denial_is_told_before_the_body_comes(place: Place) -> None:
    answer, asked = place.ask("POST", "/v2", token(), body=b"x" * LARGE, whole=False)
    assert (answer.status, answer.json["code"], asked) == (403, "no_rule", [])


def test_without_allowed_client_headers_the_client_gets_all_of_a_denial(place: Place) -> None:
    said = "allowed_client_headers:\n"
    [line] = [line for line in block("envoy.yaml").splitlines(True) if line.endswith(said)]
    text = block("envoy.yaml")
    patterns = text[text.index(line) + len(line) :].splitlines(True)[0]
    with place.gateway((line + patterns, "")) as envoy:
        answer, _ = place.through(envoy, "POST", "/v2", token())
    assert (answer.status, set(answer.headers)) == (403, PROBLEM | {"x-request-id", "x-envoy-upstream-service-time"})


TOKENS: dict[str, tuple[Headers, int]] = {
    "none": ([], 401),
    "what is no token": ([("authorization", "Bearer osk_1")], 401),
    "one that has ended": ([token(exp=1)], 401),
    "one for another service": ([token(aud="another")], 403),
    "one that another has signed": ([token(key=OTHER)], 401),
    "one of another issuer": ([token(iss="https://evil.example.com")], 401),
}


@pytest.mark.parametrize("headers, status", TOKENS.values(), ids=TOKENS)
def test_who_brings_no_good_token_is_not_asked_about(place: Place, headers: Headers, status: int) -> None:
    names = [f"http.edge.ext_authz.{name}" for name in ("ok", "denied", "error")]
    before = [place.envoy.counted(name) for name in names]
    answer, asked = place.ask("POST", "/v1/videos", *headers)
    assert (answer.status, asked) == (status, [])
    assert [place.envoy.counted(name) for name in names] == before


@pytest.mark.parametrize("trusted, host", [("another", ISSUER), ("own", "evil.example.com")])
def test_whose_certificate_is_not_the_issuers_hands_out_no_keys(
    place: Place, tmp_path: Path, trusted: str, host: str
) -> None:
    own = certificate_of(host, tmp_path / "own.pem")
    issuer = Upstream({"keys": [JWK]})
    known = own if trusted == "own" else place.certificate
    with (
        Listening(issuer, lifespan="off", ssl_certfile=str(own)) as there,
        place.gateway(issuer=there.port, trusted=known) as envoy,
    ):
        answer, asked = place.through(envoy, "POST", "/v1/videos", token())
    assert (answer.status, asked, issuer.asked) == (401, [], [])


@pytest.mark.parametrize("key, status, code", [("osk_wrong", 401, "unauthenticated"), ("audit", 403, "not_allowed")])
def test_a_gateway_whose_key_is_wrong_lets_nothing_through(place: Place, key: str, status: int, code: str) -> None:
    with place.gateway(key=key_for(place.db, "acme", "audit") if key == "audit" else key) as envoy:
        answer, asked = place.through(envoy, "POST", "/v1/videos", token())
    assert (answer.status, answer.json["code"], asked) == (status, code, [])


# ---- paths

PATHS: dict[str, tuple[int, str]] = {
    # what is asked → the status, and the path at the service
    "/health/../v1/videos": (200, "/v1/videos"),
    "/health/%2e%2e/v1/videos": (200, "/v1/videos"),
    "//v1//videos": (200, "/v1/videos"),
    "/v1/vid%65os": (200, "/v1/videos"),
    "/v1%2Fvideos": (400, ""),
    "/health%5c..%5cv1/videos": (400, ""),
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_read_in_one_way(place: Place, path: str) -> None:
    status, target = PATHS[path]
    answer, asked = place.ask("POST", path, token("u_paths"))
    assert (answer.status, [one.target for one in asked]) == (status, [target] if target else [])
    assert answer.body == (b"{}" if target else b"")  # of what can be read in two ways nobody is asked
    assert [one.of("x-overspill-")["granted"] for one in asked] == ["1"] * len(asked)


# ---- once and for all


def test_a_strangers_id_is_replaced_so_that_each_call_counts(place: Place) -> None:
    own = ("x-request-id", "mine")
    told = [place.ask("POST", "/v1/videos", token("u_stranger"), own) for _ in range(2)]
    assert [answer.headers["ratelimit"].partition(";t")[0] for answer, _ in told] == ['"day";r=29', '"day";r=28']
    ids = [one.of("x-request-id")[""] for _, [one] in told]
    assert len({*ids, "mine"}) == 3


def test_an_id_from_inside_counts_once(place: Place) -> None:
    with place.gateway(_inside()) as envoy:
        told = [place.through(envoy, "POST", "/v1/videos", token("u_i"), ("x-request-id", "i1")) for _ in range(2)]
    assert [answer.status for answer, _ in told] == [200, 200]
    first, second = (one.of("x-overspill-") for _, [one] in told)
    assert second == first | {"replayed": "true"}
    assert first["replayed"] == "false"


def test_an_id_from_inside_that_comes_again_may_be_refused(place: Place) -> None:
    once = place.serving("replayed: deny\n")
    with place.gateway(_inside(), overspill=once.port) as envoy:
        told = [place.through(envoy, "POST", "/v1/videos", token("u_o"), ("x-request-id", "o1")) for _ in range(2)]
    assert [(answer.status, len(asked)) for answer, asked in told] == [(200, 1), (409, 0)]
    assert told[1][0].json["code"] == "replayed"


def _inside() -> tuple[str, str]:
    """Clients of the loopback are no strangers."""
    line = "use_remote_address: true\n"
    own = "internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}\n"
    text = block("envoy.yaml")
    [indent] = [one.removesuffix(line) for one in text.splitlines(True) if one.endswith(line)]
    return line, f"{line}{indent}{own}"


# ---- what Overspill is asked


def test_of_a_call_overspill_is_sent_what_the_rules_read_and_no_more(place: Place) -> None:
    overspill = Upstream()
    with overspill as port, place.gateway(overspill=port) as envoy:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
            more = {"body": b"x" * LARGE} if method == "POST" else {}
            secret = [("cookie", "a=b"), ("content-type", "text/plain"), ("x-forwarded-for", "192.0.2.1")]
            answer, _ = place.through(envoy, method, "/v1/a?b=%2F", token(workspace="w_1"), *secret, **more)
            asked = overspill.asked.pop()
            assert (answer.status, asked.method, asked.target, asked.body) == (200, method, "/envoy/v1/a?b=%2F", 0)
            known = {name: value for name, value in asked.headers if not name.startswith("x-envoy-")}
            assert {name: known.pop(name) for name in ("authorization", "x-user-id", "x-workspace-id")} == {
                "authorization": f"Bearer {place.key}",
                "x-user-id": "u_ana",
                "x-workspace-id": "w_1",
            }
            assert set(known) <= {"host", "x-request-id", "content-length"}
            assert "x-request-id" in known and known.get("content-length", "0") == "0"


# ---- where Overspill is away

AWAY = ("nobody is there", "it is busy", "it fails inside", "it is cut off", "it never answers")
MODES: dict[bool, list[tuple[str, str]]] = {
    False: [],
    True: [("failure_mode_allow: false", "failure_mode_allow: true")],
}


@contextmanager
def _away(how: str, overspill: Upstream) -> Iterator[int]:
    """Where Overspill should be."""
    if how == "nobody is there":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        yield port
    elif how == "it never answers":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield silent.getsockname()[1]
    elif how == "it is cut off":
        with overspill as port, cutting(port) as way:
            way.faults.append("before")
            yield int(way.url.rpartition(":")[2])
    else:
        overspill.status = {"it is busy": 503, "it fails inside": 500}[how]
        with overspill as port:
            yield port


@pytest.mark.parametrize("how", AWAY)
@pytest.mark.parametrize("allows", MODES)
def test_where_overspill_does_not_answer_the_mode_says_what_becomes_of_a_call(
    place: Place, allows: bool, how: str
) -> None:
    with (
        _away(how, Upstream()) as port,
        place.gateway(*MODES[allows], overspill=port, patient=how != "it never answers") as envoy,
    ):
        answer, asked = place.through(envoy, "POST", "/v1/videos", token(), *FORGED)
        assert [envoy.counted(f"http.edge.ext_authz.{name}") for name in ("ok", "denied", "error")] == [0, 0, 1]
    assert (answer.status, [one.of("x-overspill-") for one in asked]) == ((200, [{}]) if allows else (503, []))
    assert answer.body == (b"{}" if allows else b"")


def test_when_overspill_is_back_it_is_asked_again(place: Place) -> None:
    own = place.serving("key: x-request-id\n")
    with place.gateway(overspill=own.port) as envoy:
        statuses = [place.through(envoy, "POST", "/v1/videos", token("u_back"))[0].status]
        own.kill()
        statuses.append(place.through(envoy, "POST", "/v1/videos", token("u_back"))[0].status)
        own.start_again()
        statuses.append(place.through(envoy, "POST", "/v1/videos", token("u_back"))[0].status)
    assert statuses == [200, 503, 200]
