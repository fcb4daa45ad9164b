"""What a window declaration may say, and how every mistake in it is told."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskloom.errors import CatalogError, FeatureError
from riskloom.windows import RatioFeature, Smoothing, Span, WindowFeature, load_plan
from tests.windows.declared import Json, any_domain, column, manifest, model, plan_of, stream, view

DOMAIN = any_domain()
HOUR = 3_600_000_000
DAY = 24 * HOUR

PAYMENTS = stream(DOMAIN, "payments")
VERDICTS = stream(DOMAIN, "verdicts", table=DOMAIN.label.table, event_id="verdict", fields={"change": 0})
RISK = view(
    DOMAIN,
    "risk",
    join_key="shop",
    spans={"7d": "6h", "1d": "1h"},
    features={
        "matured_7d": {
            "data_type": "bigint",
            "aggregate": "count",
            "stream": "payments",
            "span": "7d",
            "delay": "maturity",
        },
        "frauds_7d": {
            "data_type": "bigint",
            "aggregate": "sum",
            "field": "change",
            "stream": "verdicts",
            "span": "7d",
            "delay": "3d",
        },
        "rate_7d": {
            "data_type": "double",
            "aggregate": "ratio",
            "of": ["frauds_7d", "matured_7d"],
            "smoothing": {"weight": 5, "prior": 0.01},
        },
        "mean_1d": {
            "data_type": "double",
            "aggregate": "mean",
            "field": "amount",
            "stream": "payments",
            "span": "1d",
        },
        "shops_7d": {
            "data_type": "bigint",
            "aggregate": "distinct",
            "field": "shop",
            "stream": "payments",
            "span": "7d",
            "cap": 40,
        },
    },
)
MODELS = {"payments": PAYMENTS, "verdicts": VERDICTS, "risk": RISK}


def test_a_plan_says_what_is_windowed(tmp_path: Path) -> None:
    """Streams, views, spans by width and features come as declared; durations are microseconds."""
    plan = plan_of(tmp_path, *MODELS.values())
    assert [item.name for item in plan.streams] == ["payments", "verdicts"]
    payments = plan.stream("payments")
    assert payments.entities == ("card", "shop")
    assert payments.fields == {"amount": 2, "shop": "key"}
    assert payments.dedupe_us == DAY
    assert payments.model == f"{DOMAIN.name}__stream_payments"
    (risk,) = plan.views
    assert (risk.name, risk.entity, risk.join_key) == ("risk", "shop", "shop")
    assert list(risk.spans.items()) == [("1d", Span(DAY, HOUR)), ("7d", Span(7 * DAY, 6 * HOUR))]
    maturity = int(DOMAIN.label.maturity.total_seconds()) * 1_000_000
    assert risk.features[0] == WindowFeature("matured_7d", "count", "payments", None, "7d", maturity, None, "bigint")
    assert risk.features[1] == WindowFeature("frauds_7d", "sum", "verdicts", "change", "7d", 3 * DAY, None, "bigint")
    assert risk.features[2] == RatioFeature("rate_7d", "frauds_7d", "matured_7d", Smoothing(5, 0.01), "double")


def test_what_is_decided_is_live_and_other_streams_where_they_say_so(tmp_path: Path) -> None:
    """The first by the names of its columns; a field of the others may be made of a column."""
    plan = plan_of(tmp_path, *MODELS.values())
    assert (plan.stream("payments").live, plan.stream("verdicts").live) == ({}, None)


def test_a_view_without_windows_is_not_in_the_plan(tmp_path: Path) -> None:
    """Views that dbt computes in another way stay as they are; so do the declarations of other domains."""
    plain = view(DOMAIN, "plain", join_key="card", spans={}, features={})
    plain["columns"]["age"] = column("age", "double")
    foreign = copy.deepcopy(RISK)
    foreign["name"] = "another__risk"
    foreign["config"]["meta"]["feature_view"]["domain"] = "another"
    plan = plan_of(tmp_path, PAYMENTS, plain, foreign)
    assert plan.views == ()
    assert len(plan.streams) == 1


def _set(*path: str) -> Callable[[Any], Callable[[dict[str, Json]], None]]:
    """Makes a change that puts a value where the path leads, or takes the key away for ``None``."""

    def with_value(value: Any) -> Callable[[dict[str, Json]], None]:
        def change(models: dict[str, Json]) -> None:
            node: Any = models
            for key in path[:-1]:
                node = node[key]
            if value is None:
                del node[path[-1]]
            else:
                node[path[-1]] = value

        return change

    return with_value


def _window(name: str, *path: str) -> Callable[[Any], Callable[[dict[str, Json]], None]]:
    return _set("risk", "columns", name, "config", "meta", "window", *path)


def _of_stream(*path: str) -> Callable[[Any], Callable[[dict[str, Json]], None]]:
    return _set("payments", "config", "meta", "stream", *path)


def _live(name: str) -> Callable[[Any], Callable[[dict[str, Json]], None]]:
    def with_value(value: Any) -> Callable[[dict[str, Json]], None]:
        return _set("verdicts", "config", "meta", "stream", "live")({name: value})

    return with_value


def _of_view(*path: str) -> Callable[[Any], Callable[[dict[str, Json]], None]]:
    return _set("risk", "config", "meta", "feature_view", *path)


W = "config.meta.window"
S = "config.meta.stream"
V = "config.meta.feature_view"
MISTAKES = [
    # a stream
    (_of_stream("dedupe")(None), f"{S}.dedupe", "a value", "nothing"),
    (_of_stream("dedupe")("soon"), f"{S}.dedupe", "a duration such as", "'soon'"),
    (_of_stream("surprise")(1), f"{S}.surprise", "no key of this name", "1"),
    (_of_stream("entities")([]), f"{S}.entities", "at least 1 item", "[]"),
    (_of_stream("fields", "amount")(-1), f"{S}.fields.amount", "number of decimals, 0 to 9, or key", "-1"),
    (_of_stream("fields", "amount")("text"), f"{S}.fields.amount", "number of decimals, 0 to 9, or key", "'text'"),
    (_of_stream("fields", "amount")(1.5), f"{S}.fields.amount", "number of decimals, 0 to 9, or key", "1.5"),
    (_of_stream("fields", "shop")(2), f"{S}.fields.shop", "key, as an entity is a text", "2"),
    (_of_stream("table")("no__table"), f"{S}.table", "one of the domain's tables", "'no__table'"),
    (_of_stream("entities")(["card", "shop", "card"]), f"{S}.entities", "each entity once", "('card', 'shop', 'card')"),
    (_of_stream("name")("verdicts"), f"{S}.name", "a name once in a domain", "__stream_payments too"),
    (_of_stream("event_id")("paid"), f"{S}.event_id", "a column of", "'paid'"),
    (_of_stream("entities")(["card", "shop", "till"]), f"{S}.entities", "whose rows are decided", "'till'"),
    (_of_stream("fields")({"paid": 2}), f"{S}.fields", "(payment, card, shop, ", "'paid'"),
    (_of_stream("table")(DOMAIN.label.table), V, "one stream of", "none"),
    (_set("payments", "name")("stream_payments"), "name", "a name that starts with", "'stream_payments'"),
    (_set("payments", "columns", "effective_us")(None), "columns.effective_us", "a column of type bigint", "nothing"),
    (
        _set("payments", "columns", "amount", "data_type")("double"),
        "columns.amount.data_type",
        "bigint",
        "'double'",
    ),
    (_set("payments", "columns", "more")(column("more", "string")), "columns.more", "only event_id, card", "'more'"),
    # a stream whose rows are events
    (_live("change")({"column": "nothing"}), f"{S}.live.change", f"a column of {DOMAIN.label.table}", "'nothing'"),
    (_live("other")({"column": "observed_at"}), f"{S}.live.other", "one of the fields (change)", "'other'"),
    (_live("change")({"one_of": [1]}), f"{S}.live.change.column", "a value", "nothing"),
    (_live("change")({"column": "x", "one_of": [1], "none_of": [2]}), f"{S}.live.change", "not both", "'one_of'"),
    # a view
    (_of_view("spans")(None), f"{V}.spans", "a value", "nothing"),
    (_of_view("spans", "week")("6h"), f"{V}.spans.week", "a duration such as", "'week'"),
    (_of_view("spans", "7d")("often"), f"{V}.spans.7d", "a duration such as", "'often'"),
    (_of_view("spans", "1d")("7h"), f"{V}.spans.1d", "a hop that divides the span", "25200 s"),
    (_of_view("spans", "1d")("4h"), f"{V}.spans.7d", "a multiple of the hop of 1d, 14400 s", "21600 s"),
    (_of_view("spans", "24h")("1h"), f"{V}.spans.24h", "each span once", "it as 1d too"),
    (
        _set("risk", "columns", "age")(column("age", "double")),
        "columns.age",
        "config.meta.window, as on the view's other features",
        "none",
    ),
    # a feature
    (_window("mean_1d")("mean"), f"columns.mean_1d.{W}", "a valid dictionary", "'mean'"),
    (_window("mean_1d", "aggregate")("median"), f"columns.mean_1d.{W}.aggregate", "'count', 'sum'", "'median'"),
    (_window("mean_1d", "where")("x > 1"), f"columns.mean_1d.{W}.where", "no key of this name", "'x > 1'"),
    (_window("mean_1d", "span")("30d"), f"columns.mean_1d.{W}.span", "one of the view's spans (1d, 7d)", "'30d'"),
    (_window("mean_1d", "stream")("visits"), f"columns.mean_1d.{W}.stream", "(payments, verdicts)", "'visits'"),
    (_window("mean_1d", "field")(None), f"columns.mean_1d.{W}.field", "the field that mean is of", "nothing"),
    (_window("mean_1d", "field")("weight"), f"columns.mean_1d.{W}.field", "fields of payments (amount", "'weight'"),
    (_window("mean_1d", "field")("shop"), f"columns.mean_1d.{W}.field", "a number, to take the mean of", "shop, a key"),
    (_window("mean_1d", "aggregate")("rate"), f"columns.mean_1d.{W}.field", "0 and 1", "amount with 2 decimals"),
    (_window("mean_1d", "delay")("late"), f"columns.mean_1d.{W}.delay", "or maturity", "'late'"),
    (_window("mean_1d", "cap")(5), f"columns.mean_1d.{W}.cap", "no cap, which only distinct has", "5"),
    (_window("shops_7d", "cap")(None), f"columns.shops_7d.{W}.cap", "a cap", "nothing"),
    (_window("shops_7d", "cap")(0), f"columns.shops_7d.{W}.cap", "greater than or equal to 1", "0"),
    (
        _set("risk", "columns", "mean_1d", "data_type")("bigint"),
        "columns.mean_1d.data_type",
        "double",
        "'bigint'",
    ),
    (
        _set("risk", "columns", "matured_7d", "data_type")("double"),
        "columns.matured_7d.data_type",
        "bigint",
        "'double'",
    ),
    (_of_stream("entities")(["card"]), f"columns.mean_1d.{W}.stream", "kept by shop", "payments, kept by card"),
    # a ratio
    (_window("rate_7d", "of")(["frauds_7d"]), f"columns.rate_7d.{W}.of.1", "a value", "nothing"),
    (_window("rate_7d", "of")(["frauds_7d", "all"]), f"columns.rate_7d.{W}.of", "columns of this view", "'all'"),
    (_window("rate_7d", "of")(["rate_7d", "frauds_7d"]), f"columns.rate_7d.{W}.of", "no ratios", "'rate_7d'"),
    (_window("rate_7d", "smoothing", "weight")(0), f"columns.rate_7d.{W}.smoothing.weight", "greater than 0", "0"),
    (_window("rate_7d", "smoothing", "prior")(1.5), f"columns.rate_7d.{W}.smoothing.prior", "less than or", "1.5"),
    (_window("rate_7d", "span")("7d"), f"columns.rate_7d.{W}.span", "no key of this name", "'7d'"),
    (
        _set("risk", "columns", "rate_7d", "data_type")("bigint"),
        "columns.rate_7d.data_type",
        "double",
        "'bigint'",
    ),
]


@pytest.mark.parametrize(("change", "key", "expected", "found"), MISTAKES, ids=[f"{m[1]}-{m[3]}" for m in MISTAKES])
def test_a_mistake_names_file_key_expected_and_found(
    tmp_path: Path, change: Callable[[dict[str, Json]], None], key: str, expected: str, found: str
) -> None:
    """Each way of declaring a window wrongly is refused, saying where it stands and what was expected there."""
    models = copy.deepcopy(MODELS)
    change(models)
    with pytest.raises(CatalogError) as caught:
        plan_of(tmp_path, *models.values())
    matching = [mistake for mistake in caught.value.mistakes if mistake.key.split(".", 2)[2] == key]
    assert matching, str(caught.value)
    assert any(expected in mistake.expected and found in mistake.found for mistake in matching), str(caught.value)
    assert {mistake.file for mistake in caught.value.mistakes} == {"models/marts/_windows.yml"}


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Mistakes in a stream, a view and two of its features come together, so that they can be mended in one go."""
    models = copy.deepcopy(MODELS)
    for change in (
        _of_stream("fields", "amount")("text"),
        _of_view("spans", "1d")("7h"),
        _window("mean_1d", "span")("30d"),
        _window("rate_7d", "of")(["frauds_7d", "all"]),
    ):
        change(models)
    with pytest.raises(CatalogError) as caught:
        plan_of(tmp_path, *models.values())
    keys = {mistake.key.split(".", 2)[2] for mistake in caught.value.mistakes}
    assert keys >= {f"{S}.fields.amount", f"{V}.spans.1d", f"columns.mean_1d.{W}.span", f"columns.rate_7d.{W}.of"}


