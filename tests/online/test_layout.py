"""The layout against Feast's SDK: what it writes we read, what we write it reads, on SQLite and on a real Redis."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import NULL, Value
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from riskloom.errors import FeatureError
from riskloom.online import layout
from riskloom.online.layout import TAGS, Scalar, ValueKind
from riskloom.sql import quoted
from tests.online.stores import FEAST_TYPES, JOIN_KEY, PROJECT, Online, view

VIEW = "merchant_facts"
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_I64 = st.integers(-(2**63), 2**63 - 1)
_FLOAT = st.floats(width=32, allow_nan=False)
_KINDS: dict[ValueKind, st.SearchStrategy[Any]] = {
    "double": st.floats(allow_nan=False),
    "float": _FLOAT,
    "int64": _I64,
    "int32": st.integers(-(2**31), 2**31 - 1),
    "bool": st.booleans(),
    "string": st.text(),
    "unix_timestamp": _I64,
}
#: Rows that say each type's values at their edges.
ROWS: dict[str, dict[ValueKind, Scalar]] = {
    "m-1": {
        "double": 0.1, "float": 0.5, "int64": 7, "int32": 300, "bool": True, "string": "ab",
        "unix_timestamp": 1_767_225_600,
    },
    "zéro/é ": {
        "double": 0.0, "float": -0.0, "int64": 0, "int32": 0, "bool": False, "string": "", "unix_timestamp": 1,
    },
    "m-3": {
        "double": -1.7976931348623157e308, "float": float("inf"), "int64": -(2**63), "int32": -(2**31), "bool": True,
        "string": "Ω" * 200, "unix_timestamp": -1,
    },
    "m-4": dict.fromkeys(TAGS),
    "": {
        "double": 5e-324, "float": 1.0, "int64": 2**63 - 1, "int32": 2**31 - 1, "bool": False, "string": "\0",
        "unix_timestamp": 0,
    },
}  # fmt: skip


def at_us(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def proto(kind: ValueKind, value: Scalar) -> Any:
    """A value as Feast's message."""
    fields: dict[str, Any] = {} if value is None else {f"{kind}_val": value}
    return Value(**fields)


def feasts_key(value: str) -> Any:
    """An entity as Feast's message."""
    return EntityKey(join_keys=[JOIN_KEY], entity_values=[Value(string_val=value)])


@pytest.fixture
def applied(online: Online, tmp_path: Path) -> Online:
    """The store with a view of all types."""
    online.store.apply(view(VIEW, {f"a_{kind}": kind for kind in FEAST_TYPES}, tmp_path / "none.parquet"))
    return online


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine's time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_what_feast_writes_is_read(applied: Online) -> None:
    """Each value and event time that the SDK wrote is found at our key and field, and decodes to the same."""
    rows = [
        (feasts_key(key), {f"a_{kind}": proto(kind, value) for kind, value in values.items()}, AT, AT)
        for key, values in ROWS.items()
    ]
    applied.write(VIEW, rows)
    for key, values in ROWS.items():
        found = kept(applied, key)
        assert found.pop("") == (at_us(AT) if applied.kind == "redis" else at_us(AT.replace(microsecond=0)))
        assert found == {f"a_{kind}": value for kind, value in values.items()}
        assert all(type(found[f"a_{kind}"]) is type(value) for kind, value in values.items())


def test_what_we_write_feast_reads(applied: Online) -> None:
    """Each value and event time that is put at our key and field in our bytes comes out of the SDK's reading."""
    for key, values in ROWS.items():
        keep(applied, key, values)
    provider, table = applied.store._get_provider(), applied.table(VIEW)
    names = [f"a_{kind}" for kind in FEAST_TYPES]
    answers = provider.online_read(applied.store.config, table, [feasts_key(key) for key in ROWS], names)
    for (found_at, found), values in zip(answers, ROWS.values(), strict=True):
        assert found_at == (AT if applied.kind == "redis" else AT.replace(microsecond=0))
        assert {name: found[name] for name in names[:7]} == {f"a_{kind}": proto(kind, values[kind]) for kind in values}


