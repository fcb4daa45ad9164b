"""What benchmarks share: a home that is kept or not, and an ingest that leaves no row out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskloom.benchmarking import ingest_whole, work_folder
from riskloom.catalog import Domain, load_catalog
from riskloom.errors import ContractError
from riskloom.settings import Settings
from tests.ingest.conftest import PAIRS

CLOCK = datetime(2026, 6, 1, tzinfo=UTC)
MAPPING = """
domain = "{domain}"
table = "lab__pairs"
description = "For a test only."

[columns]
room = "ROOM"
thing = "THING"
effective_at = "WHEN"
"""


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    """A domain with one table and a mapping to it."""
    declared = next(iter(load_catalog().values()))
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "pairs.toml").write_text(MAPPING.format(domain=declared.name), encoding="utf-8")
    return declared.model_copy(update={"tables": {PAIRS.name: PAIRS}, "folder": tmp_path})


def test_the_folder_asked_for_is_kept_and_another_is_not(tmp_path: Path) -> None:
    """A named one is made and stays; without a name there is one for as long as the benchmark runs."""
    with work_folder(tmp_path / "a" / "b", "x") as asked, work_folder(None, "x") as temporary:
        assert asked.is_dir()
        assert temporary.is_dir()
    assert asked == (tmp_path / "a" / "b").resolve()
    assert asked.is_dir()
    assert not temporary.exists()


def test_every_row_lands_and_is_reported(domain: Domain, settings: Settings, tmp_path: Path) -> None:
    """A line for each table says what landed, and what was there before."""
    file, said = tmp_path / "rooms.csv", list[str]()
    file.write_text("ROOM,THING,WHEN\nhall,lamp,2026-01-01\nloft,,2026-01-02\n", encoding="utf-8")
    for _ in range(2):
        ingest_whole(domain, settings, [file], {PAIRS.name: "pairs.toml"}, observed_at=CLOCK, say=said.append)
    assert said == [
        "ingested lab__pairs: 2 rows landed, 0 there already",
        "ingested lab__pairs: 0 rows landed, 2 there already",
    ]


def test_a_row_that_breaks_the_contract_ends_the_benchmark(domain: Domain, settings: Settings, tmp_path: Path) -> None:
    """Figures over the other rows would be compared with figures over all of them."""
    file = tmp_path / "rooms.csv"
    file.write_text("ROOM,THING,WHEN\nhall,lamp,2026-01-01\n7,,2026-01-02\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"lab__pairs: expected every row of rooms\.csv .* found 1 that do not"):
        ingest_whole(domain, settings, [file], {PAIRS.name: "pairs.toml"}, observed_at=CLOCK, say=list[str]().append)
