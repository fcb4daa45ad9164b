"""What is judged without labels: flows and principals' days, and whether the detector finds what was planted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from riskloom.catalog import load_domain
from riskloom.detector import fit_detector
from riskloom.features.request import request_features
from riskloom.features.views import FeatureView, load_views
from tests.domains.cloud_security.conftest import EVENTS, PLAN, Warehouse, Zone, build

KEYS = {"flow_watch": "flow_id", "principal_days": "principal_id"}
NEWEST = timedelta(days=28)
#: Which rows the simulation planted, as far as anybody found them.
PLANTED = {
    "flow_watch": """SELECT flow_id, NULL::TIMESTAMP AS day FROM {flows}
        GROUP BY 1 HAVING arg_max(is_confirmed, observed_at)""",
    "principal_days": """SELECT DISTINCT principal_id, date_trunc('day', c.observed_at) + INTERVAL 1 DAY AS day
        FROM {calls} AS c JOIN (SELECT event_id FROM {findings} GROUP BY 1 HAVING arg_max(is_confirmed, observed_at))
        USING (event_id)""",
}


def read(warehouse: Warehouse, mart: str) -> pd.DataFrame:
    """A mart by time and key, with whether each row was planted."""
    key = KEYS[mart]
    planted = PLANTED[mart].format(
        flows=warehouse.landed("findings__flows"),
        calls=warehouse.landed(EVENTS),
        findings=warehouse.landed("findings__api_calls"),
    )
    query = f"""SELECT m.*, p.{key} IS NOT NULL AS is_planted FROM {warehouse.mart(mart)} AS m
        LEFT JOIN ({planted}) AS p ON m.{key} = p.{key} AND coalesce(p.day, m.decision_at) = m.decision_at
        ORDER BY m.decision_at, m.{key}"""  # noqa: S608
    found: pd.DataFrame = warehouse.read(query).to_pandas()
    return found


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns a detector sees."""
    dropped = [*KEYS.values(), "decision_at", "peer_group", "is_planted"]
    return rows.drop(columns=dropped, errors="ignore").astype(np.float64)


