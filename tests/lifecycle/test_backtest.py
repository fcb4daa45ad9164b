"""What a rule would have done to a history, against the same counted row by row."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import and_
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from riskloom.catalog import Domain, load_catalog
from riskloom.contracts import TableContract
from riskloom.errors import FeatureError
from riskloom.features import FeatureView, mart_path
from riskloom.ledger.database import reading
from riskloom.lifecycle.backtest import INTERDICTION, MODEL, backtest
from riskloom.lifecycle.backtest_report import BacktestReport, Overlap, markdown, wilson
from riskloom.lifecycle.history import History
from riskloom.lifecycle.lists import add_member, open_list
from riskloom.lifecycle.trials import backtests_of, try_version, untried_drafts
from riskloom.policy import CostPolicy
from riskloom.rules import (
    CountedScenario,
    Evaluation,
    Facts,
    Member,
    MemberList,
    Rule,
    Schema,
    parse_rule,
    parse_scenario,
)
from riskloom.rules.tree import Type
from tests.lifecycle.test_scenarios import scenario, sign
from tests.lifecycle.world import DOMAIN, Office, source

START = datetime(2026, 1, 1, tzinfo=UTC)
END, AS_OF = START + timedelta(days=30), START + timedelta(days=31)
TTL, MATURITY = timedelta(days=2), timedelta(days=7)
_TEXT = {"type": "string", "description": "A text of a test."}
_CONTRACT = TableContract.model_validate(
    {
        "name": "lab__payments",
        "description": "Payments in a laboratory.",
        "key": ("payment_id",),
        "columns": {
            "payment_id": _TEXT,
            "account": {**_TEXT, "nullable": True},
            "country": {**_TEXT, "nullable": True},
            "amount": {"type": "decimal(18,2)", "description": "An amount of a test."},
            "effective_at": {"type": "timestamp", "description": "A time of a test."},
            "observed_at": {"type": "timestamp", "description": "A time of a test."},
        },
    }
)
VIEW = FeatureView(
    name="account_activity", entity="account", join_key="account", ttl=TTL, features={"count_1d": "bigint"},
    description="Activity of a test.", mart=f"{DOMAIN}__account_activity",
)  # fmt: skip
SCHEMA = Schema(
    fields={
        "event.amount": Type.NUMBER,
        "event.country": Type.TEXT,
        "event.effective_at": Type.TIME,
        "feature.count_1d": Type.NUMBER,
        "score": Type.NUMBER,
    },
    lists={"watched": "countries"},
    outcomes=("approve", "review", "block"),
)


@dataclass(frozen=True)
class Lab:
    """A history on disk, and the same as rows."""

    history: History
    rows: list[dict[str, Any]]


def lab_domain() -> Domain:
    """A declared domain with the laboratory's table in the place of its own, and no request features."""
    first = next(iter(load_catalog().values()))
    subject = first.subject.model_copy(
        update={"event_table": _CONTRACT.name, "key": "payment_id", "group": "account", "amount": "amount"}
    )
    return first.model_copy(
        update={
            "name": DOMAIN,
            "subject": subject,
            "tables": {_CONTRACT.name: _CONTRACT},
            "request_features": {},
            "label": first.label.model_copy(update={"maturity": MATURITY}),
        }
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Eight hundred decisions, some before and behind the period, with values and labels of every age."""
    chance, marts, domain = random.Random(3), tmp_path_factory.mktemp("marts"), lab_domain()
    values = [
        (f"a-{chance.randrange(40)}", START + timedelta(hours=chance.randrange(-60, 720)), chance.randrange(8))
        for _ in range(600)
    ]
    values = list({(account, at): (account, at, count) for account, at, count in values}.values())
    rows, labels = [], []
    for number in range(800):
        at = START + timedelta(minutes=chance.randrange(-2_000, 45_000), seconds=number / 1_000)
        account = None if number % 50 == 0 else f"a-{chance.randrange(45)}"
        known = [(when, count) for who, when, count in values if who == account and at - TTL <= when <= at]
        row: dict[str, Any] = {
            "payment_id": f"p-{number}",
            "account": account,
            "country": chance.choice([None, "DE", "FR", "IE"]),
            "amount": Decimal(chance.randrange(100_000)) / 100,
            "effective_at": at,
            "observed_at": at,
            "decision_at": at,
            "count_1d": max(known)[1] if known else None,
            "is_bad": False,
        }
        for step in range(chance.randrange(3)):
            observed, said = at + timedelta(days=5 * (step + 1)), chance.random() < 0.5
            labels.append((row["payment_id"], said, observed, observed))
            if observed < AS_OF:
                row["is_bad"] = said
        rows.append(row)
    write(marts, domain, "subjects", rows, [*_CONTRACT.columns, "decision_at"])
    named = ("payment_id", "is_positive", "observed_at", "effective_at")
    write(marts, domain, "labels", [dict(zip(named, label, strict=True)) for label in labels], named)
    seen = [
        {"account": who, "event_timestamp": at, "created_timestamp": at, "count_1d": count} for who, at, count in values
    ]
    write(marts, domain, VIEW.name, seen, list(seen[0]))
    lists = {"watched": MemberList([Member("DE"), Member("FR", added_at=START, expires_at=START + timedelta(days=9))])}
    history = History(domain, (VIEW,), marts, start=START, end=END, as_of=AS_OF, lists=lists, threads=1)
    return Lab(history, [row for row in rows if START <= row["decision_at"] < END])


def write(marts: Path, domain: Domain, mart: str, rows: list[dict[str, Any]], columns: Any) -> None:
    """Publish a mart, times without a zone as dbt's are."""
    path = mart_path(marts, domain, mart)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows)[list(columns)]
    for name in frame.columns:
        if name.endswith(("_at", "_timestamp")):
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"copy (select * from frame) to '{path}' (format parquet)")  # noqa: S608


