"""From an event in natural types to the records that are kept of it; what would make a number wrong is refused."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from math import isfinite
from struct import Struct
from typing import cast

from riskloom.errors import EventRefusedError
from riskloom.windows.layout import EntityLayout
from riskloom.windows.plan import Stream

#: The longest key, in bytes of UTF-8; an id beyond it is a mistake or an attack.
MAX_KEY = 512
#: Times are kept in seconds of 32 bits, counted in hops.
MAX_TIME_US = 2**32 * 1_000_000 - 1

_MIN, _MAX = -(2**63), 2**63 - 1
_MAX_DIGITS = 19
_HASH = Struct("<q")


def hash_of(text: str | bytes) -> int:
    """64 bits that stand for a text, the same in every process and on every machine."""
    content = text.encode() if isinstance(text, str) else text
    return cast("int", _HASH.unpack(blake2b(content, digest_size=8).digest())[0])


class EventCoder:
    """Reads the events of one stream: ``layouts`` are those that keep it, by join key."""

    def __init__(self, stream: Stream, tag: int, layouts: Mapping[str, EntityLayout]) -> None:
        self.stream = stream
        self.tag = tag
        self.kept = {key: layout for key, layout in layouts.items() if key in stream.entities and tag in layout.slots}
        wanted = {name for layout in self.kept.values() for name in layout.slots[tag]}
        self._fields = tuple((name, scale) for name, scale in stream.fields.items() if name in wanted)
        self._places = {name: place for place, (name, _) in enumerate(self._fields)}
        self._packers = {key: self._packer(layout) for key, layout in self.kept.items()}

    def event_id(self, event: Mapping[str, object]) -> bytes:
        """
        The event's id.

        Raises:
            EventRefusedError: It is missing or no text, or too long.
        """
        found = key_of(self.stream.name, self.stream.event_id, event.get(self.stream.event_id))
        if found is None:
            raise EventRefusedError(self.stream.name, self.stream.event_id, "an id", "null")
        return found

    def numbers(self, event: Mapping[str, object]) -> list[int | None]:
        """
        The fields that are kept, as integers: scaled numbers, and hashes of keys.

        Raises:
            EventRefusedError: A field is missing, or cannot be kept exactly.
        """
        name = self.stream.name
        values: list[int | None] = []
        for field, scale in self._fields:
            if field not in event:
                raise EventRefusedError(name, field, "a value or null", "no such field")
            value = event[field]
            if value is None:
                values.append(None)
            elif scale == "key":
                text = key_of(name, field, value)
                values.append(None if text is None else hash_of(text))
            else:
                values.append(scaled(name, field, scale, value))
        return values

    def record(self, join_key: str, effective_us: int, values: list[int | None]) -> bytes:
        """The record of an event under one of its entities, without the stamp that it gets and its checksum."""
        packer, places = self._packers[join_key]
        nulls, chosen = 0, []
        for slot, place in enumerate(places):
            value = None if place is None else values[place]
            if value is None:
                nulls |= 1 << slot
                value = 0
            chosen.append(value)
        return packer.pack(self.tag, nulls, effective_us, *chosen)

    def _packer(self, layout: EntityLayout) -> tuple[Struct, tuple[int | None, ...]]:
        """How a record begins, and which value stands in which slot; None where another stream has more slots."""
        places: list[int | None] = [self._places[name] for name in layout.slots[self.tag]]
        places += [None] * (layout.values - len(places))
        return Struct(f"<BIq{layout.values}q"), tuple(places)


def key_of(stream: str, field: str, value: object) -> bytes | None:
    """
    A key as bytes.

    Raises:
        EventRefusedError: It is no text, cannot be encoded, or is longer than ``MAX_KEY``.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise EventRefusedError(stream, field, "a text", f"a {type(value).__name__}")
    try:
        key = value.encode()
    except UnicodeEncodeError as error:
        raise EventRefusedError(stream, field, "a text of whole characters", "half a surrogate pair") from error
    if len(key) > MAX_KEY:
        raise EventRefusedError(stream, field, f"at most {MAX_KEY} bytes", f"{len(key)} bytes")
    return key


def scaled(stream: str, field: str, scale: int, value: object) -> int:
    """
    A number times ten to its scale, exactly.

    Raises:
        EventRefusedError: It is no number, not finite, has more decimals, or does not fit into 64 bits.
    """
    expected = f"a number with at most {scale} decimals" if scale else "a whole number"
    if isinstance(value, int):
        result = int(value) * _power(scale)
    elif isinstance(value, Decimal):
        result = _scaled_decimal(stream, field, scale, value, expected)
    elif isinstance(value, float):
        # 0.1 is no tenth: a float would have to be rounded, and the warehouse may round it otherwise
        raise EventRefusedError(stream, field, expected, "a float" if isfinite(value) else "NaN or infinity")
    else:
        raise EventRefusedError(stream, field, expected, f"a {type(value).__name__}")
    if not _MIN <= result <= _MAX:
        raise EventRefusedError(stream, field, "a number of 64 bits", f"one of {result.bit_length()} bits")
    return result


def _power(scale: int) -> int:
    return int(10**scale)


def _scaled_decimal(stream: str, field: str, scale: int, value: Decimal, expected: str) -> int:
    if not value.is_finite():
        raise EventRefusedError(stream, field, expected, "NaN or infinity")
    if not value:
        return 0
    size = value.adjusted()  # looked at first: an exponent of a million digits must not be written out
    if size > _MAX_DIGITS:
        raise EventRefusedError(stream, field, "a number of 64 bits", f"one of {size + 1} digits")
    if size < -scale:
        raise EventRefusedError(stream, field, expected, "one with more decimals")
    top, bottom = value.as_integer_ratio()
    result, rest = divmod(top * _power(scale), bottom)
    if rest:
        raise EventRefusedError(stream, field, expected, "one with more decimals")
    return result
