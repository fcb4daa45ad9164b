"""A rule's life in a real browser, from its text to its rollback; and a scenario that is tried on a history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from services.console.service import build
from tests.browser.screens import new_page
from tests.console.journey import Journey, make_journey
from tests.console.serving import served_app
from tests.console.world import PASSWORD, forms, send
from tests.console.world import log_in as log_in_by_form
from tests.console.writing import FIRST, PAGE, SCENARIO, done, scenario, sign, source, write
from tests.services.conftest import wait_until

ENTITIES = 120

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@pytest.fixture
def journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journey:
    """The home, which the console's own service finds by its settings."""
    monkeypatch.setenv("RISKLOOM_HOME", str(tmp_path / "home"))
    return make_journey(tmp_path / "home")


@pytest.fixture
def address(journey: Journey) -> Iterator[str]:
    """Where the console listens, put together as it is for its users."""
    assert journey.domain.name == FIRST
    with served_app(build()) as url:
        yield url


def log_in(page: Page, address: str, name: str) -> None:
    """Log in and see the overview."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def write_rule(page: Page, journey: Journey) -> None:
    """Begin a rule, check it with a name that is not known, mend it, and keep it."""
    amount = journey.domain.subject.amount
    page.keyboard.press("g")
    page.keyboard.press("r")
    card = page.get_by_role("region", name=journey.domain.title, exact=True)
    card.get_by_role("link", name="New rule").click()
    text = page.get_by_label("The rule, as YAML")
    expect(text).to_have_value(re.compile("id: name_of_the_rule"))
    page.get_by_label("Find a name").fill(amount)
    expect(page.get_by_role("button", name=f"event.{amount}", exact=True)).to_be_visible()
    text.fill(source().replace(f"event.{amount} > 300", "event.amonut_of_it > 300"))
    page.get_by_role("button", name="Check").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("found 'event.amonut_of_it'")
    expect(text).to_have_value(re.compile("amonut_of_it"))
    problem.get_by_role("button", name=re.compile("line [0-9]+")).first.click()
    expect(text).to_be_focused()
    text.fill(source())
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("The rule can be kept")).to_be_visible()
    page.get_by_label("Why it is written").fill("two incidents this week")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("kept as a new version")


def try_rule(page: Page) -> None:
    """Ask for a back-test and wait for its pictures."""
    page.get_by_label("beside the model").uncheck()
    page.get_by_role("button", name="Back-test version 1").click()
    card = page.get_by_role("region", name="Back-tests")
    expect(card.get_by_role("img", name=re.compile("hits on [0-9]+ days"))).to_be_visible()
    expect(card).to_contain_text("Precision")
    expect(card.get_by_text(re.compile(r"\([0-9.]+% to [0-9.]+%; [0-9,]+ of [0-9,]+\)")).first).to_be_visible()


def step(page: Page, summary: str, button: str, reason: str, *, percent: int | None = None) -> None:
    """Open one of the forms of what may come next and send it, by the keyboard."""
    card = page.get_by_role("region", name="Next for version 1")
    card.get_by_text(summary, exact=True).press("Enter")
    if percent is not None:
        card.get_by_label("Percent of").fill(str(percent))
    open_form = card.locator("details[open]")
    open_form.get_by_label("Why").fill(reason)
    open_form.get_by_role("button", name=button).press("Enter")


def test_a_rule_is_written_tried_rolled_out_and_rolled_back(
    journey: Journey, address: str, page: Page, browser: Browser
) -> None:
    """The hits that are shown are those of decisions that the scoring service made with what the pages published."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page, address, "eve")
    write_rule(page, journey)
    try_rule(page)
    step(page, "To shadow", "Move to shadow", "whom does it hit")
    expect(page.get_by_role("status")).to_contain_text("The step is taken")
    step(page, "Propose roll-out", "Propose", "hits what it should", percent=10)
    expect(page.get_by_role("region", name="Waits for a second person")).to_contain_text("You asked for it")

    second = new_page(browser)
    log_in(second, address, "lea")
    second.get_by_role("link", name="1 proposal waits for a second person").click()
    expect(second.get_by_role("main")).to_contain_text("version 1 to rollout 10%")
    second.get_by_label("Why").fill("looked at the back-test")
    second.get_by_role("button", name="Approve").click()
    expect(second.get_by_role("status")).to_contain_text("Approved")

    with journey.scoring() as scoring:
        answers = [journey.decide(scoring, f"e-{number}", f"s-{number}") for number in range(ENTITIES)]
        reached = [number for number, answer in enumerate(answers) if answer["rules_hit"]]
        assert 0 < len(reached) < ENTITIES / 3
        assert journey.ship() == ENTITIES
        page.goto(f"{address}{PAGE}")
        expect(page.get_by_role("main")).to_contain_text(
            f"{len(reached)} hits with effect and {ENTITIES - len(reached)} in shadow in 7 days"
        )
        page.get_by_role("region", name="Decisions it hit last").get_by_role("link").first.click()
        expect(page.get_by_role("heading", name="How it was decided")).to_be_visible()
        page.go_back()

        page.locator("summary", has_text="Roll back").click()
        page.locator("details[open]").get_by_label("Why").fill("calls from travellers")
        page.locator("details[open]").get_by_role("button", name="Roll back").click()
        expect(page.get_by_role("status")).to_contain_text("The last step is taken back")
        expect(page.get_by_role("main").locator(".facts").first).to_contain_text("shadow")
        numbers = iter(range(10**6))
        wait_until(lambda: not journey.decide(scoring, f"e-{reached[0]}", f"later-{next(numbers)}")["rules_hit"])
    assert complaints == []
    second.context.close()


@pytest.mark.usefixtures("journey")
def test_a_scenario_is_tried_by_its_page() -> None:
    """With the newest versions of its rules, by the command that tries rules; the page says what came out."""
    page = f"/rules/{FIRST}/{SCENARIO}"
    with TestClient(build(), follow_redirects=False) as client:
        assert log_in_by_form(client, "eve").status_code == 303
        for text in (sign("first_sign"), sign("second_sign"), scenario()):
            assert done(write(client, text)) == "drafted"
        fields = forms(client.get(page).text)[f"{page}/backtest"]
        asked = send(client, "POST", f"{page}/backtest", fields)
        assert asked.status_code == 303
        wait_until(lambda: "every 2s" not in client.get(asked.headers["location"]).text)
        shown = client.get(page).text
        assert "To its interdiction" in shown
        assert "hits on" in shown