def rule(when: str, name: str = "large_amount") -> Rule:
    """A rule whose example needs an amount of 301."""
    return parse_rule(source(name, when=when), file="typed", schema=SCHEMA)


def counted(lab: Lab, tried: Rule, *others: Rule, score: Callable[[dict[str, Any]], float] | None = None) -> Any:
    """The figures, row by row."""
    evaluations = [Evaluation(each.condition) for each in (tried, *others)]
    found = []
    for row in lab.rows:
        facts = Facts(
            {name: row[name] for name in _CONTRACT.columns},
            {"count_1d": row["count_1d"]},
            at=row["decision_at"],
            score=score(row) if score else None,
            lists=lab.history.lists,
        )
        hits = [evaluation.answer(facts) is True for evaluation in evaluations]
        found.append((row, *hits, row["decision_at"] + MATURITY <= AS_OF))
    return found


def check(report: BacktestReport, found: Any) -> None:
    """See that a report has the figures that were counted."""
    hits = [row for row, hit, *_ in found if hit]
    judged = [row for row, hit, *_, matured in found if hit and matured]
    bad = [row for row, *_, matured in found if matured and row["is_bad"]]
    caught = [row for row in judged if row["is_bad"]]
    assert (report.events, report.hits) == (len(found), len(hits))
    assert 0 < len(caught) < len(judged) < len(hits) < len(found)
    assert (report.precision.count, report.precision.of) == (len(caught), len(judged))
    assert (report.recall.count, report.recall.of) == (len(caught), len(bad)) == (len(caught), report.positives)
    assert report.matured == sum(each[-1] for each in found)
    assert report.caught == sum(row["amount"] for row in caught)
    assert report.at_stake == sum(row["amount"] for row in bad)
    assert report.entities_hit == len({row["account"] for row in hits if row["account"]})
    honest = {row["account"] for row in judged if not row["is_bad"] and row["account"]}
    assert report.honest_entities_hit == len(honest)
    assert report.alerts_per_day == pytest.approx(len(hits) / 30)
    days, right = (Counter(row["decision_at"].date() for row in rows) for rows in (hits, caught))
    assert [(day.day, day.hits, day.right) for day in report.days] == [
        (day, count, right[day]) for day, count in sorted(days.items())
    ]


def test_the_figures_are_those_of_each_row(lab: Lab) -> None:
    """With values as old as they may be, lists as they were, labels corrected and not yet known."""
    tried = rule("event.amount > 300 and (feature.count_1d >= 2 or event.country in list.watched)")
    others = (
        rule("event.amount < 600", "second_rule"),
        rule("event.amount > 0 and coalesce(feature.count_1d, 9) > 5", "third_rule"),
    )
    report = backtest(lab.history, tried, 4, beside=others)
    found = counted(lab, tried, *others)
    check(report, found)
    assert (report.rule_id, report.version, report.currency) == ("large_amount", 4, lab.history.domain.currency)
    for index, overlap in enumerate(report.overlaps, start=2):
        both = sum(each[1] and each[index] for each in found)
        assert both > 0
        assert overlap.both == both
        assert overlap.only_rule == report.hits - both
        assert overlap.only_other == sum(each[index] for each in found) - both
    assert [overlap.name for overlap in report.overlaps] == ["second_rule", "third_rule"]