def test_a_feature_has_a_name_once(tmp_path: Path) -> None:
    """Values are told by feature name alone, so two views must not both have it."""
    again = copy.deepcopy(RISK)
    again["name"] = f"{DOMAIN.name}__risk_again"
    with pytest.raises(CatalogError, match=r"columns\.mean_1d: expected a name once in a domain"):
        plan_of(tmp_path, *MODELS.values(), again)


def test_the_fingerprint_follows_what_state_depends_on(tmp_path: Path) -> None:
    """Renaming a feature or adding a ratio keeps the state; another delay, hop, scale or dedupe time starts afresh."""
    first = plan_of(tmp_path, *MODELS.values()).fingerprint
    renamed = copy.deepcopy(MODELS)
    columns = renamed["risk"]["columns"]
    columns["usual_1d"] = {**columns.pop("mean_1d"), "name": "usual_1d"}
    columns.pop("rate_7d")
    assert plan_of(tmp_path, *renamed.values()).fingerprint == first
    for change in (
        _window("mean_1d", "delay")("1h"),
        _window("mean_1d", "aggregate")("max"),
        _window("mean_1d", "span")("7d"),
        _window("shops_7d", "cap")(41),
        _of_view("spans", "1d")("30m"),
        _of_stream("fields", "amount")(3),
        _of_stream("dedupe")("2d"),
    ):
        models = copy.deepcopy(MODELS)
        change(models)
        assert plan_of(tmp_path, *models.values()).fingerprint != first


