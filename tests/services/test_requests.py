"""What is refused, and how each refusal reads; over the application in process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from riskloom.catalog import Domain
from services.web.body import MAX_BYTES
from tests.services.conftest import DOMAINS, World, event
from tests.services.world import CALM

Post = Callable[..., Any]  # the test client's response, which is httpx's or its successor's


@pytest.fixture
def post(client: TestClient, built_world: World, domain: Domain) -> Post:
    """Send a body to the domain's route with a key that may score; any part can be another."""

    def send(content: object = None, *, raw: bytes | None = None, **headers: str) -> Any:
        body = raw if raw is not None else json.dumps(content).encode()
        given = {"Content-Type": "application/json", **built_world.auth(), **headers}
        return client.post(f"/v1/domains/{domain.name}/score", content=body, headers=given)

    return send


def error_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, which has the one format every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "code"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"].endswith(".")
    return problem


@pytest.mark.parametrize("name", DOMAINS)
def test_documented_example_is_accepted(client: TestClient, built_world: World, name: str) -> None:
    """What the page shows as an example of a domain is a request that is answered."""
    document = client.get("/openapi.json").json()
    body = document["paths"][f"/v1/domains/{name}/score"]["post"]["requestBody"]["content"]["application/json"]
    response = client.post(f"/v1/domains/{name}/score", json=body["example"], headers=built_world.auth())
    assert response.status_code == 200, response.text


def test_unknown_field_is_named_and_its_value_is_not_repeated(post: Post, domain: Domain) -> None:
    """A field the contract does not know is refused by name; what it held may be a secret."""
    error = error_of(post({**event(domain, CALM), "password": "hunter2"}), 422, "invalid_request")
    assert error["errors"] == [
        {"field": "password", "expected": "no field of this name", "found": "a field of this name"}
    ]
    assert "hunter2" not in json.dumps(error)


def test_time_of_observation_is_not_the_callers_to_say(post: Post, domain: Domain) -> None:
    """``observed_at`` is stamped by the service; a caller cannot move a decision in time."""
    error = error_of(post({**event(domain, CALM), "observed_at": "2026-01-01T00:00:00Z"}), 422, "invalid_request")
    assert [detail["field"] for detail in error["errors"]] == ["observed_at"]


def test_every_wrong_field_is_named_at_once(post: Post, domain: Domain) -> None:
    """An empty object misses every column that must be there; all of them are told."""
    required = [
        name for name, column in domain.event_table.columns.items() if not column.nullable and name != "observed_at"
    ]
    error = error_of(post({}), 422, "invalid_request")
    assert [detail["field"] for detail in error["errors"]] == required
    assert {detail["found"] for detail in error["errors"]} == {"nothing"}


@pytest.mark.parametrize("value", [7, 1.5, True, None, ["a"], {"a": 1}])
def test_wrong_type_is_told_with_what_was_expected(post: Post, domain: Domain, value: object) -> None:
    """Nothing is converted to a string: the type that was found is named."""
    error = error_of(post({**event(domain, CALM), domain.subject.key: value}), 422, "invalid_request")
    (detail,) = error["errors"]
    assert detail["field"] == domain.subject.key
    assert detail["expected"].startswith("a string of 1 to ")
    assert detail["found"] in {"an integer", "a number", "a boolean", "null", "a list", "an object"}


@pytest.mark.parametrize("value", ["", "x" * 100_000, "a\x00b", "a\nb", "\ud800"])
def test_string_that_no_key_could_be(post: Post, domain: Domain, value: str) -> None:
    """An empty or endless key, control characters and broken Unicode are refused, and not sent back."""
    response = post({**event(domain, CALM), domain.subject.key: value[:60_000]})
    error = error_of(response, 422, "invalid_request")
    assert len(response.content) < 1_000
    assert error["errors"][0]["field"] == domain.subject.key


@pytest.mark.parametrize(
    "value",
    ["2026-01-15", "2026-01-15T12:30:00", "2026-01-15T12:30Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "2026-01-15T12:30:00.1234567Z", "2026-01-15T24:30:00Z", "2026-01-15T12:30:00+99:00",
     "now", 1_768_480_200],
)  # fmt: skip
def test_time_needs_a_date_seconds_and_an_offset(post: Post, domain: Domain, value: object) -> None:
    """A time that could mean two instants, or none, is refused."""
    error = error_of(post({**event(domain, CALM), "effective_at": value}), 422, "invalid_request")
    assert error["errors"][0]["expected"].startswith("an ISO 8601 time with seconds and offset")


