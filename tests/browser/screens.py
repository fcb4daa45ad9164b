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
    """Open one run of a DAG with all its task groups unfolded in the grid beside it."""
    page.goto(f"{airflow}/dags/{dag_id}/runs/{run_id}")
    page.get_by_test_id("expand-all-button").click()


def task_colours(page: Page, run_id: str) -> dict[str, tuple[int, int, int]]:
    """Colour of each task's badge in the grid for a run, by the task's name: red, green, blue from 0 to 255."""
    prefix = f"grid-{run_id}-"
    found = page.locator(f'[data-testid^="{prefix}"]').evaluate_all(
        "cells => cells.map(cell => [cell.dataset.testid, "
        "getComputedStyle(cell.querySelector('[data-testid=task-state-badge]')).backgroundColor])"
    )
    return {name.removeprefix(prefix): _colour(text) for name, text in found}


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


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = (int(number) for number in re.findall(r"\d+", text)[:3])
    return red, green, blue
