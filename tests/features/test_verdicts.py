"""From a verdict to the row that a model learns from: through ledger, landing zone and dbt, known from its time on."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import pytest
from sqlalchemy import insert

from riskloom.catalog import Domain
from riskloom.errors import LedgerError
from riskloom.features import dbt
from riskloom.ingest.labels import LandedLabels
from riskloom.ledger.database import reading, writing
from riskloom.ledger.desk import Desk
from riskloom.ledger.labels import give_verdict, withdraw_label
from riskloom.ledger.migrations import migrate
from riskloom.ledger.queries import case_queue
from riskloom.ledger.records import Alerting, alert_row, decision_row
from riskloom.ledger.schema import Alert, Decision, Label
from riskloom.ledger.triage import triage
from riskloom.settings import Settings
from riskloom.wiring import audit_trail, dbt_project, feature_source, land_labels, ledger_engine
from tests.features.conftest import Built
from tests.ledger.examples import label_details

BLINK = timedelta(microseconds=1)
PROPENSITY = 0.02


def refuse(error: LedgerError) -> None:
    """No label here lacks anything."""
    raise error


@dataclass(frozen=True)
class Judged:
    """A home in which one subject was found bad, another found bad and taken back, and a third released."""

    settings: Settings
    domain: Domain
    found: str
    taken_back: str
    released: str
    verdict_at: datetime
    withdrawn_at: datetime
    landed: tuple[LandedLabels, ...]

    def rows(self, as_of: datetime) -> pd.DataFrame:
        """The training set as an instant knows it, by subject."""
        source = feature_source(self.settings, self.domain)
        end = self.verdict_at - self.domain.label.maturity
        start = end - timedelta(days=365)
        return source.training_set(as_of=as_of, start=start, end=end).frame.set_index(self.domain.subject.key)


@pytest.fixture(scope="module")
def judged(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Verdicts given on the last day, landed in two rounds, and built."""
    home, domain = tmp_path_factory.mktemp("judged") / "home", built.domain
    shutil.copytree(built.settings.home, home)
    settings = Settings(home=home)
    migrate(ledger_engine(settings))
    verdict_at, withdrawn_at = built.as_of - timedelta(hours=3), built.as_of - timedelta(hours=1)
    subjects = silent(built, before=verdict_at - domain.label.maturity)[:3]
    put_into_cases(settings, domain, subjects)
    found, taken_back = judge(settings, domain, at=verdict_at)
    landed = [land_labels(settings, domain, on_incomplete=refuse)]
    with writing(ledger_engine(settings)) as session:
        withdraw_label(Desk(session, audit_trail(settings), "lea", withdrawn_at), taken_back[1])
    landed += [land_labels(settings, domain, on_incomplete=refuse) for _ in range(2)]
    dbt.build(domain, dbt_project(settings), as_of=built.as_of)
    return Judged(
        settings, domain, found[0], taken_back[0], subjects[2], verdict_at, withdrawn_at, tuple(landed)
    )  # fmt: skip


def silent(built: Built, *, before: datetime) -> list[str]:
    """Subjects that nobody ever said anything about."""
    key = built.domain.subject.key
    query = f"""
        select {key} from read_parquet($subjects) as subjects
        where decision_at < $before and {key} not in (select {key} from read_parquet($labels) where {key} is not null)
        order by {key}
    """  # noqa: S608 - the test's own names
    marts = {"subjects": str(built.mart("subjects")), "labels": str(built.mart("labels"))}
    return [row[0] for row in duckdb.execute(query, {**marts, "before": before.replace(tzinfo=None)}).fetchall()]


