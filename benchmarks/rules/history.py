"""A back-test of one rule over marts: subjects, labels and one view joined point in time, to the whole report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.rows import Row
from benchmarks.workbench import DAYS, Stopwatch, Workbench, timed
from riskloom.catalog import Domain
from riskloom.contracts import TableContract
from riskloom.errors import ConfigError
from riskloom.features import FeatureView, mart_path
from riskloom.lifecycle.backtest import backtest
from riskloom.lifecycle.backtest_report import BacktestReport
from riskloom.lifecycle.history import History
from riskloom.rules import Rule, Schema, read_condition
from riskloom.rules.declaration import RuleDeclaration
from riskloom.rules.tree import Type

_TARGET = 10.0  # seconds for ten million events
_START = datetime(2026, 1, 1, tzinfo=UTC)
_THREADS, _MEMORY = 2, "2GB"
_BOTH = "the event and a feature"
_RULES = {
    _BOTH: "event.amount > 300 and feature.payments_1d >= 2 and hour_of_day(event.effective_at) < 6",
    "a feature alone": "feature.payments_1d >= 4",  # nothing of the event spares a decision the join
}
_TYPES = {"payment_id": "string", "account": "string", "amount": "decimal(18,2)", "effective_at": "timestamp"}
_VIEW = FeatureView(
    name="account_activity", entity="account", join_key="account", ttl=timedelta(days=90),
    features={"payments_1d": "bigint"}, description="How often an account paid.", mart="account_activity",
)  # fmt: skip


def measure(bench: Workbench) -> Iterator[Row]:
    """Seconds from the files to precision, recall, money and blast radius, with two threads; pandas on fewer."""
    many, few = bench.size(10_000_000, 200_000), bench.size(1_000_000, 20_000)
    history = _history(bench, many)
    for name, when in _RULES.items():
        watch, report = _timed(history, _rule(when))
        if report.events != many or not report.hits:
            raise ConfigError(f"rules.history: expected {many:,} decisions and some hits, found {report.events:,}")
        what = f"back-test of a rule on {name} over {many:,} decisions, one view joined point in time"
        yield Row(what, watch.seconds, "s", "lower", target=_TARGET)
        yield Row(f"processor time of the {what}", watch.processor_seconds, "s", "lower")
    history = _history(bench, few)
    ours, report = _timed(history, _rule(_RULES[_BOTH]))
    theirs, hits, right = _with_pandas(history)
    if (report.hits, report.precision.count) != (hits, right):
        raise ConfigError(f"rules.history: expected {hits:,} hits, as pandas has them, found {report.hits:,}")
    yield Row(
        name=f"back-test of a rule on {_BOTH} over {few:,} decisions, one view joined point in time",
        value=ours.seconds,
        unit="s",
        better="lower",
        peer="pandas: read_parquet, merge_asof and the condition by hand; hits and precision alone",
        peer_value=theirs.seconds,
    )


def _timed(history: History, rule: Rule) -> tuple[Stopwatch, BacktestReport]:
    with timed() as watch:
        report = backtest(history, rule, 1)
    return watch, report


def _with_pandas(history: History) -> tuple[Stopwatch, int, int]:
    """Hits, and how many of them were right, as somebody would count them who has a notebook."""
    paths = {name: mart_path(history.marts, history.domain, name) for name in ("subjects", "labels", _VIEW.name)}
    with timed() as watch:
        columns = ["payment_id", "account", "amount", "effective_at", "decision_at"]
        decisions = pd.read_parquet(paths["subjects"], columns=columns)
        decisions["amount"] = decisions["amount"].astype(float)
        values = pd.read_parquet(paths[_VIEW.name], columns=["account", "event_timestamp", "payments_1d"])
        bad = pd.read_parquet(paths["labels"], columns=["payment_id"])
        joined = pd.merge_asof(
            decisions.sort_values("decision_at"),
            values.sort_values("event_timestamp"),
            left_on="decision_at",
            right_on="event_timestamp",
            by="account",
            tolerance=pd.Timedelta(_VIEW.ttl),
        )
        is_hit = (joined["amount"] > 300) & (joined["payments_1d"] >= 2) & (joined["effective_at"].dt.hour < 6)  # noqa: PLR2004
        hits = joined[is_hit]
        right = hits["payment_id"].isin(bad["payment_id"])
    return watch, len(hits), int(right.sum())


def _history(bench: Workbench, count: int) -> History:
    domain, marts = _domain(bench.domain), bench.work_in(f"rules_history_{count}")
    _write(domain, marts, count)
    end = _START + timedelta(days=DAYS)
    as_of = end + timedelta(days=30)
    return History(domain, (_VIEW,), marts, start=_START, end=end, as_of=as_of, threads=_THREADS, memory=_MEMORY)


def _domain(declared: Domain) -> Domain:
    """The declared domain with a small event table in the place of its own."""
    columns = {name: {"type": kind, "description": "Made for a benchmark."} for name, kind in _TYPES.items()}
    contract = {"name": "bench__payments", "description": "Payments of a benchmark.", "key": ("payment_id",)}
    columns["observed_at"] = columns["effective_at"]
    table = TableContract.model_validate({**contract, "columns": columns})
    subject = {"event_table": table.name, "key": "payment_id", "group": "account", "amount": "amount"}
    return declared.model_copy(
        update={
            "subject": declared.subject.model_copy(update=subject),
            "tables": {table.name: table},
            "request_features": {},
        }
    )


def _rule(when: str) -> Rule:
    schema = Schema({"event.amount": Type.NUMBER, "event.effective_at": Type.TIME, "feature.payments_1d": Type.NUMBER})
    example = {"name": "any row"}
    declaration = RuleDeclaration.model_validate(
        {
            "id": "often",
            "title": "Paying often",
            "description": "Not the first payment of its day.",
            "severity": "low",
            "abuse_vector": "card_testing",
            "owner": "nobody",
            "when": when,
            "score": 1,
            "false_positives": ["none"],
            "examples": {"positive": [example], "negative": [example]},
        }
    )
    return Rule(declaration, read_condition(when, schema))


def _write(domain: Domain, marts: Path, count: int) -> None:
    """Publish the marts: each decision has a value of its own instant, two in a hundred a label."""
    paths = {name: mart_path(marts, domain, name) for name in ("subjects", "labels", _VIEW.name)}
    paths["subjects"].parent.mkdir(parents=True, exist_ok=True)
    span_us = DAYS * 86_400_000_000
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"""
            create temp table payments as
            select
                'p-' || i as payment_id,
                'a-' || hash(i) % 200000 as account,
                cast(hash(i, 1) % 50000 / 100.0 as decimal(18, 2)) as amount,
                timestamp '2026-01-01' + to_microseconds(cast(i * {span_us // count} as bigint)) as decision_at,
                cast(hash(i, 2) % 5 as bigint) as payments_1d,
                hash(i, 3) % 50 = 0 as is_bad
            from range({count}) as t (i)
            """  # noqa: S608 - numbers
        )
        for name, query in {
            "subjects": "payment_id, account, amount, decision_at as effective_at, decision_at as observed_at, "
            "decision_at from payments",
            "labels": "payment_id, true as is_positive, decision_at + interval 5 days as observed_at, "
            "decision_at as effective_at from payments where is_bad",
            _VIEW.name: "account, decision_at as event_timestamp, decision_at as created_timestamp, payments_1d "
            "from payments",
        }.items():
            connection.execute(f"copy (select {query}) to '{paths[name]}' (format parquet)")