@pytest.mark.parametrize(
    "value", ["2026-01-15T12:30:00Z", "2026-01-15t12:30:00.5z", "2026-01-15T18:00:00.123456+05:30"]
)
def test_time_with_any_offset_is_read(post: Post, domain: Domain, value: str) -> None:
    """RFC 3339 in any of its spellings is a time."""
    assert post({**event(domain, CALM), "effective_at": value}).status_code == 200


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "1e9999999999999999999", "1" * 5_000, "0." + "1" * 5_000, "01", "1.", ".5", "+1"],
)
def test_number_that_is_none(post: Post, domain: Domain, text: str) -> None:
    """What JSON does not allow, and what no column could hold, is not a number."""
    raw = json.dumps({**event(domain, CALM), domain.subject.amount: "AMOUNT"}).replace('"AMOUNT"', text)
    error_of(post(raw=raw.encode()), 400, "invalid_json")


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1e-400", "1e999999", '"1e3"', '"NaN"', '" 1"', '""', "true", "null"]
)
def test_amount_that_no_column_holds(post: Post, domain: Domain, text: str) -> None:
    """A number too large, too fine or not a number at all is refused field by field."""
    raw = json.dumps({**event(domain, CALM), domain.subject.amount: "AMOUNT"}).replace('"AMOUNT"', text)
    response = post(raw=raw.encode())
    error = error_of(response, 422, "invalid_request")
    assert [detail["field"] for detail in error["errors"]] == [domain.subject.amount]
    assert len(response.content) < 1_000


def test_key_twice_is_refused(post: Post, domain: Domain) -> None:
    """Of two values for one key nobody knows which is meant, so neither is taken."""
    raw = json.dumps(event(domain, CALM)).replace("{", f'{{"{domain.subject.amount}": 1, ', 1)
    error_of(post(raw=raw.encode()), 400, "invalid_json")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{}x", b"\xff\xfe", b"[" * 60_000, b'{"a":' * 10_000, b"\xef\xbb\xbf{}", b"{'a': 1}"],
    ids=["empty", "cut", "more", "not-utf8", "deep-list", "deep-object", "byte-order-mark", "single-quotes"],
)
def test_body_that_is_not_json(post: Post, raw: bytes) -> None:
    """Broken, bottomless or badly encoded text is refused, whatever it holds."""
    error_of(post(raw=raw), 400, "invalid_json")


@pytest.mark.parametrize("content", [[], "text", 1, None, True])
def test_body_that_is_no_object(post: Post, content: object) -> None:
    """JSON that is not an object is an event of no kind."""
    error = error_of(post(content), 422, "invalid_request")
    assert error["errors"][0]["expected"] == "an object"


def test_many_unknown_fields_are_not_answered_with_as_many_lines(post: Post) -> None:
    """An answer stays small however much is wrong."""
    response = post({f"f{n}": 1 for n in range(4_000)})
    assert len(error_of(response, 422, "invalid_request")["errors"]) == 32


def test_body_that_says_it_is_too_large(post: Post) -> None:
    """A length over the limit is refused by its header; the connection ends, so the rest need not be read."""
    response = post(raw=b" " * (MAX_BYTES + 1))
    error_of(response, 413, "body_too_large")
    assert response.headers["connection"] == "close"


def test_body_that_turns_out_too_large(client: TestClient, built_world: World, domain: Domain) -> None:
    """A body that does not say its length is read up to the limit and no further."""
    headers = {**built_world.auth(), "Content-Type": "application/json"}
    chunks = (b" " * 1_024 for _ in range(1_000))
    response = client.post(f"/v1/domains/{domain.name}/score", content=chunks, headers=headers)
    error_of(response, 413, "body_too_large")


def test_body_of_exactly_the_limit_is_read(post: Post, domain: Domain) -> None:
    """The limit itself is allowed."""
    raw = json.dumps(event(domain, CALM)).encode()
    assert post(raw=raw + b" " * (MAX_BYTES - len(raw))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/vnd.bentoml+pickle"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
)
def test_only_plain_json_is_read(post: Post, domain: Domain, headers: dict[str, str]) -> None:
    """Another media type, another character set or a compressed body is refused by its header."""
    error_of(post(event(domain, CALM), **headers), 415, "unsupported_media_type")