def test_a_scenario_is_tried_as_a_rule_is(lab: Lab) -> None:
    """It hits from its alert on; beside it stand what decides now and how many come to its interdiction."""
    first = a_sign("event.amount > 200", "first_sign", 30)
    second = a_sign("event.amount > 0 and coalesce(feature.count_1d, 9) >= 3", "second_sign", 20)
    text = scenario("{first_sign: 1, second_sign: 1}", alert="{from: 20}", to=50)
    tried = CountedScenario(
        parse_scenario(text, file="typed", schema=SCHEMA), {"first_sign": first, "second_sign": second}
    )
    report = backtest(lab.history, tried, 2, beside=[first])
    # row by row: an alert is either sign, an interdiction both
    found = counted(
        lab, rule("event.amount > 200 or (event.amount > 0 and coalesce(feature.count_1d, 9) >= 3)"), first, second
    )
    check(report, found)
    assert (report.rule_id, report.version) == ("takeover", 2)
    beside, interdiction = report.overlaps
    assert (beside.name, beside.both) == ("first_sign", sum(each[2] for each in found))
    both = sum(each[2] and each[3] for each in found)
    assert 0 < both < report.hits
    assert interdiction == Overlap(name=INTERDICTION, both=both, only_rule=report.hits - both, only_other=0)


def test_points_below_zero_take_away(lab: Lab) -> None:
    """What a rule of a scenario excuses is no hit, and does not hide what others hit."""
    first, excuse = a_sign("event.amount > 200", "first_sign", 60), a_sign("event.amount > 250", "second_sign", -50)
    text = scenario("{first_sign: 1, second_sign: 1}", alert="{from: 20}", to=50)
    rules = {"first_sign": first, "second_sign": excuse}
    tried = CountedScenario(parse_scenario(text, file="typed", schema=SCHEMA), rules)
    amounts = [row["amount"] for row in lab.rows]
    expected = sum(200 < amount <= 250 for amount in amounts)
    assert 0 < backtest(lab.history, tried, 1).hits == expected


def test_a_scenario_is_tried_with_the_rules_that_decide(lab: Lab, sqlite_ledger: Engine, tmp_path: Path) -> None:
    """Their live versions, and the newest of those that have none; the report stays beside the version."""
    office = Office.over(sqlite_ledger, tmp_path)
    office.go_live(sign("first_sign", 200))
    office.write(sign("first_sign", 100_000))
    office.write(sign("second_sign", 999_999))
    office.write(sign("second_sign", 400))
    office.write(scenario("{first_sign: 1, second_sign: 1}", to=60))
    report = try_version(office.controls, lab.history, SCHEMA, "takeover", actor="author", backtest_id="b-1")
    amounts = [row["amount"] for row in lab.rows]
    assert report.hits == sum(amount > 200 for amount in amounts)
    assert [(each.name, each.both) for each in report.overlaps] == [
        ("first_sign", report.hits), (INTERDICTION, sum(amount > 400 for amount in amounts)),
    ]  # fmt: skip
    with reading(sqlite_ledger) as session:
        assert len(backtests_of(session, DOMAIN, "takeover", 1)) == 1
        assert ("takeover", 1) not in untried_drafts(session, DOMAIN)


def a_sign(when: str, name: str, score: int) -> Rule:
    """A rule that brings points."""
    return parse_rule(source(name, when=when, effect=f"score: {score}"), file="typed", schema=SCHEMA)


def test_the_model_is_asked_as_it_serves(lab: Lab) -> None:
    """Its score is what conditions ask for, and its flag is set beside the rule; a missing score flags nothing."""

    def score(row: dict[str, Any]) -> float:
        return float("nan") if row["count_1d"] is None else row["count_1d"] / 8

    model = SimpleNamespace(
        manifest=SimpleNamespace(feature_names=("count_1d", "amount"), unusual_from=0.5),
        predict=lambda matrix: np.where(np.isnan(matrix[:, 0]), np.nan, matrix[:, 0] / 8),
    )
    tried = rule("event.amount > 300 and coalesce(score, 0.4) > 0.3")
    report = backtest(lab.history, tried, 1, model=model)
    found = counted(lab, tried, score=score)
    check(report, found)
    (overlap,) = report.overlaps
    assert overlap.name == MODEL
    assert overlap.both == sum(hit and score(row) >= 0.5 for row, hit, _ in found) > 0
    with pytest.raises(FeatureError, match="no champion"):
        backtest(lab.history, tried, 1)


