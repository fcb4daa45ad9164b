"""An analyst's way through the console in a real browser, most of it with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from riskloom.ledger.database import reading
from riskloom.ledger.schema import Label
from services.console.dossier import finding
from tests.console.serving import served
from tests.console.test_cases import FIRST, FITTING, verdict_of
from tests.console.world import DOMAINS, PASSWORD, World


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Where the console listens."""
    with served(world.console) as url:
        yield url


@pytest.mark.needs("chromium")
def test_from_the_queue_to_a_label(world: World, address: str, page: Page) -> None:
    """Log in, go to the queue, open its first case, take it, see why it is there, say what it was, see the label."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    case = world.cases(FIRST)[0]

    page.goto(address)
    page.get_by_label("Name").fill("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/queue")
    page.goto(f"{address}/queue?domain={FIRST}")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=case.entity, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=case.entity)).to_be_visible()

    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_have_text("The case is yours.")
    expect(page.get_by_role("heading", name="Why it is here")).to_be_visible()
    expect(page.locator(".reason .histogram").first).to_be_visible()

    page.keyboard.press("v")
    positive = page.get_by_role("radio", name=finding(DOMAINS[FIRST]).capitalize(), exact=True)
    expect(positive).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("keys c, n and v typed here are letters")
    for name, value in verdict_of(FIRST).items():
        if name not in {"verdict", "reason"} and value not in FITTING:
            page.locator(f"[name='{name}']").fill(value)
    page.get_by_role("button", name="Close with this verdict").press("Enter")

    expect(page.get_by_role("status")).to_contain_text("The verdict is kept")
    labels = page.get_by_role("region", name="Labels")
    expect(labels).to_contain_text("by ana")
    with reading(world.engine) as session:
        known = session.scalars(select(Label).where(Label.case_id == case.case_id)).all()
    assert known
    assert all(label.value for label in known)
    assert complaints == []


@pytest.mark.needs("chromium")
def test_filters_and_further_rows_need_no_new_page(world: World, address: str, page: Page) -> None:
    """The queue changes in its place and keeps its address; earlier decisions are added to those that are shown."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("lea")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    page.goto(f"{address}/queue?domain={FIRST}")
    page.get_by_label("State").select_option("claimed")
    expect(page.get_by_text("No case here.")).to_be_visible()
    assert "state=claimed" in page.url
    page.goto(f"{address}/decisions?domain={FIRST}")
    expect(page.locator("tbody tr")).to_have_count(41)
    page.get_by_role("link", name="Earlier decisions").click()
    expect(page.locator("tbody tr")).to_have_count(60)
    assert len(world.cases(FIRST)) > 0
