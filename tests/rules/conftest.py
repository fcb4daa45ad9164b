"""Each domain's schema, from dbt's project as it is, and a rule that tests spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from riskloom.catalog import Domain, load_catalog
from riskloom.features import dbt, load_views
from riskloom.rules import RuleBook, Schema, load_lists, load_rules, schema_of
from riskloom.settings import Settings
from riskloom.wiring import dbt_project

CATALOG = load_catalog()

RULE = """\
id: large_amount
title: A large amount at night
description: An amount above what is usual at this hour.
severity: medium
abuse_vector: stolen_card
owner: payments-fraud
when: |
  event.amount > 300
  and hour_of_day(event.effective_at) < 6
outcome: {force: review}
false_positives: [Night workers.]
examples:
  positive:
    - name: at three in the morning
      event: {amount: 300.01, effective_at: 2026-03-01T03:00:00Z}
  negative:
    - name: exactly the bound
      event: {amount: 300, effective_at: 2026-03-01T03:00:00Z}
"""

SCENARIO = """\
id: takeover
title: An account that was taken over
description: Several signs that somebody else acts.
abuse_vector: account_takeover
owner: payments-fraud
rules: {first: 1, second: 0.5}
alert: {from: 20, force: review}
interdiction: {from: 45, force: block}
"""


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt makes of the project, without any data."""
    return dbt.parse(dbt_project(Settings(home=tmp_path_factory.mktemp("parsed"))))


@pytest.fixture(scope="session", params=sorted(CATALOG))
def domain(request: pytest.FixtureRequest) -> Domain:
    """A declared domain."""
    return CATALOG[request.param]


@pytest.fixture(scope="session")
def schema(domain: Domain, manifest: Path) -> Schema:
    """What the domain's rules may speak of."""
    views = load_views(domain, manifest)
    return schema_of(domain, [name for view in views for name in view.features], load_lists(domain))


@pytest.fixture(scope="session")
def book(domain: Domain, schema: Schema) -> RuleBook:
    """The domain's rules and scenarios."""
    return load_rules(domain.folder, schema)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a domain's folder with rules and scenarios by file name."""

    def make(rules: dict[str, str], scenarios: dict[str, str] | None = None) -> Path:
        for kind, files in (("rules", rules), ("scenarios", scenarios or {})):
            (tmp_path / kind).mkdir()
            for name, text in files.items():
                (tmp_path / kind / name).write_text(text, encoding="utf-8")
        return tmp_path

    return make
