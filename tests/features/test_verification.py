"""What was served against what the marts have: equal values pass, one that differs is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskloom.catalog import Domain
from riskloom.errors import FeatureError
from riskloom.features import FeatureView
from riskloom.features.verification import Verification, day_of, describe, verify_served
from riskloom.features.views import mart_path
from riskloom.ledger import Outbox

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOON = DAY.replace(hour=12, microsecond=123_456)


@pytest.fixture
def view(domain: Domain) -> FeatureView:
    """A windowed view with one feature of each type."""
    return FeatureView(
        name="lately",
        entity="somebody",
        join_key=domain.subject.group,
        ttl=timedelta(days=1),
        features={"count_1d": "bigint", "mean_1d": "double"},
        description="What happened lately.",
        mart=f"{domain.name}__lately",
        is_windowed=True,
    )


def publish(
    marts: Path, domain: Domain, view: FeatureView, rows: list[tuple[str, datetime, int, float | None]]
) -> None:
    """Write the view's mart."""
    keys, instants, counts, means = zip(*rows, strict=True)
    at = pa.array([instant.replace(tzinfo=None) for instant in instants], pa.timestamp("us"))
    columns = {
        view.join_key: keys,
        "event_timestamp": at,
        "created_timestamp": at,
        "count_1d": counts,
        "mean_1d": means,
    }
    path = mart_path(marts, domain, view.name)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)


def log(folder: Path, domain: Domain, view: FeatureView, at: datetime, key: str | None, **changes: Any) -> None:
    """Write a decision as the service does."""
    record = {
        "domain": domain.name,
        "decision_id": f"{key}-{at.isoformat()}",
        "decided_at": at.isoformat().replace("+00:00", "Z"),
        "event": {view.join_key: key, "amount": "12.50", "nothing": None},
        "features": {"count_1d": 3.0, "mean_1d": None, "of_the_request": 0.5},
        "freshness": {view.name: {"observed_at": None, "age_seconds": None, "status": "fresh"}},
    }
    with Outbox(folder) as outbox:
        outbox.append({**record, **changes})


def verify(tmp_path: Path, domain: Domain, view: FeatureView) -> Verification:
    """Compare the whole day."""
    return verify_served(
        domain,
        [view],
        decisions=tmp_path / "decisions",
        marts=tmp_path / "marts",
        start=DAY,
        end=DAY + timedelta(days=1),
        threads=1,
        memory="500MB",
    )


def test_equal_values_are_exact(tmp_path: Path, domain: Domain, view: FeatureView) -> None:
    """Numbers and empty values that agree are compared, and nothing differs."""
    publish(tmp_path / "marts", domain, view, [("a", NOON, 3, None), ("a", NOON + timedelta(seconds=1), 4, 1.0)])
    log(tmp_path / "decisions", domain, view, NOON, "a")
    found = verify(tmp_path, domain, view)
    assert (found.decisions, found.compared, found.is_exact) == (1, 2, True)


@pytest.mark.parametrize(
    ("count", "mean", "feature"), [(4, None, "count_1d"), (3, 0.0, "mean_1d"), (3, 5e-324, "mean_1d")]
)
def test_a_value_that_differs_is_named(
    tmp_path: Path, domain: Domain, view: FeatureView, count: int, mean: float | None, feature: str
) -> None:
    """However little it is, and also where one side has no value."""
    publish(tmp_path / "marts", domain, view, [("a", NOON, count, mean)])
    log(tmp_path / "decisions", domain, view, NOON, "a")
    found = verify(tmp_path, domain, view)
    assert found.differing == {feature: 1}
    assert [example.feature for example in found.examples] == [feature]
    assert any(feature in line for line in describe(found))


def test_what_cannot_be_compared_is_counted(tmp_path: Path, domain: Domain, view: FeatureView) -> None:
    """Another instant's row is not the decision's; a view that was not read served nothing; other days are left."""
    publish(tmp_path / "marts", domain, view, [("a", NOON, 9, None), ("b", NOON, 9, None)])
    log(tmp_path / "decisions", domain, view, NOON + timedelta(microseconds=1), "a")
    log(tmp_path / "decisions", domain, view, NOON, "b", freshness={view.name: {"status": "missing"}})
    log(tmp_path / "decisions", domain, view, NOON, None)
    log(tmp_path / "decisions", domain, view, NOON - timedelta(days=1), "a")
    found = verify(tmp_path, domain, view)
    assert (found.decisions, found.compared, found.not_built, found.not_served) == (3, 0, 2, 2)
    assert found.is_exact


def test_a_torn_line_hides_no_other(tmp_path: Path, domain: Domain, view: FeatureView) -> None:
    """A process that was killed while it wrote leaves half a line; the decisions around it are compared."""
    publish(tmp_path / "marts", domain, view, [("a", NOON, 4, None)])
    decisions = tmp_path / "decisions"
    log(decisions, domain, view, NOON, "a")
    (file,) = (decisions / domain.name).iterdir()
    file.write_bytes(file.read_bytes()[:40] + b"\n" + file.read_bytes())
    assert verify(tmp_path, domain, view).differing == {"count_1d": 1}


def test_no_decision_is_nothing_to_compare(tmp_path: Path, domain: Domain, view: FeatureView) -> None:
    """A day without a decision is exact; a mart that is not there is an error."""
    publish(tmp_path / "marts", domain, view, [("a", NOON, 3, None)])
    assert verify(tmp_path, domain, view).decisions == 0
    mart_path(tmp_path / "marts", domain, view.name).unlink()
    with pytest.raises(FeatureError, match="build the features first"):
        verify(tmp_path, domain, view)


def test_a_day_is_yesterday_unless_it_is_named() -> None:
    """Whole days in UTC; what is no date is refused with what was found."""
    assert day_of(None, now=NOON) == (DAY - timedelta(days=1), DAY)
    assert day_of("2026-03-01", now=NOON) == (DAY, DAY + timedelta(days=1))
    with pytest.raises(FeatureError, match="expected a date such as 2026-03-01, found 'yesterday'"):
        day_of("yesterday", now=NOON)
