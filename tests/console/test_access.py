"""Who gets in, and where to: every page is closed to whoever was not granted it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from starlette.routing import Route
from starlette.testclient import TestClient

from riskloom.errors import LedgerError, NotInLedgerError
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.passwords import Cost, hash_password, matches
from riskloom.ledger.schema import AuditEvent, LogInAttempt, User, UserSession
from riskloom.ledger.sessions import IDLE, LASTING, MOST_BY_ADDRESS, MOST_BY_NAME, WINDOW, begin_attempt
from riskloom.ledger.users import add_user, disable_user
from services.console.app import create_app
from services.console.guard import Grant
from services.console.routes import GRANTS
from tests.console.world import NOW, PASSWORD, QUICK, USERS, Answer, World, forms, log_in, send

#: Stands for whatever a route takes from its address.
FILLED = {"{name}": "console.css", "{case_id}": "c", "{decision_id}": "d", "{domain}": "x", "{version}": "1",
          "{rule_id}": "r", "{approval_id}": "p"}  # fmt: skip
CLOSED = [grant for grant in GRANTS if grant.roles is not None]


def address(grant: Grant) -> str:
    """An address of a route."""
    path = grant.path
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


def ask(client: TestClient, grant: Grant, **data: str) -> Answer:
    """Ask for a route; what is sent to one that takes forms has these fields."""
    return send(client, grant.method, address(grant), data if grant.method == "POST" else None)


def test_every_route_is_declared_with_who_may_open_it(world: World) -> None:
    """The application has exactly the declared routes, and only those that let people in are open to everybody."""
    routes = create_app(world.console).routes
    assert all(isinstance(route, Route) for route in routes)
    found = [
        (route.path, method)
        for route in routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]
    assert sorted(found) == sorted((grant.path, grant.method) for grant in GRANTS)
    is_open = {(grant.path, grant.method) for grant in GRANTS if grant.roles is None}
    assert is_open == {("/login", "GET"), ("/login", "POST"), ("/static/{name}", "GET"), ("/healthz", "GET")}


def test_nobody_gets_anywhere_without_logging_in(world: World) -> None:
    """A page leads to the log-in and back afterwards; a form is refused, and says so."""
    with world.visitor() as client:
        for grant in CLOSED:
            answer = ask(client, grant, text="typed")
            if grant.method == "GET":
                assert (answer.status_code, answer.headers["location"].split("=")[0]) == (303, "/login?next"), grant
            else:
                assert answer.status_code == 401, grant
                assert "typed" in answer.text


@pytest.mark.parametrize("name", USERS)
def test_each_role_gets_where_it_was_granted_and_nowhere_else(world: World, name: str) -> None:
    """Of every route: whoever has not the role is told which one it needs; who has it is not refused for that."""
    with world.visitor(name) as client:
        for grant in CLOSED:
            if grant.path == "/logout":
                continue
            answer = ask(client, grant, csrf="x")
            is_refused = answer.status_code == 403 and "Not for your role" in answer.text
            assert is_refused == (USERS[name] not in (grant.roles or ())), grant


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    """Without the token of this session, or from another origin, nothing is done, and what was typed is kept."""
    case = world.cases(next(iter(world.console.domains)))[0]
    path = f"/cases/{case.case_id}/note"
    with world.visitor("ana") as client, world.visitor("ben") as other:
        csrf = forms(client.get(f"/cases/{case.case_id}").text)[path]["csrf"]
        theirs = forms(other.get(f"/cases/{case.case_id}").text)[path]["csrf"]
        for data, headers in (({}, {}), ({"csrf": theirs}, {}), ({"csrf": csrf}, {"sec-fetch-site": "cross-site"})):
            answer = client.post(path, data={**data, "text": "a long note"}, headers=headers)
            assert answer.status_code == 403
            assert "a long note" in answer.text
        assert world.case(case.case_id).version == case.version
        assert client.post(path, data={"csrf": csrf, "text": "kept"}).status_code == 303


def test_guesses_are_slowed_down(world: World) -> None:
    """After some wrong passwords for a name the right one is not looked at either, until the window is over."""
    with world.visitor() as client:
        for _ in range(MOST_BY_NAME):
            assert log_in(client, "ana", "wrong password").status_code == 401
        answer = log_in(client, "ana")
        assert answer.status_code == 429
        assert f"{NOW + WINDOW:%H:%M} UTC" in answer.text
        assert log_in(client, "ben").status_code == 303
        world.clock.now += WINDOW + timedelta(seconds=1)
    with world.visitor() as client:
        assert log_in(client, "ana").status_code == 303


def test_guesses_at_many_names_are_slowed_down(world: World) -> None:
    """One address cannot try name after name, whether there are such users or not; another address can."""
    with writing(world.engine) as session:
        later = [
            begin_attempt(session, f"nobody{number}", "10.0.0.1", attempt_id=f"a{number}", at=NOW)
            for number in range(MOST_BY_ADDRESS + 1)
        ]
        assert later == [None] * MOST_BY_ADDRESS + [NOW + WINDOW]
        assert begin_attempt(session, "nobody0", "10.0.0.2", attempt_id="other", at=NOW) is None


def test_success_clears_the_count(world: World) -> None:
    """Who mistypes a password now and then is not locked out for it."""
    with world.visitor() as client:
        for _ in range(3):
            assert log_in(client, "ana", "wrong password").status_code == 401
            assert log_in(client, "ana").status_code == 303
            client.cookies.clear()
        with reading(world.engine) as session:
            assert session.scalar(select(func.count()).where(LogInAttempt.user_name == "ana")) == 0


@pytest.mark.parametrize(("step", "is_active"), [(IDLE + timedelta(seconds=1), False), (IDLE / 2, True)])
def test_sessions_end(world: World, step: timedelta, *, is_active: bool) -> None:
    """When idle for too long, and after half a day in any case."""
    with world.visitor("ana") as client:
        world.clock.now += step
        assert (client.get("/").status_code == 200) == is_active
        while world.clock.now < NOW + LASTING and is_active:
            assert client.get("/").status_code == 200
            world.clock.now += step
        assert client.get("/").status_code == 303


def test_logging_out_ends_the_session_everywhere(world: World) -> None:
    """The cookie is worth nothing afterwards, even where somebody copied it."""
    with world.visitor("ana") as client:
        cookie = client.cookies["riskloom_session"]
        csrf = forms(client.get("/").text)["/logout"]["csrf"]
        assert client.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
        client.cookies.clear()
        client.cookies.set("riskloom_session", cookie)
        assert client.get("/").status_code == 303


def test_a_disabled_user_is_out_at_once(world: World) -> None:
    """The session ends, no new one begins, and the audit chain has it."""
    with world.visitor("ana") as client:
        with writing(world.engine) as session:
            disable_user(Desk(session, world.console.trail, "lea", NOW), "ana")
        assert client.get("/").status_code == 303
        assert log_in(client, "ana").status_code == 401
    with reading(world.engine) as session:
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == "ana")).all()
    assert actions == ["user.added", "user.logged_in", "user.disabled"]
    with writing(world.engine) as session:
        desk = Desk(session, world.console.trail, "lea", NOW)
        with pytest.raises(LedgerError, match="found one disabled at"):
            disable_user(desk, "ana")
        with pytest.raises(NotInLedgerError):
            disable_user(desk, "nobody")
        with pytest.raises(LedgerError, match="found a user of this name"):
            add_user(desk, "ana", role="lead", password="x")
        with pytest.raises(LedgerError, match="small letters"):
            add_user(desk, "riskloom user", role="lead", password="x")


def test_neither_passwords_nor_tokens_are_kept(world: World) -> None:
    """What lies in the database logs nobody in."""
    with world.visitor("ana") as client:
        cookie = client.cookies["riskloom_session"]
        with reading(world.engine) as session:
            assert cookie not in session.scalars(select(UserSession.token_digest)).all()
            assert all(PASSWORD not in kept for kept in session.scalars(select(User.password)))


def test_cookies_and_headers_are_strict(world: World) -> None:
    """Scripts cannot read the session, other sites' forms do not send it, and pages cannot be framed or sniffed."""
    with TestClient(create_app(world.console), base_url="https://console", follow_redirects=False) as client:
        cookie = log_in(client, "ana").headers["set-cookie"].lower()
        assert all(part in cookie for part in ("httponly", "samesite=lax", "secure", "path=/"))
        headers = client.get("/").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" in headers
        assert "max-age" in client.get("/static/console.css").headers["cache-control"]


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example"])
def test_the_log_in_leads_to_no_other_site(world: World, wanted: str) -> None:
    """A link to the log-in cannot be used to send people elsewhere."""
    with world.visitor() as client:
        fields = forms(client.get("/login").text)["/login"]
        data = {**fields, "name": "ana", "password": PASSWORD, "next": wanted}
        assert client.post("/login", data=data).headers["location"] == "/"


