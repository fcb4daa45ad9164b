"""The demo end to end: every part did its work, and a person sees so on the screens."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from riskloom.catalog import Domain
from riskloom.ledger import read_decisions
from riskloom.rules.book import rule_files
from riskloom.stack.demo import CONSOLE_USER, problems
from riskloom.stack.services import AIRFLOW_USER, services
from riskloom.stack.supervisor import is_ready
from tests.browser import screens
from tests.browser.conftest import Show

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.needs("chromium")]


def test_every_part_did_its_work(show: Show) -> None:
    """Every DAG run succeeded, each domain has a champion and a verdict, and every live event was answered."""
    assert problems(show.results) == []
    for result in show.results:
        domain = result.domain
        batch = [stage for stage, subjects in (("watch", domain.watch), ("assessment", domain.assessment)) if subjects]
        assert [run.dag_id.split("__")[1] for run in result.runs] == ["features", *batch, "training", "monitoring"]
        assert result.live is not None
        assert result.live.outcomes.total() == result.live.sent > 100
        assert result.verdict is not None
        assert result.verdict.model_version == result.version


def test_live_events_are_scored_on_fresh_features(show: Show) -> None:
    """Nearly all live events find the features of their entities, as fresh as the views promise."""
    for result in show.results:
        assert result.live is not None
        assert result.live.degraded < result.live.sent / 2


def test_every_answer_is_in_the_ledger(show: Show) -> None:
    """Each decision the demo was answered is written down, with the champion's version."""
    for result in show.results:
        assert result.live is not None
        kept = list(read_decisions(show.settings.decisions, result.domain.name))
        assert len(kept) == result.live.sent
        assert {decision["model_version"] for decision in kept} == {result.version}


def test_every_service_is_ready(show: Show) -> None:
    """After the demo all services still answer that they are well."""
    assert [service.name for service in services(show.settings) if not is_ready(service)] == []


def test_airflow_shows_every_task_green(show: Show, page: Page) -> None:
    """A person logs in with the password from the summary and sees each task of each run green; none is red."""
    airflow = show.urls["Airflow"]
    page.set_viewport_size({"width": screens.WIDTH, "height": 3 * screens.HEIGHT})  # only rows that fit are drawn
    screens.log_in(page, airflow, AIRFLOW_USER, show.password)
    for result in show.results:
        for run in result.runs:
            screens.open_run(page, airflow, run.dag_id, run.run_id)
            last = page.get_by_test_id(f"grid-{run.run_id}-{_last_task(result.domain, run.dag_id)}")
            expect(last).to_be_visible()
            colours = screens.task_colours(page, run.run_id)
            assert colours
            skipped = {name for name in colours if name in {"approve", "alarm"}}
            not_green = {
                name: colour for name, colour in colours.items() if name not in skipped and not _is_green(colour)
            }
            assert not_green == {}


def test_a_stranger_does_not_get_into_airflow(show: Show, page: Page) -> None:
    """A wrong password leads nowhere."""
    page.goto(show.urls["Airflow"])
    page.fill("input[name=username]", AIRFLOW_USER)
    page.fill("input[name=password]", "guess")
    page.click("button[type=submit]")

    expect(page.get_by_text("Invalid credentials")).to_be_visible()
    assert page.locator("[data-testid=nav-dags-link]").count() == 0


def test_api_page_shows_the_typed_route_of_each_domain(show: Show, page: Page) -> None:
    """The scoring service's page documents each domain's route with the fields of its events."""
    screens.open_api(page, show.urls["Scoring service"])

    for result in show.results:
        route = f"/v1/domains/{result.domain.name}/score"
        block = page.locator(".opblock", has=page.locator(f'[data-path="{route}"]'))
        expect(block).to_be_visible()
        if "is-open" not in (block.get_attribute("class") or ""):
            block.locator(".opblock-summary").click()
        expect(block).to_contain_text(result.domain.subject.key)
        expect(block).to_contain_text(result.domain.subject.amount)


def test_drift_dashboard_shows_its_panels(show: Show, page: Page) -> None:
    """The dashboard of each domain has its panels, with the number of decisions that the verdict counted."""
    for result in show.results:
        screens.open_dashboard(page, show.urls["Drift dashboard"], result.domain.title)

        for title in ("Drifted columns", "Share of drifted columns", "Distance by column", "Missing values"):
            expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
        assert result.verdict is not None
        expect(page.get_by_text(str(result.verdict.current.rows), exact=True).first).to_be_visible()


def test_the_console_opens_with_a_filled_queue(show: Show, page: Page) -> None:
    """The log-in of the summary leads to cases of the live decisions, each with what moved the score."""
    screens.open_queue(page, show.urls["Console"], CONSOLE_USER, show.console_password)

    page.locator("[data-list] tbody th a").first.click()
    expect(page.get_by_role("heading", name="Why it is here")).to_be_visible()


def test_the_domains_rules_look_on(show: Show, page: Page) -> None:
    """Every rule and scenario of the domain is in shadow, and the live decisions show whom they hit."""
    screens.open_queue(page, show.urls["Console"], CONSOLE_USER, show.console_password)
    screens.open_rules(page)

    domain = show.results[0].domain
    stages = page.get_by_role("region", name=domain.title).get_by_text("shadow", exact=True)
    expect(stages).to_have_count(len(rule_files(domain.folder)))
    expect(page.get_by_text(re.compile(r"\+ [0-9]+ in shadow")).filter(has_not_text="+ 0 in").first).to_be_visible()


def test_nothing_answers_without_a_key(show: Show) -> None:
    """Scores, and Airflow's API, are refused to a caller without key or token."""
    for result in show.results:
        answer = httpx.post(
            f"{show.urls['Scoring service']}/v1/domains/{result.domain.name}/score", json={}, trust_env=False
        )
        assert answer.status_code == 401
    assert httpx.get(f"{show.urls['Airflow']}/api/v2/dags", trust_env=False).status_code == 401


def _last_task(domain: Domain, dag_id: str) -> str:
    match dag_id.split("__")[1]:
        case "watch":
            return domain.watch[-1].entity
        case "assessment":
            return f"{domain.assessment[-1].entity}.answer"
        case stage:
            return {"features": "publish", "training": "promote", "monitoring": "alarm"}[stage]


def _is_green(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return green > 1.5 * max(red, blue)