def test_values_come_out_of_the_sdk_as_python_has_them(applied: Online) -> None:
    """The SDK's ordinary lookup gives the values that were encoded, and nothing for one that is empty."""
    for key, values in ROWS.items():
        keep(applied, key, values)
    references = [f"{VIEW}:a_{kind}" for kind in TAGS if kind != "unix_timestamp"]
    answer = applied.store.get_online_features(references, [{JOIN_KEY: key} for key in ROWS]).to_dict()
    for kind in TAGS:
        if kind != "unix_timestamp":
            assert answer[f"a_{kind}"] == [values[kind] for values in ROWS.values()]


def test_a_view_that_was_never_written_has_no_time(applied: Online) -> None:
    """An entity nobody wrote has no values and no event time: Feast's zero is not ours."""
    keep(applied, "somebody", ROWS["m-1"])
    assert layout.time_of(None) is None
    assert kept(applied, "nobody") == {}


@settings(deadline=None)
@given(st.text(min_size=1), st.text())
def test_keys_are_feasts(join_key: str, value: str) -> None:
    """Whatever the characters of the join key and the value, the serialised entity key is Feast's."""
    theirs = serialize_entity_key(
        EntityKey(join_keys=[join_key], entity_values=[Value(string_val=value)]), entity_key_serialization_version=3
    )
    assert layout.entity_key(join_key, value) == theirs
    assert layout.redis_key(join_key, value, PROJECT) == theirs + PROJECT.encode()


@pytest.mark.parametrize("kind", TAGS)
def test_values_are_feasts(kind: ValueKind) -> None:
    """Any value of a type has the bytes of Feast's message, and is read from them as it was."""

    @settings(deadline=None)
    @given(_KINDS[kind])
    def check(value: Any) -> None:
        theirs: bytes = proto(kind, value).SerializeToString()
        assert layout.value_bytes(kind, value) == theirs
        assert layout.value_of(theirs) == value

    check()


def test_no_value_has_no_bytes() -> None:
    """None and NaN are kept as nothing, as Feast's materialisation does; its spelled null is read as nothing too."""
    assert layout.value_bytes("double", None) == layout.value_bytes("double", float("nan")) == b""
    assert layout.value_of(b"") is layout.value_of(None) is None
    assert layout.value_of(Value(null_val=NULL).SerializeToString()) is None


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds have no zone
def test_times_are_feasts(instant: datetime) -> None:
    """Any event time has the bytes of the Timestamp message, to the microsecond."""
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    assert layout.time_bytes(at_us(instant)) == stamp.SerializeToString()
    assert layout.time_of(stamp.SerializeToString()) == at_us(instant)


def test_sqlites_times_are_feasts_in_any_zone(zone: str, tmp_path: Path) -> None:  # noqa: ARG001 - set by the fixture
    """Feast's adapters turn UTC digits into local ones and back; ours give the same number for the same instant."""
    import feast.infra.online_stores.sqlite as feasts  # noqa: PLC0415

    with closing(feasts._initialize_conn(str(tmp_path / "zone.db"))) as connection:
        connection.execute("create table t (at timestamp)")
        connection.execute("insert into t values (?)", [AT.replace(tzinfo=None)])
        assert connection.execute("select cast(at as int) from t").fetchone() == (layout.sqlite_time(at_us(AT)),)
        (read,) = connection.execute("select at from t").fetchone()
    seconds = AT.replace(microsecond=0)
    assert read.replace(tzinfo=UTC) == seconds
    assert layout.time_of_sqlite(layout.sqlite_time(at_us(AT))) == at_us(seconds)


@pytest.mark.parametrize(
    "blob", [b"\x29abc", b"\x20", b"\x20\x80", b"\x20\x01\x01", b"\x12\x05ab", b"\x12\x01\xff", b"\x77", b"\x35abc"]
)
def test_bytes_that_are_no_value_are_an_error(blob: bytes) -> None:
    """Cut, prolonged, or of a type no feature has: never a number."""
    with pytest.raises(FeatureError, match="an online value: expected one of"):
        layout.value_of(blob)