def test_the_log_in_leads_back(world: World) -> None:
    """Whoever opened a page first sees it after the log-in."""
    with world.visitor() as client:
        login = client.get("/queue?mine=1").headers["location"]
        fields = forms(client.get(login).text)["/login"]
        answer = client.post("/login", data={**fields, "name": "ana", "password": PASSWORD})
        assert answer.headers["location"] == "/queue?mine=1"


def test_pages_hold_no_script_or_style_of_their_own(world: World) -> None:
    """The policy forbids both, so a page that had one would look or work otherwise than it should."""
    case = world.cases(next(iter(world.console.domains)))[0]
    with world.visitor("lea") as client:
        for path in ("/", "/queue", f"/cases/{case.case_id}", "/decisions", "/models", "/rules", "/audit"):
            text = client.get(path).text
            assert "style=" not in text
            assert " on" not in "".join(part.split(">")[0] for part in text.split("<")[1:] if " onc" in part)
            assert text.count("<script") == text.count("<script src=")


def test_password_hashes_hold_what_they_need() -> None:
    """The same characters typed otherwise fit; others do not; a hash of another kind is refused, not believed."""
    kept = hash_password("Ångström-Ångström", salt=b"s" * 16, cost=QUICK)
    assert matches("A\u030angström-A\u030angström", kept)
    assert not matches("Ångström-Ångstrom", kept)
    assert kept != hash_password("Ångström-Ångström", salt=b"t" * 16, cost=QUICK)
    assert matches("x" * 12, hash_password("x" * 12, salt=b"s" * 16, cost=Cost(4, 8, 2)))
    with pytest.raises(LedgerError, match="expected 12 to 256 characters, found 5"):
        hash_password("short", salt=b"s" * 16)
    with pytest.raises(LedgerError, match="expected a hash"):
        matches("x", "plain")