@pytest.mark.parametrize(
    ("content", "message"), [(None, "run `riskloom features parse` first"), ("{", "expected dbt's"), ("[]", "expected")]
)
def test_without_a_manifest_nothing_is_guessed(tmp_path: Path, content: str | None, message: str) -> None:
    """A manifest that is missing or broken is an error that says so."""
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FeatureError, match=message):
        load_plan(DOMAIN, path)


def test_meta_in_dbt_older_place_is_read_too(tmp_path: Path) -> None:
    """``meta`` moved below ``config`` in dbt; both places mean the same."""
    older = copy.deepcopy(RISK)
    for item in older["columns"].values():
        item["meta"] = item.pop("config")["meta"]
    assert plan_of(tmp_path, PAYMENTS, VERDICTS, older) == plan_of(tmp_path, *MODELS.values())


def test_importing_windows_imports_nothing_heavy() -> None:
    """The command line, the DAG files and the scoring worker import this package, and must start at once."""
    heavy = ["feast", "pandas", "duckdb", "pyarrow", "numpy"]
    code = f"import riskloom.windows, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_other_model_is_touched(tmp_path: Path) -> None:
    """Models without any of the three declarations may be in the manifest, whatever they look like."""
    other = model(DOMAIN, "labels", {}, [])
    path = manifest(tmp_path / "manifest.json", other, *MODELS.values())
    assert len(load_plan(DOMAIN, path).views) == 1