def put_into_cases(settings: Settings, domain: Domain, subjects: list[str]) -> None:
    """A decision about each, the last of which was a release; the first two are in a case each."""
    key, decided = domain.subject.key, duckdb.execute(
        f"select {domain.subject.key}, decision_at from read_parquet($1)",  # noqa: S608
        [str(settings.marts / domain.name / f"{domain.name}__subjects.parquet")],
    )  # fmt: skip
    times = dict(decided.fetchall())
    rows = []
    for number, subject in enumerate(subjects):
        is_release = number == len(subjects) - 1
        exploration = {"would_be": domain.outcome[-1].name, "propensity": PROPENSITY} if is_release else None
        line: dict[str, Any] = {
            "domain": domain.name, "decision_id": f"d-{number}", "subject": subject, "entity": f"e-{number}",
            "decided_at": f"{times[subject].isoformat()}Z", "outcome": domain.outcome[-1].name, "score": 0.5,
            "basis": "exploration" if is_release else "expected_cost", "model_version": "1", "event": {key: subject},
            "exploration": exploration, "amount": "10.00",
        }  # fmt: skip
        rows.append(decision_row(json.dumps(line).encode(), domain.name))
    alerting = Alerting(frozenset({domain.outcome[-1].name}), Decimal(1))
    engine, names = ledger_engine(settings), itertools.count()
    with writing(engine) as session:
        session.execute(insert(Decision), rows)
        session.execute(insert(Alert), [alert_row(row, alerting) for row in rows[:2]])
    triage(
        engine, audit_trail(settings), domain.name, sla=timedelta(days=1),
        clock=lambda: rows[0]["decided_at"], new_id=lambda: f"case-{next(names)}",
    )  # fmt: skip


def judge(settings: Settings, domain: Domain, *, at: datetime) -> list[tuple[str, str]]:
    """Find the subjects of both cases bad; gives subjects and labels."""
    engine, labels = ledger_engine(settings), []
    with reading(engine) as session:
        cases = sorted(case_queue(session, domain.name, at=at).rows, key=lambda case: case.entity)
    for case in cases:
        with writing(engine) as session:
            desk = Desk(session, audit_trail(settings), "ana", at)
            (label,) = give_verdict(
                desk, case.case_id, version=case.version, is_positive=True, reason="seen before",
                maturity=domain.label.maturity, details=label_details(domain), key=case.case_id,
            )  # fmt: skip
            labels.append((desk.session.get_one(Label, label).subject, label))
    return labels


def test_each_label_lands_once(judged: Judged) -> None:
    """Two verdicts first, then the withdrawal beside them, then nothing more."""
    assert judged.landed == (LandedLabels(landed=2), LandedLabels(landed=1, known=2), LandedLabels(known=3))


def test_a_verdict_is_known_from_its_time_on(judged: Judged) -> None:
    """The row has the label and when it was stated; a model that looks at that very instant does not know it."""
    label, known_at = "label", "label_observed_at"
    before, after = judged.rows(judged.verdict_at), judged.rows(judged.verdict_at + BLINK)
    naive = judged.verdict_at.replace(tzinfo=None)
    for subject in (judged.found, judged.taken_back):
        assert before.loc[subject, label] == 0
        assert (after.loc[subject, label], after.loc[subject, known_at]) == (1, naive)
    others = after.drop([judged.found, judged.taken_back])
    pd.testing.assert_frame_equal(others, before.drop([judged.found, judged.taken_back]))


def test_a_withdrawal_is_learnt_as_well(judged: Judged) -> None:
    """From then on the subject counts as good again, and the other stays what it is."""
    rows = judged.rows(judged.withdrawn_at + BLINK)
    assert (rows.loc[judged.found, "label"], rows.loc[judged.taken_back, "label"]) == (1, 0)
    assert rows.loc[judged.taken_back, "label_observed_at"] == judged.withdrawn_at.replace(tzinfo=None)


def test_releases_are_told_from_the_rest(judged: Judged) -> None:
    """Who was let through at random carries the probability of it; nobody else does."""
    propensity = judged.rows(judged.verdict_at)["release_propensity"]
    assert propensity[judged.released] == PROPENSITY
    assert propensity.notna().sum() == 1
