"""Who may log in is said on the command line; and the service starts over what settings point to."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from riskloom.cli import build_app
from riskloom.errors import ConfigError, LedgerError
from riskloom.ledger.database import reading
from riskloom.ledger.passwords import matches
from riskloom.ledger.schema import User
from riskloom.settings import Settings
from riskloom.wiring import ledger_engine
from services.console.service import build


def run(*arguments: str, typed: str | None = None) -> str:
    """The output of a command; an error it raises is raised."""
    result = CliRunner().invoke(build_app(), list(arguments), input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a ledger that nobody uses yet."""
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    run("ledger", "migrate")
    return settings


def user(home: Settings, name: str) -> User:
    """A user as the ledger has it."""
    with reading(ledger_engine(home)) as session:
        return session.get_one(User, name)


def test_a_password_is_made_and_shown_once(home: Settings) -> None:
    """What is printed is the password, and only its hash is kept."""
    password = run("user", "add", "mila", "--role", "lead").strip()

    assert matches(password, user(home, "mila").password)
    assert password not in user(home, "mila").password
    assert "lead" in run("user", "list")


def test_a_password_is_read_from_standard_input(home: Settings) -> None:
    """To the end of its line; it is not printed."""
    output = run("user", "add", "tom", "--role", "analyst", "--password-stdin", typed="a long enough one \n")

    assert output == "tom may log in as analyst\n"
    assert matches("a long enough one ", user(home, "tom").password)


def test_what_cannot_be_is_refused(home: Settings) -> None:
    """A role nobody declared, a password that is too short; nobody is added."""
    with pytest.raises(ConfigError, match="expected one of analyst, lead, engineer, found 'king'"):
        run("user", "add", "mila", "--role", "king")
    with pytest.raises(LedgerError, match="found 5"):
        run("user", "add", "mila", "--role", "lead", "--password-stdin", typed="short\n")
    assert "mila" not in run("user", "list")
    del home


def test_a_user_is_shut_out(home: Settings) -> None:
    """And stays on the list with the time."""
    run("user", "add", "mila", "--role", "lead")
    assert run("user", "disable", "mila") == "disabled mila\n"
    assert user(home, "mila").disabled_at is not None


def test_a_role_is_changed(home: Settings) -> None:
    """The last lead keeps it, unless it is forced."""
    run("user", "add", "mila", "--role", "analyst")
    assert run("user", "role", "mila", "lead") == "mila is lead now\n"
    with pytest.raises(LedgerError, match="or force it"):
        run("user", "role", "mila", "engineer")
    with pytest.raises(ConfigError, match="ROLE: expected one of analyst"):
        run("user", "role", "mila", "king")
    assert run("user", "role", "mila", "engineer", "--force") == "mila is engineer now\n"
    assert user(home, "mila").role == "engineer"


def test_the_service_starts_over_a_ledger_of_this_release(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tables it says what to run; with them it is well, and shows the log-in."""
    monkeypatch.setenv("RISKLOOM_HOME", str(settings.home))
    with pytest.raises(LedgerError, match="run `riskloom ledger migrate`"):
        build()
    run("ledger", "migrate")
    with TestClient(build()) as client:
        assert client.get("/healthz").text == "well\n"
        assert client.get("/", follow_redirects=True).url.path == "/login"