def test_the_models_flag_is_what_the_policy_makes_of_its_score(lab: Lab) -> None:
    """A calibrated model has no threshold: flagged is whatever does not get the mildest outcome, by cost."""
    model = SimpleNamespace(
        manifest=SimpleNamespace(feature_names=("count_1d", "amount"), unusual_from=None),
        predict=lambda matrix: np.where(np.isnan(matrix[:, 0]), np.nan, matrix[:, 0] / 8),
    )
    report = backtest(lab.history, rule("event.amount > 300"), 1, model=model)
    policy = CostPolicy(lab.history.domain)
    flagged = [
        row["count_1d"] is not None and not policy.choose(row["count_1d"] / 8, float(row["amount"])).is_mildest
        for row in lab.rows
    ]
    hits = [row["amount"] > 300 for row in lab.rows]
    (overlap,) = report.overlaps
    assert overlap.both == sum(map(and_, hits, flagged))
    assert 0 < overlap.both < report.hits
    assert overlap.only_other == sum(is_flagged and not hit for hit, is_flagged in zip(hits, flagged, strict=True))


def test_what_cannot_be_tried_says_why(lab: Lab, tmp_path: Path) -> None:
    """An empty period, a mart that is not there, values that nobody could have known."""
    tried = rule("event.amount > 300")
    late = replace(lab.history, start=datetime(2030, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 2, tzinfo=UTC))
    with pytest.raises(FeatureError, match="no decision from 2030"):
        backtest(late, tried, 1)
    with pytest.raises(FeatureError, match="features build"):
        backtest(replace(lab.history, marts=tmp_path), tried, 1)
    for mart in ("subjects", "labels"):
        copied = mart_path(tmp_path, lab.history.domain, mart)
        copied.parent.mkdir(exist_ok=True)
        copied.write_bytes(mart_path(lab.history.marts, lab.history.domain, mart).read_bytes())
    moment = START + timedelta(days=1)
    value = {"account": "a-1", "event_timestamp": START, "created_timestamp": moment, "count_1d": 1}
    write(tmp_path, lab.history.domain, VIEW.name, [value], list(value))
    moved = replace(lab.history, marts=tmp_path)
    assert backtest(moved, tried, 1).events == len(lab.rows)
    with pytest.raises(FeatureError, match="known when they held, found 1"):
        backtest(moved, rule("event.amount > 300 and coalesce(feature.count_1d, 1) > 0"), 1)


def test_a_report_stays_beside_its_version(lab: Lab, sqlite_ledger: Engine, tmp_path: Path) -> None:
    """With the rules that decide and the lists as the ledger has them; a draft that was tried is not tried again."""
    office = Office.over(sqlite_ledger, tmp_path)
    office.go_live(source("second_rule", bound=600))
    office.write(source(when="event.amount > 300 and event.country in list.watched"))
    with office.controls.commanding(DOMAIN, "lead") as desk:
        open_list(desk, DOMAIN, "watched", kind="watch", owner="x", reason="y", declared=SCHEMA.lists)
        add_member(desk, DOMAIN, "watched", "DE", entry_id="1", reason="seen", expires_at=None)
    with reading(sqlite_ledger) as session:
        assert untried_drafts(session, DOMAIN) == (("large_amount", 1),)
    report = try_version(
        office.controls, lab.history, SCHEMA, "large_amount", actor="author", backtest_id="b-1"
    )  # fmt: skip
    assert report.hits == 0, "the member came after the history"
    assert [overlap.name for overlap in report.overlaps] == ["second_rule"]
    with reading(sqlite_ledger) as session:
        (kept,) = backtests_of(session, DOMAIN, "large_amount", 1)
        assert untried_drafts(session, DOMAIN) == ()
    assert BacktestReport.model_validate_json(report.model_dump_json()) == report
    assert BacktestReport.model_validate(kept.report) == report
    assert "| recall | 0.0% (0.0% to" in markdown(report)


def test_intervals_are_wilson_s() -> None:
    """As Newcombe (1998), table I, has them; without cases there is none."""
    for (count, of), (low, high) in {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
    }.items():
        found = wilson(count, of)
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)
    assert wilson(0, 0).value is None
    assert wilson(29, 29).high == 1
