"""The screens of the running services, opened in Chromium: for the tests that look at them and for the pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

#: Nothing but the pages that are asked for: no updates, no sync, no first-run pages.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDTH, HEIGHT = 1280, 860
PATIENCE_MS = 60_000

#: The browser tells a colour in whatever colour space the page has it; painted on a canvas it becomes three bytes.
_BADGE_COLOURS = """
cells => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    return cells.map(cell => {
        canvas.fillStyle = getComputedStyle(cell.querySelector("[data-testid=task-state-badge]")).backgroundColor;
        canvas.fillRect(0, 0, 1, 1);
        return [cell.dataset.testid, ...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    });
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


def new_page(browser: Browser) -> Page:
    """A page of its own session, patient with services that share two cores with everything else."""
    page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return page


def log_in(page: Page, airflow: str, user: str, password: str) -> None:
    """Log in to Airflow by its form."""
    page.goto(airflow)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    expect(page.get_by_test_id("nav-dags-link")).to_be_visible()


def open_run(page: Page, airflow: str, dag_id: str, run_id: str) -> None:
    """Open one run of a DAG with all its task groups, where it has some, unfolded in the grid beside it."""
    page.goto(f"{airflow}/dags/{dag_id}/runs/{run_id}")
    expect(page.locator(f'[data-testid^="grid-{run_id}-"]').first).to_be_visible()
    unfold = page.get_by_test_id("expand-all-button")
    if unfold.count():
        unfold.click()


def task_colours(page: Page, run_id: str) -> dict[str, tuple[int, int, int]]:
    """Colour of each task's badge in the grid for a run, by the task's name: red, green, blue from 0 to 255."""
    prefix = f"grid-{run_id}-"
    found = page.locator(f'[data-testid^="{prefix}"]').evaluate_all(_BADGE_COLOURS)
    return {name.removeprefix(prefix): (red, green, blue) for name, red, green, blue in found}


def show_graph(page: Page) -> None:
    """Turn from a run's grid to its graph, over the whole width."""
    page.get_by_label("Show Graph").click()
    page.get_by_label("Collapse Details Panel").click()
    expect(page.locator(".react-flow__node").first).to_be_visible()
    page.locator(".react-flow__controls-fitview").click()


def open_queue(page: Page, console: str, user: str, password: str) -> None:
    """Log in to the console and open its fullest queue."""
    page.goto(f"{console}/login?next=/queue")
    page.get_by_label("Name").fill(user)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Work queue")).to_be_visible()


def open_rules(page: Page) -> None:
    """Open the rules and lists; somebody has logged in."""
    page.get_by_role("navigation").get_by_role("link", name="Rules").first.click()
    expect(page.get_by_role("heading", name="Rules and lists")).to_be_visible()


def try_first_rule(page: Page) -> None:
    """Open the first rule that has hits, and wait for a back-test of it."""
    row = page.get_by_role("row").filter(has_text=re.compile(r"\+ [1-9][0-9]* in shadow")).first
    row.get_by_role("rowheader").get_by_role("link").first.click()
    page.get_by_role("button", name="Back-test version 1").click()
    card = page.get_by_role("region", name="Back-tests")
    expect(card.get_by_role("img", name=re.compile("hits on [0-9]+ days"))).to_be_visible(timeout=2 * PATIENCE_MS)


def open_api(page: Page, scoring: str) -> None:
    """Open the scoring service's page."""
    page.goto(scoring)
    expect(page.locator(".opblock-summary-path").first).to_be_visible()


def open_dashboard(page: Page, monitoring: str, title: str) -> None:
    """Open the drift dashboard of the project with this title."""
    projects = httpx.get(f"{monitoring}/api/projects", trust_env=False).json()
    project = next(found["id"] for found in projects if found["name"] == title)
    page.goto(f"{monitoring}/projects/{project}")
    expect(page.get_by_role("heading", level=5).first).to_be_visible()