def best_auc(label: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Of a column in either direction, missing values lowest."""
    auc = float(roc_auc_score(label, np.where(np.isnan(values), np.nanmin(values, initial=0.0) - 1.0, values)))
    return max(auc, 1 - auc)


def test_the_build_ran_the_domains_unit_tests(warehouse: Warehouse) -> None:
    """All models, data tests and unit tests of the domain passed, without a warning."""
    assert warehouse.report.models > 30
    assert warehouse.report.tests > 60
    assert warehouse.report.warnings == ()


@pytest.mark.parametrize("mart", KEYS)
def test_a_mart_is_one_to_watch(warehouse: Warehouse, mart: str) -> None:
    """A key, the instant of the row, peers, and nothing but numbers; each row once, and none that is not over."""
    rows = read(warehouse, mart)
    assert not rows.duplicated([KEYS[mart], "decision_at"]).any()
    assert rows["decision_at"].max() <= pd.Timestamp(PLAN.end).tz_localize(None)
    numbers = features(rows)
    assert len(numbers.columns) >= 30
    not_simulated = {"bytes_in", "is_icmp", "is_dynamic_port"}
    assert not [name for name in numbers if numbers[name].nunique() < 2 and name not in not_simulated]


@pytest.mark.parametrize("mart", KEYS)
def test_nothing_that_became_known_later_is_in_a_row(warehouse: Warehouse, earlier: Warehouse, mart: str) -> None:
    """Rows of a history as it was known then are the rows of that time in the whole history."""
    then, rows = read(earlier, mart), read(warehouse, mart)
    rows = rows[rows["decision_at"] <= pd.Timestamp(earlier.as_of).tz_localize(None)]
    assert len(then) > 500
    pd.testing.assert_frame_equal(
        then.drop(columns="is_planted"), rows.drop(columns="is_planted"), check_exact=False, rtol=1e-9
    )


@pytest.mark.parametrize(("mart", "least"), [("flow_watch", 0.7), ("principal_days", 0.65)])
def test_the_detector_ranks_planted_rows_above_honest_ones(warehouse: Warehouse, mart: str, least: float) -> None:
    """Fitted on the weeks before, whatever is in them, it ranks what was planted in the newest above most else."""
    rows = read(warehouse, mart)
    is_new = (rows["decision_at"] > rows["decision_at"].max() - NEWEST).to_numpy()
    matrix, label = features(rows).to_numpy(), rows["is_planted"].to_numpy()
    assert label[is_new].sum() >= 15
    detector = fit_detector(matrix[~is_new], seed=0)
    auc = roc_auc_score(label[is_new], detector.score(matrix[is_new]))
    assert least < auc < 0.98


@pytest.mark.parametrize("mart", KEYS)
def test_no_watched_column_separates(warehouse: Warehouse, mart: str) -> None:
    """No feature alone tells what was planted."""
    rows = read(warehouse, mart)
    label = rows["is_planted"].to_numpy()
    for name, column in features(rows).items():
        assert best_auc(label, column.to_numpy()) < 0.95, name


def test_no_feature_of_a_call_separates(warehouse: Warehouse) -> None:
    """Neither a windowed feature nor one of the request tells hostile calls apart by itself."""
    calls = training_rows(warehouse)
    label = calls["is_positive"].to_numpy(dtype=np.bool_)
    assert label.sum() > 100
    names = [name for view in views(warehouse) for name in view.features]
    columns = {str(name): _as_request(calls[name]) for name in calls}
    values = {name: columns[name] for name in names} | request_features(warehouse.domain, columns)
    assert len(values) > 100
    for name, column in values.items():
        assert best_auc(label, column.astype(np.float64)) < 0.95, name


def views(warehouse: Warehouse) -> tuple[FeatureView, ...]:
    """The domain's feature views."""
    return load_views(warehouse.domain, warehouse.settings.dbt_manifest)


def training_rows(warehouse: Warehouse) -> pd.DataFrame:
    """Calls of the second month with every view's features as they were known, and what was found of them."""
    joins: list[str] = []
    columns: list[str] = []
    for number, view in enumerate(views(warehouse)):
        joins.append(
            f"LEFT JOIN {warehouse.mart(view.name)} AS v{number} "
            f"ON s.{view.join_key} = v{number}.{view.join_key} AND s.decision_at = v{number}.event_timestamp"
        )
        columns.extend(f"v{number}.{name}" for name in view.features)
    query = f"""SELECT s.*, {", ".join(columns)}, coalesce(l.is_positive, false) AS is_positive
        FROM {warehouse.mart("subjects")} AS s {" ".join(joins)}
        LEFT JOIN (SELECT event_id, arg_max(is_positive, observed_at) AS is_positive
            FROM {warehouse.mart("labels")} GROUP BY 1) AS l ON s.event_id = l.event_id
        WHERE s.decision_at >= TIMESTAMP '{PLAN.start + timedelta(days=21):%Y-%m-%d}'"""  # noqa: S608
    found: pd.DataFrame = warehouse.read(query).to_pandas()
    return found


def _as_request(column: pd.Series) -> NDArray[np.generic]:
    """As request features get it: texts as objects, times as microseconds, everything else as numbers."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.astype("datetime64[us]").astype(np.int64).to_numpy()
    try:
        return column.astype(np.float64).to_numpy()
    except (TypeError, ValueError):
        return column.where(column.notna(), None).to_numpy(dtype=object)


def test_connections_of_nsl_kdd_are_watched_beside_flow_logs(zone: Zone, reference_data: Path) -> None:
    """Without addresses there is nothing to say of source, destination and conversation, and the rest stands."""
    lines = (reference_data / "nsl_kdd" / "KDDTrain+_20Percent.txt").read_text().splitlines()[:500]
    flow = "2 123456789012 eni-1 10.0.0.5 203.0.113.9 49152 443 6 10 8400 {} {} ACCEPT OK"
    logs = "\n".join(flow.format(1_777_600_000 + 60 * number, 1_777_600_030 + 60 * number) for number in range(6))
    zone.ingest("vpc__flows", "nsl_kdd_flows.toml", [zone.file("kdd.txt", "\n".join(lines) + "\n")])
    zone.ingest("vpc__flows", "vpc_flow_logs_v2.toml", [zone.file("flows.log", logs + "\n")])
    rows = read(build(load_domain("cloud_security"), zone.home, PLAN.end, "flow_watch"), "flow_watch")
    kdd, vpc = rows[rows["peer_group"] == "unknown"], rows[rows["peer_group"] == "outbound"]
    assert (len(kdd), len(vpc)) == (500, 6)
    for name in features(rows):
        if str(name).startswith(("source_", "destination_", "conversation_")):
            assert kdd[name].isna().all(), name
    assert kdd[["bytes_out", "bytes_in", "duration_s", "bytes_per_second"]].notna().all().all()
    assert vpc["conversation_gap_s"].tolist()[1:] == [60.0] * 5
    assert vpc["conversation_gap_spread_1d"].tolist()[4:] == [0.0, 0.0]
