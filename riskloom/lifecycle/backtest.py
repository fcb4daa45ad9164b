"""What a rule or a scenario would have done to a history: as SQL, set beside what turned out to be true."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from riskloom.errors import FeatureError
from riskloom.lifecycle.backtest_report import BacktestReport, DayHits, Overlap, wilson
from riskloom.lifecycle.history import (
    FLAGGED,
    FlaggingModel,
    History,
    compute_values,
    computed_names,
    readable_names,
    select_decisions,
)
from riskloom.rules import CountedScenario, Rule, Table, necessary, to_sql
from riskloom.rules.schema import EVENT, SCORE
from riskloom.rules.tree import Node, fields_of
from riskloom.sql import Parameters

if TYPE_CHECKING:
    import duckdb

#: What can be tried; a scenario hits where it comes to its alert.
Tried = Rule | CountedScenario
MODEL, INTERDICTION = "the model's flag", "its interdiction"
_DAY_SECONDS = 86_400.0


def backtest(
    history: History, rule: Tried, version: int, *, beside: Sequence[Tried] = (), model: FlaggingModel | None = None
) -> BacktestReport:
    """
    Try a rule or a scenario on a history; beside a scenario stands how many of its hits come to its interdiction.

    Args:
        history: The decisions.
        rule: What is tried.
        version: Its number.
        beside: What decides now, to see what it adds to that.
        model: To see what it adds to the model's flag; needed where a condition asks for the score.

    Raises:
        FeatureError: There is no decision in the period, a mart is missing or cannot be read point in time, or a
            condition asks for a score and there is no model.
    """
    import duckdb  # noqa: PLC0415

    rules = [rule, *beside]
    wanted = {name for each in rules for name in _fields(each)}
    if SCORE in wanted and model is None:
        raise FeatureError(f"{rule.id}: a condition asks for the score, and {history.domain.name} has no champion")
    config: dict[str, Any] = {"threads": history.threads, "memory_limit": history.memory}
    with duckdb.connect(config=config) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        if model is not None or wanted & computed_names(history.domain):
            found = _count_computed(connection, history, rules, model)
        else:
            found = _count_read(connection, history, rules, wanted)
    names = [each.id for each in beside]
    names += [INTERDICTION] if isinstance(rule, CountedScenario) else []
    names += [MODEL] if model is not None else []
    return _filled(history, rule, version, found, names)


def _count_computed(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    rules: Sequence[Tried],
    model: FlaggingModel | None,
) -> dict[str, Any]:
    """All counts by name, where request features or scores have to be computed for every decision first."""
    parameters = Parameters()
    query = select_decisions(connection, history, parameters, readable_names(history))
    connection.execute(f"create temp table decisions as {query}", parameters.values)
    connection.register("computed", compute_values(connection, history, model))
    source, parameters = "decisions positional join computed", Parameters()
    flags = [*_conditions(history, rules, parameters), *([FLAGGED] if model is not None else [])]
    hits = _fetch(connection, _hits_sql(source, flags), parameters)
    return _fetch(connection, _totals_sql(source), Parameters()) | hits


def _count_read(
    connection: duckdb.DuckDBPyConnection, history: History, rules: Sequence[Tried], wanted: Collection[str]
) -> dict[str, Any]:
    """All counts by name, of what can be read: views are joined only to decisions that some rule may hit."""
    parameters = Parameters()
    totals = _fetch(connection, _totals_sql(f"({select_decisions(connection, history, parameters, ())})"), parameters)
    parameters = Parameters()
    only = _may_hit(history, rules, parameters)
    source = f"({select_decisions(connection, history, parameters, wanted, only=only)})"
    return totals | _fetch(connection, _hits_sql(source, _conditions(history, rules, parameters)), parameters)


def _may_hit(history: History, rules: Sequence[Tried], parameters: Parameters) -> str:
    """What must hold of the event's own columns where any of the rules hits."""
    signs = [sign for rule in rules for sign in _signs(rule)]
    weaker = [necessary(sign, lambda name: name.startswith(EVENT)) for sign in signs]
    columns = {f"{EVENT}{name}": name for name in history.domain.event_table.columns}
    table = Table(columns, at="decision_at", lists=history.lists)
    known = [to_sql(each, table, parameters) for each in weaker if each is not None]
    return f"({' or '.join(known)})" if known and len(known) == len(weaker) else "true"


