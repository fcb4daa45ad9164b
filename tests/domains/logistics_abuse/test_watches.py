"""What is said of drivers, associates and customers each day: known in time, right by brute force, and telling."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from riskloom.detector import fit_detector
from tests.domains.logistics_abuse.conftest import History
from tests.domains.logistics_abuse.truth import culprits

ENTITIES = ("driver", "associate", "customer")
_WARM = pd.Timedelta(days=28)  # windows are not full before
_DAY = pd.Timedelta(days=1)
_CULPRIT = 3  # abusive concessions in twenty-eight days; a first one cannot be seen among honest bad luck


def watched(history: History, entity: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a mart from the day on which its windows are full, and the names of its features."""
    rows = history.mart(f"{entity}_days")
    start = pd.Timestamp(history.plan.start).tz_localize(None)
    rows = rows[rows["decision_at"] >= start + _WARM].reset_index(drop=True)
    return rows, [str(name) for name in rows if name not in {f"{entity}_id", "decision_at", "peer_group"}]


def deeds_before(history: History, entity: str, rows: pd.DataFrame) -> NDArray[np.int64]:
    """How many abusive concessions of the twenty-eight days before each row its subject was behind."""
    deeds = culprits(history.plan)
    deeds = deeds[deeds["entity"] == entity].groupby(["name", "day"], as_index=False).size()
    pairs = rows[[f"{entity}_id", "decision_at"]].reset_index().merge(deeds, left_on=f"{entity}_id", right_on="name")
    age = pairs["decision_at"] - pairs["day"]
    counts = pairs[(age >= _DAY) & (age <= _WARM)].groupby("index")["size"].sum()
    return counts.reindex(rows.index, fill_value=0).to_numpy(np.int64)


@pytest.mark.parametrize(("entity", "least"), [("driver", 0.6), ("associate", 0.6), ("customer", 0.85)])
def test_the_detector_ranks_culprits_above_honest_people(history: History, entity: str, least: float) -> None:
    """
    Fitted on the mart alone, culprits among it and without any label; the simulation says who they are.

    Culprits were behind three concessions or more, honest people behind none. No single feature is the truth
    itself, though one of four weeks may come near it.
    """
    rows, features = watched(history, entity)
    deeds = deeds_before(history, entity, rows)
    matrix = rows[features].to_numpy(np.float64)
    is_clear = (deeds == 0) | (deeds >= _CULPRIT)
    guilty, score = (deeds >= _CULPRIT)[is_clear], fit_detector(matrix, seed=0).score(matrix)[is_clear]
    assert 0.01 < guilty.mean() < 0.3
    auc = roc_auc_score(guilty, score)
    print(f"{entity}: {len(rows)} days, {guilty.mean():.1%} of them of culprits, AUC {auc:.3f}")
    assert auc > least
    for name, column in zip(features, matrix.T, strict=True):
        alone = roc_auc_score(deeds > 0, np.nan_to_num(column, nan=-1.0))
        assert max(alone, 1 - alone) < 0.99, name


@pytest.mark.parametrize("entity", ENTITIES)
def test_days_are_complete_and_over(history: History, entity: str) -> None:
    """Each row stands at a midnight no later than the build's instant; no feature is always empty, no key is."""
    rows = history.mart(f"{entity}_days")
    assert (rows["decision_at"] == rows["decision_at"].dt.normalize()).all()
    assert rows["decision_at"].max() == pd.Timestamp(history.plan.end).tz_localize(None)
    recent, features = watched(history, entity)
    assert recent[features].notna().any().all()
    assert recent[features].nunique().min() > 1
    assert recent["peer_group"].notna().mean() > 0.9


def test_a_drivers_excess_is_right_by_brute_force(history: History) -> None:
    """Counted row by row from what was observed before the day was over, for drivers with peers and without."""
    rows, _ = watched(history, "driver")
    some = rows.sample(25, random_state=3)
    connection = duckdb.connect()
    handovers = connection.execute(
        f"""SELECT driver_id, depot_id || '/' || route_type AS peers, parcel_id, event_id, observed_at
        FROM read_parquet('{history.landed("transport__scans")}')
        WHERE biz_step = 'accepting' AND driver_id IS NOT NULL"""  # noqa: S608
    ).df()
    claims = connection.execute(
        f"""SELECT concession_id, driver_id, route_class AS peers, parcel_id, observed_at, is_missing
        FROM read_parquet('{history.landed("service__concessions")}') WHERE driver_id IS NOT NULL"""  # noqa: S608
    ).df()
    errors = history.landed("transport__error_declarations")
    declared = connection.execute(
        f"SELECT event_id, observed_at AS declared_at FROM read_parquet('{errors}')"  # noqa: S608
    ).df()
    handovers = handovers.merge(declared, on="event_id", how="left")
    claims = _standing(claims, handovers)
    row: Any
    for row in some.itertuples():
        until = row.decision_at
        seen = [
            part[(part["observed_at"] < until) & (part["observed_at"] >= until - _WARM)] for part in (handovers, claims)
        ]
        everybody = [len(part) for part in seen]
        own = [int((part["driver_id"] == row.driver_id).sum()) for part in seen]
        others = [
            int(((part["peers"] == row.peer_group) & (part["driver_id"] != row.driver_id)).sum()) for part in seen
        ]
        assert row.missing_despite_handover_rate_28d == pytest.approx(own[1] / own[0])
        expected = own[0] * (others[1] + 400 * everybody[1] / everybody[0]) / (others[0] + 400)
        assert row.missing_despite_handover_over_peers_28d == pytest.approx((own[1] - expected) / (expected + 1) ** 0.5)


def _standing(claims: pd.DataFrame, handovers: pd.DataFrame) -> pd.DataFrame:
    """The claims of missing parcels whose hand-over stood when they were observed."""
    pairs = claims[claims["is_missing"]].merge(handovers, on="parcel_id", suffixes=("", "_handover"))
    stands = pairs["observed_at_handover"] < pairs["observed_at"]
    stands &= ~(pairs["declared_at"] < pairs["observed_at"])
    return pairs[stands].drop_duplicates("concession_id")


def test_an_addresss_people_are_right_by_brute_force(history: History) -> None:
    """Distinct customers of each address of a customer in ninety days, counted from the uses themselves."""
    rows, _ = watched(history, "customer")
    parts = [
        f"""SELECT customer_id, address_id, observed_at, {is_claim} AS is_claim
        FROM read_parquet('{history.landed(table)}')"""  # noqa: S608
        for table, is_claim in (("warehouse__parcels", 0), ("transport__redirects", 0), ("service__concessions", 1))
    ]
    uses = duckdb.connect().execute(" UNION ALL ".join(parts)).df()
    crowded = rows[rows["address_people"] > 1]
    row: Any
    for row in pd.concat([rows.sample(10, random_state=1), crowded.sample(10, random_state=1)]).itertuples():
        valid = uses[(uses["observed_at"] < row.decision_at) & (uses["observed_at"] >= row.decision_at - 90 * _DAY)]
        own = valid.loc[valid["customer_id"] == row.customer_id, "address_id"].unique()
        shared = valid[valid["address_id"].isin(own)]
        assert row.address_count == len(own)
        assert row.address_people == shared.groupby("address_id")["customer_id"].nunique().max()
        claimants = shared[shared["is_claim"] == 1].groupby("address_id")["customer_id"].nunique()
        assert row.address_claimants == (claimants.max() if len(claimants) else 0)
