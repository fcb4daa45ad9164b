"""A watch finds the rows that are unusual, says why, and refuses marts that are not as a watch's must be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from riskloom.catalog import Domain, Watch, load_catalog
from riskloom.errors import ConfigError, WatchError
from riskloom.features.views import mart_path
from riskloom.watch import read_latest, report_path, run, write_report

DAY = timedelta(days=1)
LAST = datetime(2026, 3, 1)  # noqa: DTZ001 - as Parquet has it: without a zone, in UTC
AS_OF = datetime(2026, 3, 1, 6, tzinfo=UTC)
DRIVERS, DAYS = 80, 21
WATCH = Watch.model_validate(
    {
        "entity": "driver",
        "mart": "driver_days",
        "key": "driver_id",
        "description": "Days of drivers that differ from other days.",
        "period": "1d",
        "history": "14d",
        "one_in": 100,
    }
)


@pytest.fixture(scope="module")
def domain() -> Domain:
    """A declared domain; of its own are its name and its seed."""
    return next(iter(load_catalog().values()))


def driver_days() -> pd.DataFrame:
    """Honest drivers; on the last day driver-007 delivers as much as ever and photographs nothing, far away."""
    rng = np.random.default_rng(5)
    rows = DRIVERS * DAYS
    parcels = rng.poisson(90, rows).astype(np.float64)
    frame = pd.DataFrame(
        {
            "driver_id": [f"driver-{number:03d}" for number in range(DRIVERS)] * DAYS,
            "decision_at": np.repeat([LAST - DAY * back for back in reversed(range(DAYS))], DRIVERS),
            "peer_group": ["north", "south"] * (rows // 2),
            "parcels": parcels,
            "proof_share": rng.beta(40, 4, rows),
            "metres_off": rng.gamma(2, 12, rows),
            "redirects": rng.poisson(0.4, rows),
        }
    )
    frame.loc[rng.random(rows) < 0.05, "metres_off"] = np.nan
    culprit = (frame["driver_id"] == "driver-007") & (frame["decision_at"] == LAST)
    frame.loc[culprit, ["proof_share", "metres_off"]] = (0.31, 420.0)
    return frame


def published(frame: pd.DataFrame, domain: Domain, folder: Path) -> Path:
    """The folder of marts with this one in it."""
    path = mart_path(folder, domain, WATCH.mart)
    path.parent.mkdir(parents=True)
    frame.astype({"decision_at": "datetime64[us]"}).to_parquet(path, index=False)
    return folder


@pytest.fixture
def marts(domain: Domain, tmp_path: Path) -> Path:
    """Published drivers' days."""
    return published(driver_days(), domain, tmp_path / "marts")


def test_the_unusual_row_is_found_with_its_reasons(domain: Domain, marts: Path) -> None:
    """It comes first, with what makes it unusual beside what is usual; chance alone flags about one in so many."""
    report = run(domain, WATCH, marts, as_of=AS_OF)
    first = report.findings[0]
    assert (first.key, first.peer_group, first.decision_at) == ("driver-007", "south", LAST.replace(tzinfo=UTC))
    assert first.one_in > 500
    assert {reason.feature for reason in first.reasons[:2]} == {"proof_share", "metres_off"}
    told = {reason.feature: reason for reason in first.reasons}
    assert told["metres_off"].value == 420.0
    assert told["metres_off"].usual == pytest.approx(20, abs=5)
    assert 0 < sum(reason.share for reason in first.reasons) <= 1.0001
    assert (report.rows, report.history) == (DRIVERS, DRIVERS * 14)
    assert report.expected == pytest.approx(0.8)
    assert len(report.findings) <= 5


def test_only_the_newest_period_before_the_instant_is_judged(domain: Domain, marts: Path) -> None:
    """Rows known at the instant or later play no part: a day earlier the culprit had done nothing."""
    report = run(domain, WATCH, marts, as_of=LAST.replace(tzinfo=UTC))
    assert report.end == (LAST - DAY).replace(tzinfo=UTC)
    assert report.start == report.end - DAY
    assert report.rows == DRIVERS
    assert not any(finding.key == "driver-007" and finding.one_in > 500 for finding in report.findings)


def test_the_same_rows_in_any_order_give_the_same_findings(domain: Domain, marts: Path, tmp_path: Path) -> None:
    """What is found does not depend on how the mart's file is laid out."""
    shuffled = published(driver_days().sample(frac=1, random_state=3), domain, tmp_path / "shuffled")
    assert run(domain, WATCH, shuffled, as_of=AS_OF) == run(domain, WATCH, marts, as_of=AS_OF)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="driver_id"), "the columns driver_id and decision_at, found no driver_id"),
        (lambda frame: frame.assign(note="fine"), "column note: expected numbers, found VARCHAR"),
        (lambda frame: frame[["driver_id", "decision_at", "peer_group"]], "expected columns with numbers, found none"),
        (lambda frame: frame[frame["decision_at"] >= LAST - DAY], "at least 200 rows to compare with"),
        (lambda frame: frame[frame["decision_at"] > LAST], "expected rows before 2026-03-01T06:00:00"),
    ],
)  # fmt: skip
def test_a_mart_that_is_not_a_watchs_is_refused(domain: Domain, tmp_path: Path, change: Any, message: str) -> None:
    """What is wrong is said with domain, watch, what was expected and what was found."""
    marts = published(change(driver_days()), domain, tmp_path / "marts")
    with pytest.raises(WatchError, match=f"{domain.name}: watch of driver: .*{message}"):
        run(domain, WATCH, marts, as_of=AS_OF)


def test_a_mart_that_is_not_built_is_refused(domain: Domain, tmp_path: Path) -> None:
    """The error names the mart and what builds it."""
    with pytest.raises(WatchError, match=r"__driver_days\.parquet, found none; run `riskloom features build`"):
        run(domain, WATCH, tmp_path, as_of=AS_OF)


def test_reports_are_kept_and_the_latest_is_read(domain: Domain, marts: Path, tmp_path: Path) -> None:
    """A run for an earlier instant does not become the latest."""
    report = run(domain, WATCH, marts, as_of=AS_OF)
    earlier = run(domain, WATCH, marts, as_of=AS_OF - DAY)
    assert read_latest(tmp_path, domain.name, "driver") is None
    for each in (report, earlier):
        assert write_report(each, tmp_path) == report_path(tmp_path, domain.name, "driver", each.as_of)
    assert read_latest(tmp_path, domain.name, "driver") == report
    (tmp_path / domain.name / "driver" / "latest.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"latest\.json: expected the report of a watch"):
        read_latest(tmp_path, domain.name, "driver")