@pytest.mark.parametrize("blob", [b"\x08", b"\x08\x80", b"\x18\x01"])
def test_bytes_that_are_no_time_are_an_error(blob: bytes) -> None:
    """A time that is cut, or has another field."""
    with pytest.raises(FeatureError, match="an online event time: expected"):
        layout.time_of(blob)


@pytest.mark.parametrize(
    ("kind", "value"), [("int32", 2**31), ("int64", 2**63), ("string", 1.0), ("double", "1"), ("float", 1e300)]
)
def test_a_value_of_another_type_is_an_error(kind: ValueKind, value: Scalar) -> None:
    """What does not fit is refused, with the type that was expected and what was found."""
    with pytest.raises(FeatureError, match=f"expected one of type {kind}, found"):
        layout.value_bytes(kind, value)


def kept(online: Online, key: str) -> dict[str, Any]:
    """What lies under an entity, decoded; its event time, in microseconds, under the empty name."""
    names = [f"a_{kind}" for kind in FEAST_TYPES]
    if online.kind == "redis":
        import redis  # noqa: PLC0415

        fields = [layout.redis_time_field(VIEW), *(layout.redis_field(VIEW, name) for name in names)]
        client = redis.Redis.from_url(online.at)
        at, *values = client.hmget(layout.redis_key(JOIN_KEY, key, PROJECT), fields)
        found = {name: layout.value_of(value) for name, value in zip(names, values, strict=True)}
        return {} if at is None else found | {"": layout.time_of(at)}
    query = f"select * from {quoted(layout.sqlite_table(PROJECT, VIEW))} where entity_key = ?"  # noqa: S608
    with closing(sqlite3.connect(online.at)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(query, [layout.entity_key(JOIN_KEY, key)]).fetchall()
    found = {row["feature_name"]: layout.value_of(row["value"]) for row in rows}
    assert all(row["value_text"] == text(row["feature_name"], found) for row in rows)
    assert all(row["created_ts"] == row["event_ts"] == rows[0]["event_ts"] for row in rows)
    return found | {"": layout.time_of_sqlite(rows[0]["event_ts"])} if rows else {}


def text(name: str, found: dict[str, Any]) -> str | None:
    """What Feast keeps beside a value; of a timestamp nothing."""
    return None if name == "a_unix_timestamp" else layout.value_text(found[name])


def keep(online: Online, key: str, values: dict[ValueKind, Scalar]) -> None:
    """Put a row of one entity where Feast looks for it."""
    blobs = {f"a_{kind}": layout.value_bytes(kind, value) for kind, value in values.items()}
    if online.kind == "redis":
        import redis  # noqa: PLC0415

        fields = {layout.redis_field(VIEW, name): blob for name, blob in blobs.items()}
        fields[layout.redis_time_field(VIEW)] = layout.time_bytes(at_us(AT))
        redis.Redis.from_url(online.at).hset(layout.redis_key(JOIN_KEY, key, PROJECT), mapping=fields)
        return
    at = layout.sqlite_time(at_us(AT))
    columns, marks = ", ".join(layout.SQLITE_COLUMNS), ", ".join("?" * len(layout.SQLITE_COLUMNS))
    statement = f"insert into {quoted(layout.sqlite_table(PROJECT, VIEW))} ({columns}) values ({marks})"  # noqa: S608
    rows = [(layout.entity_key(JOIN_KEY, key), name, blob, None, at, at) for name, blob in blobs.items()]
    with closing(sqlite3.connect(online.at)) as connection, connection:
        connection.executemany(statement, rows)


def test_tags_are_feasts_numbers() -> None:
    """Each type's tag names the field that Feast's message has for it."""
    numbers = {field.name: field.number for field in Value.DESCRIPTOR.fields}
    assert {kind: tag >> 3 for kind, tag in TAGS.items()} == {kind: numbers[f"{kind}_val"] for kind in TAGS}
