"""
How Feast lays out a feature view online: keys, fields, values and times, for Redis and for SQLite.

This is Feast 0.67 with ``entity_key_serialization_version: 3``, one join key of type string and without versions of
feature views. The layout is Feast's own affair, so nothing else in the project knows it, and tests compare each part
with Feast's SDK, both ways.

===========  ================================================  ==============================================
             Redis                                             SQLite
===========  ================================================  ==============================================
where        one hash an entity, shared by its views           one table a view, a row for each entity's feature
key          :func:`redis_key`                                 :func:`sqlite_table`, :func:`entity_key`
feature      the field :func:`redis_field`                     the feature's name
value        :func:`value_bytes`, :func:`value_of`             the same, and :func:`value_text` beside it
event time   the field :func:`redis_time_field`,               the column ``event_ts``,
             :func:`time_bytes`, :func:`time_of`               :func:`sqlite_time`, :func:`time_of_sqlite`
===========  ================================================  ==============================================

Times are microseconds since 1970, UTC. SQLite keeps whole seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import mmh3

from riskloom.errors import FeatureError

#: What this layout is called by those who keep keys and fields of it.
Name = Literal["feast 0.67, entity keys 3"]
NAME: Name = "feast 0.67, entity keys 3"

#: The types of values, named as in Feast's ``Value`` message; a timestamp there has whole seconds.
ValueKind = Literal["double", "float", "int64", "int32", "bool", "string", "unix_timestamp"]

#: A value that is read: None where there is none.
Scalar = float | int | str | None

#: The first byte of a value: the field's number in the message, and how what follows is encoded.
TAGS: dict[ValueKind, int] = {
    "string": 2 << 3 | 2,
    "int32": 3 << 3,
    "int64": 4 << 3,
    "double": 5 << 3 | 1,
    "float": 6 << 3 | 5,
    "bool": 7 << 3,
    "unix_timestamp": 8 << 3,
}
#: What Feast's SQLite table of a view holds.
SQLITE_COLUMNS = ("entity_key", "feature_name", "value", "value_text", "event_ts", "created_ts")

_DOUBLE_TAG, _INT64_TAG = TAGS["double"], TAGS["int64"]
_SPELLED_NULL = b"\x98\x01\x00"  # `null_val`, which some writers set instead of nothing
_STRING_TYPE = 2
_DOUBLE, _FLOAT, _LENGTH = struct.Struct("<d"), struct.Struct("<f"), struct.Struct("<I")
_DOUBLE_SIZE = 1 + _DOUBLE.size
_SECONDS_TAG, _NANOS_TAG = 1 << 3, 2 << 3
_EPOCH, _EPOCH_NAIVE = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001 - as Feast hands it over
_SECOND_US, _MICROSECOND_NS = 1_000_000, 1_000
_MORE, _SEVEN, _WORD = 0x80, 0x7F, 1 << 64


def entity_key_prefix(join_key: str) -> bytes:
    """What the keys of all entities of a kind begin with; the length and the bytes of the value follow."""
    name = join_key.encode()
    head = struct.pack("<III", 1, _STRING_TYPE, len(name))
    return head + name + _LENGTH.pack(_STRING_TYPE)


def entity_key(join_key: str, value: str) -> bytes:
    """The key of an entity, as SQLite keeps it."""
    text = value.encode()
    return entity_key_prefix(join_key) + _LENGTH.pack(len(text)) + text


def redis_key(join_key: str, value: str, project: str) -> bytes:
    """The key of an entity's hash in Redis."""
    return entity_key(join_key, value) + project.encode()


def redis_field(view: str, feature: str) -> bytes:
    """The field of a feature in an entity's hash; ``view`` is the feature view's name in Feast."""
    return _LENGTH.pack(mmh3.hash(f"{view}:{feature}", signed=False))


def redis_time_field(view: str) -> bytes:
    """The field with the event time of a view's values in an entity's hash."""
    return f"_ts:{view}".encode()


def sqlite_table(project: str, view: str) -> str:
    """The name of a view's table in SQLite, not quoted."""
    return f"{project}_{view}"


def value_bytes(kind: ValueKind, value: Scalar) -> bytes:
    """
    A value as Feast keeps it; None and NaN are no value, which Feast keeps as no bytes.

    Raises:
        FeatureError: The value is not of the kind, or does not fit into it.
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN, of any type
        return b""
    try:
        return bytes((TAGS[kind],)) + _ENCODERS[kind](value)
    except (struct.error, OverflowError, AttributeError, TypeError, ValueError) as error:
        raise FeatureError(f"an online value: expected one of type {kind}, found {value!r}") from error


def value_of(blob: bytes | None) -> Scalar:
    """
    A value from the bytes that Feast keeps, None where there is none.

    A bool is a bool; a timestamp is whole seconds since 1970.

    Raises:
        FeatureError: The bytes are no value, or one of a type that features do not have.
    """
    if not blob:
        return None
    tag = blob[0]
    if tag == _DOUBLE_TAG and len(blob) == _DOUBLE_SIZE:
        number: float = _DOUBLE.unpack_from(blob, 1)[0]
        return number
    if blob == _SPELLED_NULL:
        return None
    try:
        return _DECODERS[tag](blob)
    except (KeyError, IndexError, ValueError, struct.error) as error:
        raise FeatureError(f"an online value: expected one of {', '.join(TAGS)}, found {blob[:16]!r}") from error


def value_text(value: Scalar) -> str | None:
    """What Feast's SQLite store keeps beside a value for search: a number as Python writes it."""
    return None if value is None or value != value else str(value)  # noqa: PLR0124


