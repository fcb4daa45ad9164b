"""Disputes as they are judged: what the mart says, that nothing gives a claim away, and what is learned from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from riskloom.assessment import AssessmentTraining, Cases, read_cases, train
from riskloom.catalog import Domain
from riskloom.features import apply, load_views, mart_path, open_store, training_set
from riskloom.ingest import SimulationPlan, write_simulation
from riskloom.settings import Settings
from riskloom.training.gate import single_feature_auc
from riskloom.training.rows import labelled_rows
from riskloom.wiring import dbt_project, store_location
from tests.domains.vendor_disputes.conftest import Office
from tests.domains.vendor_disputes.dispute_truth import Papers, features_of

pytestmark = pytest.mark.slow

PLAN = SimulationPlan(start=datetime(2026, 1, 1, tzinfo=UTC), days=140, events=16_000, seed=12)
CUT = datetime(2026, 4, 1, tzinfo=UTC)
MOST_TELLING = 0.95
LABELS = ("is_valid", "payable_amount", "resolved_at")


@dataclass(frozen=True)
class Built:
    """A home with a simulated history and every mart, and the mart of disputes as it was at the cut."""

    office: Office
    at_cut: list[dict[str, Any]]

    @property
    def cases(self) -> list[dict[str, Any]]:
        """The mart of disputes at the end."""
        return self.office.mart("dispute_cases")

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """What has landed."""
        landing = self.office.settings.landing / self.office.domain.name
        return {
            name: [
                row for path in sorted((landing / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
            ]
            for name in self.office.domain.tables
        }

    def decided(self) -> list[dict[str, Any]]:
        """The match of each line when it arrived, which has tests of its own."""
        with duckdb.connect(str(self.office.settings.warehouse), read_only=True) as connection:
            found = connection.execute("select * from intermediate.int_vendor_disputes__decision_matches")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, vendor_domain: Domain) -> Built:
    """Everything lands, then the marts are built as of the cut and as of the end."""
    office = Office(vendor_domain, Settings(home=tmp_path_factory.mktemp("disputes")))
    write_simulation(vendor_domain, PLAN, office.settings.landing / vendor_domain.name)
    office.build(CUT, "dispute_cases", "matches", "coverage")
    at_cut = office.mart("dispute_cases")
    office.build(PLAN.end)
    return Built(office, at_cut)


@pytest.fixture(scope="module")
def cases(built: Built) -> Cases:
    """All disputes."""
    domain = built.office.domain
    return read_cases(domain, domain.assessment[0], built.office.settings.marts)


@pytest.fixture(scope="module")
def trained(built: Built, cases: Cases) -> AssessmentTraining:
    """The declared assessment, trained as of the end."""
    domain = built.office.domain
    return train(domain, domain.assessment[0], cases, as_of=PLAN.end, replicates=50)


def test_every_dispute_is_there_as_it_was_recorded(built: Built) -> None:
    """One row each, with what it asks for and when it was recorded."""
    landed = {row["dispute_id"]: row for row in built.tables()["payables__disputes"]}
    rows = built.cases
    assert {row["dispute_id"] for row in rows} == set(landed)
    assert len(rows) == len(landed) > 600
    for row in rows:
        source = landed[row["dispute_id"]]
        assert row["decision_at"] == source["observed_at"]
        assert (row["claimed_amount"], row["currency"]) == (source["claimed_amount"], source["currency"])


def test_features_are_those_of_the_definition(built: Built) -> None:
    """Of every fourth dispute, and of all by vendors, each feature is what slow code finds in what was known before."""
    papers, compared = Papers(built.tables(), built.decided()), 0
    disputes = {row["dispute_id"]: row for row in built.tables()["payables__disputes"]}
    for number, row in enumerate(built.cases):
        if number % 4 and not row["is_by_vendor"]:
            continue
        expected = features_of(papers, disputes[row["dispute_id"]])
        for name, value in expected.items():
            if value is None:
                assert row[name] is None, (row["dispute_id"], name)
            else:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9), (row["dispute_id"], name)
            compared += 1
    assert set(expected) == set(cases_features(built)), "each feature has a definition"
    assert compared > 5_000


def test_labels_are_the_newest_resolution(built: Built) -> None:
    """Empty while a dispute is open; what was granted is at most what was asked for."""
    ends = {row["dispute_id"]: row for row in built.tables()["payables__resolutions"]}
    open_now = 0
    for row in built.cases:
        end = ends.get(row["dispute_id"])
        if end is None:
            assert [row[name] for name in LABELS] == [None] * 3
            open_now += 1
            continue
        assert row["is_valid"] == (end["outcome"] != "denied")
        assert row["payable_amount"] == min(end["allowed_amount"], row["claimed_amount"])
        assert row["resolved_at"] == end["observed_at"]
    assert open_now > 10


def test_an_earlier_build_says_the_same_of_what_was_known(built: Built) -> None:
    """As of the cut the disputes recorded by then have the same features, and no label that came later."""
    cut = CUT.replace(tzinfo=None)
    now = {row["dispute_id"]: row for row in built.cases if row["decision_at"] < cut}
    assert {row["dispute_id"] for row in built.at_cut} == set(now)
    open_then = 0
    for row in built.at_cut:
        later = now[row["dispute_id"]]
        if later["resolved_at"] is not None and later["resolved_at"] >= cut:
            later = {**later, **dict.fromkeys(LABELS)}
            open_then += 1
        assert row == later
    assert open_then > 10


def test_no_feature_gives_a_dispute_away(cases: Cases, trained: AssessmentTraining) -> None:
    """Neither alone nor together: rightful and other claims overlap."""
    known = cases.take(cases.is_usable)
    assert 0.45 < known.valid.mean() < 0.8
    for name, values in zip(known.features, known.matrix.T, strict=True):
        for fill in (-1e12, 1e12):
            auc = roc_auc_score(known.valid, np.nan_to_num(values, nan=fill))
            assert max(auc, 1 - auc) < 0.85, name
    assert 0.75 < trained.evaluation["roc_auc"].value < 0.97
    assert 0.1 < ((known.share > 0) & (known.share < 1)).mean() < 0.4


def test_the_assessment_passes_and_its_interval_covers(trained: AssessmentTraining, vendor_domain: Domain) -> None:
    """On later disputes the interval holds the payable amount as often as declared; both baselines are worse."""
    (assessment,) = vendor_domain.assessment
    assert trained.verdict.passed, trained.verdict.reasons
    assert min(trained.verdict.positives, trained.verdict.rows - trained.verdict.positives) >= 60
    coverage = trained.evaluation["coverage"].value
    assert assessment.coverage - 0.07 < coverage < 0.97
    assert trained.evaluation["error_share"].value < 0.75 * trained.evaluation["error_granting_all_share"].value
    assert trained.evaluation["error_money"].value < trained.evaluation["error_granting_all_money"].value
    outcomes = trained.judgement.outcomes(assessment)
    assert {"approve", "approve_in_part", "deny", "analyst"} >= set(outcomes)
    valid = trained.holdout.valid
    is_granted = np.isin(outcomes, ["approve", "approve_in_part"])
    denied = valid[outcomes == "deny"].mean()
    assert denied < 0.3
    assert min(valid[is_granted].mean(), valid[outcomes == "analyst"].mean()) > denied + 0.25


def test_no_feature_gives_an_invoice_line_away(built: Built) -> None:
    """Of the views and of the request, each alone ranks wrong lines no better than an area of 0.95."""
    office = built.office
    views = load_views(office.domain, dbt_project(office.settings).manifest)
    store = open_store(store_location(office.settings))
    apply(store, office.domain, views, office.settings.marts)
    end = PLAN.end - office.domain.label.maturity
    start, marts = PLAN.start + timedelta(days=20), office.settings.marts
    found = training_set(office.domain, views, store, marts, as_of=PLAN.end, start=start, end=end)
    rows = labelled_rows(office.domain, found.frame, found.features)
    assert rows.positives > 100
    areas = dict(zip(rows.features, single_feature_auc(rows), strict=True))
    assert len(areas) > 60
    assert max(areas.values()) < MOST_TELLING, max(areas, key=lambda name: areas[name])


def test_a_dispute_that_overtakes_its_line_is_there(office: Office) -> None:
    """It has no evidence, and no feature that would need any; the record of its vendor it has."""
    at = datetime(2026, 2, 1)  # noqa: DTZ001 - as tables hold times
    dispute = {
        "dispute_id": "d", "invoice_line_id": "not yet", "vendor_id": "v", "raised_by": "buyer", "reason": "price",
        "claimed_amount": 10, "currency": "EUR", "effective_at": at, "observed_at": at,
    }  # fmt: skip
    office.land({"payables__disputes": [dispute]}, "all")
    office.build(datetime(2026, 3, 1, tzinfo=UTC), "dispute_cases", "matches")
    (row,) = office.mart("dispute_cases")
    assert (row["claimed_amount"], row["is_about_price"], row["vendor_claims_90d"]) == (10, 1, 0)
    for name in ("ledger_rate", "claimed_to_billed", "uncovered_share", "borne_out_to_claimed", "price_to_order"):
        assert row[name] is None, name


def cases_features(built: Built) -> list[str]:
    """The mart's features by type, as an assessment finds them."""
    path: Path = mart_path(built.office.settings.marts, built.office.domain, "dispute_cases")
    schema = pq.read_schema(path)
    numbers = [field.name for field in schema if str(field.type) in {"double", "int64"}]
    return [name for name in numbers if name not in built.office.domain.assessment[0].columns]
