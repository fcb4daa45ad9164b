"""Rows of a view into Redis: one script a batch, so that a batch is there or is not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from riskloom.errors import FeatureError
from riskloom.online import layout
from riskloom.online.columns import bulk_strings, entity_keys, side_by_side, time_column, value_column
from riskloom.online.mart import AT, KEY, Mart

if TYPE_CHECKING:
    import redis

_SCRIPT = (Path(__file__).parent / "write.lua").read_bytes()
_SHA = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()
#: Redis answers nobody while a script runs: so many rows take about two milliseconds.
_BATCH = 250
_IN_FLIGHT = 32


class RedisWriter:
    """
    Writes one view into one Redis; a script writes many entities, so it is no writer for a cluster.

    Args:
        pool: Connections to Redis, which wait long enough for a batch.
        mart: The view.
        project: Feast's project.
        seconds_to_live: When Redis forgets an entity that is not written again; None is never.
    """

    #: So many rows are encoded at once.
    rows = 16_000

    def __init__(
        self, pool: redis.ConnectionPool, mart: Mart, *, project: str, seconds_to_live: int | None = None
    ) -> None:
        self._pool = pool
        self._mart = mart
        self._project = project
        fields = [layout.redis_time_field(mart.view), *(layout.redis_field(mart.view, name) for name in mart.features)]
        self._head = [b"%d" % (seconds_to_live or 0), b"%d" % len(mart.features), *fields]
        self._written = self._unanswered = 0

    def __enter__(self) -> Self:
        from redis.exceptions import RedisError  # noqa: PLC0415 - the command line need not wait for it

        self._errors = (RedisError, OSError)
        try:
            self._connection: Any = self._pool.get_connection()
            self._connection.send_command("SCRIPT", "LOAD", _SCRIPT)
            self._connection.read_response()
        except self._errors as error:
            raise self._unreachable(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        # answers may be outstanding after an error: a later user of the connection would read them
        self._connection.disconnect()
        self._pool.release(self._connection)

    def write(self, rows: pa.RecordBatch) -> None:
        """
        Send rows, batch by batch; Redis runs some of them while the next are encoded.

        Raises:
            FeatureError: Redis does not answer, or refuses to write.
        """
        keys = bulk_strings(entity_keys(self._mart.join_key, rows.column(KEY), project=self._project))
        values = self._values(rows)
        for start in range(0, len(rows), _BATCH):
            count = min(_BATCH, len(rows) - start)
            self._send(self._call(keys.slice(start, count), values.slice(start, count)))

    def finish(self) -> int:
        """
        Wait until all is answered.

        Returns:
            How many rows were written; of the others Redis holds a later one.

        Raises:
            FeatureError: Redis does not answer, or refused to write.
        """
        self._await(0)
        return self._written

    def _send(self, call: list[bytes | memoryview]) -> None:
        try:
            self._connection.send_packed_command(call)
        except self._errors as error:
            raise self._unreachable(error) from error
        self._unanswered += 1
        self._await(_IN_FLIGHT)

    def _await(self, unanswered: int) -> None:
        """Read answers until so many calls have none."""
        try:
            while self._unanswered > unanswered:
                self._written += int(self._connection.read_response())
                self._unanswered -= 1
        except self._errors as error:
            raise self._unreachable(error) from error

    def _values(self, rows: pa.RecordBatch) -> pa.Array:
        """Of each row its event time and its features, as the script's arguments."""
        columns = [time_column(rows.column(AT), layout.time_bytes, pa.binary())]
        columns += [value_column(kind, rows.column(name)) for name, kind in self._mart.features.items()]
        return side_by_side(*map(bulk_strings, columns))

    def _call(self, keys: pa.Array, values: pa.Array) -> list[bytes | memoryview]:
        head = [b"EVALSHA", _SHA, b"%d" % len(keys)]
        arguments = len(head) + len(keys) + len(self._head) + len(keys) * (1 + len(self._mart.features))
        return [
            b"*%d\r\n" % arguments + _packed(head),
            _content(keys),
            _packed(self._head),
            _content(values),
        ]

    def _unreachable(self, error: Exception) -> FeatureError:
        return FeatureError(f"{self._mart.view}: Redis does not take the rows: {type(error).__name__}: {error}")


def _packed(parts: list[bytes]) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _content(values: pa.Array) -> memoryview:
    """The bytes of all values of a slice, which lie one behind the other."""
    _, offsets, content = values.buffers()
    ends = memoryview(offsets).cast("i")
    first, last = ends[values.offset], ends[values.offset + len(values)]
    return memoryview(content)[first:last]