def time_bytes(at_us: int) -> bytes:
    """An event time as Redis keeps it: seconds and nanoseconds, either left out where it is 0."""
    seconds, rest = divmod(at_us, _SECOND_US)
    nanos = rest * _MICROSECOND_NS
    return (bytes((_SECONDS_TAG,)) + _varint(seconds) if seconds else b"") + (
        bytes((_NANOS_TAG,)) + _varint(nanos) if nanos else b""
    )


def time_of(blob: bytes | None) -> int | None:
    """
    The event time from the bytes that Redis keeps, None where the view has no values.

    Raises:
        FeatureError: The bytes are no time.
    """
    if blob is None:
        return None
    seconds = nanos = place = 0
    try:
        while place < len(blob):
            tag = blob[place]
            number, place = _read_varint(blob, place + 1)
            if tag == _SECONDS_TAG:
                seconds = number
            elif tag == _NANOS_TAG:
                nanos = number
            else:
                raise FeatureError(f"an online event time: expected seconds and nanoseconds, found {blob[:24]!r}")
    except IndexError as error:
        raise FeatureError(f"an online event time: expected seconds and nanoseconds, found {blob[:24]!r}") from error
    return seconds * _SECOND_US + nanos // _MICROSECOND_NS


def sqlite_time(at_us: int) -> int:
    """
    A time as Feast's SQLite store keeps it: whole seconds.

    Feast takes the time's UTC digits for local ones, both ways; where the machine's clock is set to UTC these are
    seconds since 1970.
    """
    return int((_EPOCH_NAIVE + timedelta(microseconds=at_us)).timestamp())


def time_of_sqlite(seconds: int) -> int:
    """The time, in microseconds, that Feast's SQLite store kept as so many seconds."""
    local = datetime.fromtimestamp(seconds)  # noqa: DTZ006 - see `sqlite_time`
    return (local.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def _varint(number: int) -> bytes:
    """An integer of 64 bits, seven bits a byte, lowest first; a negative one as its two's complement."""
    if not -(_WORD >> 1) <= number < _WORD >> 1:
        raise OverflowError
    number %= _WORD
    digits = bytearray()
    while number > _SEVEN:
        digits.append(number & _SEVEN | _MORE)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _read_varint(blob: bytes, place: int) -> tuple[int, int]:
    """The integer that starts at a place, and the place behind it."""
    number = shift = 0
    while True:
        byte = blob[place]
        place += 1
        number |= (byte & _SEVEN) << shift
        if byte < _MORE:
            break
        shift += 7
    return number - _WORD if number >= _WORD >> 1 else number, place


def _integer(blob: bytes) -> int:
    number, end = _read_varint(blob, 1)
    if end != len(blob):
        raise ValueError
    return number


def _boolean(blob: bytes) -> bool:
    return bool(_integer(blob))


def _text(blob: bytes) -> str:
    length, start = _read_varint(blob, 1)
    if start + length != len(blob):
        raise ValueError
    return blob[start:].decode()


def _single(blob: bytes) -> float:
    number: float = _FLOAT.unpack(blob[1:])[0]
    return number


def _double(blob: bytes) -> float:
    number: float = _DOUBLE.unpack(blob[1:])[0]
    return number


def _of_text(value: str) -> bytes:
    text = value.encode()
    return _varint(len(text)) + text


def _of_int32(value: int) -> bytes:
    struct.pack("<i", value)
    return _varint(value)


_ENCODERS: dict[ValueKind, Callable[..., bytes]] = {
    "double": _DOUBLE.pack,
    "float": _FLOAT.pack,
    "int64": _varint,
    "int32": _of_int32,
    "bool": lambda value: b"\x01" if value else b"\x00",
    "string": _of_text,
    "unix_timestamp": _varint,
}
_DECODERS: dict[int, Callable[[bytes], Scalar]] = {
    TAGS["double"]: _double,
    TAGS["float"]: _single,
    TAGS["int64"]: _integer,
    TAGS["int32"]: _integer,
    TAGS["bool"]: _boolean,
    TAGS["string"]: _text,
    TAGS["unix_timestamp"]: _integer,
}