def test_media_type_in_any_spelling(post: Post, domain: Domain) -> None:
    """Case and a redundant character set do not matter."""
    assert post(event(domain, CALM), **{"Content-Type": 'Application/JSON; Charset="UTF-8"'}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-API-Key": ""},
        {"X-API-Key": "rlk_" + "0" * 64},
        {"X-API-Key": "x" * 7_000},
    ],
)
def test_without_a_key_nothing_is_said(client: TestClient, domain: Domain, headers: dict[str, str]) -> None:
    """No key, or none that was given out, is refused before anything else is looked at, unknown domains included."""
    for name in (domain.name, "no_such_domain"):
        response = client.post(f"/v1/domains/{name}/score", content=b"{", headers=headers)
        error_of(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"


def test_two_different_keys_are_none(client: TestClient, built_world: World, domain: Domain) -> None:
    """A request with two keys does not choose the better one."""
    headers = {**built_world.auth(), "X-API-Key": built_world.keys["elsewhere"]}
    error_of(client.post(f"/v1/domains/{domain.name}/score", json={}, headers=headers), 401, "unauthenticated")


def test_either_header_presents_the_key(client: TestClient, built_world: World, domain: Domain) -> None:
    """The key is taken from both headers, and a key for this domain alone is enough."""
    for headers in ({"X-API-Key": built_world.keys["one-domain"]}, built_world.auth("one-domain")):
        response = client.post(f"/v1/domains/{domain.name}/score", json=event(domain, CALM), headers=headers)
        assert response.status_code == 200


@pytest.mark.parametrize("key", ["elsewhere", "scraper"])
def test_key_without_the_scope_is_refused(client: TestClient, built_world: World, domain: Domain, key: str) -> None:
    """A key for something else is known and still may not; its scope is named."""
    response = client.post(f"/v1/domains/{domain.name}/score", json={}, headers=built_world.auth(key))
    assert f"score:{domain.name}" in error_of(response, 403, "forbidden")["detail"]


def test_unknown_domain_is_told_to_a_caller_with_a_key(client: TestClient, built_world: World) -> None:
    """The answer lists the domains there are, and does not repeat what was asked for."""
    response = client.post("/v1/domains/no_such_domain/score", json={}, headers=built_world.auth())
    error = error_of(response, 404, "unknown_domain")
    assert all(name in error["detail"] for name in DOMAINS)
    assert "no_such_domain" not in error["detail"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/domains", "/docs/../pages.py", "/docs/index.css", "/schema.json"]
)
def test_unknown_address(client: TestClient, path: str) -> None:
    """There is nothing beside what is documented."""
    error_of(client.get(path), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "score"), ("PUT", "score"), ("DELETE", "score")])
def test_another_method(client: TestClient, domain: Domain, method: str, path: str) -> None:
    """Scoring is a POST."""
    response = client.request(method, f"/v1/domains/{domain.name}/{path}")
    error_of(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_slash_at_the_end_is_not_redirected(client: TestClient, domain: Domain) -> None:
    """A redirect would go to whatever host the caller named."""
    error_of(client.post(f"/v1/domains/{domain.name}/score/", json={}), 404, "not_found")


def test_every_answer_bears_its_requests_id(post: Post, domain: Domain) -> None:
    """A caller's id is kept where it is harmless, and replaced where it could forge a log line or a header."""
    assert post(event(domain, CALM), **{"X-Request-ID": "order-17.a"}).headers["x-request-id"] == "order-17.a"
    assert post({}, **{"X-Request-ID": "order-18"}).headers["x-request-id"] == "order-18"
    for bad in ("x" * 65, "a b", 'a","level":"error'):
        assert post({}, **{"X-Request-ID": bad}).headers["x-request-id"].startswith("request-")


def test_metrics_need_their_own_scope(client: TestClient, built_world: World) -> None:
    """Metrics say how much is refused; a key for scoring does not open them."""
    error_of(client.get("/metrics"), 401, "unauthenticated")
    error_of(client.get("/metrics", headers=built_world.auth("scorer")), 403, "forbidden")
    assert client.get("/metrics", headers=built_world.auth("scraper")).status_code == 200
