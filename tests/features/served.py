"""The readers of the scoring service by a plan that was signed, asked from tests that are no coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from riskloom.catalog import Domain
from riskloom.features import FeatureView, ReadPlan, StoreLocation, compile_plan, project_name
from riskloom.features.live import LiveWindows
from riskloom.reading.lookup import OnlineRow
from riskloom.reading.reader import OnlineReader, open_reader
from riskloom.registry import ensure_signing_key, load_public_key, read_plan
from riskloom.registry.plans import write_plan
from riskloom.windows import load_plan

if TYPE_CHECKING:
    from tests.features.conftest import Built

_PATIENCE = 5.0


class Served:
    """A reader with an event loop of its own."""

    def __init__(self, runner: asyncio.Runner, reader: OnlineReader) -> None:
        self._runner, self._reader = runner, reader

    def read(self, row: Mapping[str, str | None], *, now: datetime) -> OnlineRow:
        """Read all views."""
        return self._runner.run(self._reader.read(row, now=now))

    def decide(self, event: Mapping[str, Any], *, now: datetime) -> OnlineRow:
        """Count an event and read all views."""
        return self._runner.run(self._reader.decide(event, now=now))


class Serve(Protocol):
    """Opens the reader of the scoring service over what was built."""

    def __call__(self, built: Built, live: LiveWindows | None = None) -> Served:
        """Open it until the test ends."""


def planned(domain: Domain, location: StoreLocation, views: Sequence[FeatureView]) -> ReadPlan:
    """The plan of a model that takes all features, as it is read from its signed file."""
    names = [name for view in views for name in view.features]
    windows, project = load_plan(domain, location.manifest), project_name(location)
    plan = compile_plan(domain, views, windows, project=project, version="1", features=names)
    with TemporaryDirectory() as home:
        keys = Path(home) / "keys"
        write_plan(Path(home), plan, ensure_signing_key(keys))
        return read_plan(Path(home), domain.name, "1", load_public_key(keys))


@contextmanager
def served(
    domain: Domain, location: StoreLocation, views: Sequence[FeatureView], live: LiveWindows | None = None
) -> Iterator[Served]:
    """Open what the scoring service would read a domain's features with."""
    with asyncio.Runner() as runner:
        reader = open_reader(location, planned(domain, location, views).reads, live, patience=_PATIENCE)
        runner.run(reader.connect())
        try:
            yield Served(runner, reader)
        finally:
            runner.run(_close(reader))


async def _close(reader: OnlineReader) -> None:
    reader.close()
