"""Whom an event is about is kept nowhere: a name that is sent, ingested or listed is in no file below the home."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from riskloom.catalog import Domain
from riskloom.cli import build_app
from riskloom.contracts import TableContract
from riskloom.ingest import SimulationPlan, write_simulation
from riskloom.ledger.database import reading
from riskloom.ledger.schema import EntityList
from riskloom.lifecycle.lists import list_members
from riskloom.pseudonyms import Pseudonyms
from riskloom.rules import declared_lists
from riskloom.settings import Settings
from riskloom.sql import quoted
from riskloom.wiring import ledger_engine
from services.scoring.schema import example
from tests.services.conftest import World, in_process
from tests.services.world import PSEUDONYM_KEY, build_home, standard_keys, views_of

#: Part of every name that is sent.
NEEDLE = "anna.schmidt"


def name_in(column: str) -> str:
    """What somebody sends in a column, by mistake or because pseudonyms are none of their concern."""
    return f"{NEEDLE}+{column}@example.com"


@dataclass(frozen=True)
class Lived:
    """A home in which names were sent wherever names can be sent, and all that was printed meanwhile."""

    domain: Domain
    settings: Settings
    printed: str

    def files_with(self, text: str) -> set[str]:
        """The files below the home that hold a text, by their paths there."""
        home = self.settings.home
        files = (path for path in home.rglob("*") if path.is_file())
        return {path.relative_to(home).as_posix() for path in files if text.encode() in content(path)}


def content(path: Path) -> bytes:
    """What a file says, unpacked."""
    if path.suffix == ".parquet":
        return repr(duckdb.read_parquet(str(path)).fetchall()).encode()
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.fixture(scope="module")
def lived(domain: Domain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """History is ingested, an event is scored, shipped and put into a case, and lists have members."""
    folder, now = tmp_path_factory.mktemp(domain.name), datetime.now(UTC)
    settings = Settings(home=folder / "home")
    build_home(settings, {domain.name: domain}, now=now)
    world = World(settings, standard_keys(settings.api_keys, {domain.name: domain}, now=now), now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKLOOM_HOME", str(settings.home))
        said = [*ingested(domain, folder / "source"), scored(world, domain)]
        said += [run("ledger", "migrate"), run("ledger", "ship"), run("ledger", "triage", domain.name)]
        said += listed(domain)
        yield Lived(domain, settings, "\n".join(said))


def run(*arguments: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(build_app(), list(arguments))
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.output


def ingested(domain: Domain, folder: Path) -> Iterator[str]:
    """A short history of every table, with names where they may be."""
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    plan = SimulationPlan(start=end - timedelta(days=10), days=10, events=200, seed=5)
    later = end + timedelta(days=400)  # labels come late
    write_simulation(domain, plan, folder)
    for table in domain.tables.values():
        path = folder / f"{table.name}.parquet"
        named = ", ".join(f"'{name_in(name)}' AS {quoted(name)}" for name in table.pseudonyms)
        columns = f"* REPLACE ({named})" if named else "*"
        rows = duckdb.read_parquet(str(folder / table.name / "*.parquet"))
        rows.limit(50).project(columns).write_parquet(str(path))
        yield run("ingest", domain.name, table.name, str(path), "--observed-at", later.isoformat())


def scored(world: World, domain: Domain) -> str:
    """An event with names is answered; one that is refused for another reason says nothing of them either."""
    event = {**example(domain), **{name: name_in(name) for name in named_in(domain.event_table)}}
    url = f"/v1/domains/{domain.name}/score"
    with in_process(world) as client:
        answer = client.post(url, json=event, headers=world.auth())
        assert answer.status_code == 200, answer.text
        refused = client.post(url, json={**event, domain.subject.amount: "much"}, headers=world.auth())
        assert refused.status_code == 422
        metrics = client.get("/metrics", headers=world.auth("scraper"))
    return f"{answer.text}\n{refused.text}\n{metrics.text}"


def named_in(table: TableContract) -> tuple[str, ...]:
    """The columns in which a caller sends names."""
    return tuple(table.pseudonyms)


def listed(domain: Domain) -> Iterator[str]:
    """Each list whose members are people has one."""
    why = ("--by", "ana", "--why", "a test")
    for name, one in declared_lists(domain).items():
        if one.of in domain.event_table.pseudonyms:
            yield run("lists", "open", domain.name, name, "--kind", "watch", "--owner", "a team", *why)
            yield run("lists", "add", domain.name, name, name_in(str(one.of)), *why)
            yield run("lists", "show", domain.name, name)


@pytest.mark.slow
def test_a_name_is_in_no_file_and_no_answer(lived: Lived, capfd: pytest.CaptureFixture[str]) -> None:
    """Outbox, ledger, online store, landing zone, published lists, logs, metrics: it is in none of them."""
    assert lived.files_with(NEEDLE) == set()
    assert NEEDLE not in lived.printed
    output = capfd.readouterr()
    assert NEEDLE not in output.out + output.err


@pytest.mark.slow
def test_its_pseudonym_is_everywhere_the_same(lived: Lived) -> None:
    """What is decided, kept, windowed and ingested is about one subject, so that features and labels meet."""
    domain, table = lived.domain, lived.domain.event_table
    pseudonyms = Pseudonyms(table, PSEUDONYM_KEY)
    windowed = {view.join_key for view in views_of(lived.settings, domain)}
    for column in named_in(table):
        found = lived.files_with(pseudonyms.of(column, name_in(column)))
        tops = {path.split("/")[0] for path in found}
        assert {"decisions", "landing", "ledger.db"} <= {top.removesuffix("-wal") for top in tops}, column
        if column in windowed:
            assert any("windows" in path for path in found), column


@pytest.mark.slow
def test_lists_have_pseudonyms_as_members(lived: Lived) -> None:
    """Those of the column that the list is declared to be of, so that a condition finds the event's value on it."""
    domain = lived.domain
    with reading(ledger_engine(lived.settings)) as session:
        for name, one in declared_lists(domain).items():
            if session.get(EntityList, (domain.name, name)) is not None and one.of is not None:
                (entry,) = list_members(session, domain.name, name, at=datetime.now(UTC))
                assert entry.value == Pseudonyms(domain.event_table, PSEUDONYM_KEY).of(one.of, name_in(one.of))


def test_what_is_said_to_be_a_pseudonym_is_made_one(domain: Domain) -> None:
    """A description that promises pseudonyms is kept by the contract, and by no caller's good will."""
    promised = {
        f"{table.name}.{name}"
        for table in domain.tables.values()
        for name, column in table.columns.items()
        if "pseudonym" in column.description.lower() and column.pseudonym is None
    }
    assert promised == set()
