"""``python -m benchmarks.windows.offline_query FOLDER MEMORY``: run the queries there and print what they took."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import duckdb

from benchmarks.windows.offline_sql import KEYS, STREAM

_KIB = 1024


def main(folder: Path, memory: str) -> None:
    """Write each query's rows to Parquet, one query after the other, as dbt does."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("set threads = 2")
        connection.execute(f"set memory_limit = '{memory}'")
        connection.execute(f"set temp_directory = '{folder / 'spill'}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute("create schema marts")
        events = folder / "events.parquet"
        connection.execute(f"create view marts.{STREAM} as select * from read_parquet('{events}')")  # noqa: S608 - ours
        begin = time.perf_counter()
        for key in KEYS:
            query = (folder / f"{key}.sql").read_text(encoding="utf-8")
            connection.execute(f"copy ({query}) to '{folder / key}.parquet' (format parquet)")
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
