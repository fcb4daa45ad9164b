"""Every domain's simulator keeps its contracts, is the same each time, and gives nothing away in one column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from riskloom.catalog import Domain
from riskloom.ingest import SimulationPlan, ingest_files, write_simulation

START = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = SimulationPlan(start=START, days=45, events=20_000, seed=3)


@pytest.fixture(scope="module")
def simulated(domain: Domain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated history of the domain."""
    folder = tmp_path_factory.mktemp("simulated") / domain.name
    write_simulation(domain, PLAN, folder)
    return folder


def test_it_fills_every_table_and_keeps_every_contract(domain: Domain, simulated: Path, tmp_path: Path) -> None:
    """Ingest lands all that was simulated: nothing is quarantined, nothing stands there twice."""
    for table in domain.tables:
        files = sorted((simulated / table).glob("*.parquet"))
        report = ingest_files(
            domain,
            table,
            files,
            landing=tmp_path / "landing",
            quarantine=tmp_path / "quarantine",
            observed_at=PLAN.end + timedelta(days=400),
            pseudonym_key=b"k" * 32,
        )
        assert report.landed > 0, table
        assert (report.quarantined, report.duplicates) == (0, 0), table
        assert report.read == report.landed, table


def test_the_same_plan_gives_the_same_bytes(domain: Domain, simulated: Path, tmp_path: Path) -> None:
    """A simulated history can be made again anywhere; another seed gives another one."""
    write_simulation(domain, PLAN, tmp_path / "again")
    other = SimulationPlan(start=START, days=PLAN.days, events=PLAN.events, seed=PLAN.seed + 1)
    write_simulation(domain, other, tmp_path / "other")
    events = f"{domain.subject.event_table}/part-0000.parquet"
    for path in sorted(simulated.glob("*/*.parquet")):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(simulated)).read_bytes(), path.name
    assert (simulated / events).read_bytes() != (tmp_path / "other" / events).read_bytes()


def test_labels_are_late_and_rare(domain: Domain, simulated: Path) -> None:
    """Statements about subjects come after the subject was decided, and positives are the exception."""
    events = labelled(domain, simulated)
    known = events["label_observed_at"].dropna()
    assert (known > events.loc[known.index, "observed_at"]).mean() > 0.95
    assert 0.001 < events["is_positive"].mean() < 0.2


def test_no_single_column_separates(domain: Domain, simulated: Path) -> None:
    """Bad behaviour overlaps with good: no raw column alone, as number, time of day or frequency, ranks above 0.9."""
    events = labelled(domain, simulated)
    label = events["is_positive"].to_numpy()
    looked_at = 0
    for name in domain.event_table.columns:
        column = events[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            views = {"hour": column.dt.hour.to_numpy(float)}
        elif column.dtype == object and domain.event_table.columns[name].type == "string":
            views = {"frequency": column.map(column.value_counts()).fillna(0).to_numpy(float)}
        else:
            views = {"value": pd.to_numeric(column).to_numpy(float)}
        views["is missing"] = column.isna().to_numpy(float)
        for view, values in views.items():
            auc = roc_auc_score(label, np.nan_to_num(values, nan=-1.0))
            assert max(auc, 1 - auc) < 0.9, f"{name} ({view})"
            looked_at += 1
    assert looked_at >= 2 * len(domain.event_table.columns)


def labelled(domain: Domain, folder: Path) -> pd.DataFrame:
    """The simulated events with what became known of them, however late."""
    subject, label = domain.subject, domain.label
    query = f"""
        select events.*, coalesce(labels.is_positive, false) as is_positive, labels.observed_at as label_observed_at
        from read_parquet('{folder / subject.event_table}/*.parquet') as events
        left join (
            select
                {label.key} as key,
                arg_max({label.positive}, observed_at) as is_positive,
                min(observed_at) as observed_at
            from read_parquet('{folder / label.table}/*.parquet') group by 1
        ) as labels on labels.key = events.{subject.key}
    """  # noqa: S608 - names come from the validated declaration
    with duckdb.connect() as connection:
        return connection.execute(query).df()
