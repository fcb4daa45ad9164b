"""The demo's data: simulated up to now, or real files moved to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from riskloom.catalog import Demo, Domain, load_catalog
from riskloom.errors import ConfigError
from riskloom.settings import Settings
from riskloom.stack import source
from riskloom.stack.source import SIMULATED

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 4)  # noqa: DTZ001 - as Parquet has it: without a zone, in UTC
YESTERDAY = MIDNIGHT - timedelta(days=1)
TINY = Demo(days=14, events=2_200, drifted_days=2)


@pytest.fixture(params=sorted(load_catalog()))
def domain(request: pytest.FixtureRequest) -> Domain:
    """Each declared domain."""
    return load_catalog()[request.param]


def observed(folder: Path, table: str) -> tuple[int, datetime, datetime]:
    """Rows of a table, and the first and last time they were observed."""
    with duckdb.connect() as connection:
        row = connection.execute(
            "SELECT count(*), min(observed_at), max(observed_at) FROM read_parquet($1)", [f"{folder / table}/*.parquet"]
        ).fetchone()
    assert row is not None
    return row


def test_simulated_history_ends_at_midnight_and_live_begins(domain: Domain, tmp_path: Path) -> None:
    """History holds nothing observed yesterday, live events nothing else: nothing has still to happen."""
    made = source.simulate(domain, TINY, tmp_path / "data", now=NOW)

    rows, first, last = observed(made.history, domain.subject.event_table)
    live_rows, live_first, live_last = observed(made.live, domain.subject.event_table)
    assert rows > 1_500
    assert live_rows > 50
    assert YESTERDAY - timedelta(days=TINY.days) <= first
    assert last < YESTERDAY <= live_first < live_last < MIDNIGHT


def test_history_is_ingested_and_live_events_are_not(domain: Domain, tmp_path: Path, settings: Settings) -> None:
    """Every table of the history is landed; what was observed later stays outside."""
    made = source.simulate(domain, TINY, tmp_path / "data", now=NOW)

    ingested = source.ingest(domain, made, settings, now=NOW)

    assert [row.table for row in ingested] == list(domain.tables)
    assert all(row.read == row.landed + row.duplicates + row.quarantined for row in ingested)
    rows, _, last = observed(settings.landing / domain.name, domain.subject.event_table)
    assert rows == next(row.landed for row in ingested if row.table == domain.subject.event_table)
    assert last < YESTERDAY


@pytest.fixture
def with_mapping(domain: Domain, tmp_path: Path) -> Domain:
    """The domain with one mapping, for data called ``real``, that takes its events from columns of the same names."""
    table = domain.event_table
    folder = tmp_path / "declared"
    (folder / "mappings").mkdir(parents=True)
    columns = "".join(f'{name} = "{name}"\n' for name in table.brought)
    (folder / "mappings" / "real_events.toml").write_text(
        f'domain = "{domain.name}"\ntable = "{table.name}"\ndescription = "Events as they are."\n[columns]\n{columns}',
        encoding="utf-8",
    )
    return domain.model_copy(update={"folder": folder})


def test_real_files_are_moved_by_whole_weeks(domain: Domain, with_mapping: Domain, tmp_path: Path) -> None:
    """Moved data ends within a week before now, on the weekday it had; the last day is held back; no row is lost."""
    past = datetime(2018, 7, 31, tzinfo=UTC)
    files = source.simulate(domain, TINY, tmp_path / "past", now=past)
    table = domain.subject.event_table
    rows, first, last = observed(files.history, table)

    moved, ingested = source.replay(
        with_mapping, "real", source.data_files(files.history / table), tmp_path / "moved", now=NOW,
        pseudonym_key=b"k" * 32,
    )  # fmt: skip

    history, moved_first, history_last = observed(moved.history, table)
    live, live_first, live_last = observed(moved.live, table)
    shift = moved_first - first
    assert shift % timedelta(days=7) == timedelta(0)
    assert live_last - last == shift
    assert NOW - timedelta(days=7) < live_last.replace(tzinfo=UTC) <= NOW
    assert history_last < live_first
    assert live_first.date() == live_last.date()
    assert history + live == rows == ingested[0].read


def test_every_domain_has_simulated_data() -> None:
    """The demo runs over each domain of the catalogue."""
    domains = load_catalog()

    assert source.domains_with(SIMULATED, domains) == list(domains.values())


def test_chosen_domains_are_taken() -> None:
    """Only those that are asked for; one that is not declared, or has no such data, is refused by name."""
    domains = load_catalog()
    first, *_, last = domains
    assert [domain.name for domain in source.domains_with(SIMULATED, domains, (last,))] == [last]
    with pytest.raises(ConfigError, match=f"no domain 'nonsense'; known domains: {first}, "):
        source.domains_with(SIMULATED, domains, ("nonsense",))
    mapped = next(path for domain in domains.values() for path in sorted(domain.folder.glob("mappings/*.toml")))
    data = mapped.stem.split("_")[0]
    others = [name for name, domain in domains.items() if not source.mappings(domain, data)]
    with pytest.raises(ConfigError, match=f"no '{data}' data for {others[0]}; there is for: "):
        source.domains_with(data, domains, (others[0],))


def test_unknown_data_names_what_there_is() -> None:
    """A name that no mapping begins with is refused with the names there are."""
    with pytest.raises(ConfigError, match=r"no domain has data 'nowhere'; there is: simulated"):
        source.domains_with("nowhere", load_catalog())


def test_real_data_needs_files(tmp_path: Path) -> None:
    """A folder must be named and must hold files that ingest reads."""
    with pytest.raises(ConfigError, match="--data-dir"):
        source.data_files(None)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"expected files ending with .csv, .jsonl, .parquet, found none"):
        source.data_files(tmp_path)
