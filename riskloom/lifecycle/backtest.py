"""What a rule would have done to a history: its condition as SQL, set beside what turned out to be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from riskloom.errors import FeatureError
from riskloom.lifecycle.backtest_report import BacktestReport, Overlap, wilson
from riskloom.lifecycle.history import FlaggingModel, History, compute_values, computed_names, load_decisions
from riskloom.rules import Rule, Table, to_sql
from riskloom.rules.schema import SCORE
from riskloom.rules.tree import fields_of
from riskloom.sql import Parameters

if TYPE_CHECKING:
    import duckdb

MODEL = "the model's flag"
_DAY_SECONDS = 86_400.0


def backtest(
    history: History, rule: Rule, version: int, *, beside: Sequence[Rule] = (), model: FlaggingModel | None = None
) -> BacktestReport:
    """
    Try a rule on a history.

    Args:
        history: The decisions.
        rule: What is tried.
        version: Its number.
        beside: Rules that decide now, to see what the rule adds to them.
        model: To see what it adds to the model's flag; needed where a condition asks for the score.

    Raises:
        FeatureError: There is no decision in the period, a mart is missing or cannot be read point in time, or a
            condition asks for a score and there is no model.
    """
    import duckdb  # noqa: PLC0415

    rules = [rule, *beside]
    wanted = {name for each in rules for name in fields_of(each.condition)}
    if SCORE in wanted and model is None:
        raise FeatureError(f"{rule.id}: a condition asks for the score, and {history.domain.name} has no champion")
    config: dict[str, Any] = {"threads": history.threads, "memory_limit": history.memory}
    with duckdb.connect(config=config) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        is_wide = model is not None or bool(wanted & computed_names(history.domain))
        load_decisions(connection, history, None if is_wide else wanted)
        if is_wide:
            connection.register("computed", compute_values(connection, history, model))
        source = "decisions positional join computed" if is_wide else "decisions"
        names, found = _count(connection, history, source, rules, model)
    return _filled(history, rule, version, found, names)


def _count(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    source: str,
    rules: Sequence[Rule],
    model: FlaggingModel | None,
) -> tuple[list[str], dict[str, Any]]:
    """The names of what the first rule is set beside, and all counts by name."""
    columns = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]  # noqa: S608
    table = Table({name: name for name in columns}, at="__at", lists=history.lists)
    parameters = Parameters()
    conditions = [to_sql(rule.condition, table, parameters) for rule in rules]
    names = [rule.id for rule in rules[1:]]
    if model is not None:
        # NaN is above every number here, and says that there is no score
        conditions.append(f"not isnan({SCORE}) and {SCORE} >= {parameters.add(model.manifest.threshold)}")
        names.append(MODEL)
    flags = [f"coalesce({condition}, false) as flag_{number}" for number, condition in enumerate(conditions)]
    counted = connection.execute(
        f"""
        with flagged as (
            select __entity, __amount, __is_bad and __is_matured as is_bad,
                __is_matured and not __is_bad as is_honest, __is_matured as is_matured, {", ".join(flags)}
            from {source}
        )
        select {", ".join(_figures(len(names)))} from flagged
        """,  # noqa: S608 - our own names; values are bound
        parameters.values,
    )
    described = [column[0] for column in counted.description or []]
    return names, dict(zip(described, counted.fetchall()[0], strict=True))


def _figures(others: int) -> Iterator[str]:
    yield "count(*) as events"
    yield "count(*) filter (flag_0) as hits"
    yield "count(*) filter (is_matured) as matured"
    yield "count(*) filter (is_bad) as positives"
    yield "count(*) filter (flag_0 and is_matured) as judged"
    yield "count(*) filter (flag_0 and is_bad) as right_hits"
    yield "coalesce(sum(__amount) filter (flag_0 and is_bad), 0) as caught"
    yield "coalesce(sum(__amount) filter (is_bad), 0) as at_stake"
    yield "count(distinct __entity) filter (flag_0) as entities"
    yield "count(distinct __entity) filter (flag_0 and is_honest) as honest"
    for number in range(1, others + 1):
        yield f"count(*) filter (flag_0 and flag_{number}) as both_{number}"
        yield f"count(*) filter (flag_{number} and not flag_0) as alone_{number}"


def _filled(
    history: History, rule: Rule, version: int, found: Mapping[str, Any], names: Sequence[str]
) -> BacktestReport:
    if not found["events"]:
        raise FeatureError(
            f"{history.domain.name}: no decision from {history.start.isoformat()} to {history.end.isoformat()}"
        )
    days = (history.end - history.start).total_seconds() / _DAY_SECONDS
    return BacktestReport(
        domain=history.domain.name,
        rule_id=rule.id,
        version=version,
        start=history.start.astimezone(UTC),
        end=history.end.astimezone(UTC),
        as_of=history.as_of.astimezone(UTC),
        events=found["events"],
        hits=found["hits"],
        alerts_per_day=found["hits"] / days,
        matured=found["matured"],
        positives=found["positives"],
        precision=wilson(found["right_hits"], found["judged"]),
        recall=wilson(found["right_hits"], found["positives"]),
        currency=history.domain.currency,
        caught=Decimal(found["caught"]),
        at_stake=Decimal(found["at_stake"]),
        entities_hit=found["entities"],
        honest_entities_hit=found["honest"],
        overlaps=tuple(
            Overlap(
                name=name,
                both=found[f"both_{number}"],
                only_rule=found["hits"] - found[f"both_{number}"],
                only_other=found[f"alone_{number}"],
            )
            for number, name in enumerate(names, start=1)
        ),
    )