def _signs(tried: Tried) -> Sequence[Node]:
    """Conditions of which at least one holds wherever it hits."""
    return tried.signs() if isinstance(tried, CountedScenario) else (tried.condition,)


def _fields(tried: Tried) -> Iterable[str]:
    return tried.fields() if isinstance(tried, CountedScenario) else fields_of(tried.condition)


def _conditions(history: History, rules: Sequence[Tried], parameters: Parameters) -> list[str]:
    """Where each hits, and of a scenario that is tried, where it comes to its interdiction."""
    names = [*readable_names(history), *computed_names(history.domain)]
    table = Table({name: name for name in names}, at="__at", lists=history.lists)
    conditions = [_hits(rule, table, parameters) for rule in rules]
    if isinstance(rules[0], CountedScenario):
        conditions.append(rules[0].reaches_sql("interdiction", table, parameters))
    return conditions


def _hits(tried: Tried, table: Table, parameters: Parameters) -> str:
    if isinstance(tried, CountedScenario):
        return tried.reaches_sql("alert", table, parameters)
    return to_sql(tried.condition, table, parameters)


def _fetch(connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters) -> dict[str, Any]:
    """The one row of a query, by column."""
    counted = connection.execute(query, parameters.values)
    names = [column[0] for column in counted.description or []]
    return dict(zip(names, counted.fetchall()[0], strict=True))


def _totals_sql(source: str) -> str:
    return f"""
        select
            count(*) as events,
            count(*) filter (__is_matured) as matured,
            count(*) filter (__is_bad and __is_matured) as positives,
            coalesce(sum(__amount) filter (__is_bad and __is_matured), 0) as at_stake
        from {source}
    """  # noqa: S608 - our own names


def _hits_sql(source: str, conditions: Sequence[str]) -> str:
    flags = [f"coalesce({condition}, false) as flag_{number}" for number, condition in enumerate(conditions)]
    return f"""
        with flagged as (
            select __entity, __amount, cast(__at as date) as __day, __is_bad and __is_matured as is_bad,
                __is_matured and not __is_bad as is_honest, __is_matured as is_matured, {", ".join(flags)}
            from {source}
        )
        select {", ".join(_figures(len(conditions) - 1))} from flagged
    """  # noqa: S608 - our own names; values are bound


def _figures(others: int) -> Iterator[str]:
    yield "count(*) filter (flag_0) as hits"
    yield "count(*) filter (flag_0 and is_matured) as judged"
    yield "count(*) filter (flag_0 and is_bad) as right_hits"
    yield "coalesce(sum(__amount) filter (flag_0 and is_bad), 0) as caught"
    yield "count(distinct __entity) filter (flag_0) as entities"
    yield "count(distinct __entity) filter (flag_0 and is_honest) as honest"
    yield "histogram(__day) filter (flag_0) as hits_by_day"
    yield "histogram(__day) filter (flag_0 and is_bad) as right_by_day"
    for number in range(1, others + 1):
        yield f"count(*) filter (flag_0 and flag_{number}) as both_{number}"
        yield f"count(*) filter (flag_{number} and not flag_0) as alone_{number}"


def _filled(
    history: History, rule: Tried, version: int, found: Mapping[str, Any], names: Sequence[str]
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
        days=_days(found["hits_by_day"] or {}, found["right_by_day"] or {}),
    )


def _days(hits: Mapping[date, int], right: Mapping[date, int]) -> tuple[DayHits, ...]:
    return tuple(DayHits(day=day, hits=count, right=right.get(day, 0)) for day, count in sorted(hits.items()))
